// One list of the names, so that who writes them and who refuses them agree.
#include "processor/base/own_headers.h"

#include <algorithm>
#include <iterator>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

// Each that a dead letter appends must be here: of what is left on an event that is sent back readers would be misled.
constexpr std::string_view kLetterHeaders[] = {
    "once.disposition",        "once.reason", "once.message",     "once.blocked_by", "once.node",  "once.attempts",
    "once.first_failure_time", "once.origin", "once.application", "once.aggregate",  "once.round", "once.omitted"};

// Clients of C cut a name at its first NUL, so it would come out as another one.
std::string CutNameMistake(std::string_view name) {
  if (name.find('\0') == std::string_view::npos) return "";
  return absl::StrCat("header \"", Printable(name),
                      "\", whose name readers would see only up to the NUL in it; give it a name of text");
}

}  // namespace

bool IsOnceLetterHeader(std::string_view name) {
  return std::find(std::begin(kLetterHeaders), std::end(kLetterHeaders), name) != std::end(kLetterHeaders);
}

std::string HandlerHeaderMistake(std::string_view name) {
  for (const std::string_view prefix : {"ce_", "once."}) {
    if (!name.starts_with(prefix)) continue;
    return absl::StrCat("header \"", Printable(name), "\", but names that begin with \"", ToAbsl(prefix),
                        "\" are Once's own; give it another name");
  }
  return CutNameMistake(name);
}

std::string FormatHeaderMistake(std::string_view name) {
  // E4: an event would have two identities.
  const bool is_own = name == "ce_id" || name == "ce_type" || name == kTimestampHeader || name == kKeptHeader ||
                      IsOnceLetterHeader(name);
  if (is_own) return absl::StrCat("header \"", Printable(name), "\", which is Once's own; give it another name");
  return CutNameMistake(name);
}

}  // namespace once
