// Enrichment under faults: whatever dies, hangs or is cut off, each order comes out once, in order, with a customer
// that was known by then.
#include <gtest/gtest.h>

#include <algorithm>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "examples/order_enrichment/enrichment.pb.h"
#include "examples/order_enrichment/topology.h"
#include "tests/sim/random.h"
#include "tests/sim/trial.h"

namespace {

using enrichment::v1::Customer;
using enrichment::v1::CustomerOrders;
using enrichment::v1::EnrichedOrder;
using enrichment::v1::Order;
using once::sim::Random;
using once::sim::TrialEvent;
using once::sim::TrialResult;

constexpr int kSeeds = 200;
constexpr int kEvents = 80;

// What was sent of one customer ID.
struct Sent {
  std::vector<std::string> orders;  // IDs.
  size_t first_bad = SIZE_MAX;      // The order that fails, if one does: all behind it is blocked.
  std::vector<int> versions;        // Of the customer, in order; 0: deleted.
};

// What became of it.
struct Got {
  std::vector<std::string> orders;  // Enriched, then those that wait.
  std::vector<int> versions;        // By which they were enriched.
  std::vector<std::string> dead;    // IDs of dead-lettered orders.
  size_t dead_customers = 0;
  CustomerOrders state;
};

struct Work {
  std::vector<TrialEvent> events;
  std::map<std::string, Sent> sent;
};

Work Draw(uint64_t seed) {
  Random random(seed);
  Work work;
  for (int i = 0; i < kEvents; ++i) {
    const std::string key = absl::StrCat("customer-", random.Below(6));
    Sent& sent = work.sent[key];
    if (random.Chance(30)) {
      Customer customer;
      customer.set_name(absl::StrCat(i + 1));
      const bool is_deleted = random.Chance(20);
      work.events.push_back({.topic = "customers", .key = key, .id = absl::StrCat("c", i)});
      if (!is_deleted) work.events.back().value = customer.SerializeAsString();
      sent.versions.push_back(is_deleted ? 0 : i + 1);
      continue;
    }
    Order order;
    order.set_order_id(absl::StrCat("o", i));
    order.set_cents(random.Chance(2) ? -1 : 1 + i);
    if (order.cents() < 0 && sent.first_bad == SIZE_MAX) sent.first_bad = sent.orders.size();
    sent.orders.push_back(order.order_id());
    work.events.push_back(
        {.topic = "customer-orders", .key = key, .value = order.SerializeAsString(), .id = order.order_id()});
  }
  return work;
}

std::map<std::string, Got> Read(const TrialResult& result) {
  std::map<std::string, Got> got;
  for (const auto& record : result.records.at("enriched-orders")) {
    EnrichedOrder order;
    EXPECT_TRUE(order.ParseFromString(*record.value));
    int version = 0;
    EXPECT_TRUE(absl::SimpleAtoi(order.customer_name(), &version));
    got[*record.key].orders.push_back(order.order_id());
    got[*record.key].versions.push_back(version);
  }
  for (const auto& [key, bytes] : result.states.at("customer")) {
    EXPECT_TRUE(got[key].state.ParseFromString(bytes));
    for (const Order& order : got[key].state.waiting()) got[key].orders.push_back(order.order_id());
  }
  for (const auto& letter : result.records.at("order-enrichment.dlq")) {
    const std::string id = letter.header("ce_id").value_or("");
    if (absl::StartsWith(id, "o")) got[*letter.key].dead.push_back(id);
    if (absl::StartsWith(id, "c")) ++got[*letter.key].dead_customers;
  }
  return got;
}

// What is wrong with what became of one customer ID; empty if nothing is.
std::string Judge(const Sent& sent, const Got& got) {
  const size_t good = std::min(sent.first_bad, sent.orders.size());
  const std::vector<std::string> taken(sent.orders.begin(), sent.orders.begin() + static_cast<int64_t>(good));
  const std::vector<std::string> failed(sent.orders.begin() + static_cast<int64_t>(good), sent.orders.end());
  if (got.orders != taken) {
    return absl::StrCat("orders are ", absl::StrJoin(got.orders, " "), ", not ", absl::StrJoin(taken, " "));
  }
  if (got.dead != failed) {
    return absl::StrCat("dead letters are ", absl::StrJoin(got.dead, " "), ", not ", absl::StrJoin(failed, " "));
  }
  if (failed.empty() && got.dead_customers > 0) return "a customer is dead-lettered though nothing failed";
  // Topics are in no order to each other, but each is in its own: versions do not go back.
  for (size_t i = 0; i < got.versions.size(); ++i) {
    const bool is_one = std::find(sent.versions.begin(), sent.versions.end(), got.versions[i]) != sent.versions.end();
    if (!is_one) return absl::StrCat("version ", got.versions[i], " of the customer was never sent");
    if (i > 0 && got.versions[i] < got.versions[i - 1]) return "an order was enriched by an older customer";
  }
  if (got.dead_customers > sent.versions.size()) return "a customer is dead-lettered twice";
  const size_t known = sent.versions.size() - got.dead_customers;
  const int last = known == 0 ? 0 : sent.versions[known - 1];
  const std::string name = last == 0 ? "" : absl::StrCat(last);
  if (got.state.customer().name() != name) {
    return absl::StrCat("the customer is version \"", got.state.customer().name(), "\", not \"", name, "\"");
  }
  if (last != 0 && got.state.waiting_size() > 0) return "orders wait for a customer who is known";
  return "";
}

TEST(OrderEnrichmentSimulation, EachOrderComesOutOnceWithAKnownCustomer) {
  int64_t faults = 0;
  int64_t commits = 0;
  int64_t duplicates = 0;
  for (uint64_t seed = 0; seed < kSeeds; ++seed) {
    Work work = Draw(seed);
    const TrialResult result =
        once::sim::RunTrial({.seed = seed, .applications = {{.factory = BuildOrderEnrichment}}, .events = work.events});
    ASSERT_EQ(result.violation, "") << "seed " << seed;
    std::map<std::string, Got> got = Read(result);
    for (const auto& [key, sent] : work.sent) ASSERT_EQ(Judge(sent, got[key]), "") << key << " of seed " << seed;
    ASSERT_EQ(got.size(), work.sent.size()) << "seed " << seed;
    faults += result.faults;
    commits += result.commits;
    duplicates += result.duplicates;
  }
  EXPECT_GT(faults, 2 * kSeeds);
  EXPECT_GT(commits, 5 * kSeeds);
  EXPECT_GT(duplicates, 5 * kSeeds);
}

}  // namespace
