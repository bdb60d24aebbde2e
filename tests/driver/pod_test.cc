// A pod with its threads, on Kafka in memory.
#include "processor/runtime/pod.h"

#include <cstdio>
#include <set>
#include <thread>

#include "processor/base/mutex.h"
#include "processor/runtime/preflight.h"
#include "tests/driver/recording_client.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

struct StderrSink final : LogSink {
  void Log(LogLevel level, const std::string& message) override {
    if (level < LogLevel::kWarning) return;
    std::fprintf(stderr, "%s\n", message.c_str());
    MutexLock lock(&mutex);
    all += message + "\n";
  }
  bool Has(const std::string& text) {
    MutexLock lock(&mutex);
    return all.find(text) != std::string::npos;
  }
  Mutex mutex;
  std::string all ABSL_GUARDED_BY(mutex);
};

// A disk that goes away when it is told to: nothing that writes returns.
class FrozenStore final : public CheckpointStore {
 public:
  void Freeze() {
    MutexLock lock(&mutex_);
    is_frozen_ = true;
  }

  absl::StatusOr<std::optional<CheckpointMeta>> ReadMeta(std::string_view task_prefix) override {
    return store_.ReadMeta(task_prefix);
  }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view task_prefix, std::string_view key) override {
    return store_.Get(task_prefix, key);
  }
  absl::Status Scan(std::string_view task_prefix, std::string_view key_prefix,
                    const std::function<bool(std::string_view key, std::string_view value)>& visit) override {
    return store_.Scan(task_prefix, key_prefix, visit);
  }
  absl::Status Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                     const CheckpointMeta& meta) override {
    AwaitThaw();
    return store_.Write(task_prefix, entries, meta);
  }
  absl::Status Flush() override {
    AwaitThaw();
    return store_.Flush();
  }
  absl::StatusOr<bool> HasEntries(std::string_view task_prefix) override { return store_.HasEntries(task_prefix); }
  absl::Status Wipe(std::string_view task_prefix) override {
    AwaitThaw();
    return store_.Wipe(task_prefix);
  }
  uint64_t SizeOnDisk() override { return store_.SizeOnDisk(); }

 private:
  void AwaitThaw() {
    MutexLock lock(&mutex_);
    while (is_frozen_) thawed_.Wait(&mutex_);
  }

  Mutex mutex_;
  CondVar thawed_;
  bool is_frozen_ ABSL_GUARDED_BY(mutex_) = false;
  MemoryCheckpointStore store_;
};

// What a pod runs on, and the pod.
class PodWorld {
 public:
  PodWorld(const TopologyTestDriver::Factory& factory, int workers, absl::Duration handler_timeout = absl::Minutes(10),
           bool exit_on_task_failure = false, absl::Duration transaction_timeout = absl::Seconds(15))
      : client_(WrapWithRecording(cluster_.NewClient(), &calls_)), admin_(*client_->NewAdmin()) {
    const absl::StatusOr<Topology> topology = factory(Config::FromValues({}));
    EXPECT_TRUE(topology.ok()) << topology.status();
    plan_ = MakePlan(topology->shared_graph(), topology->graph().application_id);
    const PreflightOptions preflight{.bootstrap_servers = "memory", .create_topics = true, .create_partitions = 4};
    EXPECT_TRUE(Preflight(preflight, admin_.get(), &log_, &plan_).ok());
    PodOptions options;
    options.engine.application_id = plan_.application_id;
    options.engine.exit_on_task_failure = exit_on_task_failure;
    options.engine.transaction_timeout = transaction_timeout;
    options.workers = workers;
    options.instance_id = "i";
    options.handler_timeout = handler_timeout;
    options.topic_check_interval = absl::Milliseconds(10);
    options.last_flush_timeout = absl::Milliseconds(200);
    pod_ = std::make_unique<Pod>(&plan_, options, PodDeps{client_.get(), admin_.get(), &store_, &clock_, &log_});
  }

  Pod& pod() { return *pod_; }
  CallLog& calls() { return calls_; }
  testkit::MemoryCluster& cluster() { return cluster_; }
  StderrSink& log() { return log_; }
  FrozenStore& store() { return store_; }

 private:
  SystemClock clock_;
  StderrSink log_;
  CallLog calls_;
  testkit::MemoryCluster cluster_{&clock_};
  FrozenStore store_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  Plan plan_;
  std::unique_ptr<Pod> pod_;
};

// Rule T12: every id of the instance is taken over before any worker joins the group.
TEST(PodTest, T12AllProducersAreInitialisedBeforeAnyWorkerJoins) {
  constexpr int kWorkers = 3;
  PodWorld world(BuildOrderTotals, kWorkers);
  world.cluster().Append("orders", Partition(0), "alice", Order(1).SerializeAsString());
  std::thread runner([&] { EXPECT_TRUE(world.pod().Run().ok()); });
  while (world.cluster().ReadCommitted("customer-totals").empty()) std::this_thread::yield();
  world.pod().Stop();
  runner.join();
  std::set<std::string> initialised;
  int joined = 0;
  for (const RecordedCall& call : world.calls().Take()) {
    if (call.name == "init" && call.ok) initialised.insert(call.id);
    if (call.name != "subscribe") continue;
    ++joined;
    EXPECT_EQ(initialised.size(), kWorkers);
  }
  EXPECT_EQ(joined, kWorkers);
  const std::set<std::string> ids = {"order-totals-i-0-0", "order-totals-i-1-0", "order-totals-i-2-0"};
  EXPECT_EQ(initialised, ids);
}

// Found by chaos: a pod that was told to stop while the coordinator was away ended as failed.
TEST(PodTest, StoppedBeforeItHadStartedIsNoFailure) {
  PodWorld world(BuildOrderTotals, 1);
  world.cluster().FailNext({.call = testkit::Call::kInit, .result = {.error = kafka::ErrorClass::kRetriable}});
  world.pod().Stop();
  EXPECT_EQ(world.pod().Run(), absl::OkStatus());
  EXPECT_EQ(world.cluster().pending_faults(), 0);
}

// All its tasks have failed, and it lives until it is told to stop.
TEST(PodTest, X8PartitionsThatAreAddedFailTheTasksInWords) {
  PodWorld world(BuildOrderTotals, 1);
  world.cluster().Append("orders", Partition(0), "alice", Order(1).SerializeAsString());
  absl::Status ended;
  std::thread runner([&] { ended = world.pod().Run(); });
  while (world.cluster().ReadCommitted("customer-totals").empty()) std::this_thread::yield();
  world.cluster().GrowTopic("orders", 8);
  while (!world.log().Has("all tasks of this worker")) std::this_thread::yield();
  world.pod().Stop();
  runner.join();
  EXPECT_TRUE(ended.ok()) << ended;
  EXPECT_TRUE(world.log().Has("orders had 4 partitions and has 8 now"));
}

TEST(PodTest, X4WithExitOnTaskFailureTheyEndTheApplicationInWords) {
  PodWorld world(BuildOrderTotals, 1, absl::Minutes(10), /*exit_on_task_failure=*/true);
  world.cluster().Append("orders", Partition(0), "alice", Order(1).SerializeAsString());
  absl::Status ended;
  std::thread runner([&] { ended = world.pod().Run(); });
  while (world.cluster().ReadCommitted("customer-totals").empty()) std::this_thread::yield();
  world.cluster().GrowTopic("orders", 8);
  runner.join();
  EXPECT_NE(ended.message().find("orders had 4 partitions and has 8 now"), absl::string_view::npos) << ended;
}

void RunWithAHandlerThatNeverReturns() {
  auto script = NewScript();
  Mutex mutex;
  CondVar never;
  script->handle = [&](const OrderPlaced&) -> absl::Status {
    MutexLock lock(&mutex);
    for (;;) never.Wait(&mutex);
  };
  PodWorld world(Scripted(script), 2, absl::Milliseconds(200));
  world.cluster().Append("orders", Partition(2), "alice", Order(1).SerializeAsString());
  (void)world.pod().Run();
}

// Rule R8: the process ends, although its thread cannot be joined, and says which event it was.
TEST(PodDeathTest, R8AHandlerThatDoesNotReturnEndsTheProcess) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(RunWithAHandlerThatNeverReturns(), testing::ExitedWithCode(1),
              "DEADLINE_EXCEEDED: the handlers of event orders-2-0, key \"alice\".*--handler_timeout");
}

// It commits all the while, stops in order but for the disk, and says why it does not wait for that.
void StopWithADiskThatDoesNotAnswer() {
  PodWorld world(BuildOrderTotals, 2, absl::Minutes(10), /*exit_on_task_failure=*/false, absl::Seconds(2));
  std::thread runner([&] { (void)world.pod().Run(); });
  world.store().Freeze();
  for (size_t i = 0; i < 20; ++i) {
    world.cluster().Append("orders", Partition(0), "alice", Order(1).SerializeAsString());
    while (world.cluster().ReadCommitted("customer-totals").size() <= i) std::this_thread::yield();
  }
  world.pod().Stop();
  runner.join();
}

TEST(PodDeathTest, F5ADiskThatDoesNotAnswerHoldsNoStopUp) {
  testing::FLAGS_gtest_death_test_style = "threadsafe";
  EXPECT_EXIT(StopWithADiskThatDoesNotAnswer(), testing::ExitedWithCode(0),
              "the local disk did not take the last state in time.*"
              "the disk of the state directory has not answered for 2s: ending without the last checkpoint");
}

}  // namespace
}  // namespace once
