// Takes faults away from a failing scenario for as long as it still fails.
#ifndef ONCE_TESTS_SIM_SHRINK_H_
#define ONCE_TESTS_SIM_SHRINK_H_

#include "tests/sim/scenario.h"
#include "tests/sim/world.h"

namespace once::sim {

// Returns `scenario` itself if it does not fail.
Scenario Shrink(Scenario scenario, const RunOptions& options);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_SHRINK_H_
