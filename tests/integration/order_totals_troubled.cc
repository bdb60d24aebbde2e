// A version of order_totals with a fault, for as long as --trouble_file is there. The file has lines of a word and
// whose orders meet it, a customer's, those of so many cents, or all ("*"): "fail" for good, "wait" for a service that
// is away, "die" ends the process.
#include <cstdlib>
#include <fstream>
#include <string>

#include "examples/order_totals/orders.pb.h"
#include "once/main.h"
#include "once/topology.h"

namespace {

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

absl::Status MeetTrouble(const std::string& path, const std::string& customer, const std::string& cents) {
  std::ifstream file(path);
  for (std::string what, whose; file >> what >> whose;) {
    if (whose != customer && whose != cents && whose != "*") continue;
    if (what == "die") std::abort();
    if (what == "wait") return absl::UnavailableError("the rates service is away");
    return absl::InternalError("no rate for this customer");
  }
  return absl::OkStatus();
}

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  once::TopologyBuilder builder("order-totals");
  auto orders = builder.AddSource("orders", {.topic = config.Get("input_topic", "orders")});
  auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = config.Get("output_topic", "customer-totals")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "orders.dlq"));
  const std::string trouble = config.Get("trouble_file", "");
  builder.AddAggregate<CustomerTotal>("customer")
      .EmitsTo(totals)
      .On<OrderPlaced>(orders, [totals, trouble](const OrderPlaced& order, auto& customer) {
        absl::Status met = MeetTrouble(trouble, customer.key(), std::to_string(order.cents()));
        if (!met.ok()) return met;
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
