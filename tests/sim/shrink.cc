#include "tests/sim/shrink.h"

#include <utility>

namespace once::sim {

Scenario Shrink(Scenario scenario, const RunOptions& options) {
  if (Run(scenario, options).violation.empty()) return scenario;
  for (size_t i = scenario.faults.size(); i-- > 0;) {
    Scenario smaller = scenario;
    smaller.faults.erase(smaller.faults.begin() + static_cast<std::ptrdiff_t>(i));
    if (!Run(smaller, options).violation.empty()) scenario = std::move(smaller);
  }
  // Fewer events, as long as it fails.
  for (int64_t events = scenario.events / 2; events >= 1; events /= 2) {
    Scenario smaller = scenario;
    smaller.events = events;
    if (Run(smaller, options).violation.empty()) break;
    scenario = std::move(smaller);
  }
  return scenario;
}

}  // namespace once::sim
