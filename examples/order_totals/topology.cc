#include "examples/order_totals/topology.h"

#include <cstdint>
#include <utility>

#include "examples/order_totals/orders.pb.h"

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

absl::StatusOr<once::Topology> BuildOrderTotals(const once::Config& config) {
  once::TopologyBuilder builder("order-totals");
  auto orders = builder.AddSource("orders", {.topic = config.Get("input_topic", "orders")});
  auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = config.Get("output_topic", "customer-totals")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "orders.dlq"));
  builder.AddAggregate<CustomerTotal>("customer")
      .EmitsTo(totals)
      .On<OrderPlaced>(orders, [totals](const OrderPlaced& order, auto& customer) {
        if (order.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
        CustomerTotal& total = *customer.mutable_state();
        if (order.cents() > INT64_MAX - total.cents()) return absl::OutOfRangeError("total overflows");
        total.set_customer_id(customer.key());
        total.set_order_count(total.order_count() + 1);
        total.set_cents(total.cents() + order.cents());
        customer.Emit(totals, total);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}
