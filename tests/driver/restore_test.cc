// Opening tasks: frontier, checkpoint, replay, and what halts (rules F1 to F8).
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

void SendOrders(TopologyTestDriver* driver, int first, int count) {
  for (int i = first; i < first + count; ++i) {
    driver->Send("orders", "customer" + std::to_string(i % 7), Order(1), {.event_id = std::to_string(i)});
  }
  driver->RunUntilIdle();
}

int64_t TotalCents(TopologyTestDriver* driver) {
  int64_t cents = 0;
  for (int i = 0; i < 7; ++i) {
    const auto total = driver->State<CustomerTotal>("customer", "customer" + std::to_string(i));
    if (total.has_value()) cents += total->cents();
  }
  return cents;
}

TEST(RestoreTest, AfterALostDiskAllIsReplayed) {
  TopologyTestDriver driver(BuildOrderTotals, {.partitions = 2});
  SendOrders(&driver, 0, 50);
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_GT(driver.replayed_records(), 7);
  EXPECT_EQ(TotalCents(&driver), 50);
  SendOrders(&driver, 40, 20);  // Ten of them are duplicates.
  EXPECT_EQ(TotalCents(&driver), 60);
}

TEST(RestoreTest, AfterAnOrderlyStopNothingIsReplayed) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  driver.Restart();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.replayed_records(), 0);
  EXPECT_EQ(TotalCents(&driver), 50);
  SendOrders(&driver, 40, 20);
  EXPECT_EQ(TotalCents(&driver), 60);
}

// Rule F5: nor if the last transaction could not be committed.
TEST(RestoreTest, F5AfterAStopThatAbortedItsLastTransactionNothingIsReplayed) {
  DriverOptions options;
  options.engine.checkpoint_interval = absl::Hours(1);
  TopologyTestDriver driver(BuildOrderTotals, options);
  SendOrders(&driver, 0, 50);
  driver.Send("orders", "customer1", Order(1), {.event_id = "last"});
  for (int turn = 0; turn < 100 && driver.worker().engine().idle(); ++turn) driver.worker().RunOnce();
  ASSERT_FALSE(driver.worker().engine().idle());
  driver.cluster().FailNext(
      {.call = testkit::Call::kSendOffsets, .result = {.error = kafka::ErrorClass::kAbortable, .code = "_TIMED_OUT"}});
  driver.Restart();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.replayed_records(), 0);
  EXPECT_EQ(TotalCents(&driver), 51);
}

// Rule F5: what was not flushed is gone with the process; the changelog's tail brings it back.
TEST(RestoreTest, AfterACrashTheTailIsReplayed) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  driver.AdvanceTime(absl::Seconds(3));
  SendOrders(&driver, 50, 1);
  ASSERT_TRUE(driver.store().Flush().ok());
  SendOrders(&driver, 51, 10);
  driver.Crash();
  driver.RunUntilIdle();
  EXPECT_GT(driver.replayed_records(), 0);
  EXPECT_EQ(TotalCents(&driver), 61);
}

// Rule F3: acknowledged but not yet marked, the commit must not be missed.
TEST(RestoreTest, AReplayWaitsForMarkersThatAreLate) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 10);
  const int64_t before = driver.worker().engine().committed_epochs();
  driver.Send("orders", "customer0", Order(100), {.event_id = "late"});
  driver.cluster().HoldMarkers();
  const auto turn = [&driver] {
    driver.worker().RunOnce();
    driver.clock().Advance(absl::Milliseconds(20));
  };
  for (int i = 0; i < 50 && driver.worker().engine().committed_epochs() == before; ++i) turn();
  ASSERT_EQ(driver.worker().engine().committed_epochs(), before + 1);
  // Another process, which nothing but the markers hold back.
  driver.TakeOver();
  for (int i = 0; i < 50; ++i) turn();
  for (const auto& [id, task] : driver.worker().engine().tasks()) EXPECT_NE(task->phase, TaskPhase::kRunning);
  driver.cluster().ReleaseMarkers();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(TotalCents(&driver), 110);
}

// Rule F2: offsets that were moved from outside halt the application, which says which side moved.
TEST(RestoreTest, OffsetsMovedBackHalt) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 10);
  driver.cluster().SetCommittedOffset("order-totals", {"orders", Partition(0)}, Offset(3));
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(driver.status().ToString().find("moved back"), std::string::npos) << driver.status();
}

// Rule F2: a zombie that opens a task whose successor commits sees another mismatch each time; chaos had one halt.
TEST(RestoreTest, OffsetsThatMismatchInAnotherWayEachTimeDoNotHalt) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 10);
  const TopicPartition input{"orders", Partition(0)};
  const Offset committed = *driver.cluster().CommittedOffset("order-totals", input);
  driver.CrashAndLoseDisk();
  const auto misfit = [&driver] {
    const auto& tasks = driver.worker().engine().tasks();
    return tasks.empty() ? "" : tasks.begin()->second->misfit;
  };
  for (int64_t look = 1; look <= 4; ++look) {
    driver.cluster().SetCommittedOffset("order-totals", input, Offset(look));
    const std::string before = misfit();
    for (int i = 0; i < 1'000 && misfit() == before && driver.status().ok(); ++i) {
      driver.worker().RunOnce();
      driver.clock().Advance(absl::Milliseconds(5));
    }
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    ASSERT_NE(misfit(), before);
  }
  driver.cluster().SetCommittedOffset("order-totals", input, committed);
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(TotalCents(&driver), 10);
}

TEST(RestoreTest, OffsetsThatExpiredHalt) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 10);
  driver.cluster().SetCommittedOffset("order-totals", {"orders", Partition(0)}, std::nullopt);
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_NE(driver.status().ToString().find("expired"), std::string::npos) << driver.status();
}

// Invariant I9: retention gone past the committed offset is never passed over in silence.
TEST(RestoreTest, AnOffsetThatIsNoLongerInTheLogHalts) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 10);
  driver.Restart();
  for (int i = 10; i < 20; ++i) driver.cluster().Append("orders", Partition(0), "customer0", "");
  driver.cluster().Trim({{"orders", Partition(0)}, Offset(15)});
  driver.RunUntilIdle();
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kOutOfRange) << driver.status();
}

// Retention takes the oldest segments whole: the frontier, the last record, is left and fits the offsets.
TEST(RestoreTest, F10AChangelogThatLostItsHeadIsNotTakenForWhole) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  const TopicPartition changelog{"order-totals-orders-changelog", Partition(0)};
  driver.cluster().Trim({changelog, Offset(driver.cluster().HighWatermark(changelog).value() - 3)});
  driver.Restart();
  SendOrders(&driver, 50, 10);
  EXPECT_TRUE(driver.status().ok()) << "its checkpoint has all of it: " << driver.status();
  driver.CrashAndLoseDisk();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kFailedPrecondition) << driver.status();
  EXPECT_NE(driver.status().ToString().find("its first records were deleted"), std::string::npos) << driver.status();
}

// Nothing better is to be had, so the copy stays; whether a marker is all that it lacks cannot be known.
TEST(RestoreTest, F10ACopyThatEndsBeforeTheBeginningIsKeptAndRefused) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  driver.Restart();
  driver.RunUntilIdle();
  const TopicPartition changelog{"order-totals-orders-changelog", Partition(0)};
  driver.cluster().Trim({changelog, driver.cluster().HighWatermark(changelog)});
  driver.Restart();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.status().code(), absl::StatusCode::kFailedPrecondition) << driver.status();
  EXPECT_NE(driver.status().ToString().find("the local state ends before that"), std::string::npos) << driver.status();
  EXPECT_TRUE(driver.store().ReadMeta(TaskPrefix("orders", Partition(0)))->has_value());
}

TEST(RestoreTest, F10AnEmptyChangelogOfAGroupThatHasCommittedNothingIsTaken) {
  TopologyTestDriver driver(BuildOrderTotals);
  const TopicPartition changelog{"order-totals-orders-changelog", Partition(0)};
  driver.cluster().Append(changelog.topic, Partition(0), "somebody's", "record");
  driver.cluster().Trim({changelog, Offset(1)});
  SendOrders(&driver, 0, 10);
  EXPECT_TRUE(driver.status().ok()) << driver.status();
}

TEST(RestoreTest, ACorruptCheckpointIsRebuilt) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  driver.Restart();
  driver.RunUntilIdle();
  driver.store().Corrupt(TaskPrefix("orders", Partition(0)));
  driver.Restart();
  driver.AdvanceTime(absl::Seconds(1));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(TotalCents(&driver), 50);
  EXPECT_GT(driver.replayed_records(), 7);
}

// Damaged files refuse writes for good, and every task shares them: the process gives all of them up at once.
TEST(RestoreTest, ACheckpointThatCannotBeWrittenForDamageEndsTheRun) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  driver.store().FailNext(StoreOperation::kWrite, absl::DataLossError("block checksum mismatch"));
  driver.AdvanceTime(absl::Seconds(5));
  EXPECT_TRUE(absl::IsDataLoss(driver.status())) << driver.status();
}

// Rule F6: deletions that the checkpoint has not seen may be compacted away.
TEST(RestoreTest, ACheckpointOlderThanDeletionsAreKeptIsRebuilt) {
  TopologyTestDriver driver(BuildOrderTotals);
  SendOrders(&driver, 0, 50);
  driver.Restart();
  driver.RunUntilIdle();
  driver.Crash();
  driver.clock().Advance(absl::Hours(30));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_GT(driver.replayed_records(), 7);
  EXPECT_EQ(TotalCents(&driver), 50);
}

// order_totals with another name or state of its aggregate.
template <typename State>
TopologyTestDriver::Factory Version(const std::string& aggregate) {
  return [aggregate](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("order-totals");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddAggregate<State>(aggregate).template On<OrderPlaced>(
        orders, [](const OrderPlaced&, auto&) { return absl::OkStatus(); });
    return std::move(builder).Build();
  };
}

// Invariant I9: state that the topology would not find, or not understand, halts it, whether read from the checkpoint
// or from the changelog; the right version goes on where it was.
TEST(RestoreTest, StateOfAnotherTopologyHalts) {
  const std::pair<TopologyTestDriver::Factory, const char*> versions[] = {
      {Version<CustomerTotal>("client"), "was it renamed or removed"},
      {Version<OrderPlaced>("customer"), "is of type orders.v1.OrderPlaced"}};
  for (const auto& [version, says] : versions) {
    for (const bool disk_is_lost : {false, true}) {
      TopologyTestDriver driver(BuildOrderTotals);
      SendOrders(&driver, 0, 50);
      if (disk_is_lost) driver.CrashAndLoseDisk();
      driver.Restart(version);
      driver.RunUntilIdle();
      EXPECT_TRUE(absl::IsFailedPrecondition(driver.status())) << driver.status();
      EXPECT_NE(driver.status().message().find(says), absl::string_view::npos) << driver.status();
      driver.Restart(BuildOrderTotals);
      SendOrders(&driver, 50, 10);
      ASSERT_TRUE(driver.status().ok()) << driver.status();
      EXPECT_EQ(TotalCents(&driver), 60);
    }
  }
}

// An aggregate may be added: it has no state yet.
TEST(RestoreTest, AnAddedAggregateIsFine) {
  TopologyTestDriver driver(Version<CustomerTotal>("customer"));
  SendOrders(&driver, 0, 5);
  driver.Restart([](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("order-totals");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    builder.DeadLetterTo("orders.dlq");
    const auto nothing = [](const OrderPlaced&, auto&) { return absl::OkStatus(); };
    builder.AddAggregate<CustomerTotal>("customer").On<OrderPlaced>(orders, nothing);
    builder.AddAggregate<OrderPlaced>("last").On<OrderPlaced>(orders, nothing);
    return std::move(builder).Build();
  });
  SendOrders(&driver, 5, 5);
  EXPECT_TRUE(driver.status().ok()) << driver.status();
}

TEST(RestoreTest, AFullDiskLosesNothing) {
  TopologyTestDriver driver(BuildOrderTotals);
  driver.store().SetFull(true);
  SendOrders(&driver, 0, 50);
  driver.AdvanceTime(absl::Seconds(5));
  SendOrders(&driver, 50, 10);
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  driver.Crash();
  driver.store().SetFull(false);
  driver.RunUntilIdle();
  EXPECT_EQ(TotalCents(&driver), 60);
}

// However much waits to be written, a full disk is tried once a second, and once more at the end.
TEST(RestoreTest, AFullDiskIsTriedAgainNowAndThen) {
  DriverOptions options;
  options.engine.memory_bytes = 1024 * 1024;
  TopologyTestDriver driver(BuildOrderTotals, options);
  driver.store().SetFull(true);
  driver.RunUntilIdle();
  const auto dirty_bytes = [&] { return driver.worker().engine().tasks().begin()->second->state.dirty_bytes(); };
  for (int i = 0; dirty_bytes() <= options.engine.memory_bytes / 7; ++i) {
    driver.Send("orders", "c" + std::to_string(i), Order(1), {.event_id = std::to_string(i)});
    driver.RunUntilIdle();
  }
  const auto writes = [&] { return driver.store().calls(StoreOperation::kWrite); };
  const auto let_pass = [&](int seconds) {
    for (int i = 0; i < seconds * 20; ++i) driver.AdvanceTime(absl::Milliseconds(50));
  };
  let_pass(2);
  const int64_t before = writes();
  let_pass(10);
  EXPECT_GE(writes() - before, 4);
  EXPECT_LE(writes() - before, 11);
  driver.store().SetFull(false);
  let_pass(4);
  EXPECT_EQ(dirty_bytes(), 0);
  driver.store().SetFull(true);
  SendOrders(&driver, 100'000, 1);
  const int64_t at_stop = writes();
  driver.worker().RequestStop();
  for (int i = 0; i < 100 && !driver.worker().done(); ++i) driver.worker().RunOnce();
  EXPECT_TRUE(driver.worker().done());
  EXPECT_EQ(writes() - at_stop, 1);
  driver.store().SetFull(false);
  driver.Crash();
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(TotalCents(&driver), 1);
}

// With little memory values come back from the disk.
TEST(RestoreTest, StateLargerThanMemoryIsReadFromDisk) {
  DriverOptions options;
  options.engine.memory_bytes = 64 * 1024;
  TopologyTestDriver driver(BuildOrderTotals, options);
  for (int round = 0; round < 3; ++round) {
    for (int i = 0; i < 2'000; ++i) {
      driver.Send("orders", "c" + std::to_string(i), Order(1),
                  {.event_id = std::to_string(round) + "-" + std::to_string(i)});
    }
    driver.RunUntilIdle();
    driver.AdvanceTime(absl::Seconds(3));
  }
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  for (int i = 0; i < 2'000; i += 97) {
    EXPECT_EQ(driver.State<CustomerTotal>("customer", "c" + std::to_string(i))->cents(), 3) << i;
  }
  EXPECT_LT((*driver.worker().engine().tasks().begin()).second->state.memory_bytes(), 512 * 1024);
}

}  // namespace
}  // namespace once
