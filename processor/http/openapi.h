// The description of what a pod serves, in OpenAPI 3.0.
#ifndef ONCE_PROCESSOR_HTTP_OPENAPI_H_
#define ONCE_PROCESSOR_HTTP_OPENAPI_H_

#include <string>

namespace once::http {

// `version` is the program's.
std::string OpenApiJson(const std::string& version);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_OPENAPI_H_
