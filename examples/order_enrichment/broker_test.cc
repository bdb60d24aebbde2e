// Enrichment on a real broker: the program is killed with -9 while orders wait, its disk is lost, and
// nothing else is.
#include <gtest/gtest.h>

#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/order_enrichment/enrichment.pb.h"
#include "tests/integration/program_scene.h"

namespace {

using enrichment::v1::Customer;
using enrichment::v1::EnrichedOrder;
using enrichment::v1::Order;
using once::ProgramEvent;
using once::ProgramRecord;
using once::ProgramScene;

constexpr int kCustomers = 20;

std::string KeyOf(int customer) { return absl::StrCat("c", customer); }

// An order of each customer, each sent twice.
std::vector<ProgramEvent> Orders(const std::string& round) {
  std::vector<ProgramEvent> events;
  for (int i = 0; i < 2 * kCustomers; ++i) {
    const int customer = i % kCustomers;
    Order order;
    order.set_order_id(absl::StrCat(round, "-", customer));
    order.set_cents(100 + customer);
    events.push_back({.topic = "orders",
                      .key = KeyOf(customer),
                      .value = order.SerializeAsString(),
                      .id = order.order_id(),
                      .type = "enrichment.v1.Order"});
  }
  return events;
}

std::vector<ProgramEvent> Customers() {
  std::vector<ProgramEvent> events;
  for (int i = 0; i < kCustomers; ++i) {
    Customer customer;
    customer.set_name(absl::StrCat("name ", i));
    customer.set_city("Riga");
    events.push_back({.topic = "customers", .key = KeyOf(i), .value = customer.SerializeAsString()});
  }
  return events;
}

TEST(OrderEnrichmentBroker, OrdersThatWaitOutliveAKillAndALostDisk) {
  ProgramScene scene("enrichment", "examples/order_enrichment/order_enrichment");
  scene.CreateTopics({"customers", "orders", "enriched", "dlq"});
  const std::vector<std::string> flags = {
      "--customers_topic=" + scene.Topic("customers"), "--orders_topic=" + scene.Topic("orders"),
      "--output_topic=" + scene.Topic("enriched"), "--dead_letter_topic=" + scene.Topic("dlq")};
  auto pod = scene.Start({.flags = flags});
  scene.Send(Orders("early"));
  ASSERT_TRUE(scene.AwaitConsumed({"orders"})) << pod->Log();
  EXPECT_TRUE(scene.Read("enriched").empty());

  scene.Send(Orders("late"));
  ProgramScene::Kill(pod.get());
  scene.LoseDisk();
  pod = scene.Start({.flags = flags});
  scene.Send(Customers());
  ASSERT_TRUE(scene.AwaitConsumed({"orders", "customers"})) << pod->Log();

  std::map<std::string, std::vector<std::string>> ids;
  for (const ProgramRecord& record : scene.Read("enriched")) {
    EnrichedOrder order;
    ASSERT_TRUE(order.ParseFromString(record.value.value_or("")));
    EXPECT_EQ(order.customer_name(), "name " + record.key.substr(1));
    ids[record.key].push_back(order.order_id());
  }
  EXPECT_EQ(ids.size(), static_cast<size_t>(kCustomers));
  for (const auto& [key, orders] : ids) {
    EXPECT_EQ(orders, (std::vector<std::string>{"early-" + key.substr(1), "late-" + key.substr(1)})) << key;
  }
  EXPECT_TRUE(scene.Read("dlq").empty());
}

}  // namespace
