// What a verification found: counts, differences by kind, and the first few of each kind in full.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REPORT_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REPORT_H_

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "examples/order_totals/verifier_reference.h"

namespace orders::verifier {

struct Difference {
  std::string where;  // topic-partition-offset, of what was found or else of the event that it comes from.
  std::string key;
  std::string expected;
  std::string found;
};

// One row of the table and its kinds of difference.
struct Check {
  struct Kind {
    std::string name;
    int64_t count = 0;
    std::vector<Difference> shown;
  };

  Check(std::string check_name, std::vector<std::string> kind_names, int max_shown);

  // `kind` must be one of those that the check was made with.
  void Add(std::string_view kind, Difference difference);
  int64_t CountOf(std::string_view kind) const;
  int64_t differences() const;

  std::string name;
  int64_t expected = 0;
  int64_t found = 0;
  std::vector<Kind> kinds;
  int max_shown = 0;
};

struct Report {
  InputCounts input;
  std::vector<Check> checks;

  int64_t differences() const;
  const Check* Find(std::string_view check) const;
};

// The last line is "differences=N".
std::string ToTable(const Report& report);
std::string ToJson(const Report& report);

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REPORT_H_
