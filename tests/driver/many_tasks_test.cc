// Tasks open all at once, wait for seeks each by itself, and cost nothing while they have nothing to do (X5, X7).
#include <map>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "processor/engine/engine.h"
#include "processor/runtime/offset_reader.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

constexpr absl::Duration kTurn = absl::Milliseconds(20);

// An engine by itself, whose requests are answered when the test wants.
class EngineScene {
 public:
  explicit EngineScene(int tasks) {
    std::vector<TaskId> all;
    for (int i = 0; i < tasks; ++i) all.push_back(Id(i));
    Step(event::Tick{{now_, now_}});
    Step(event::Assigned{all});
  }

  static TaskId Id(int partition) { return {0, Partition(partition)}; }
  static TopicPartition Input(int partition) { return {"orders", Partition(partition)}; }
  Task& task(int partition) { return *engine_.FindTask(Id(partition)); }
  Engine& engine() { return engine_; }
  void Tick(absl::Duration by = kTurn) {
    now_ += by;
    Step(event::Tick{{now_, now_}});
  }

  // Requests that were made and are not answered.
  std::vector<action::FetchTaskOffsets> requests;
  // Nothing is committed, and its input begins at `start`.
  void Answer(const action::FetchTaskOffsets& request, int partition, int64_t start) {
    event::TaskOffsets offsets;
    offsets.start[Input(partition)] = Offset(start);
    Step(event::TaskOffsetsFetched{Id(partition), offsets, request.request});
  }
  void Refuse(const action::FetchTaskOffsets& request, int partition) {
    Step(event::TaskOffsetsFetched{Id(partition), absl::UnavailableError("a transaction is pending"), request.request});
  }
  void AnswerAll() {
    for (const auto& request : std::exchange(requests, {})) {
      for (const TaskId& task : request.tasks) Answer(request, task.partition.value(), 0);
    }
  }

  std::set<int> leaderless;  // Partitions that cannot be sought.
  int seeks = 0;
  bool commit_is_unknown = false;
  const absl::Status& halted() const { return halted_; }

  void Record(int partition) {
    const auto batch = std::make_shared<kafka::Batch>();
    RecordView record;
    record.partition = Partition(partition);
    record.offset = Offset(sent_[partition]++);
    record.key = "alice";
    value_ = Order(1).SerializeAsString();
    record.value = value_;
    batch->records.push_back(record);
    Step(event::Records{batch});
    // The first event of a task comes after a transaction that says so (X3).
    while (engine_.has_work()) Step(event::Continue{});
  }
  // One that is fetched, and not processed yet.
  void Fetch(int partition, size_t bytes) {
    const auto batch = std::make_shared<kafka::Batch>();
    RecordView record;
    record.partition = Partition(partition);
    record.offset = Offset(sent_[partition]++);
    record.key = "alice";
    filling_.resize(bytes);
    record.value = filling_;
    batch->records.push_back(record);
    Step(event::Records{batch});
  }
  void SetMemory(size_t bytes) { Step(event::MemoryShare{bytes}); }

 private:
  void Step(const Event& event) {
    Actions actions;
    engine_.Step(event, &actions);
    for (Action& action : actions.control) Do(action);
  }
  void Do(Action& action) {
    if (auto* fetch = std::get_if<action::FetchTaskOffsets>(&action)) {
      requests.push_back(std::move(*fetch));
    } else if (std::holds_alternative<action::Flush>(action)) {
      Step(event::Flushed{});
    } else if (std::holds_alternative<action::SendOffsets>(action)) {
      Step(event::OffsetsSent{});
    } else if (std::holds_alternative<action::Commit>(action)) {
      event::CommitDone done;
      if (std::exchange(commit_is_unknown, false)) {
        done.result = {.error = kafka::ErrorClass::kFatal, .code = "_TIMED_OUT", .message = "no answer"};
      }
      Step(done);
    } else if (std::holds_alternative<action::RebuildProducer>(action)) {
      Step(event::ProducerReady{});
    } else if (std::holds_alternative<action::Seek>(action)) {
      ++seeks;
      event::SeekDone done{engine_.SeekTargets()};
      for (const TopicPartitionOffset& each : done.targets) {
        if (!leaderless.contains(each.where.partition.value())) continue;
        done.failures.push_back({each, absl::UnavailableError("no leader")});
      }
      Step(done);
    } else if (auto* write = std::get_if<action::WriteCheckpoint>(&action)) {
      Step(event::CheckpointWritten{write->task, write->batch.generation, absl::OkStatus()});
    } else if (const auto* halt = std::get_if<action::Halt>(&action)) {
      halted_ = halt->status;
    }
  }

  const Plan plan_ = MakePlan(BuildOrderTotals(Config::FromValues({}))->shared_graph(), "order-totals");
  MemoryCheckpointStore store_;
  NullLogSink log_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  Engine engine_{&plan_, {.application_id = "order-totals"}, &store_, &log_, 7};
  std::string value_;
  std::string filling_;
  std::map<int, int64_t> sent_;
  absl::Status halted_;
};

// However many tasks there are: what one may hold is no bound if a hundred do.
TEST(FetchedTest, X7WhatWaitsInAllTasksHasALimit) {
  constexpr int kTasks = 20;
  constexpr size_t kMemory = size_t{32} << 20;
  EngineScene scene(kTasks);
  scene.Tick();
  scene.AnswerAll();
  scene.SetMemory(kMemory);
  for (int round = 0; round < 100; ++round) {
    scene.Tick();
    for (int i = 0; i < kTasks; ++i) scene.Fetch(i, 20'000);
  }
  scene.Tick();
  EXPECT_GT(scene.engine().memory_use().backlog, kMemory / 32);
  EXPECT_LT(scene.engine().memory_use().backlog, kMemory / 8 + kTasks * 20'000);
}

TEST(OpeningRequestsTest, X5OneAsksForAllTasks) {
  EngineScene scene(1'000);
  scene.Tick();
  ASSERT_EQ(scene.requests.size(), 1);
  EXPECT_EQ(scene.requests[0].tasks.size(), 1'000);
  scene.Tick();
  EXPECT_EQ(scene.requests.size(), 1) << "nothing is asked twice";
}

// Others run meanwhile, and what is asked again does not delay what is asked for the first time.
TEST(OpeningRequestsTest, X5WhatIsNotKnownYetIsAskedApart) {
  EngineScene scene(3);
  scene.Tick();
  const action::FetchTaskOffsets first = scene.requests.at(0);
  scene.Refuse(first, 1);
  scene.Answer(first, 0, 0);
  EXPECT_EQ(scene.task(0).phase, TaskPhase::kRunning);
  scene.Tick();
  scene.Record(0);
  EXPECT_EQ(scene.engine().open_records(), 1);
  scene.requests.clear();
  for (int i = 0; i < 15; ++i) scene.Tick();
  ASSERT_EQ(scene.requests.size(), 1);
  EXPECT_EQ(scene.requests[0].tasks, std::vector<TaskId>{EngineScene::Id(1)});
  EXPECT_GT(scene.requests[0].patience, first.patience);
  EXPECT_NE(scene.requests[0].request, first.request);
  scene.Answer(scene.requests[0], 1, 0);
  scene.Answer(first, 2, 0);
  EXPECT_EQ(scene.task(1).phase, TaskPhase::kRunning);
  EXPECT_EQ(scene.task(2).phase, TaskPhase::kRunning);
}

// An unknown outcome makes all tasks read their offsets anew: what was asked before may have been read before.
TEST(OpeningRequestsTest, X5TheAnswerToAnOlderRequestIsDropped) {
  EngineScene scene(2);
  scene.Tick();
  const action::FetchTaskOffsets older = scene.requests.at(0);
  scene.Answer(older, 0, 0);
  scene.Tick();
  scene.Record(0);
  scene.commit_is_unknown = true;
  scene.requests.clear();
  for (int i = 0; i < 10; ++i) scene.Tick();
  ASSERT_FALSE(scene.requests.empty());
  const action::FetchTaskOffsets newer = scene.requests.back();
  ASSERT_EQ(newer.tasks.size(), 2);
  scene.Answer(older, 1, 3);
  EXPECT_EQ(scene.task(1).phase, TaskPhase::kOpening);
  scene.Answer(newer, 1, 5);
  EXPECT_EQ(scene.task(1).inputs[0].next, Offset(5));
  scene.Answer(older, 1, 3);
  EXPECT_EQ(scene.task(1).inputs[0].next, Offset(5));
}

TEST(SeekTest, X5ATaskWhoseSeekFailsWaitsAlone) {
  EngineScene scene(3);
  scene.leaderless = {1};
  scene.Tick();
  scene.AnswerAll();
  scene.Tick();
  EXPECT_FALSE(scene.task(0).awaiting_seek);
  EXPECT_TRUE(scene.task(1).awaiting_seek);
  EXPECT_FALSE(scene.task(2).awaiting_seek);
  // It is tried again, less and less often.
  scene.seeks = 0;
  for (int i = 0; i < 50; ++i) scene.Tick();
  EXPECT_GE(scene.seeks, 3);
  EXPECT_LE(scene.seeks, 10);
  const int in_first_second = scene.seeks;
  for (int i = 0; i < 50; ++i) scene.Tick(absl::Seconds(1));
  EXPECT_LE(scene.seeks - in_first_second, 10);
  scene.leaderless.clear();
  for (int i = 0; i < 60; ++i) scene.Tick(absl::Seconds(1));
  EXPECT_FALSE(scene.task(1).awaiting_seek);
  EXPECT_TRUE(scene.halted().ok()) << scene.halted();
}

TEST(IdleTasksTest, X7ATurnLooksAtNoneThatHasNothingToDo) {
  EngineScene scene(1'000);
  scene.Tick();
  scene.AnswerAll();
  // Their first offsets, a hundred tasks at a time, and their first checkpoints.
  for (int i = 0; i < 400; ++i) scene.Tick();
  EXPECT_EQ(scene.engine().tasks_due(), 0);
  EXPECT_GT(scene.engine().NextDeadline(), scene.task(0).last_commit + absl::Minutes(50));
  scene.Record(7);
  EXPECT_EQ(scene.engine().tasks_due(), 1);
  EXPECT_TRUE(scene.halted().ok()) << scene.halted();
}

// Nor at all of them for their memory, twenty times a second.
TEST(IdleTasksTest, X7NothingIsMeasuredWhileNothingHappens) {
  EngineScene scene(10);
  scene.Tick();
  scene.AnswerAll();
  for (int i = 0; i < 2'000; ++i) scene.Tick();
  const absl::Time measured = scene.engine().memory_measured_at();
  for (int i = 0; i < 100; ++i) scene.Tick();
  EXPECT_EQ(scene.engine().memory_measured_at(), measured);
  scene.Record(7);
  for (int i = 0; i < 10; ++i) scene.Tick();
  EXPECT_GT(scene.engine().memory_measured_at(), measured);
}

// All that keeps one of them is its own.
TEST(OffsetReaderTest, X5EachTaskHasAnAnswerOfItsOwn) {
  testkit::ManualClock clock;
  testkit::MemoryCluster cluster(&clock);
  const Plan plan = MakePlan(BuildOrderTotals(Config::FromValues({}))->shared_graph(), "order-totals");
  cluster.CreateTopic("orders", 4);
  cluster.CreateTopic(plan.changelog_topics[0], 4);
  cluster.SetLeaderless({"orders", Partition(1)}, true);
  cluster.SetLeaderless({plan.changelog_topics[0], Partition(2)}, true);
  cluster.SetCommittedOffset("order-totals", {"orders", Partition(3)}, Offset(0));
  cluster.SetLeaderless({"orders", Partition(3)}, true);
  const std::unique_ptr<kafka::Client> client = cluster.NewClient();
  const std::unique_ptr<kafka::Admin> admin = *client->NewAdmin();
  action::FetchTaskOffsets request{.tasks = {}, .request = 4, .patience = absl::Seconds(1)};
  for (int i = 0; i < 4; ++i) request.tasks.push_back(EngineScene::Id(i));
  std::map<int, bool> known;
  ReadTaskOffsets(plan, admin.get(), request, [&](const event::TaskOffsetsFetched& fetched) {
    EXPECT_EQ(fetched.request, 4);
    known[fetched.task.partition.value()] = fetched.offsets.ok();
  });
  EXPECT_EQ(known, (std::map<int, bool>{{0, true}, {1, false}, {2, false}, {3, false}}))
      << "where its log begins and ends is known to its leader alone";
}

// With a partition that nobody leads for a minute.
TEST(LeaderlessTest, X5OtherTasksRunOn) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2});
  driver.cluster().SetLeaderless({"orders", Partition(1)}, true);
  const auto turns = [&](int count) {
    for (int i = 0; i < count; ++i) {
      driver.worker().RunOnce();
      driver.clock().Advance(kTurn);
    }
  };
  turns(50);
  for (int i = 0; i < 20; ++i) driver.Send("orders", "customer" + std::to_string(i), Order(1));
  turns(50);
  const size_t meanwhile = driver.Read<CustomerTotal>("customer-totals").size();
  EXPECT_GT(meanwhile, 0);
  EXPECT_LT(meanwhile, 20);
  turns(3'000);
  driver.cluster().SetLeaderless({"orders", Partition(1)}, false);
  driver.AdvanceTime(absl::Seconds(30));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 20);
}

}  // namespace
}  // namespace once
