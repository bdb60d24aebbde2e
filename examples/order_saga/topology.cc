#include "examples/order_saga/topology.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/order_saga/saga.pb.h"

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
using saga::v1::PaymentOutcome_Name;
using saga::v1::PaymentResult;
using saga::v1::Refund;
using saga::v1::Restock;
using saga::v1::Saga;
using saga::v1::SagaStep_Name;
using saga::v1::Ship;
using saga::v1::SHIPPING_DONE;
using saga::v1::SHIPPING_REFUSED;
using saga::v1::ShippingOutcome_Name;
using saga::v1::ShippingResult;
using saga::v1::STEP_CHARGING;
using saga::v1::STEP_ENDED;
using saga::v1::STEP_REFUNDING;
using saga::v1::STEP_SHIPPING;
using saga::v1::Stock;

namespace {

struct Topics {
  explicit Topics(const once::Config& config)
      : orders(config.Get("orders_topic", "placed-orders")),
        payment_commands(config.Get("payment_commands_topic", "payment-commands")),
        payment_results(config.Get("payment_results_topic", "payment-results")),
        shipping_commands(config.Get("shipping_commands_topic", "shipping-commands")),
        shipping_results(config.Get("shipping_results_topic", "shipping-results")),
        outcomes(config.Get("outcomes_topic", "order-outcomes")) {}

  std::string orders;
  std::string payment_commands;
  std::string payment_results;
  std::string shipping_commands;
  std::string shipping_results;
  std::string outcomes;
};

using OutcomeSink = once::Sink<OrderOutcome, std::string>;

// An answer that the step does not wait for: somebody else writes to the topic, or a service answers twice, or in words
// that are new.
absl::Status Unexpected(const Saga& saga, const std::string& answer) {
  return absl::FailedPreconditionError(absl::StrCat(answer.empty() ? "an unknown answer" : answer,
                                                    " does not fit step ", SagaStep_Name(saga.step()),
                                                    " of its order"));
}

// Nobody pays, is paid or ships less than nothing.
absl::Status CheckPositive(int64_t number, const char* name) {
  return number > 0 ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrCat(name, " must be positive"));
}

template <typename Context>
absl::Status End(OrderStatus status, const OutcomeSink& outcomes, Context& context) {
  Saga& saga = *context.mutable_state();
  saga.set_step(STEP_ENDED);
  saga.set_outcome(status);
  OrderOutcome outcome;
  outcome.set_status(status);
  context.Emit(outcomes, outcome);
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<once::Topology> BuildOrderSaga(const once::Config& config) {
  const Topics topics(config);
  once::TopologyBuilder builder("order-saga");
  auto orders = builder.AddSource("orders", {.topic = topics.orders});
  auto payment_results = builder.AddSource("payment-results", {.topic = topics.payment_results});
  auto shipping_results = builder.AddSource("shipping-results", {.topic = topics.shipping_results});
  auto charges = builder.AddSink<Charge>("charges", {.topic = topics.payment_commands});
  auto refunds = builder.AddSink<Refund>("refunds", {.topic = topics.payment_commands});
  auto shipments = builder.AddSink<Ship>("shipments", {.topic = topics.shipping_commands});
  auto outcomes = builder.AddSink<OrderOutcome>("outcomes", {.topic = topics.outcomes});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "order-saga.dlq"));
  builder.AddAggregate<Saga>("order")
      .EmitsTo(charges, refunds, shipments, outcomes)
      .On<OrderPlaced>(orders,
                       [charges](const OrderPlaced& order, auto& context) {
                         if (auto checked = CheckPositive(order.cents(), "cents"); !checked.ok()) return checked;
                         if (auto checked = CheckPositive(order.quantity(), "quantity"); !checked.ok()) return checked;
                         // Placed again under another event ID: an order is charged for once.
                         if (context.exists()) return absl::OkStatus();
                         context.mutable_state()->set_step(STEP_CHARGING);
                         *context.mutable_state()->mutable_order() = order;
                         Charge charge;
                         charge.set_order_id(context.key());
                         charge.set_cents(order.cents());
                         context.Emit(charges, order.account(), charge);
                         return absl::OkStatus();
                       })
      .On<PaymentResult>(payment_results,
                         [shipments, outcomes](const PaymentResult& result, auto& context) {
                           const Saga& saga = context.state();
                           if (saga.step() == STEP_CHARGING && result.outcome() == PAYMENT_CHARGED) {
                             Ship ship;
                             ship.set_order_id(context.key());
                             ship.set_quantity(saga.order().quantity());
                             context.Emit(shipments, saga.order().item(), ship);
                             context.mutable_state()->set_step(STEP_SHIPPING);
                             return absl::OkStatus();
                           }
                           if (saga.step() == STEP_CHARGING && result.outcome() == PAYMENT_REFUSED)
                             return End(ORDER_REJECTED, outcomes, context);
                           if (saga.step() == STEP_REFUNDING && result.outcome() == PAYMENT_REFUNDED)
                             return End(ORDER_CANCELLED, outcomes, context);
                           return Unexpected(saga, PaymentOutcome_Name(result.outcome()));
                         })
      .On<ShippingResult>(shipping_results, [refunds, outcomes](const ShippingResult& result, auto& context) {
        const Saga& saga = context.state();
        const bool is_shipped = result.outcome() == SHIPPING_DONE;
        if (saga.step() != STEP_SHIPPING || (!is_shipped && result.outcome() != SHIPPING_REFUSED))
          return Unexpected(saga, ShippingOutcome_Name(result.outcome()));
        if (is_shipped) return End(ORDER_COMPLETED, outcomes, context);
        // Compensation: what was done is taken back, in the opposite order.
        Refund refund;
        refund.set_order_id(context.key());
        refund.set_cents(saga.order().cents());
        context.Emit(refunds, saga.order().account(), refund);
        context.mutable_state()->set_step(STEP_REFUNDING);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

absl::StatusOr<once::Topology> BuildOrderServices(const once::Config& config) {
  const Topics topics(config);
  once::TopologyBuilder builder("order-services");
  auto payment_commands = builder.AddSource("payment-commands", {.topic = topics.payment_commands});
  auto shipping_commands = builder.AddSource("shipping-commands", {.topic = topics.shipping_commands});
  auto payment_results = builder.AddSink<PaymentResult>("payment-results", {.topic = topics.payment_results});
  auto shipping_results = builder.AddSink<ShippingResult>("shipping-results", {.topic = topics.shipping_results});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "order-services.dlq"));
  builder.AddAggregate<Account>("account")
      .EmitsTo(payment_results)
      .On<Deposit>(payment_commands,
                   [](const Deposit& deposit, auto& account) {
                     if (auto checked = CheckPositive(deposit.cents(), "cents"); !checked.ok()) return checked;
                     Account& state = *account.mutable_state();
                     if (deposit.cents() > INT64_MAX - state.cents()) return absl::OutOfRangeError("balance overflows");
                     state.set_cents(state.cents() + deposit.cents());
                     return absl::OkStatus();
                   })
      .On<Charge>(payment_commands,
                  [payment_results](const Charge& charge, auto& account) {
                    if (auto checked = CheckPositive(charge.cents(), "cents"); !checked.ok()) return checked;
                    // Too little money is an answer, no failure: a dead letter would block the account.
                    const bool is_covered = account.state().cents() >= charge.cents();
                    if (is_covered) account.mutable_state()->set_cents(account.state().cents() - charge.cents());
                    PaymentResult result;
                    result.set_outcome(is_covered ? PAYMENT_CHARGED : PAYMENT_REFUSED);
                    account.Emit(payment_results, charge.order_id(), result);
                    return absl::OkStatus();
                  })
      .On<Refund>(payment_commands, [payment_results](const Refund& refund, auto& account) {
        if (auto checked = CheckPositive(refund.cents(), "cents"); !checked.ok()) return checked;
        account.mutable_state()->set_cents(account.state().cents() + refund.cents());
        PaymentResult result;
        result.set_outcome(PAYMENT_REFUNDED);
        account.Emit(payment_results, refund.order_id(), result);
        return absl::OkStatus();
      });
  builder.AddAggregate<Stock>("stock")
      .EmitsTo(shipping_results)
      .On<Restock>(shipping_commands,
                   [](const Restock& restock, auto& stock) {
                     if (auto checked = CheckPositive(restock.quantity(), "quantity"); !checked.ok()) return checked;
                     Stock& state = *stock.mutable_state();
                     if (restock.quantity() > INT64_MAX - state.quantity())
                       return absl::OutOfRangeError("stock overflows");
                     state.set_quantity(state.quantity() + restock.quantity());
                     return absl::OkStatus();
                   })
      .On<Ship>(shipping_commands, [shipping_results](const Ship& ship, auto& stock) {
        if (auto checked = CheckPositive(ship.quantity(), "quantity"); !checked.ok()) return checked;
        const bool is_there = stock.state().quantity() >= ship.quantity();
        if (is_there) stock.mutable_state()->set_quantity(stock.state().quantity() - ship.quantity());
        ShippingResult result;
        result.set_outcome(is_there ? SHIPPING_DONE : SHIPPING_REFUSED);
        stock.Emit(shipping_results, ship.order_id(), result);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}
