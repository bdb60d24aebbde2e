// A topology like examples/order_totals, with a handler of the test's.
#ifndef ONCE_TESTS_DRIVER_SCRIPTED_H_
#define ONCE_TESTS_DRIVER_SCRIPTED_H_

#include <functional>
#include <memory>
#include <utility>

#include "tests/driver/orders.h"

namespace once {

// A topology whose handler does what the test says.
struct Script {
  std::function<absl::Status(const OrderPlaced&)> handle;
  FailurePolicy policy;
  std::shared_ptr<LargeValues> large_values = nullptr;
};

TopologyTestDriver::Factory Scripted(const std::shared_ptr<Script>& script);

std::shared_ptr<Script> NewScript();

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_SCRIPTED_H_
