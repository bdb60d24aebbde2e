#include "processor/http/request_rules.h"

#include <string>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/listen_address.h"
#include "processor/base/strings.h"

namespace once::http {

bool IsAddress(std::string_view host) {
  const bool has_port = !host.empty() && host.back() != ']' && host.find(':') != std::string_view::npos;
  return ParseListenAddress(has_port ? std::string(host) : absl::StrCat(ToAbsl(host), ":0")).ok();
}

bool IsOfOtherSite(std::string_view origin, std::string_view fetch_site, std::string_view host) {
  if (!fetch_site.empty() && fetch_site != "same-origin" && fetch_site != "none") return true;
  if (origin.empty()) return false;
  return origin != absl::StrCat("http://", ToAbsl(host)) && origin != absl::StrCat("https://", ToAbsl(host));
}

bool IsJson(std::string_view content_type) {
  const std::string_view type = content_type.substr(0, content_type.find(';'));
  return absl::EqualsIgnoreCase(absl::StripAsciiWhitespace(ToAbsl(type)), "application/json");
}

}  // namespace once::http
