#include "processor/config/named_options.h"

#include <string>

#include "absl/status/statusor.h"

namespace once {

LogLevel LoadLogLevel(const Config& config) {
  const std::string text =
      config.Get("log_level", "info",
                 {.help = "The least that is logged: debug, info, warning or error.", .group = "Application"});
  if (text == "debug") return LogLevel::kDebug;
  if (text == "warning") return LogLevel::kWarning;
  if (text == "error") return LogLevel::kError;
  if (text != "info") config.AddError("log_level", "there is no such level; use debug, info, warning or error");
  return LogLevel::kInfo;
}

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
