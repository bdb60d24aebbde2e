// Where the state is kept unless it is said.
#include <stdlib.h>

#include "absl/strings/str_cat.h"
#include "processor/config/options.h"

namespace once {

std::string StateDir(const Options& options) {
  if (!options.state_dir.empty()) return options.state_dir;
  // As the XDG rules have it: state is neither cache nor configuration.
  if (const char* state = getenv("XDG_STATE_HOME"); state != nullptr && *state != '\0') {
    return absl::StrCat(state, "/once/", options.application_id);
  }
  if (const char* home = getenv("HOME"); home != nullptr && *home != '\0') {
    return absl::StrCat(home, "/.local/state/once/", options.application_id);
  }
  // Without a home, as in many containers.
  return absl::StrCat("once-state/", options.application_id);
}

}  // namespace once
