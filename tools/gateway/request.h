// A request of the gateway's.
#ifndef ONCE_TOOLS_GATEWAY_REQUEST_H_
#define ONCE_TOOLS_GATEWAY_REQUEST_H_

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"

namespace once::gateway {

// All of it is somebody else's: any bytes.
struct Request {
  std::string method = {};
  std::string path = {};                                        // As it came: nothing is decoded.
  std::vector<std::pair<std::string, std::string>> query = {};  // As it came, in that order.
  std::map<std::string, std::string> headers = {};              // By name in lower case, of those in kHeadersRead.
  bool has_repeated_header = false;                             // One of those came twice.
  std::string body = {};

  // The header's value; empty if there is none.
  std::string_view Header(std::string_view name) const;
};

// The headers that the gateway looks at.
inline constexpr std::string_view kHeadersRead[] = {
    "authorization",   "content-encoding", "content-length", "content-type",   "host",
    "idempotency-key", "last-event-id",    "origin",         "sec-fetch-site", "transfer-encoding"};

// The query with its names and values decoded. InvalidArgument for a bad %-sequence, a name that comes twice, and one
// that is not among `known` (names separated by blanks).
absl::StatusOr<std::map<std::string, std::string>> DecodeQuery(const Request& request, std::string_view known);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_REQUEST_H_
