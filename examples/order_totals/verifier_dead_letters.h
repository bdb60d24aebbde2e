// Checks the dead-letter topic: per customer the reference's letters in order, what they say, and that key,
// value and headers of the event are as they came, and its timestamp is told.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_DEAD_LETTERS_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_DEAD_LETTERS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "examples/order_totals/verifier_record.h"
#include "examples/order_totals/verifier_reference.h"
#include "examples/order_totals/verifier_report.h"

namespace orders::verifier {

// Not thread-safe. The reference must be complete before the first Add, and outlive this.
class DeadLettersCheck {
 public:
  DeadLettersCheck(const Reference* reference, std::string application_id, int max_shown);

  void Add(const Record& record);
  Check Finish();

 private:
  struct Expected {
    const Letter* letter = nullptr;
    const Customer* customer = nullptr;  // Null without a key: then there is no order.
    size_t place = 0;                    // In the customer's letters.
    int64_t seen = 0;
  };
  struct Progress {
    int32_t partition = 0;
    std::map<std::string, size_t> last =
        {};  // The furthest place so far, by disposition where only those are in order.
  };

  void IndexReference();
  // The one that the record is, or what there should be instead; null if there should be none.
  Expected* Find(const std::string& origin, const std::string& disposition);
  void CheckOrder(const Record& record, const Expected& expected, bool was_seen);
  void CheckContent(const Record& record, const Expected& expected);
  void CheckReason(const Record& record, const Expected& expected, const std::vector<RecordHeader>& about);

  const Reference* const reference_;
  const std::string application_id_;
  Check check_;
  bool indexed_ = false;
  std::map<std::string, std::vector<Expected>> by_origin_;
  absl::flat_hash_map<const Customer*, Progress> progress_;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_DEAD_LETTERS_H_
