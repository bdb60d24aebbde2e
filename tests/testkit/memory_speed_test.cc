// How fast the cluster in memory serves a simulator's schedules. Prints figures; asserts only that the work was done.
//
//   bazel run //tests/testkit:memory_speed_test
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "tests/kafka/contract.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"

namespace once::testkit {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(1);
constexpr int kSchedules = 500;
constexpr int kTransactions = 40;
constexpr int kRecords = 5;

// Only the suite's Member is used here.
using kafka::ContractTest;
GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(ContractTest);

// One schedule: two members and two producers, records read, written and committed with their offsets.
int RunSchedule() {
  ManualClock clock;
  MemoryCluster cluster(&clock);
  cluster.CreateTopic("in", 4);
  cluster.CreateTopic("out", 4);
  for (int i = 0; i < kTransactions; ++i) cluster.Append("in", Partition(i % 4), "key", "value");
  const auto client = cluster.NewClient();
  std::vector<std::unique_ptr<kafka::Member>> members;
  std::vector<std::unique_ptr<kafka::TransactionalProducer>> producers;
  int calls = 0;
  for (const char* id : {"a", "b"}) {
    members.push_back(
        std::make_unique<kafka::Member>(*client->NewGroupConsumer("g", {"in"}), std::vector<std::string>{"in"}));
    producers.push_back(*client->NewProducer(id, {"out"}));
    EXPECT_TRUE(producers.back()->InitTransactions(kTimeout).ok());
  }
  for (int i = 0; i < kTransactions; ++i) {
    clock.Advance(absl::Milliseconds(10));
    kafka::Member& member = *members[i % 2];
    kafka::TransactionalProducer& producer = *producers[i % 2];
    member.Poll();
    producer.BeginTransaction();
    for (int j = 0; j < kRecords; ++j) {
      OutputRecord record;
      record.partition = Partition(j % 4);
      record.key = "key";
      record.value = "value";
      producer.Send(record);
    }
    producer.Flush(kTimeout);
    const std::vector<TopicPartitionOffset> offsets = {{{"in", Partition(i % 4)}, Offset(i)}};
    producer.SendOffsets(offsets, member.consumer().group_metadata(), kTimeout);
    producer.Commit(kTimeout);
    calls += 5 + kRecords;
  }
  EXPECT_GT(cluster.ReadCommitted("out").size(), 0u);
  return calls;
}

TEST(MemorySpeedTest, ServesManySchedules) {
  const absl::Time start = absl::Now();
  int64_t calls = 0;
  for (int i = 0; i < kSchedules; ++i) calls += RunSchedule();
  const double seconds = absl::ToDoubleSeconds(absl::Now() - start);
  printf("schedules=%d calls=%ld seconds=%.3f schedules_per_minute=%.0f ns_per_call=%.0f\n", kSchedules,
         static_cast<long>(calls), seconds, kSchedules / seconds * 60, seconds * 1e9 / static_cast<double>(calls));
}

}  // namespace
}  // namespace once::testkit
