// Tasks that open while others work: behind a dead pod's transaction, and while brokers come and go (rule X5). Times
// depend on the machine and are printed; what must hold whatever it does is checked.
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <map>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/integration/broker.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

constexpr int kPartitions = 8;

// When outputs of each partition become visible.
class Watcher {
 public:
  explicit Watcher(Scene* scene) : scene_(scene), thread_([this] { Watch(); }) {}
  ~Watcher() { Stop(); }
  void Stop() {
    if (done_.exchange(true)) return;
    thread_.join();
  }
  // By output partition, of what came after `since`.
  std::map<int32_t, absl::Duration> LongestGaps(absl::Time since) const {
    std::map<int32_t, absl::Duration> gaps;
    for (const auto& [partition, times] : times_) {
      for (size_t i = 1; i < times.size(); ++i) {
        if (times[i] > since) gaps[partition] = std::max(gaps[partition], times[i] - times[i - 1]);
      }
    }
    return gaps;
  }

 private:
  void Watch() {
    auto reader = scene_->client().NewLogReader({scene_->output()});
    if (!reader.ok()) return;
    for (int32_t p = 0; p < kPartitions; ++p) {
      if (!(*reader)->Add({{scene_->output(), Partition(p)}, Offset(0)}).ok()) return;
    }
    kafka::Batch batch;
    while (!done_) {
      if (!(*reader)->Poll(absl::Milliseconds(5), &batch).ok()) return;
      const absl::Time now = absl::Now();
      for (const RecordView& record : batch.records) {
        std::vector<absl::Time>& times = times_[record.partition.value()];
        if (times.empty() || times.back() != now) times.push_back(now);
      }
    }
  }

  Scene* const scene_;
  std::atomic<bool> done_{false};
  std::map<int32_t, std::vector<absl::Time>> times_;
  std::thread thread_;
};

// The dead one's offsets are pending until its transaction times out; whoever gets its tasks waits for that with these
// alone.
TEST(OpeningTest, X5BehindADeadPodsTransactionOtherTasksCommitOn) {
  Scene scene("opening");
  scene.CreateTopics(kPartitions);
  const std::vector<std::string> flags = {"--transaction_timeout=8s", "--session_timeout=2s"};
  auto survivor = scene.StartPod({.instance = "a", .flags = flags});
  auto dying = scene.StartPod({.instance = "b",
                               .crashable = true,
                               .environment = {{"ONCE_CRASH_AT", "after_send_offsets:60"}},
                               .flags = flags});
  Watcher watcher(&scene);
  auto generator = scene.StartGenerator({.orders = 40'000, .poison_percent = 0, .rate = 2'000});
  const std::optional<ExitState> ended = dying->Wait(absl::Seconds(60));
  const absl::Time died_at = absl::Now();
  ASSERT_TRUE(ended.has_value()) << "the point was not passed: " << dying->Log();
  ASSERT_EQ(ended->signal, SIGKILL) << dying->Log();
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << survivor->Log();
  watcher.Stop();
  std::vector<absl::Duration> gaps;
  for (const auto& [partition, gap] : watcher.LongestGaps(died_at)) gaps.push_back(gap);
  std::sort(gaps.begin(), gaps.end());
  for (const absl::Duration gap : gaps)
    std::printf("longest_gap_ms=%ld\n", static_cast<long>(absl::ToInt64Milliseconds(gap)));
  ASSERT_EQ(gaps.size(), kPartitions);
  // Half of the partitions were the survivor's all along.
  EXPECT_LT(gaps[kPartitions / 2 - 1], gaps.back() / 2);
}

// Upstream #3663: a look-up of offsets that brokers leave under way must not end the process.
TEST(OpeningTest, X5BrokersComeAndGoUnderOpeningTasks) {
  Broker broker({"--kafka=4.1.1"});
  ASSERT_TRUE(broker.script_found()) << broker.script()
                                     << " is not there; set ONCE_TEST_BROKER to the path of docker/kafka/broker";
  ASSERT_TRUE(broker.Start()) << broker.output();
  Scene scene("opening-brokers", broker.bootstrap_servers());
  scene.CreateTopics(kPartitions);
  scene.Generate({.orders = 5'000});
  // Nobody's transaction holds offsets back, so that look-ups are repeated until brokers go.
  auto dying = scene.StartPod({.instance = "b",
                               .crashable = true,
                               .environment = {{"ONCE_CRASH_AT", "after_send_offsets:3"}},
                               .flags = {"--transaction_timeout=15s", "--session_timeout=2s"}});
  ASSERT_TRUE(dying->Wait(absl::Seconds(60)).has_value()) << dying->Log();
  auto pod = scene.StartPod({.instance = "a", .flags = {"--session_timeout=2s"}});
  for (int round = 0; round < 4; ++round) {
    absl::SleepFor(absl::Milliseconds(1'500 + 400 * round));
    ASSERT_TRUE(broker.Kill()) << broker.output();
    ASSERT_TRUE(pod->Running()) << pod->Log();
    absl::SleepFor(absl::Milliseconds(300 * round));
    ASSERT_TRUE(broker.Start()) << broker.output();
    ASSERT_TRUE(pod->Running()) << pod->Log();
  }
  EXPECT_EQ(scene.Verify(absl::Seconds(90)), 0) << scene.verifier_output() << pod->Log();
  EXPECT_TRUE(pod->Running()) << pod->Log();
}

}  // namespace
}  // namespace once
