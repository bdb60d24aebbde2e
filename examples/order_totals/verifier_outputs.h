// Checks the output topic: per customer exactly the reference's sequence, in one partition, each total with the time of
// its order: as its timestamp, or else in the header once.timestamp.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_OUTPUTS_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_OUTPUTS_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/verifier_record.h"
#include "examples/order_totals/verifier_reference.h"
#include "examples/order_totals/verifier_report.h"

namespace orders::verifier {

// Not thread-safe. The reference must be complete before the first Add, and outlive this.
class OutputsCheck {
 public:
  OutputsCheck(const Reference* reference, int max_shown);

  void Add(const Record& record);
  Check Finish();

 private:
  struct Progress {
    int32_t partition = 0;
    int64_t last = 0;        // The highest order_count so far.
    std::vector<bool> seen;  // By order_count - 1.
  };

  void AddTotal(const Record& record, const v1::CustomerTotal& total, const Customer& customer);

  const Reference* const reference_;
  Check check_;
  absl::flat_hash_map<const Customer*, Progress> progress_;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_OUTPUTS_H_
