#include "examples/payments_route/topology.h"

#include <cstdint>
#include <utility>

#include "examples/payments_route/payments.pb.h"

using payments::v1::Payment;
using payments::v1::Review;

absl::StatusOr<once::Topology> BuildPaymentsRoute(const once::Config& config) {
  once::TopologyBuilder builder("payments-route");
  auto payments = builder.AddSource("payments", {.topic = config.Get("input_topic", "payments")});
  auto small = builder.AddSink<Payment>("small", {.topic = config.Get("small_topic", "payments-small")});
  auto large = builder.AddSink<Review>("large", {.topic = config.Get("review_topic", "payments-review")});
  const int64_t limit = config.Get("review_cents", int64_t{100'000}, {.help = "Payments from here on are reviewed."});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "payments.dlq"));
  builder.AddTransform("route")
      .EmitsTo(small, large)
      .On<Payment>(payments,
                   [=](const Payment& payment, auto& event) {
                     if (payment.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
                     if (payment.test()) return absl::OkStatus();  // filter
                     if (payment.cents() < limit) {
                       event.Forward(small);  // branch: key, bytes and headers untouched
                       return absl::OkStatus();
                     }
                     Review review;
                     review.set_payment_id(event.key());
                     review.set_cents(payment.cents());
                     review.set_reason("large");
                     event.Emit(large, payment.account_id(), review, {.headers = {{"priority", "high"}}});  // re-key
                     return absl::OkStatus();
                   })
      .OnTombstone(payments, [=](auto& event) {
        event.EmitTombstone(small);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}
