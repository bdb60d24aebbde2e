// The threads that ask brokers for offsets: nobody waits for them, and a question in vain holds up no opening.
#include "processor/runtime/offset_reader.h"

#include <gtest/gtest.h>
#include <sched.h>

#include <atomic>
#include <map>
#include <optional>
#include <string>
#include <thread>
#include <vector>

#include "processor/base/mutex.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

const TopicPartition kInput{"orders", Partition(0)};

// Brokers that tell everything but stable offsets, until they are let.
class SlowToTellStable final : public kafka::Admin {
 public:
  void Tell() {
    MutexLock lock(&mutex_);
    tells_ = true;
    changed_.NotifyAll();
  }

  kafka::LogOffsets ReadLogOffsets(kafka::LogPoint point, std::span<const TopicPartition> partitions,
                                   absl::Duration) override {
    MutexLock lock(&mutex_);
    while (point == kafka::LogPoint::kLastStable && !tells_) changed_.Wait(&mutex_);
    kafka::LogOffsets found;
    for (const TopicPartition& each : partitions) found.emplace(each, Offset(7));
    return found;
  }
  kafka::CommittedOffsets ReadCommittedOffsets(const std::string&, std::span<const TopicPartition> partitions,
                                               absl::Duration) override {
    kafka::CommittedOffsets found;
    for (const TopicPartition& each : partitions) found.emplace(each, Offset(3));
    return found;
  }

 private:
  static absl::Status No() { return absl::UnimplementedError("nobody asks for this"); }
  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string&, absl::Duration) override { return No(); }
  absl::Status CreateTopic(const kafka::NewTopic&, absl::Duration) override { return No(); }
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string&,
                                                                          std::span<const TopicPartition>,
                                                                          absl::Duration) override {
    return No();
  }
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition&, absl::Duration) override { return No(); }
  absl::StatusOr<Offset> HighWatermark(const TopicPartition&, absl::Duration) override { return No(); }

  Mutex mutex_;
  CondVar changed_;
  bool tells_ ABSL_GUARDED_BY(mutex_) = false;
};

// As many questions as there are threads and more: a worker goes on, and tasks open.
TEST(BackgroundOffsetReaderTest, X5gWhatIsAskedForReportsKeepsNobodyWaiting) {
  TopologyTestDriver driver(BuildOrderTotals);
  SlowToTellStable brokers;
  BackgroundOffsetReader reader(&driver.plan(), &brokers);
  for (int worker = 0; worker < 5; ++worker) reader.ReadStable(worker, {kInput});
  const TaskId task{0, Partition(0)};
  reader.Read(0, {.tasks = {task}, .request = 1, .patience = action::kFirstPatience});
  std::vector<event::TaskOffsetsFetched> opened;
  while (opened.empty()) {
    opened = reader.TakeResults(0);
    sched_yield();
  }
  EXPECT_EQ(opened.front().task, task);
  ASSERT_TRUE(opened.front().offsets.ok()) << opened.front().offsets.status();
  EXPECT_EQ(opened.front().offsets->changelog_end, Offset(7));
  EXPECT_TRUE(reader.TakeStable(0).empty());
  brokers.Tell();
  for (int worker = 0; worker < 5; ++worker) {
    kafka::LogOffsets stable;
    while (stable.empty()) {
      stable = reader.TakeStable(worker);
      sched_yield();
    }
    EXPECT_EQ(*stable.at(kInput), Offset(7));
    EXPECT_TRUE(reader.TakeStable(worker).empty()) << "an answer is taken once";
  }
}

// As when a lookup for several tasks fails: a worker reads the message, and the reader lets go of it last. The flag
// orders nothing, so only the status itself does: no race, though the thread sanitizer cannot see why.
TEST(BackgroundOffsetReaderTest, AFailureThatTwoThreadsHaveIsNoRace) {
  std::optional<absl::Status> reader = absl::NotFoundError("there is no such partition");
  std::atomic<size_t> read = 0;
  std::thread worker([&read, failure = reader]() mutable {
    const size_t size = std::string(failure->message()).size();
    failure.reset();
    read.store(size, std::memory_order_relaxed);
  });
  while (read.load(std::memory_order_relaxed) == 0) sched_yield();
  EXPECT_EQ(read.load(std::memory_order_relaxed), reader->message().size());
  reader.reset();
  worker.join();
}

}  // namespace
}  // namespace once
