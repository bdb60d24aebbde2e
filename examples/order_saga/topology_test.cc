// Each application by itself: the test is the other one.
#include "examples/order_saga/topology.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "examples/order_saga/saga.pb.h"
#include "tests/testkit/topology_test_driver.h"

namespace {

using saga::v1::Account;
using saga::v1::Charge;
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
using saga::v1::Refund;
using saga::v1::Restock;
using saga::v1::Ship;
using saga::v1::SHIPPING_DONE;
using saga::v1::SHIPPING_REFUSED;
using saga::v1::ShippingOutcome;
using saga::v1::ShippingResult;
using saga::v1::Stock;

OrderPlaced Placed(int64_t quantity, int64_t cents) {
  OrderPlaced order;
  order.set_account("alice");
  order.set_item("book");
  order.set_quantity(quantity);
  order.set_cents(cents);
  return order;
}

PaymentResult Paid(PaymentOutcome outcome) {
  PaymentResult result;
  result.set_outcome(outcome);
  return result;
}

ShippingResult Shipped(ShippingOutcome outcome) {
  ShippingResult result;
  result.set_outcome(outcome);
  return result;
}

class OrderSagaTest : public testing::Test {
 protected:
  template <typename T>
  void Send(const std::string& source, const T& value) {
    driver_.Send(source, "o1", value);
    driver_.RunUntilIdle();
  }
  std::vector<OrderStatus> Outcomes() const {
    std::vector<OrderStatus> outcomes;
    for (const auto& record : driver_.Read<OrderOutcome>("order-outcomes")) outcomes.push_back(record.value->status());
    return outcomes;
  }

  once::TopologyTestDriver driver_{BuildOrderSaga, {.partitions = 4}};
};

TEST_F(OrderSagaTest, IsPaidThenShippedThenCompleted) {
  Send("orders", Placed(2, 500));
  const auto charges = driver_.Read<Charge>("payment-commands");
  ASSERT_EQ(charges.size(), 1u);
  EXPECT_EQ(charges[0].key, "alice");
  EXPECT_EQ(charges[0].value->order_id(), "o1");
  EXPECT_EQ(charges[0].value->cents(), 500);
  EXPECT_TRUE(driver_.Read<Ship>("shipping-commands").empty());
  Send("payment-results", Paid(PAYMENT_CHARGED));
  const auto shipments = driver_.Read<Ship>("shipping-commands");
  ASSERT_EQ(shipments.size(), 1u);
  EXPECT_EQ(shipments[0].key, "book");
  EXPECT_EQ(shipments[0].value->quantity(), 2);
  EXPECT_TRUE(Outcomes().empty());
  driver_.CrashAndLoseDisk();
  Send("shipping-results", Shipped(SHIPPING_DONE));
  EXPECT_EQ(Outcomes(), std::vector{ORDER_COMPLETED});
}

TEST_F(OrderSagaTest, IsRejectedWithoutMoney) {
  Send("orders", Placed(2, 500));
  Send("payment-results", Paid(PAYMENT_REFUSED));
  EXPECT_EQ(Outcomes(), std::vector{ORDER_REJECTED});
  EXPECT_TRUE(driver_.Read<Ship>("shipping-commands").empty());
}

TEST_F(OrderSagaTest, IsCancelledOnceTheMoneyIsBack) {
  Send("orders", Placed(2, 500));
  Send("payment-results", Paid(PAYMENT_CHARGED));
  Send("shipping-results", Shipped(SHIPPING_REFUSED));
  EXPECT_TRUE(Outcomes().empty());
  const auto commands = driver_.Read<Refund>("payment-commands");
  ASSERT_EQ(commands.size(), 2u);
  EXPECT_EQ(commands[1].value->order_id(), "o1");
  EXPECT_EQ(commands[1].value->cents(), 500);
  Send("payment-results", Paid(PAYMENT_REFUNDED));
  EXPECT_EQ(Outcomes(), std::vector{ORDER_CANCELLED});
}

TEST_F(OrderSagaTest, AnOrderThatIsPlacedAgainIsChargedForOnce) {
  Send("orders", Placed(2, 500));
  Send("orders", Placed(2, 500));
  EXPECT_EQ(driver_.Read<Charge>("payment-commands").size(), 1u);
  EXPECT_TRUE(driver_.dead_letters().empty());
}

TEST_F(OrderSagaTest, AnswersThatDoNotFitAreDeadLettered) {
  Send("orders", Placed(2, 500));
  Send("shipping-results", Shipped(SHIPPING_DONE));
  ASSERT_EQ(driver_.dead_letters().size(), 1u);
  EXPECT_EQ(driver_.dead_letters()[0].reason, "FAILED_PRECONDITION");
  EXPECT_EQ(driver_.dead_letters()[0].message, "SHIPPING_DONE does not fit step STEP_CHARGING of its order");
}

// As of a newer version of shipping: it is no reason to take the money back.
TEST_F(OrderSagaTest, AnAnswerThatIsNotKnownIsDeadLettered) {
  Send("orders", Placed(2, 500));
  Send("payment-results", Paid(PAYMENT_CHARGED));
  Send("shipping-results", Shipped(static_cast<ShippingOutcome>(77)));
  ASSERT_EQ(driver_.dead_letters().size(), 1u);
  EXPECT_EQ(driver_.dead_letters()[0].message, "an unknown answer does not fit step STEP_SHIPPING of its order");
  EXPECT_EQ(driver_.Read<Refund>("payment-commands").size(), 1u) << "only the charge";
}

TEST_F(OrderSagaTest, OrdersOfNothingAreDeadLettered) {
  Send("orders", Placed(0, 500));
  ASSERT_EQ(driver_.dead_letters().size(), 1u);
  EXPECT_EQ(driver_.dead_letters()[0].message, "quantity must be positive");
  driver_.Send("orders", "o2", Placed(1, 0));
  driver_.RunUntilIdle();
  ASSERT_EQ(driver_.dead_letters().size(), 2u);
  EXPECT_TRUE(driver_.Read<Charge>("payment-commands").empty());
}

TEST(OrderServicesTest, ChargesWhatIsThereAndTakesItBack) {
  once::TopologyTestDriver driver(BuildOrderServices, {.partitions = 4});
  Deposit deposit;
  deposit.set_cents(700);
  Charge charge;
  charge.set_cents(500);
  Refund refund;
  refund.set_cents(500);
  const auto send = [&](const auto& command, const std::string& type) {
    driver.Send("payment-commands", "alice", command, {.event_type = type});
  };
  send(deposit, "saga.v1.Deposit");
  charge.set_order_id("o1");
  send(charge, "saga.v1.Charge");
  charge.set_order_id("o2");
  send(charge, "saga.v1.Charge");
  refund.set_order_id("o1");
  send(refund, "saga.v1.Refund");
  driver.RunUntilIdle();
  std::map<std::string, std::vector<PaymentOutcome>> results;
  for (const auto& record : driver.Read<PaymentResult>("payment-results"))
    results[record.key].push_back(record.value->outcome());
  EXPECT_EQ(results["o1"], (std::vector{PAYMENT_CHARGED, PAYMENT_REFUNDED}));
  EXPECT_EQ(results["o2"], std::vector{PAYMENT_REFUSED});
  EXPECT_EQ(driver.State<Account>("account", "alice")->cents(), 700);
}

// Anybody may write to the topic.
TEST(OrderServicesTest, NobodyIsChargedLessThanNothing) {
  once::TopologyTestDriver driver(BuildOrderServices);
  Charge charge;
  charge.set_order_id("o1");
  charge.set_cents(-500);
  driver.Send("payment-commands", "alice", charge, {.event_type = "saga.v1.Charge"});
  Ship ship;
  ship.set_quantity(-1);
  driver.Send("shipping-commands", "book", ship, {.event_type = "saga.v1.Ship"});
  driver.RunUntilIdle();
  EXPECT_EQ(driver.dead_letters().size(), 2u);
  EXPECT_FALSE(driver.State<Account>("account", "alice").has_value());
  EXPECT_FALSE(driver.State<Stock>("stock", "book").has_value());
}

TEST(OrderServicesTest, ShipsWhatIsThere) {
  once::TopologyTestDriver driver(BuildOrderServices);
  Restock restock;
  restock.set_quantity(3);
  Ship ship;
  ship.set_quantity(2);
  driver.Send("shipping-commands", "book", restock, {.event_type = "saga.v1.Restock"});
  driver.Send("shipping-commands", "book", ship, {.event_type = "saga.v1.Ship"});
  driver.Send("shipping-commands", "book", ship, {.event_type = "saga.v1.Ship"});
  driver.RunUntilIdle();
  const auto results = driver.Read<ShippingResult>("shipping-results");
  ASSERT_EQ(results.size(), 2u);
  EXPECT_EQ(results[0].value->outcome(), SHIPPING_DONE);
  EXPECT_EQ(results[1].value->outcome(), SHIPPING_REFUSED);
  EXPECT_EQ(driver.State<Stock>("stock", "book")->quantity(), 1);
}

}  // namespace
