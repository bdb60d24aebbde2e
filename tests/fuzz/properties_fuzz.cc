// Files of settings: whatever was read, written out again, is read as the same, and messages do not show values.
#include <set>
#include <string>

#include "processor/base/strings.h"
#include "processor/config/properties_file.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const std::string_view text = input.Rest();
  const once::PropertiesFile file = once::ParseProperties("f", text);
  const auto lines = static_cast<size_t>(std::count(text.begin(), text.end(), '\n')) + 1;
  ONCE_CHECK(file.entries.size() + file.errors.size() <= lines);
  // The blank line keeps a key that begins like a byte order mark from being one.
  std::string written = "\n";
  std::set<std::string> keys;
  int last_line = 0;
  for (const once::PropertiesFile::Entry& entry : file.entries) {
    ONCE_CHECK(entry.line > last_line && !entry.key.empty() && keys.insert(entry.key).second);
    last_line = entry.line;
    written += entry.key + "=" + entry.value + "\n";
  }
  ONCE_CHECK(static_cast<size_t>(last_line) <= lines);
  for (const std::string& error : file.errors) {
    ONCE_CHECK(once::IsValidUtf8(error) && error.starts_with("f:"));
    ONCE_CHECK(error.size() < 512);
  }
  const once::PropertiesFile again = once::ParseProperties("f", written);
  ONCE_CHECK(again.errors.empty() && again.entries.size() == file.entries.size());
  for (size_t i = 0; i < again.entries.size(); ++i) {
    ONCE_CHECK(again.entries[i].key == file.entries[i].key && again.entries[i].value == file.entries[i].value);
  }
  return 0;
}
