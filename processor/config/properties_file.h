// Reads a file of settings.
//
//   # a comment
//   once.commit.interval = 200ms
//   session.timeout.ms=12000
//
// One setting a line. The key ends at the first '='; blanks around key and value are dropped, all else is the value as
// it stands: there are no escapes, quotes or continued lines, so that passwords need none.
#ifndef ONCE_PROCESSOR_CONFIG_PROPERTIES_FILE_H_
#define ONCE_PROCESSOR_CONFIG_PROPERTIES_FILE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"

namespace once {

struct PropertiesFile {
  struct Entry {
    std::string key;
    std::string value;
    int line = 0;                  // From 1.
    bool after_backslash = false;  // The value before it ends with one, as if it were to go on.
    bool is_bare = false;          // The line is the key and nothing else, which Java allows.
  };
  std::vector<Entry> entries;       // Each key once.
  std::vector<std::string> errors;  // Complete messages, each with its place; the entries are what could be read.
};

// Letters, digits, '.', '_' and '-': whatever else stands before a '=' is no setting, and may be part of a secret.
bool IsSettingName(std::string_view key);

// The file's text; InvalidArgument if it cannot be read or is larger than 1 MiB, with the reason only.
absl::StatusOr<std::string> ReadSettingsFile(const std::string& path);

// `name` is for messages.
PropertiesFile ParseProperties(std::string_view name, std::string_view text);

// A file that cannot be read, or is larger than 1 MiB, is an error in the result.
PropertiesFile ReadPropertiesFile(const std::string& path);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_PROPERTIES_FILE_H_
