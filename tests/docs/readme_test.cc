// What the README shows beside the main example; docs.py holds its excerpts against this file.
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/topology.h"
#include "gtest/gtest.h"
#include "once/config.h"
#include "once/topology.h"
#include "tests/testkit/topology_test_driver.h"

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

namespace {

OrderPlaced Order(int64_t cents) {
  OrderPlaced order;
  order.set_cents(cents);
  return order;
}

TEST(OrderTotalsTest, AFailedOrderBlocksOnlyItsCustomer) {
  once::TopologyTestDriver driver(BuildOrderTotals, {.partitions = 4});
  driver.Send("orders", "alice", Order(100), {.event_id = "1"});
  driver.Send("orders", "bob", Order(-5), {.event_id = "2"});
  driver.Send("orders", "bob", Order(70), {.event_id = "3"});
  driver.Send("orders", "alice", Order(100), {.event_id = "1"});  // A duplicate.
  driver.RunUntilIdle();
  ASSERT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1);
  EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals")[0].value->cents(), 100);
  ASSERT_EQ(driver.dead_letters().size(), 2);
  EXPECT_EQ(driver.dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_EQ(driver.dead_letters()[1].disposition, "BLOCKED");
  driver.Crash();
  driver.RunUntilIdle();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->cents(), 100);
}

absl::StatusOr<once::Topology> BuildRoute(const once::Config&) {
  once::TopologyBuilder builder("route");
  auto orders = builder.AddSource("orders", {.topic = "orders"});
  auto small = builder.AddSink<OrderPlaced>("small", {.topic = "small-orders"});
  auto large = builder.AddSink<OrderPlaced>("large", {.topic = "large-orders"});
  builder.DeadLetterTo("orders.dlq");
  builder.AddTransform("route")
      .EmitsTo(small, large)
      .On<OrderPlaced>(orders, [=](const OrderPlaced& order, auto& event) {
        if (order.cents() == 0) return absl::OkStatus();  // Filter.
        if (order.cents() < 100'000)
          event.Forward(small);  // Branch: key, bytes and headers stay as they are.
        else
          event.Emit(large, order.order_id(), order);  // Map and re-key.
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

TEST(RouteTest, FiltersBranchesAndRekeys) {
  once::TopologyTestDriver driver(BuildRoute);
  OrderPlaced expensive = Order(200'000);
  expensive.set_order_id("order-7");
  driver.Send("orders", "alice", Order(0));
  driver.Send("orders", "alice", Order(5));
  driver.Send("orders", "alice", expensive);
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  const auto small = driver.Read<OrderPlaced>("small-orders");
  const auto large = driver.Read<OrderPlaced>("large-orders");
  ASSERT_EQ(small.size(), 1);
  EXPECT_EQ(small[0].key, "alice");
  ASSERT_EQ(large.size(), 1);
  EXPECT_EQ(large[0].key, "order-7");
}

}  // namespace
