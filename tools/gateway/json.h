// JSON of others, with limits.
#ifndef ONCE_TOOLS_GATEWAY_JSON_H_
#define ONCE_TOOLS_GATEWAY_JSON_H_

#include <nlohmann/json.hpp>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/http/message.h"

namespace once::gateway {

// Not the ordered one, which looks for each name among all before it.
using Json = nlohmann::json;

// InvalidArgument for what is no JSON object of UTF-8, has a member twice, or is nested deeper than 64.
absl::StatusOr<Json> ParseObject(std::string_view text);

// InvalidArgument, with `where` and those there are, if `object` has a member that is not among `known` (names
// separated by blanks).
absl::Status CheckMembers(const Json& object, std::string_view where, std::string_view known);

http::Response JsonResponse(int status, const Json& body);
// {"error": why, "outcome": ...}; `why` may be any bytes.
http::Response ErrorResponse(int status, std::string_view why);
// By the status' code: 400, 404, 409, 413, 503 and so on.
http::Response ErrorResponse(const absl::Status& status);

std::string Base64(std::string_view bytes);
absl::StatusOr<std::string> FromBase64(std::string_view text);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_JSON_H_
