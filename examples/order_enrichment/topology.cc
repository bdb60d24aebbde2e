#include "examples/order_enrichment/topology.h"

#include <cstdint>
#include <utility>

#include "examples/order_enrichment/enrichment.pb.h"

using enrichment::v1::Customer;
using enrichment::v1::CustomerOrders;
using enrichment::v1::EnrichedOrder;
using enrichment::v1::Order;

namespace {

EnrichedOrder Enrich(const Order& order, const Customer& customer) {
  EnrichedOrder enriched;
  enriched.set_order_id(order.order_id());
  enriched.set_cents(order.cents());
  enriched.set_customer_name(customer.name());
  enriched.set_customer_city(customer.city());
  return enriched;
}

}  // namespace

absl::StatusOr<once::Topology> BuildOrderEnrichment(const once::Config& config) {
  once::TopologyBuilder builder("order-enrichment");
  auto customers = builder.AddSource("customers", {.topic = config.Get("customers_topic", "customers")});
  auto orders = builder.AddSource("orders", {.topic = config.Get("orders_topic", "customer-orders")});
  auto enriched = builder.AddSink<EnrichedOrder>("enriched", {.topic = config.Get("output_topic", "enriched-orders")});
  const int64_t limit = config.Get("max_waiting", int64_t{1'000}, {.help = "Orders that wait for one customer."});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "order-enrichment.dlq"));
  builder.AddAggregate<CustomerOrders>("customer")
      .EmitsTo(enriched)
      .On<Customer>(customers,
                    [enriched](const Customer& customer, auto& context) {
                      CustomerOrders& state = *context.mutable_state();
                      *state.mutable_customer() = customer;
                      // No order of topics is promised: those that came first have waited for this.
                      for (const Order& order : state.waiting()) context.Emit(enriched, Enrich(order, customer));
                      state.clear_waiting();
                      return absl::OkStatus();
                    })
      .OnTombstone(customers,
                   [](auto& context) {
                     context.mutable_state()->clear_customer();
                     return absl::OkStatus();
                   })
      .On<Order>(orders, [enriched, limit](const Order& order, auto& context) {
        if (order.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
        CustomerOrders& state = *context.mutable_state();
        if (state.has_customer()) {
          context.Emit(enriched, Enrich(order, state.customer()));
          return absl::OkStatus();
        }
        if (state.waiting_size() >= limit) return absl::FailedPreconditionError("too many orders of no known customer");
        *state.add_waiting() = order;
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}
