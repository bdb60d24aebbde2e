// Memory is bounded, and what is short of it waits (X7).
#include "processor/engine/memory.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/runtime/worker.h"
#include "state/idempotency_window.h"
#include "tests/driver/orders.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

using testing::HasSubstr;

constexpr size_t kShare = size_t{2} << 20;
constexpr int kKeys = 20'000;

DriverOptions WithLittleMemory() {
  DriverOptions options;
  options.engine.memory_bytes = kShare;
  return options;
}

size_t Used(TopologyTestDriver* driver) { return driver->worker().engine().memory_use().total(); }

void Turn(TopologyTestDriver* driver, absl::Duration time) {
  for (absl::Duration passed; passed < time; passed += absl::Milliseconds(50)) {
    driver->clock().Advance(absl::Milliseconds(50));
    driver->worker().RunOnce();
  }
}

void SendToManyKeys(TopologyTestDriver* driver, int keys) {
  for (int i = 0; i < keys; ++i) {
    driver->Send("orders", "customer-" + std::to_string(i), Order(1), {.event_id = std::to_string(i)});
  }
}

int64_t Totals(TopologyTestDriver* driver) {
  return static_cast<int64_t>(driver->Read<CustomerTotal>("customer-totals").size());
}

// However long it takes to replace a producer.
TEST(MemoryTest, X7ItIsMeasuredWhileAProducerIsReplaced) {
  TopologyTestDriver driver(BuildOrderTotals, WithLittleMemory());
  SendToManyKeys(&driver, 10);
  driver.RunUntilIdle();
  driver.FailNextCommit(/*landed=*/false);
  for (int i = 0; i < 1000; ++i) {
    driver.cluster().FailNext({.call = testkit::Call::kInit,
                               .result = {.error = kafka::ErrorClass::kRetriable, .code = "X", .message = "no"}});
  }
  SendToManyKeys(&driver, 20);
  Turn(&driver, absl::Seconds(2));
  ASSERT_FALSE(driver.worker().engine().accepts_work());
  EXPECT_LT(driver.clock().Read().now - driver.worker().engine().memory_measured_at(), absl::Seconds(1));
}

TEST(MemoryTest, X7AFullDiskMakesEventsWait) {
  TopologyTestDriver driver(BuildOrderTotals, WithLittleMemory());
  driver.store().SetFull(true);
  SendToManyKeys(&driver, kKeys);
  Turn(&driver, absl::Minutes(2));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_GT(Totals(&driver), 100);
  EXPECT_LT(Totals(&driver), kKeys / 2);
  EXPECT_LT(Used(&driver), 2 * kShare);
  EXPECT_THAT(testing::PrintToString(driver.log()), HasSubstr("no events are taken in for"));

  driver.store().SetFull(false);
  Turn(&driver, absl::Minutes(1));
  EXPECT_EQ(Totals(&driver), kKeys);
  EXPECT_LT(Used(&driver), 2 * kShare);
}

TEST(MemoryTest, X7AReplayWaitsForTheDisk) {
  TopologyTestDriver driver(BuildOrderTotals, WithLittleMemory());
  SendToManyKeys(&driver, kKeys);
  Turn(&driver, absl::Minutes(1));
  ASSERT_EQ(Totals(&driver), kKeys);
  driver.CrashAndLoseDisk();
  driver.store().SetFull(true);
  Turn(&driver, absl::Minutes(1));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_LT(Used(&driver), 2 * kShare);
  EXPECT_LT(driver.replayed_records(), kKeys);
  EXPECT_THAT(testing::PrintToString(driver.log()), HasSubstr("waits until what it has read is on the disk"));

  driver.store().SetFull(false);
  Turn(&driver, absl::Minutes(1));
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "customer-19999")->cents(), 1);
  driver.Send("orders", "customer-17", Order(2), {.event_id = "one more"});
  driver.RunUntilIdle();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "customer-17")->cents(), 3);
}

// Values that nobody asks for leave, whichever task they are of, so that the others have more.
TEST(MemoryTest, X7ValuesOnTheDiskAreDropped) {
  DriverOptions options = WithLittleMemory();
  options.partitions = 4;
  TopologyTestDriver driver(BuildOrderTotals, options);
  SendToManyKeys(&driver, kKeys);
  Turn(&driver, absl::Minutes(1));
  EXPECT_EQ(Totals(&driver), kKeys);
  EXPECT_LT(Used(&driver), 2 * kShare);
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "customer-1")->cents(), 1);
}

TEST(MemoryTest, X7R4WithTooManyBlockedAggregatesATaskPausesInWords) {
  DriverOptions options = WithLittleMemory();
  options.engine.breaker_min_failures = 1'000'000;
  TopologyTestDriver driver(BuildOrderTotals, options);
  constexpr int kBad = 5'000;
  for (int i = 0; i < kBad; ++i) {
    driver.Send("orders", "customer-" + std::to_string(i), Order(-1), {.event_id = std::to_string(i)});
  }
  Turn(&driver, absl::Seconds(20));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_THAT(testing::PrintToString(driver.log()), HasSubstr("as many as its part of the memory holds"));
  const auto blocked = static_cast<int>(driver.dead_letters().size());
  EXPECT_GT(blocked, 50);
  EXPECT_LT(blocked, kBad);
  EXPECT_LT(Used(&driver), 2 * kShare);
}

TEST(MemoryTest, X7R4ParkedBytesHaveALimit) {
  DriverOptions options;
  options.engine.max_parked_bytes_per_task = 10'000;
  TopologyTestDriver driver(BuildOrderTotals, options);
  driver.Send("orders", "alice", Order(-1), {.event_id = "first"});
  for (int i = 0; i < 100; ++i) {
    driver.Send("orders", "alice", Order(1), {.headers = {{"filling", std::string(1'000, 'x')}}});
  }
  driver.RunUntilIdle();
  EXPECT_GT(driver.Parked("alice"), 5);
  EXPECT_LT(driver.Parked("alice"), 12);
  EXPECT_THAT(testing::PrintToString(driver.log()), HasSubstr("its limit (max_parked_bytes_per_task)"));
}

// What a task took while the others had nothing is given back when they have.
TEST(MemoryTest, X7WindowsThatFillOneAfterTheOtherShareTheirPart) {
  constexpr int kPartitions = 8;
  DriverOptions options = WithLittleMemory();
  options.partitions = kPartitions;
  TopologyTestDriver driver(BuildOrderTotals, options);
  const int ids = static_cast<int>(kShare / 4 / IdempotencyWindow::kBytesPerId);
  for (int partition = 0; partition < kPartitions; ++partition) {
    for (int i = 0; i < ids; ++i) {
      driver.Send("orders", "customer-" + std::to_string(partition), Order(1),
                  {.event_id = absl::StrCat(partition, "-", i), .partition = partition});
    }
    Turn(&driver, absl::Seconds(5));
  }
  EXPECT_EQ(Totals(&driver), kPartitions * ids);
  EXPECT_GT(driver.worker().engine().memory_use().window, kShare / 8);
  EXPECT_LT(driver.worker().engine().memory_use().window, kShare / 4 + kShare / 8);
  // The newest are known.
  driver.Send("orders", "customer-7", Order(1), {.event_id = absl::StrCat(7, "-", ids - 1), .partition = 7});
  driver.RunUntilIdle();
  EXPECT_EQ(Totals(&driver), kPartitions * ids);
}

// Events that wait for another attempt make no outputs, but the changelog gets them whole.
TEST(MemoryTest, X7ParkedEventsCountForTheirTransaction) {
  constexpr int kFollowers = 100;
  DriverOptions options;
  options.engine.max_epoch_bytes = 100'000;
  TopologyTestDriver driver(BuildOrderTotals, options);
  driver.Send("orders", "alice", Order(-1), {.event_id = "first"});
  driver.RunUntilIdle();
  const int64_t before = driver.worker().engine().committed_epochs();
  for (int i = 0; i < kFollowers; ++i) {
    driver.Send("orders", "alice", Order(1), {.headers = {{"filling", std::string(10'000, 'x')}}});
  }
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Parked("alice"), kFollowers + 1);
  // Each counts once for its notice, and once for itself.
  EXPECT_GE(driver.worker().engine().committed_epochs() - before, 2 * kFollowers * 10'000 / 100'000 - 2);
}

TEST(FairLimitTest, X7WhoTakesLittleLeavesTheRest) {
  const auto limit = [](size_t total, std::vector<size_t> sizes) { return FairLimit(total, &sizes); };
  EXPECT_EQ(limit(100, {}), 100);
  EXPECT_EQ(limit(100, {10}), 90);
  EXPECT_EQ(limit(100, {90}), 50);
  EXPECT_EQ(limit(100, {1'000, 1'000, 10}), 30);
  EXPECT_EQ(limit(100, {0, 0, 0, 0}), 100);
  EXPECT_EQ(limit(100, {1'000, 0, 0, 0}), 50);
}

}  // namespace
}  // namespace once
