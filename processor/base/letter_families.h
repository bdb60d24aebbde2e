// Whose headers a dead letter carries beside Once's own (once.*), for tools that read those of other frameworks.
#ifndef ONCE_PROCESSOR_BASE_LETTER_FAMILIES_H_
#define ONCE_PROCESSOR_BASE_LETTER_FAMILIES_H_

#include <string_view>

#include "absl/status/statusor.h"

namespace once {

struct LetterFamilies {
  bool kafka_streams = true;  // __streams.errors.*
  bool spring = false;        // kafka_dlt-*
  bool connect = false;       // __connect.errors.*
};

// Of a list such as "once,spring". It names "once", without which a letter could not be sent back, and of
// kafka_streams, spring and connect any. InvalidArgument, with what is wrong, of any other.
absl::StatusOr<LetterFamilies> ParseLetterFamilies(std::string_view list);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_LETTER_FAMILIES_H_
