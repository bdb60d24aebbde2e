// A rebuild that has to wait for the end of a checkpoint's write (rule X5).
#include <deque>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "processor/engine/engine.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

// An engine by itself, so that a checkpoint's write takes as long as the test wants.
class EngineScene {
 public:
  EngineScene() {
    for (int p = 0; p < 2; ++p) offsets_[p].start[Input(p)] = Offset(0);
    Step(event::Tick{{.now = now_, .wall = now_}});
    Step(event::Assigned{{Id(0), Id(1)}});
    Tick();
    Tick();
  }

  static TaskId Id(int partition) { return {0, Partition(partition)}; }
  static TopicPartition Input(int partition) { return {"orders", Partition(partition)}; }
  Task& task(int partition) { return *engine_.FindTask(Id(partition)); }
  MemoryCheckpointStore& store() { return store_; }
  void Tick() {
    now_ += absl::Milliseconds(200);
    Step(event::Tick{{.now = now_, .wall = now_}});
  }
  void CommitFails() { commit_fails_ = true; }
  int lookups(int partition) { return lookups_[partition]; }
  const absl::Status& halted() const { return halted_; }
  bool writes(int partition) const { return checkpoints_.contains(Id(partition)); }
  // Ends the write of the task's checkpoint that is under way.
  void CheckpointEnds(int partition) {
    const action::WriteCheckpoint write = std::move(checkpoints_.extract(Id(partition)).mapped());
    const absl::Status written = store_.Write(write.batch.task_prefix, write.batch.entries, write.batch.meta);
    Step(event::CheckpointWritten{write.task, write.batch.generation, written});
  }

  void Record(int partition, const std::string& key) {
    const auto batch = std::make_shared<kafka::Batch>();
    RecordView record;
    record.topic_index = 0;
    record.partition = Partition(partition);
    record.offset = Offset(sent_[partition]++);
    // What is fetched may be run by a later step.
    record.key = texts_.emplace_back(key);
    record.value = texts_.emplace_back(Order(1).SerializeAsString());
    batch->records.push_back(record);
    Step(event::Records{batch});
    Step(event::Continue{});
  }

 private:
  // Feeds the event and answers all that it asks for, but the end of a checkpoint's write.
  void Step(const Event& event) {
    Actions actions;
    engine_.Step(event, &actions);
    for (const OutputRecord& output : actions.outputs) {
      if (output.topic_index != plan_.changelog_index(0)) continue;
      kafka::Delivery& delivery = deliveries_.emplace_back();
      delivery.token = output.token;
      delivery.offset = Offset(ends_[output.partition.value()]++);
      pending_[output.partition.value()] = ends_[output.partition.value()];
    }
    for (Action& action : actions.control) Answer(action);
  }
  void Answer(Action& action) {
    if (std::holds_alternative<action::Flush>(action)) {
      event::Flushed flushed;
      flushed.deliveries = std::exchange(deliveries_, {});
      Step(flushed);
    } else if (const auto* sent = std::get_if<action::SendOffsets>(&action)) {
      sent_offsets_ = sent->offsets;
      Step(event::OffsetsSent{});
    } else if (std::holds_alternative<action::Commit>(action)) {
      event::CommitDone done;
      if (std::exchange(commit_fails_, false)) {
        done.result = {.error = kafka::ErrorClass::kFatal, .code = "_TIMED_OUT", .message = "no answer"};
      } else {
        for (const TopicPartitionOffset& each : sent_offsets_) {
          offsets_[each.where.partition.value()].committed[each.where] = each.offset;
        }
        for (const auto& [partition, end] : pending_) offsets_[partition].changelog_end = Offset(end);
      }
      Step(done);
    } else if (std::holds_alternative<action::Abort>(action)) {
      Step(event::AbortDone{});
    } else if (std::holds_alternative<action::RebuildProducer>(action)) {
      Step(event::ProducerReady{});
    } else if (const auto* fetch = std::get_if<action::FetchTaskOffsets>(&action)) {
      for (const TaskId& task : fetch->tasks) {
        const int partition = task.partition.value();
        ++lookups_[partition];
        Step(event::TaskOffsetsFetched{task, offsets_[partition], fetch->request});
      }
    } else if (std::holds_alternative<action::Seek>(action)) {
      Step(event::SeekDone{engine_.SeekTargets()});
    } else if (auto* write = std::get_if<action::WriteCheckpoint>(&action)) {
      checkpoints_.emplace(write->task, std::move(*write));
    } else if (const auto* halt = std::get_if<action::Halt>(&action)) {
      halted_ = halt->status;
    }
  }

  const Plan plan_ = MakePlan(BuildOrderTotals(Config::FromValues({}))->shared_graph(), "order-totals");
  MemoryCheckpointStore store_;
  NullLogSink log_;
  absl::Time now_ = absl::FromUnixSeconds(1'700'000'000);
  Engine engine_{
      &plan_, {.application_id = "order-totals", .checkpoint_interval = absl::Milliseconds(1)}, &store_, &log_, 7};
  std::deque<std::string> texts_;
  std::map<int, int64_t> sent_, ends_, pending_;
  std::map<int, event::TaskOffsets> offsets_;
  std::map<int, int> lookups_;
  std::vector<kafka::Delivery> deliveries_;
  std::vector<TopicPartitionOffset> sent_offsets_;
  std::map<TaskId, action::WriteCheckpoint> checkpoints_;
  bool commit_fails_ = false;
  absl::Status halted_;
};

// Rule X5: a rebuild that waits for the end of a checkpoint's write is not overtaken by the task's opening, which the
// unknown outcome of another task's epoch asks for; it would then come into an open epoch.
TEST(PostponedRebuildTest, X5ATaskThatIsToBeRebuiltTakesNoPartInEpochs) {
  EngineScene scene;
  scene.Record(0, "alice");
  for (int i = 0; i < 5 && !scene.writes(0); ++i) scene.Tick();
  ASSERT_TRUE(scene.writes(0));
  ASSERT_TRUE(scene.task(0).state.checkpoint_under_way());
  scene.store().FailNext(StoreOperation::kGet, CorruptStoreError("bad block"));
  scene.Record(0, "bob");
  EXPECT_EQ(scene.task(0).phase, TaskPhase::kOpening);
  const int lookups = scene.lookups(0);
  scene.Tick();
  scene.CommitFails();
  scene.Record(1, "carol");
  for (int i = 0; i < 5; ++i) scene.Tick();
  EXPECT_EQ(scene.task(1).phase, TaskPhase::kRunning);
  EXPECT_EQ(scene.task(0).phase, TaskPhase::kOpening);
  EXPECT_EQ(scene.lookups(0), lookups);
  EXPECT_EQ(scene.store().calls(StoreOperation::kWipe), 0);
  scene.CheckpointEnds(0);
  EXPECT_EQ(scene.store().calls(StoreOperation::kWipe), 1);
  EXPECT_FALSE(scene.store().ReadMeta(TaskPrefix("orders", Partition(0)))->has_value());
  scene.Tick();
  EXPECT_EQ(scene.lookups(0), lookups + 1);
  EXPECT_EQ(scene.task(0).phase, TaskPhase::kReplaying);
  EXPECT_TRUE(scene.halted().ok()) << scene.halted();
}

}  // namespace
}  // namespace once
