// The saga on a real broker: both programs are killed with -9 while orders are under way.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/order_saga/saga.pb.h"
#include "tests/integration/program_scene.h"

namespace {

using once::ProgramEvent;
using once::ProgramRecord;
using once::ProgramScene;
using saga::v1::Deposit;
using saga::v1::ORDER_CANCELLED;
using saga::v1::ORDER_COMPLETED;
using saga::v1::ORDER_REJECTED;
using saga::v1::OrderOutcome;
using saga::v1::OrderPlaced;
using saga::v1::OrderStatus;
using saga::v1::PAYMENT_CHARGED;
using saga::v1::PAYMENT_REFUNDED;
using saga::v1::PAYMENT_REFUSED;
using saga::v1::PaymentOutcome;
using saga::v1::PaymentResult;
using saga::v1::Restock;

constexpr int kAccounts = 10;
constexpr int kOrders = 300;
constexpr int64_t kCents = 100;            // Of each order.
constexpr int64_t kDeposit = 20 * kCents;  // For each account, which places 30 orders.
constexpr int64_t kGoods = 150;            // In all; each order wants one.

// Each twice: a copy must not count.
std::vector<ProgramEvent> Funds() {
  std::vector<ProgramEvent> events;
  for (int i = 0; i < kAccounts; ++i) {
    Deposit deposit;
    deposit.set_cents(kDeposit);
    events.push_back({.topic = "payment-commands",
                      .key = absl::StrCat("account-", i),
                      .value = deposit.SerializeAsString(),
                      .id = absl::StrCat("deposit-", i),
                      .type = "saga.v1.Deposit"});
  }
  Restock restock;
  restock.set_quantity(kGoods);
  events.push_back({.topic = "shipping-commands",
                    .key = "book",
                    .value = restock.SerializeAsString(),
                    .id = "restock",
                    .type = "saga.v1.Restock"});
  const std::vector<ProgramEvent> copies = events;
  events.insert(events.end(), copies.begin(), copies.end());
  return events;
}

std::vector<ProgramEvent> Orders(int first, int count) {
  std::vector<ProgramEvent> events;
  for (int i = first; i < first + count; ++i) {
    OrderPlaced order;
    order.set_account(absl::StrCat("account-", i % kAccounts));
    order.set_item("book");
    order.set_quantity(1);
    order.set_cents(kCents);
    events.push_back({.topic = "orders",
                      .key = absl::StrCat("order-", i),
                      .value = order.SerializeAsString(),
                      .id = absl::StrCat("order-", i),
                      .type = "saga.v1.OrderPlaced"});
    if (i % 10 == 0) events.push_back(events.back());  // A duplicate.
  }
  return events;
}

class OrderSagaBroker : public testing::Test {
 protected:
  void SetUp() override {
    scene_.CreateTopics({"orders", "payment-commands", "payment-results", "shipping-commands", "shipping-results",
                         "outcomes", "saga-dlq", "services-dlq"});
  }
  void StartBoth() {
    saga_ = scene_.Start({.application = "saga", .flags = Flags("saga-dlq")});
    services_ = scene_.Start(
        {.program = "examples/order_saga/order_services", .application = "services", .flags = Flags("services-dlq")});
  }
  std::vector<std::string> Flags(const std::string& dead_letters) const {
    return {"--orders_topic=" + scene_.Topic("orders"),
            "--payment_commands_topic=" + scene_.Topic("payment-commands"),
            "--payment_results_topic=" + scene_.Topic("payment-results"),
            "--shipping_commands_topic=" + scene_.Topic("shipping-commands"),
            "--shipping_results_topic=" + scene_.Topic("shipping-results"),
            "--outcomes_topic=" + scene_.Topic("outcomes"),
            "--dead_letter_topic=" + scene_.Topic(dead_letters)};
  }

  ProgramScene scene_{"saga", "examples/order_saga/order_saga"};
  std::unique_ptr<once::Process> saga_;
  std::unique_ptr<once::Process> services_;
};

TEST_F(OrderSagaBroker, EachOrderEndsOnceThoughBothAreKilled) {
  StartBoth();
  scene_.Send(Funds());
  scene_.Send(Orders(0, kOrders / 2));
  ASSERT_TRUE(once::Scene::Eventually([&] { return !scene_.Read("outcomes").empty(); })) << saga_->Log();
  scene_.Send(Orders(kOrders / 2, kOrders / 2));
  ProgramScene::Kill(saga_.get());
  ProgramScene::Kill(services_.get());
  StartBoth();
  ASSERT_TRUE(once::Scene::Eventually([&] { return scene_.Read("outcomes").size() >= kOrders; }))
      << saga_->Log() << services_->Log();
  ASSERT_TRUE(scene_.AwaitConsumed({"orders", "payment-results", "shipping-results"}, "saga")) << saga_->Log();

  std::map<std::string, OrderStatus> outcomes;
  std::map<OrderStatus, int64_t> count;
  for (const ProgramRecord& record : scene_.Read("outcomes")) {
    OrderOutcome outcome;
    ASSERT_TRUE(outcome.ParseFromString(record.value.value_or("")));
    EXPECT_TRUE(outcomes.emplace(record.key, outcome.status()).second) << record.key << " ended twice";
    ++count[outcome.status()];
  }
  EXPECT_EQ(outcomes.size(), static_cast<size_t>(kOrders));
  // Each account could pay for 20 at once, and what is refunded may pay for more.
  EXPECT_EQ(count[ORDER_COMPLETED], kGoods);
  EXPECT_EQ(count[ORDER_COMPLETED] + count[ORDER_REJECTED] + count[ORDER_CANCELLED], kOrders);
  std::map<PaymentOutcome, int64_t> answers;
  for (const ProgramRecord& record : scene_.Read("payment-results")) {
    PaymentResult result;
    ASSERT_TRUE(result.ParseFromString(record.value.value_or("")));
    ++answers[result.outcome()];
  }
  EXPECT_EQ(answers[PAYMENT_CHARGED], kGoods + count[ORDER_CANCELLED]);
  EXPECT_EQ(answers[PAYMENT_REFUNDED], count[ORDER_CANCELLED]);
  EXPECT_EQ(answers[PAYMENT_REFUSED], count[ORDER_REJECTED]);
  EXPECT_TRUE(scene_.Read("saga-dlq").empty());
  EXPECT_TRUE(scene_.Read("services-dlq").empty());
}

}  // namespace
