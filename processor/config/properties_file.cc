// Lines of name=value, as Java's tools read them for the simple cases.
#include "processor/config/properties_file.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
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

constexpr absl::string_view kPemBegin = "-----BEGIN";
constexpr absl::string_view kPemEnd = "-----END";

}  // namespace

bool IsSettingName(std::string_view key) {
  return !key.empty() && std::all_of(key.begin(), key.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || c == '.' || c == '_' || c == '-';
  });
}

PropertiesFile ParseProperties(std::string_view name, std::string_view text) {
  PropertiesFile file;
  std::map<std::string, int> first_lines;
  int number = 0;
  bool in_pem = false;
  for (absl::string_view line : absl::StrSplit(absl::StripPrefix(ToAbsl(text), kByteOrderMark), '\n')) {
    ++number;
    line = absl::StripAsciiWhitespace(line);
    // The rest of a key was told of with its first line.
    if (in_pem) {
      in_pem = !absl::StartsWith(line, kPemEnd);
      continue;
    }
    // Both of Java's marks of a comment.
    if (line.empty() || line[0] == '#' || line[0] == '!') continue;
    const std::string where = absl::StrCat(ToAbsl(name), ":", number);
    const size_t equals = line.find('=');
    const std::string key(absl::StripAsciiWhitespace(line.substr(0, equals)));
    if (equals == absl::string_view::npos || !IsSettingName(key)) {
      // X10: the text may be half a password: only a name is shown.
      file.errors.push_back(absl::StrCat(where, ": the line is not a setting; write name=value, or start it with #"));
      continue;
    }
    const auto [first, is_new] = first_lines.emplace(key, number);
    // To Java the later line counts; here somebody has to say which.
    if (!is_new) {
      // X10: without a dot it may be half a password that is there twice.
      const bool is_name = key.find('.') != absl::string_view::npos;
      file.errors.push_back(absl::StrCat(where, ": ", is_name ? Printable(key) : "the same",
                                         " was already set in line ", first->second, "; remove one of the two"));
      continue;
    }
    const absl::string_view value = absl::StripAsciiWhitespace(line.substr(equals + 1));
    if (absl::StartsWith(value, kPemBegin) && !absl::StrContains(value, kPemEnd)) {
      in_pem = true;
      file.errors.push_back(absl::StrCat(where, ": ", key,
                                         ": a value is one line; put this into a file of its own and ", "write ", key,
                                         ".file=FILE"));
      continue;
    }
    const bool after_backslash = !file.entries.empty() && absl::EndsWith(file.entries.back().value, "\\");
    file.entries.push_back({key, std::string(value), number, after_backslash});
  }
  return file;
}

absl::StatusOr<std::string> ReadSettingsFile(const std::string& path) {
  FILE* stream = fopen(path.c_str(), "re");
  if (stream == nullptr) return absl::InvalidArgumentError(strerror(errno));
  // One byte more than may be, to see whether there is more.
  std::string text(kMaxBytes + 1, '\0');
  text.resize(fread(text.data(), 1, text.size(), stream));
  const int read_error = ferror(stream) != 0 ? errno : 0;
  fclose(stream);
  if (read_error != 0) return absl::InvalidArgumentError(strerror(read_error));
  if (text.size() > kMaxBytes) return absl::InvalidArgumentError("it is larger than 1 MiB");
  return text;
}

PropertiesFile ReadPropertiesFile(const std::string& path) {
  const absl::StatusOr<std::string> text = ReadSettingsFile(path);
  if (text.ok()) return ParseProperties(path, *text);
  PropertiesFile file;
  file.errors.push_back(absl::StrCat("configuration file ", Printable(path, 4096), ": ", text.status().message(),
                                     "; give --config=FILE the path of a readable file"));
  return file;
}

}  // namespace once
