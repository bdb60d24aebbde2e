// order_totals as chaos runs it: the same topology, with a codec and a handler that do what some orders tell them to.
// An order whose ID begins with
//   codec-   cannot be decoded: the codec throws
//   throws-  makes the handler throw, after it has written and emitted
//   deadly-  ends the process, after it has written and emitted
//   broken-  cannot be processed as long as there is the file that CHAOS_HANDLERS names, with ".broken"
// and while the file that CHAOS_HANDLERS names is there, every handler takes as long as it says (see Pace). Linked in
// the place of examples/order_totals/topology.cc.
#include <sys/resource.h>
#include <unistd.h>

#include <chrono>
#include <cstdint>
#include <cstdlib>
#include <fstream>
#include <mutex>
#include <random>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>

#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/topology.h"
#include "once/codec.h"

namespace {

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

struct OddOrder {
  OrderPlaced order;
};

bool Begins(const std::string& id, std::string_view what) { return id.compare(0, what.size(), what) == 0; }

// How long handlers take: "LOW HIGH" in the file, milliseconds, drawn for each. A second file, its name with ".once",
// holds how long one single handler takes besides: the first that takes the file away. Thread-safe.
class Pace {
 public:
  Pace() : path_(std::getenv("CHAOS_HANDLERS") == nullptr ? "" : std::getenv("CHAOS_HANDLERS")) {}

  bool IsBroken() const { return !path_.empty() && access((path_ + ".broken").c_str(), F_OK) == 0; }

  void Take() {
    const int64_t ms = path_.empty() ? 0 : Draw();
    if (ms > 0) std::this_thread::sleep_for(std::chrono::milliseconds(ms));
  }

 private:
  int64_t Draw() {
    const std::lock_guard<std::mutex> lock(mutex_);
    const auto now = std::chrono::steady_clock::now();
    if (now >= next_look_) {
      next_look_ = now + std::chrono::milliseconds(20);
      low_ = high_ = 0;
      if (std::ifstream file(path_); !(file >> low_ >> high_)) low_ = high_ = 0;
    }
    if (high_ <= 0) return 0;
    int64_t once = 0;
    const std::string once_path = path_ + ".once";
    if (std::ifstream file(once_path); !(file >> once) || unlink(once_path.c_str()) != 0) once = 0;
    return once + std::uniform_int_distribution<int64_t>(low_, high_)(random_);
  }

  const std::string path_;
  std::mutex mutex_;
  std::chrono::steady_clock::time_point next_look_{};
  int64_t low_ = 0;
  int64_t high_ = 0;
  std::minstd_rand random_{std::random_device()()};
};

[[noreturn]] void Die() {
  const rlimit none = {0, 0};
  setrlimit(RLIMIT_CORE, &none);
  std::abort();
}

}  // namespace

template <>
struct once::Codec<OddOrder> {
  static std::string TypeName() { return Codec<OrderPlaced>::TypeName(); }
  static absl::Status Decode(std::string_view bytes, OddOrder* value) {
    const absl::Status decoded = Codec<OrderPlaced>::Decode(bytes, &value->order);
    if (decoded.ok() && Begins(value->order.order_id(), "codec-")) throw std::out_of_range("a codec that throws");
    return decoded;
  }
  static std::string_view Encode(const OddOrder& value, Arena* arena) {
    return Codec<OrderPlaced>::Encode(value.order, arena);
  }
  static std::string ToText(const OddOrder& value) { return Codec<OrderPlaced>::ToText(value.order); }
  static absl::StatusOr<OddOrder> FromText(const std::string& text) {
    const absl::StatusOr<OrderPlaced> order = Codec<OrderPlaced>::FromText(text);
    if (!order.ok()) return order.status();
    return OddOrder{*order};
  }
};

absl::StatusOr<once::Topology> BuildOrderTotals(const once::Config& config) {
  once::TopologyBuilder builder("order-totals");
  auto orders = builder.AddSource("orders", {.topic = config.Get("input_topic", "orders")});
  auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = config.Get("output_topic", "customer-totals")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "orders.dlq"));
  auto pace = std::make_shared<Pace>();
  builder.AddAggregate<CustomerTotal>("customer")
      .EmitsTo(totals)
      .On<OddOrder>(orders, [totals, pace](const OddOrder& odd, auto& customer) {
        pace->Take();
        const OrderPlaced& order = odd.order;
        if (order.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
        if (Begins(order.order_id(), "broken-") && pace->IsBroken()) return absl::InvalidArgumentError("it is broken");
        CustomerTotal& total = *customer.mutable_state();
        if (order.cents() > INT64_MAX - total.cents()) return absl::OutOfRangeError("total overflows");
        total.set_customer_id(customer.key());
        total.set_order_count(total.order_count() + 1);
        total.set_cents(total.cents() + order.cents());
        customer.Emit(totals, total);
        if (Begins(order.order_id(), "deadly-")) Die();
        // Half of them something that has no text.
        if (Begins(order.order_id(), "throws-")) {
          if (order.cents() % 2 == 0) throw order.cents();
          throw std::runtime_error("a handler that throws");
        }
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}
