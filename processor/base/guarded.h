// Where the user's code is called: nothing that it throws goes further (rule X3).
#ifndef ONCE_PROCESSOR_BASE_GUARDED_H_
#define ONCE_PROCESSOR_BASE_GUARDED_H_

#include <exception>
#include <string_view>

#include "absl/status/status.h"

namespace once {

// The status of code that threw: "`who` threw: " and what `thrown` says of itself; null stands for something that is no
// std::exception.
absl::Status ThrownStatus(absl::StatusCode code, std::string_view who, const std::exception* thrown);

// What `call`, which returns a status, returns; `code` if it throws. `who` is whose code it is, such as "the handler".
template <typename Call>
absl::Status Guarded(absl::StatusCode code, std::string_view who, const Call& call) {
  try {
    return call();
  } catch (const std::exception& thrown) {
    return ThrownStatus(code, who, &thrown);
  } catch (...) {
    return ThrownStatus(code, who, nullptr);
  }
}

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_GUARDED_H_
