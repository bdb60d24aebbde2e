// Lines of name=value, as Java's tools read them for the simple cases.
#include "processor/config/properties_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "absl/strings/strip.h"
#include "processor/base/strings.h"

namespace once {
namespace {

// More is no such file, but a log or a device that was named by mistake.
constexpr size_t kMaxBytes = 1 << 20;
// Some editors begin files with it.
constexpr absl::string_view kByteOrderMark = "\xEF\xBB\xBF";

}  // namespace

PropertiesFile ParseProperties(std::string_view name, std::string_view text) {
  PropertiesFile file;
  std::map<std::string, int> first_lines;
  int number = 0;
  for (absl::string_view line : absl::StrSplit(absl::StripPrefix(ToAbsl(text), kByteOrderMark), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    // Both of Java's marks of a comment.
    if (line.empty() || line[0] == '#' || line[0] == '!') continue;
    const std::string where = absl::StrCat(ToAbsl(name), ":", number);
    const size_t equals = line.find('=');
    const std::string key(absl::StripAsciiWhitespace(line.substr(0, equals)));
    if (equals == absl::string_view::npos || key.empty()) {
      // The text may be half a password: only what stands before a '=' is shown.
      file.errors.push_back(absl::StrCat(where, ": the line is not a setting; write name=value, or start it with #"));
      continue;
    }
    const auto [first, is_new] = first_lines.emplace(key, number);
    // To Java the later line counts; here somebody has to say which.
    if (!is_new) {
      file.errors.push_back(absl::StrCat(where, ": ", Printable(key), " was already set in line ", first->second,
                                         "; remove one of the two"));
      continue;
    }
    file.entries.push_back({key, std::string(absl::StripAsciiWhitespace(line.substr(equals + 1))), number});
  }
  return file;
}

PropertiesFile ReadPropertiesFile(const std::string& path) {
  const auto failed = [&](absl::string_view why, absl::string_view fix) {
    PropertiesFile file;
    file.errors.push_back(absl::StrCat("configuration file ", Printable(path, 4096), ": ", why, "; ", fix));
    return file;
  };
  FILE* stream = fopen(path.c_str(), "re");
  if (stream == nullptr) return failed(strerror(errno), "give --config=FILE the path of a readable file");
  // One byte more than may be, to see whether there is more.
  std::string text(kMaxBytes + 1, '\0');
  text.resize(fread(text.data(), 1, text.size(), stream));
  const int read_error = ferror(stream) != 0 ? errno : 0;
  fclose(stream);
  if (read_error != 0) return failed(strerror(read_error), "give --config=FILE the path of a readable file");
  if (text.size() > kMaxBytes)
    return failed("it is larger than 1 MiB", "give --config=FILE a file of name=value lines");
  return ParseProperties(path, text);
}

}  // namespace once
