// Where values of events are kept that a task's changelog, or the dead-letter topic, has no room for.
#ifndef ONCE_PROCESSOR_BASE_LARGE_VALUES_H_
#define ONCE_PROCESSOR_BASE_LARGE_VALUES_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"

namespace once {

// Thread-safe. Calls block, for as long as the store's timeout.
class LargeValues {
 public:
  virtual ~LargeValues() = default;
  // A reference of at most some hundred bytes of text, once the value is durable. It is found in whatever refers to it,
  // so that nobody deletes what is still referred to.
  virtual absl::StatusOr<std::string> Keep(std::string_view value) = 0;
  // The value of a reference. An error is the event's: it fails with it, and by its code it is tried again or not.
  virtual absl::StatusOr<std::string> Fetch(std::string_view reference) = 0;
  // Called at every start; see ValueEncoder::CheckAtStart.
  virtual absl::Status CheckAtStart() { return absl::OkStatus(); }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_LARGE_VALUES_H_
