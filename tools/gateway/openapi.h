// The description of the gateway's API, for tools and people.
#ifndef ONCE_TOOLS_GATEWAY_OPENAPI_H_
#define ONCE_TOOLS_GATEWAY_OPENAPI_H_

#include <string>
#include <string_view>

namespace once::gateway {

// OpenAPI 3.0.3, of all routes.
std::string OpenApiJson(std::string_view version);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_OPENAPI_H_
