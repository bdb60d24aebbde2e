// Where the simulator's events lie that no record can hold. The reference is the beginning of the value, which names
// the event to who reads a letter or a parked event.
#ifndef ONCE_TESTS_SIM_LARGE_VALUES_H_
#define ONCE_TESTS_SIM_LARGE_VALUES_H_

#include <cstdint>
#include <map>
#include <string>

#include "processor/base/large_values.h"

namespace once::sim {

// What a value of kHuge begins with, before its padding.
inline std::string_view ReferenceOf(std::string_view value) { return value.substr(0, value.find('.')); }

// One thread at a time.
class SimLargeValues final : public LargeValues {
 public:
  absl::StatusOr<std::string> Keep(std::string_view value) override {
    const std::string reference(ReferenceOf(value));
    values_[reference] = std::string(value);
    return reference;
  }
  // Away at some calls, in a row of its own, since it may not draw from the scenario's.
  absl::StatusOr<std::string> Fetch(std::string_view reference) override {
    const auto found = values_.find(std::string(reference));
    if (found == values_.end()) return absl::NotFoundError("no such value");
    if (away_each_ > 0 && ++fetches_ % away_each_ == 0) return absl::UnavailableError("the store is away");
    return found->second;
  }
  // At one of so many calls; 0: never. What is asked for in a rhythm may meet it again and again.
  void set_away_each(int64_t calls) { away_each_ = calls; }

 private:
  int64_t away_each_ = 0;
  int64_t fetches_ = 0;
  std::map<std::string, std::string> values_;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_LARGE_VALUES_H_
