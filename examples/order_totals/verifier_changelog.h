// Folds the changelog and checks it against the reference: each customer's state, and the queue of its parked events
// (the one that failed at the head, those behind it in order).
//
// Keys: 0x01, varint length and name of the store, record key: state. 0x03, varint length and record key, sequence
// (64 bits, big-endian): a parked event. Other kinds are the processor's own business.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_CHANGELOG_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_CHANGELOG_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "examples/order_totals/verifier_record.h"
#include "examples/order_totals/verifier_reference.h"
#include "examples/order_totals/verifier_report.h"

namespace orders::verifier {

// Not thread-safe. The reference must be complete before the first Finish, and outlive this.
class ChangelogCheck {
 public:
  ChangelogCheck(const Reference* reference, int max_shown);

  // Each partition in the order of its offsets.
  void Add(const Record& record);
  Check FinishState();
  Check FinishParked();

 private:
  struct Entry {
    std::string value;
    std::string where;
  };
  using PartitionAndKey = std::pair<int32_t, std::string>;
  using Queue = std::map<uint64_t, Entry>;  // By sequence.

  void AddState(const Record& record, std::string_view rest);
  void AddParked(const Record& record, std::string_view rest);
  void CompareQueue(const Customer& customer, const Queue& queue);

  const Reference* const reference_;
  Check state_check_;
  Check parked_check_;
  absl::flat_hash_map<PartitionAndKey, Entry> state_;
  std::map<PartitionAndKey, Queue> parked_;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_CHANGELOG_H_
