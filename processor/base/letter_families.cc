#include "processor/base/letter_families.h"

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "processor/base/strings.h"

namespace once {

absl::StatusOr<LetterFamilies> ParseLetterFamilies(std::string_view list) {
  LetterFamilies families{.kafka_streams = false};
  bool has_once = false;
  for (absl::string_view part : absl::StrSplit(ToAbsl(list), ',')) {
    const std::string_view name = ToStd(absl::StripAsciiWhitespace(part));
    if (name == "once") {
      has_once = true;
    } else if (name == "kafka_streams") {
      families.kafka_streams = true;
    } else if (name == "spring") {
      families.spring = true;
    } else if (name == "connect") {
      families.connect = true;
    } else {
      return absl::InvalidArgumentError(absl::StrCat("there is no family of headers \"", Printable(name),
                                                     "\"; use once, kafka_streams, spring or connect"));
    }
  }
  if (!has_once) {
    return absl::InvalidArgumentError(
        "\"once\" is missing, and by these headers a dead letter that is sent back is known; write once,...");
  }
  return families;
}

}  // namespace once
