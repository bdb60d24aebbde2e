#include "processor/base/listen_address.h"

#include <arpa/inet.h>
#include <netinet/in.h>

#include "absl/status/status.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

namespace {

bool IsIpv4(const std::string& host) {
  in_addr address;
  return inet_pton(AF_INET, host.c_str(), &address) == 1;
}

bool IsIpv6(const std::string& host) {
  in6_addr address;
  return inet_pton(AF_INET6, host.c_str(), &address) == 1;
}

}  // namespace

bool ListenAddress::is_loopback() const { return absl::StartsWith(host, "127.") || host == "::1"; }

std::string ListenAddress::ToString() const {
  return IsIpv6(host) ? absl::StrCat("[", host, "]:", port) : absl::StrCat(host, ":", port);
}

absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text) {
  const auto wrong = [&] {
    return absl::InvalidArgumentError(absl::StrCat(
        "\"", Printable(text),
        "\" is no place to listen at; write ADDRESS:PORT, as 127.0.0.1:8080, or [::]:8080 for all addresses"
        " of this machine"));
  };
  const size_t colon = text.rfind(':');
  // A zero byte would end the address early.
  if (colon == std::string_view::npos || text.find('\0') != std::string_view::npos) return wrong();
  ListenAddress address{.host = std::string(text.substr(0, colon))};
  const std::string_view port = text.substr(colon + 1);
  const bool is_number = port.find_first_not_of("0123456789") == std::string_view::npos && !port.empty();
  if (!is_number || !absl::SimpleAtoi(ToAbsl(port), &address.port) || address.port > 65535) return wrong();
  if (address.host == "localhost") address.host = "127.0.0.1";
  if (address.host.size() > 2 && address.host.front() == '[' && address.host.back() == ']') {
    address.host = address.host.substr(1, address.host.size() - 2);
    if (!IsIpv6(address.host)) return wrong();
  } else if (!IsIpv4(address.host)) {
    return wrong();
  }
  return address;
}

}  // namespace once
