// Orders on two ways: all to their customer's total, and by size to one of two topics. What the page is tried on.
// --trouble_file has lines "fail CUSTOMER": that customer's orders fail as long as they stand there.
#include <fstream>
#include <string>

#include "examples/order_totals/orders.pb.h"
#include "once/main.h"
#include "once/topology.h"

namespace {

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

constexpr int64_t kLarge = 90'000;

bool IsInTrouble(const std::string& path, const std::string& customer) {
  std::ifstream file(path);
  for (std::string what, whose; file >> what >> whose;) {
    if (whose == customer) return true;
  }
  return false;
}

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  once::TopologyBuilder builder("shop");
  auto orders = builder.AddSource("orders", {.topic = config.Get("input_topic", "orders")});
  auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = config.Get("output_topic", "customer-totals")});
  auto small = builder.AddSink<OrderPlaced>("small", {.topic = config.Get("small_topic", "small-orders")});
  auto large = builder.AddSink<OrderPlaced>("large", {.topic = config.Get("large_topic", "large-orders")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "orders.dlq"));
  const std::string trouble = config.Get("trouble_file", "");
  builder.AddTransform("sort")
      .EmitsTo(small, large)
      .On<OrderPlaced>(orders, [=](const OrderPlaced& order, auto& event) {
        event.Forward(order.cents() < kLarge ? small : large);
        return absl::OkStatus();
      });
  builder.AddAggregate<CustomerTotal>("customer")
      .EmitsTo(totals)
      .On<OrderPlaced>(orders, [=](const OrderPlaced& order, auto& customer) {
        if (IsInTrouble(trouble, customer.key())) return absl::InternalError("no rate for this customer");
        if (order.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
        CustomerTotal& total = *customer.mutable_state();
        total.set_customer_id(customer.key());
        total.set_order_count(total.order_count() + 1);
        total.set_cents(total.cents() + order.cents());
        customer.Emit(totals, total);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
