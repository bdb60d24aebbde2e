#include "tests/driver/scripted.h"

#include <utility>

#include "absl/status/statusor.h"

namespace once {

TopologyTestDriver::Factory Scripted(const std::shared_ptr<Script>& script) {
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

std::shared_ptr<Script> NewScript() {
  auto script = std::make_shared<Script>();
  script->handle = [](const OrderPlaced&) { return absl::OkStatus(); };
  return script;
}

}  // namespace once
