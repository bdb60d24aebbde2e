// Views of topics that are written all the time: they end where the topic ended when they were begun.
#include "processor/cli/log_scan.h"

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/console.h"
#include "tests/cli/reader_client.h"
#include "tests/testkit/memory_cluster.h"

namespace once::cli {
namespace {

using testing::ElementsAre;

constexpr char kTopic[] = "busy";
// A scan that has not ended by then never does.
constexpr int kMostPolls = 1'000;

// Behind whatever it has read there is always more: it meets no end.
class BusyReader final : public kafka::LogReader {
 public:
  BusyReader(std::unique_ptr<kafka::LogReader> reader, testkit::MemoryCluster* cluster)
      : reader_(std::move(reader)), cluster_(cluster) {}
  absl::Status Add(const TopicPartitionOffset& from) override { return reader_->Add(from); }
  absl::Status Remove(const TopicPartition& partition) override { return reader_->Remove(partition); }
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override {
    if (++polls_ > kMostPolls) return absl::InternalError("it is scanned without end");
    for (int p = 0; p < 2; ++p) cluster_->Append(kTopic, Partition(p), "later", "later");
    const absl::Status polled = reader_->Poll(timeout, batch);
    batch->ends.clear();
    return polled;
  }

 private:
  const std::unique_ptr<kafka::LogReader> reader_;
  testkit::MemoryCluster* const cluster_;
  int polls_ = 0;
};

class LogScanTest : public testing::Test {
 protected:
  LogScanTest() {
    cluster_.CreateTopic(kTopic, 2);
    console_.environment.connect = [this](const Options&,
                                          const Config&) -> absl::StatusOr<std::unique_ptr<kafka::Client>> {
      return std::make_unique<ReaderClient>(cluster_.NewClient(), [this](std::unique_ptr<kafka::LogReader> reader) {
        return std::make_unique<BusyReader>(std::move(reader), &cluster_);
      });
    };
    console_.environment.clock = &clock_;
    registry_.Add({.path = "scan", .summary = "Scan.", .run = [this](Context& context) {
                     const auto take = [this](const RecordView& record) { taken_.emplace_back(*record.value); };
                     const absl::StatusOr<ScanEnd> end = ScanLog(&context, {.topic = kTopic, .take = take});
                     if (end.ok()) pending_ = end->pending.size();
                     return end.status();
                   }});
  }

  // In a transaction, so that a marker stands behind it.
  void Commit(const std::string& value) {
    auto producer = *cluster_.NewClient()->NewProducer("p", {kTopic});
    ASSERT_TRUE(producer->InitTransactions(absl::Seconds(1)).ok());
    ASSERT_TRUE(producer->BeginTransaction().ok());
    for (int p = 0; p < 2; ++p) {
      ASSERT_TRUE(producer->Send({.partition = Partition(p), .key = "k", .value = value}).ok());
    }
    ASSERT_TRUE(producer->Flush(absl::Seconds(1)).ok());
    ASSERT_TRUE(producer->Commit(absl::Seconds(1)).ok());
  }

  testkit::ManualClock clock_;
  testkit::MemoryCluster cluster_{&clock_};
  Console console_;
  Registry registry_;
  std::vector<std::string> taken_;
  size_t pending_ = 99;
};

TEST_F(LogScanTest, EndsWhereABusyTopicEndedWhenItWasBegun) {
  Commit("first");
  Commit("second");
  EXPECT_EQ(console_.Run({"scan"}, registry_, BuildCopy), kExitDone) << console_.err;
  EXPECT_THAT(taken_, testing::UnorderedElementsAre("first", "first", "second", "second"));
  EXPECT_EQ(pending_, 0u);
}

TEST_F(LogScanTest, EndsAtARecordAsWell) {
  cluster_.Append(kTopic, Partition(1), "k", "alone");
  EXPECT_EQ(console_.Run({"scan"}, registry_, BuildCopy), kExitDone) << console_.err;
  EXPECT_THAT(taken_, ElementsAre("alone"));
}

}  // namespace
}  // namespace once::cli
