// X8: records that are not where their key belongs.
#include <algorithm>

#include "processor/base/murmur2.h"
#include "processor/runtime/worker.h"
#include "tests/driver/orders.h"

namespace once {
namespace {

// One aggregate that hears one source, or two.
TopologyTestDriver::Factory Hears(int sources, Partitioner partitioner) {
  return [=](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("places");
    auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"});
    builder.DeadLetterTo("dlq");
    auto aggregate = builder.AddAggregate<CustomerTotal>("customer");
    aggregate.EmitsTo(totals);
    for (int i = 0; i < sources; ++i) {
      const std::string name = i == 0 ? "orders" : "more";
      auto source = builder.AddSource(name, {.topic = name, .partitioner = partitioner});
      aggregate.On<OrderPlaced>(source, [totals](const OrderPlaced& order, auto& customer) {
        customer.mutable_state()->set_cents(order.cents());
        customer.Emit(totals, customer.state());
        return absl::OkStatus();
      });
    }
    return std::move(builder).Build();
  };
}

// Sends alice's event to where it does not belong, and another's to its place.
void SendBoth(TopologyTestDriver* driver) {
  const int right = PartitionForKey("alice", 4).value();
  driver->Send("orders", "alice", Order(1), {.event_id = "1", .partition = (right + 1) % 4});
  driver->Send("orders", "bob", Order(2), {.event_id = "2"});
  driver->RunUntilIdle();
  ASSERT_TRUE(driver->status().ok()) << driver->status();
}

int64_t TimesTold(const TopologyTestDriver& driver) {
  return std::count_if(driver.log().begin(), driver.log().end(), [](const std::string& line) {
    return line.find("in another partition than their key belongs to: 1, such as orders-") != std::string::npos;
  });
}

TEST(PartitionsTest, X8AMisplacedRecordOfTheOnlySourceIsToldAndProcessed) {
  TopologyTestDriver driver(Hears(1, Partitioner::kMurmur2), {.partitions = 4});
  SendBoth(&driver);
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 2);
  EXPECT_EQ(driver.worker().engine().committed_counters().misplaced, 1);
  EXPECT_EQ(TimesTold(driver), 1);
}

TEST(PartitionsTest, X8AMisplacedRecordOfSeveralSourcesFails) {
  TopologyTestDriver driver(Hears(2, Partitioner::kMurmur2), {.partitions = 4});
  SendBoth(&driver);
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1);
  EXPECT_EQ(Letters(driver), "FAILED:1");
  EXPECT_EQ(driver.dead_letters()[0].reason, "FAILED_PRECONDITION");
  EXPECT_NE(driver.dead_letters()[0].message.find("SourceOptions.partitioner"), std::string::npos);
}

TEST(PartitionsTest, X8WhereAnyPartitionIsRightNothingIsMisplaced) {
  TopologyTestDriver driver(Hears(2, Partitioner::kAny), {.partitions = 4});
  SendBoth(&driver);
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 2);
  EXPECT_EQ(TimesTold(driver), 0);
}

}  // namespace
}  // namespace once
