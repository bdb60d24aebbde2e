#include "examples/order_totals/generator_load.h"

#include <algorithm>
#include <cmath>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "examples/order_totals/orders.pb.h"

namespace orders::generator {

namespace {

constexpr int64_t kMaxCustomers = 10'000'000;
constexpr int64_t kMaxCents = 100'000;
constexpr int64_t kRecentOrders = 100;

// What a random number is drawn for; each is independent of the others.
enum Purpose : uint64_t { kCustomer = 1, kCents, kIsPoison, kPoisonKind, kIsDuplicate, kDuplicateKind, kDuplicateOf };

// SplitMix64's output function.
uint64_t Mix(uint64_t x) {
  x += 0x9e3779b97f4a7c15;
  x = (x ^ (x >> 30)) * 0xbf58476d1ce4e5b9;
  x = (x ^ (x >> 27)) * 0x94d049bb133111eb;
  return x ^ (x >> 31);
}

// In [0, 1). The standard library's distributions differ between implementations.
double Unit(uint64_t random) { return static_cast<double>(random >> 11) * 0x1.0p-53; }

int64_t Below(uint64_t random, int64_t limit) {
  return static_cast<int64_t>((static_cast<unsigned __int128>(random) * static_cast<uint64_t>(limit)) >> 64);
}

bool Hit(uint64_t random, double percent) { return Unit(random) * 100 < percent; }

absl::Status OutOfRange(const char* flag, const std::string& value, const char* range) {
  return absl::InvalidArgumentError(absl::StrCat("--", flag, "=", value, " is out of range: give ", range));
}

}  // namespace

absl::Status Validate(const LoadOptions& options) {
  if (options.orders < 1) return OutOfRange("orders", absl::StrCat(options.orders), "at least 1");
  if (options.start_index < 0) return OutOfRange("start_index", absl::StrCat(options.start_index), "at least 0");
  if (options.start_index > INT64_MAX - options.orders) {
    return OutOfRange("start_index", absl::StrCat(options.start_index), "a smaller one");
  }
  if (!(options.duplicates_percent >= 0 && options.duplicates_percent <= 100)) {
    return OutOfRange("duplicates_percent", absl::StrCat(options.duplicates_percent), "0 to 100");
  }
  if (!(options.poison_percent >= 0 && options.poison_percent <= 100)) {
    return OutOfRange("poison_percent", absl::StrCat(options.poison_percent), "0 to 100");
  }
  if (options.poison_percent > 0 && !options.poison_negative && !options.poison_undecodable) {
    return absl::InvalidArgumentError("--poison_percent needs a kind of poison: give --poison_kinds");
  }
  if (options.customers < 1 || options.customers > kMaxCustomers) {
    return OutOfRange("customers", absl::StrCat(options.customers), "1 to 10000000");
  }
  if (!(options.zipf_exponent > 0 && options.zipf_exponent <= 10)) {
    return OutOfRange("zipf_exponent", absl::StrCat(options.zipf_exponent), "more than 0, at most 10");
  }
  return absl::OkStatus();
}

Load::Load(const LoadOptions& options) : options_(options) {
  if (options.keys != KeyChoice::kZipf) return;
  zipf_shares_.reserve(static_cast<size_t>(options.customers));
  double sum = 0;
  for (int64_t k = 1; k <= options.customers; ++k) {
    sum += std::pow(static_cast<double>(k), -options.zipf_exponent);
    zipf_shares_.push_back(sum);
  }
  for (double& share : zipf_shares_) share /= sum;
}

uint64_t Load::Draw(int64_t index, uint64_t purpose) const {
  return Mix(Mix(Mix(options_.seed) + purpose) + static_cast<uint64_t>(index));
}

int64_t Load::CustomerOf(int64_t index) const {
  const uint64_t random = Draw(index, kCustomer);
  if (zipf_shares_.empty()) return Below(random, options_.customers);
  const auto found = std::upper_bound(zipf_shares_.begin(), zipf_shares_.end(), Unit(random));
  return std::min<int64_t>(found - zipf_shares_.begin(), options_.customers - 1);
}

OrderEvent Load::Order(int64_t index) const {
  OrderEvent event;
  event.id = absl::StrCat(options_.event_id_prefix, index);
  event.key = absl::StrFormat("customer-%07d", CustomerOf(index));
  event.poison = Hit(Draw(index, kIsPoison), options_.poison_percent);

  v1::OrderPlaced order;
  order.set_order_id(event.id);
  order.set_customer_id(event.key);
  order.set_cents(1 + Below(Draw(index, kCents), kMaxCents));
  bool undecodable = false;
  if (event.poison) {
    undecodable = options_.poison_undecodable && (!options_.poison_negative || (Draw(index, kPoisonKind) & 1) == 0);
    // Zero is poison, too.
    order.set_cents(1 - order.cents());
  }
  order.SerializeToString(&event.value);
  // Ends in the middle of its last field.
  if (undecodable) event.value = absl::StrCat("\x0a\x7f", event.id);
  return event;
}

std::optional<int64_t> Load::DuplicateAfter(int64_t index) const {
  if (!Hit(Draw(index, kIsDuplicate), options_.duplicates_percent)) return std::nullopt;
  const bool recent = (Draw(index, kDuplicateKind) & 1) == 0;
  const int64_t oldest = recent ? std::max(begin(), index - kRecentOrders + 1) : begin();
  return oldest + Below(Draw(index, kDuplicateOf), index - oldest + 1);
}

}  // namespace orders::generator
