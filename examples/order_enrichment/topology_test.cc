#include "examples/order_enrichment/topology.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "examples/order_enrichment/enrichment.pb.h"
#include "tests/testkit/topology_test_driver.h"

namespace {

using enrichment::v1::Customer;
using enrichment::v1::EnrichedOrder;
using enrichment::v1::Order;

Customer CustomerOf(const std::string& name) {
  Customer customer;
  customer.set_name(name);
  return customer;
}

Order OrderOf(const std::string& id, int64_t cents) {
  Order order;
  order.set_order_id(id);
  order.set_cents(cents);
  return order;
}

TEST(OrderEnrichmentTest, AnOrderGetsTheCustomerAsItIsThen) {
  once::TopologyTestDriver driver(BuildOrderEnrichment, {.partitions = 4});
  for (const char* name : {"Alice", "Alice B."}) {
    driver.Send("customers", "c1", CustomerOf(name));
    driver.RunUntilIdle();
    driver.Send("orders", "c1", OrderOf("o1", 5));
    driver.RunUntilIdle();
  }
  const auto enriched = driver.Read<EnrichedOrder>("enriched-orders");
  ASSERT_EQ(enriched.size(), 2u);
  EXPECT_EQ(enriched[0].value->customer_name(), "Alice");
  EXPECT_EQ(enriched[1].value->customer_name(), "Alice B.");
}

TEST(OrderEnrichmentTest, OrdersThatComeFirstWaitInOrderAlsoOverACrash) {
  once::TopologyTestDriver driver(BuildOrderEnrichment, {.partitions = 4});
  driver.Send("orders", "c1", OrderOf("o1", 5), {.event_id = "1"});
  driver.Send("orders", "c1", OrderOf("o1", 5), {.event_id = "1"});  // A duplicate.
  driver.Send("orders", "c1", OrderOf("o2", 7), {.event_id = "2"});
  driver.RunUntilIdle();
  EXPECT_TRUE(driver.Read<EnrichedOrder>("enriched-orders").empty());
  driver.CrashAndLoseDisk();
  driver.Send("customers", "c1", CustomerOf("Alice"));
  driver.RunUntilIdle();
  const auto enriched = driver.Read<EnrichedOrder>("enriched-orders");
  ASSERT_EQ(enriched.size(), 2u);
  EXPECT_EQ(enriched[0].value->order_id(), "o1");
  EXPECT_EQ(enriched[1].value->order_id(), "o2");
}

TEST(OrderEnrichmentTest, OrdersOfADeletedCustomerWait) {
  once::TopologyTestDriver driver(BuildOrderEnrichment);
  driver.Send("customers", "c1", CustomerOf("Alice"));
  driver.RunUntilIdle();
  driver.SendBytes("customers", "c1", std::nullopt);
  driver.RunUntilIdle();
  driver.Send("orders", "c1", OrderOf("o1", 5));
  driver.RunUntilIdle();
  EXPECT_TRUE(driver.Read<EnrichedOrder>("enriched-orders").empty());
  EXPECT_TRUE(driver.dead_letters().empty());
}

TEST(OrderEnrichmentTest, NoMoreWaitThanTheLimit) {
  once::TopologyTestDriver driver(BuildOrderEnrichment, {.config = {{"max_waiting", "1"}}});
  driver.Send("orders", "c1", OrderOf("o1", 5));
  driver.Send("orders", "c1", OrderOf("o2", 5));
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 1u);
  EXPECT_EQ(driver.dead_letters()[0].reason, "FAILED_PRECONDITION");
}

}  // namespace
