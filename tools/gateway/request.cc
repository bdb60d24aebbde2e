#include "tools/gateway/request.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

int HexDigit(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

std::optional<std::string> Decode(std::string_view text) {
  std::string decoded;
  for (size_t i = 0; i < text.size(); ++i) {
    if (text[i] == '+') {
      decoded += ' ';
    } else if (text[i] != '%') {
      decoded += text[i];
    } else {
      if (i + 2 >= text.size()) return std::nullopt;
      const int high = HexDigit(text[i + 1]);
      const int low = HexDigit(text[i + 2]);
      if (high < 0 || low < 0) return std::nullopt;
      decoded += static_cast<char>(high * 16 + low);
      i += 2;
    }
  }
  return decoded;
}

}  // namespace

std::string_view Request::Header(std::string_view name) const {
  const auto found = headers.find(std::string(name));
  return found == headers.end() ? std::string_view() : std::string_view(found->second);
}

absl::StatusOr<std::map<std::string, std::string>> DecodeQuery(const Request& request, std::string_view known) {
  const std::vector<std::string> names = absl::StrSplit(ToAbsl(known), ' ', absl::SkipEmpty());
  std::map<std::string, std::string> decoded;
  for (const auto& [raw_name, raw_value] : request.query) {
    const std::optional<std::string> name = Decode(raw_name);
    const std::optional<std::string> value = Decode(raw_value);
    if (!name.has_value() || !value.has_value()) {
      return absl::InvalidArgumentError(absl::StrCat("the query's \"", Printable(raw_name), "\" has a bad % sequence"));
    }
    if (std::find(names.begin(), names.end(), *name) == names.end()) {
      return absl::InvalidArgumentError(
          absl::StrCat("the query has no \"", Printable(*name), "\"; there are: ", ToAbsl(known)));
    }
    if (!decoded.emplace(*name, *value).second) {
      return absl::InvalidArgumentError(absl::StrCat("the query has \"", *name, "\" twice"));
    }
  }
  return decoded;
}

}  // namespace once::gateway
