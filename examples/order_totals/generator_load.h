// The orders that the generator sends: a pure function of options and index, so that a run can be repeated, continued
// and sent again as duplicates without remembering anything.
//
//   Load load({.orders = 1000, .duplicates_percent = 5, .seed = 7});
//   for (int64_t i = load.begin(); i < load.end(); ++i) {
//     Send(load.Order(i));
//     if (auto earlier = load.DuplicateAfter(i)) Send(load.Order(*earlier));
//   }
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_GENERATOR_LOAD_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_GENERATOR_LOAD_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"

namespace orders::generator {

enum class KeyChoice { kUniform, kZipf };

struct LoadOptions {
  int64_t orders = 200'000;         // Unique ones; duplicates come on top. At least 1.
  int64_t start_index = 0;          // Index of the first order; at least 0.
  double duplicates_percent = 0;    // 0 to 100: how many orders are followed by a copy of an earlier one.
  double poison_percent = 0;        // 0 to 100: how many orders no handler can accept.
  bool poison_negative = true;      // Kinds of poison, in equal shares: cents <= 0,
  bool poison_undecodable = false;  // or a value that is no protobuf message.
  int64_t customers = 10'000;       // 1 to 10^7.
  KeyChoice keys = KeyChoice::kUniform;
  double zipf_exponent = 1.0;  // Greater than 0; customer k gets a share of 1 / (k + 1)^exponent.
  uint64_t seed = 1;
  std::string event_id_prefix = "order-";
};

// InvalidArgument naming the flag that is out of its range.
absl::Status Validate(const LoadOptions& options);

struct OrderEvent {
  std::string id;     // Header ce_id.
  std::string key;    // The customer.
  std::string value;  // OrderPlaced, serialized, unless the order is undecodable poison.
  bool poison = false;
};

// Immutable after construction; thread-safe.
class Load {
 public:
  explicit Load(const LoadOptions& options);  // Valid ones.

  int64_t begin() const { return options_.start_index; }
  int64_t end() const { return options_.start_index + options_.orders; }

  // The same for a given seed, index and shape of the load, wherever the run starts.
  OrderEvent Order(int64_t index) const;

  // The index, at most `index` and at least begin(), of the order that is sent again after order `index`; every other
  // one is among the last 100.
  std::optional<int64_t> DuplicateAfter(int64_t index) const;

 private:
  uint64_t Draw(int64_t index, uint64_t purpose) const;
  int64_t CustomerOf(int64_t index) const;

  const LoadOptions options_;
  std::vector<double> zipf_shares_;  // Cumulative, by customer; empty for uniform keys.
};

}  // namespace orders::generator

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_GENERATOR_LOAD_H_
