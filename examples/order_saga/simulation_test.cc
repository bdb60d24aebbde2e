// Both applications under faults: each order ends once, and no money and no goods appear or get lost.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/order_saga/saga.pb.h"
#include "examples/order_saga/topology.h"
#include "tests/sim/random.h"
#include "tests/sim/trial.h"

namespace {

using once::sim::Random;
using once::sim::TrialEvent;
using once::sim::TrialResult;
using saga::v1::Account;
using saga::v1::Deposit;
using saga::v1::ORDER_CANCELLED;
using saga::v1::ORDER_COMPLETED;
using saga::v1::ORDER_REJECTED;
using saga::v1::OrderOutcome;
using saga::v1::OrderPlaced;
using saga::v1::OrderStatus;
using saga::v1::OrderStatus_Name;
using saga::v1::PAYMENT_CHARGED;
using saga::v1::PAYMENT_REFUNDED;
using saga::v1::PAYMENT_REFUSED;
using saga::v1::PaymentOutcome;
using saga::v1::PaymentResult;
using saga::v1::Restock;
using saga::v1::Saga;
using saga::v1::Stock;

constexpr int kSeeds = 150;
constexpr int kOrders = 40;
constexpr int kAccounts = 4;
constexpr int kItems = 3;

struct Work {
  std::vector<TrialEvent> events;
  std::map<std::string, OrderPlaced> orders;  // Those that are no mistakes, by ID.
  int64_t mistakes = 0;
  std::map<std::string, int64_t> cents;     // Paid in, by account.
  std::map<std::string, int64_t> quantity;  // Put into stock, by item.
};

void AddFunds(int number, Random* random, Work* work) {
  const std::string account = absl::StrCat("account-", random->Below(kAccounts));
  const std::string item = absl::StrCat("item-", random->Below(kItems));
  Deposit deposit;
  deposit.set_cents(random->Between(1, 1500));
  work->cents[account] += deposit.cents();
  work->events.push_back({.topic = "payment-commands",
                          .key = account,
                          .value = deposit.SerializeAsString(),
                          .id = absl::StrCat("deposit-", number),
                          .type = "saga.v1.Deposit"});
  Restock restock;
  restock.set_quantity(random->Between(1, 8));
  work->quantity[item] += restock.quantity();
  work->events.push_back({.topic = "shipping-commands",
                          .key = item,
                          .value = restock.SerializeAsString(),
                          .id = absl::StrCat("restock-", number),
                          .type = "saga.v1.Restock"});
}

Work Draw(uint64_t seed) {
  Random random(seed);
  Work work;
  for (int i = 0; i < kOrders; ++i) {
    if (i % 5 == 0) AddFunds(i, &random, &work);
    OrderPlaced order;
    order.set_account(absl::StrCat("account-", random.Below(kAccounts)));
    order.set_item(absl::StrCat("item-", random.Below(kItems)));
    order.set_quantity(random.Between(1, 3));
    order.set_cents(random.Chance(4) ? 0 : random.Between(1, 500));
    const std::string id = absl::StrCat("order-", i);
    if (order.cents() > 0) {
      work.orders[id] = order;
    } else {
      ++work.mistakes;
    }
    work.events.push_back({.topic = "placed-orders",
                           .key = id,
                           .value = order.SerializeAsString(),
                           .id = id,
                           .type = "saga.v1.OrderPlaced"});
  }
  return work;
}

// How many orders ended how, over all seeds.
using Ends = std::map<OrderStatus, int64_t>;

template <typename T>
T Parse(const std::string& bytes) {
  T value;
  EXPECT_TRUE(value.ParseFromString(bytes));
  return value;
}

using Answers = std::vector<PaymentOutcome>;

// What payments must have answered of an order that ended so.
Answers AnswersOf(OrderStatus status) {
  if (status == ORDER_COMPLETED) return {PAYMENT_CHARGED};
  if (status == ORDER_REJECTED) return {PAYMENT_REFUSED};
  return {PAYMENT_CHARGED, PAYMENT_REFUNDED};
}

void Judge(const Work& work, const TrialResult& result, Ends* ends) {
  std::map<std::string, OrderStatus> outcomes;
  for (const auto& record : result.records.at("order-outcomes")) {
    const auto outcome = Parse<OrderOutcome>(*record.value);
    EXPECT_TRUE(outcomes.emplace(*record.key, outcome.status()).second) << *record.key << " ended twice";
    ++(*ends)[outcome.status()];
  }
  std::map<std::string, Answers> answers;
  for (const auto& record : result.records.at("payment-results")) {
    answers[*record.key].push_back(Parse<PaymentResult>(*record.value).outcome());
  }
  std::map<std::string, int64_t> cents = work.cents;
  std::map<std::string, int64_t> quantity = work.quantity;
  for (const auto& [id, order] : work.orders) {
    ASSERT_TRUE(outcomes.contains(id)) << id << " has not ended";
    EXPECT_EQ(answers[id], AnswersOf(outcomes[id])) << id;
    EXPECT_EQ(Parse<Saga>(result.states.at("order").at(id)).outcome(), outcomes[id]) << id;
    if (outcomes[id] != ORDER_COMPLETED) continue;
    cents[order.account()] -= order.cents();
    quantity[order.item()] -= order.quantity();
  }
  EXPECT_EQ(outcomes.size(), work.orders.size());
  for (const auto& [account, bytes] : result.states.at("account"))
    EXPECT_EQ(Parse<Account>(bytes).cents(), cents[account]) << account;
  for (const auto& [item, bytes] : result.states.at("stock"))
    EXPECT_EQ(Parse<Stock>(bytes).quantity(), quantity[item]) << item;
  EXPECT_EQ(result.records.at("order-saga.dlq").size(), static_cast<size_t>(work.mistakes));
  EXPECT_TRUE(result.records.at("order-services.dlq").empty());
}

TEST(OrderSagaSimulation, EachOrderEndsOnceAndNothingIsLost) {
  int64_t faults = 0;
  int64_t commits = 0;
  int64_t duplicates = 0;
  Ends ends;
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const Work work = Draw(seed);
    const TrialResult result =
        once::sim::RunTrial({.seed = seed,
                             .applications = {{.factory = BuildOrderSaga}, {.factory = BuildOrderServices}},
                             .events = work.events});
    ASSERT_EQ(result.violation, "");
    Judge(work, result, &ends);
    faults += result.faults;
    commits += result.commits;
    duplicates += result.duplicates;
  }
  EXPECT_GT(faults, 2 * kSeeds);
  EXPECT_GT(commits, 10 * kSeeds);
  EXPECT_GT(duplicates, 5 * kSeeds);
  for (const auto status : {ORDER_COMPLETED, ORDER_REJECTED, ORDER_CANCELLED})
    EXPECT_GT(ends[status], kSeeds) << OrderStatus_Name(status);
}

}  // namespace
