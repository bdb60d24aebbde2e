// A topology like examples/order_totals, with a handler of the test's.
#ifndef ONCE_TESTS_DRIVER_SCRIPTED_H_
#define ONCE_TESTS_DRIVER_SCRIPTED_H_

#include <functional>
#include <memory>
#include <utility>

#include "tests/driver/orders.h"

namespace once {

// A topology whose handler does what the test says.
struct Script {
  std::function<absl::Status(const OrderPlaced&)> handle;
  FailurePolicy policy;
  std::shared_ptr<LargeValues> large_values = nullptr;
};

inline TopologyTestDriver::Factory Scripted(const std::shared_ptr<Script>& script) {
  return [script](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("scripted");
    auto orders = builder.AddSource("orders", {.topic = "orders"});
    auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"});
    builder.DeadLetterTo("orders.dlq");
    if (script->large_values != nullptr) builder.KeepLargeEvents(script->large_values);
    builder.AddAggregate<CustomerTotal>("customer")
        .EmitsTo(totals)
        .WithPolicy(script->policy)
        .On<OrderPlaced>(orders, [totals, script](const OrderPlaced& order, auto& customer) {
          CustomerTotal& total = *customer.mutable_state();
          total.set_order_count(total.order_count() + 1);
          total.set_cents(total.cents() + order.cents());
          customer.Emit(totals, total);
          return script->handle(order);
        });
    return std::move(builder).Build();
  };
}

inline std::shared_ptr<Script> NewScript() {
  auto script = std::make_shared<Script>();
  script->handle = [](const OrderPlaced&) { return absl::OkStatus(); };
  return script;
}

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_SCRIPTED_H_
