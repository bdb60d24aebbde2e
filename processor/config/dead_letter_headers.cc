#include "processor/config/dead_letter_headers.h"

#include <string>

#include "absl/status/statusor.h"

namespace once {

LetterFamilies LoadDeadLetterHeaders(const Config& config) {
  const std::string text = config.Get(
      "dead_letter_headers", "once,kafka_streams",
      {.help = "Headers of dead letters: once, and beside it, for tools that know them, any of kafka_streams, "
               "spring and connect.",
       .group = "Failures"});
  const absl::StatusOr<LetterFamilies> families = ParseLetterFamilies(text);
  if (families.ok()) return *families;
  config.AddError("dead_letter_headers", std::string(families.status().message()));
  return {};
}

}  // namespace once
