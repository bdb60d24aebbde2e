// What a single-threaded run of the committed input does: the measure that everything found is held against.
//
// The rules of order_totals, written down once more: of events with one (ce_source, ce_id) only the first counts; a
// record without a key, with a key that is not UTF-8 or without a value is REJECTED; an event that cannot be processed
// FAILED and blocks its customer, whose later events are BLOCKED; all else adds to the customer's total.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REFERENCE_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "examples/order_totals/verifier_record.h"

namespace orders::verifier {

// An event that was not processed, and what its dead-letter record must say.
struct Letter {
  std::string disposition;
  std::string reason;
  std::string blocked_by;  // Of BLOCKED.
  Record event;
};

// A processed event's output: its order_count is its place in Customer::outputs, from 1.
struct Output {
  int64_t cents = 0;                         // The total.
  int64_t origin = 0;                        // Offset of the event.
  std::optional<int64_t> timestamp_ms = {};  // Of the event, if its producer set it.
};

struct ReferenceOptions {
  // Totals whose key and value together exceed this cannot be written: their orders fail. 0: no limit. Headers are not
  // counted, so keep the test's records well away from the limit.
  int64_t max_output_bytes = 0;
  // For tests whose application fails on purpose. Names of headers that name a reason: an order with the first fails
  // for it if it is run, one with the second may fail for it or be processed (see AddVerdict). Empty: none.
  std::string failing_header = {};
  std::string may_fail_header = {};
};

// Also made for keys that only have REJECTED records.
struct Customer {
  std::string key;
  int32_t partition = 0;  // Of the input.
  std::vector<Output> outputs = {};
  std::vector<Letter> letters = {};  // In the order of the input.
  bool blocked = false;
  std::string blocked_by = {};
  std::string blocked_reason = {};

  int64_t cents() const { return outputs.empty() ? 0 : outputs.back().cents; }
};

struct InputCounts {
  int64_t records = 0;
  int64_t unique = 0;
  int64_t duplicates = 0;
  int64_t processed = 0;
  int64_t failed = 0;
  int64_t blocked = 0;
  int64_t rejected = 0;
};

// Not thread-safe.
class Reference {
 public:
  explicit Reference(ReferenceOptions options = {}) : options_(std::move(options)) {}

  // A record of the dead-letter topic, before any input: of an order that may fail it tells that it did, if it says so
  // for the reason that the order allows.
  void AddVerdict(const Record& dead_letter);

  // The next record of its partition. An error means that the input cannot be verified at all: a key that is in two
  // partitions (no order between them), or offsets that go back.
  absl::Status Add(const Record& record);

  const InputCounts& counts() const { return counts_; }
  // In the order in which they appeared; places are stable.
  const std::deque<Customer>& customers() const { return customers_; }
  const Customer* Find(const std::string& key) const;
  // REJECTED ones without a key.
  const std::vector<Letter>& keyless() const { return keyless_; }

 private:
  absl::Status Process(const Record& record, Customer& customer);
  bool FitsTheOutput(const Customer& customer, int64_t cents) const;
  // Why an order that fails on purpose does; empty if it does not.
  std::string ReasonGiven(const Record& record) const;
  void Refuse(const Record& record, Customer& customer, std::string reason);
  bool IsDuplicate(const Record& record);

  const ReferenceOptions options_;
  absl::flat_hash_map<std::string, std::string> verdicts_;  // Reasons of failed orders, by origin.
  InputCounts counts_;
  std::deque<Customer> customers_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<Letter> keyless_;
  std::map<int32_t, absl::flat_hash_set<std::string>> seen_;  // By partition, as events of one key share one.
  std::map<int32_t, int64_t> last_offset_;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REFERENCE_H_
