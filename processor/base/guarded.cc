// X3: an exception as a status.
#include "processor/base/guarded.h"

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

absl::Status ThrownStatus(absl::StatusCode code, std::string_view who, const std::exception* thrown) {
  const char* const text = thrown == nullptr ? nullptr : thrown->what();
  return absl::Status(
      code, absl::StrCat(ToAbsl(who), thrown == nullptr ? " threw something that is no std::exception" : " threw: ",
                         text == nullptr ? "" : text));
}

}  // namespace once
