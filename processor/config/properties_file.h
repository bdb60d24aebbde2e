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

namespace once {

struct PropertiesFile {
  struct Entry {
    std::string key;
    std::string value;
    int line = 0;  // From 1.
  };
  std::vector<Entry> entries;       // Each key once.
  std::vector<std::string> errors;  // Complete messages, each with its place; the entries are what could be read.
};

// `name` is for messages.
PropertiesFile ParseProperties(std::string_view name, std::string_view text);

// A file that cannot be read, or is larger than 1 MiB, is an error in the result.
PropertiesFile ReadPropertiesFile(const std::string& path);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_PROPERTIES_FILE_H_
