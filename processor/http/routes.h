// What a pod serves: paths, who may ask, and what may be asked for.
#ifndef ONCE_PROCESSOR_HTTP_ROUTES_H_
#define ONCE_PROCESSOR_HTTP_ROUTES_H_

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "processor/base/status.h"
#include "processor/http/message.h"

namespace once::http {

enum class Access { kOpen, kGuarded };

// Of a query. Types: "string" or "integer", which is not negative and has nine digits at most.
struct Parameter {
  std::string_view name;
  std::string_view type;
  std::string_view about;
};

struct Route {
  std::string_view method;
  std::string_view path;  // "{...}" stands for one segment that is not empty.
  Access access;
  Response (*answer)(const PodStatus& pod);  // Null: the back office is asked.
  std::span<const Parameter> parameters = {};
};

// What ?scope= says where all pods are asked.
inline constexpr std::string_view kWholeApplication = "application";

// All of them, in the order in which they are described.
std::span<const Route> Routes();

// Null: there is none. `words` get the decoded segments in the places of {...}; a segment that is not rightly encoded
// is no segment.
const Route* FindRoute(std::string_view path, std::vector<std::string>* words);

// %XX decoded; false if the text is not rightly encoded.
bool DecodePercent(std::string_view text, std::string* decoded);

Response JsonResponse(int status, std::string json);
// {"error": "..."}
Response ErrorResponse(int status, const std::string& what);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_ROUTES_H_
