// What the objects of a pod's answers consist of.
#ifndef ONCE_PROCESSOR_HTTP_OPENAPI_SCHEMAS_H_
#define ONCE_PROCESSOR_HTTP_OPENAPI_SCHEMAS_H_

#include <span>
#include <string_view>

namespace once::http {

// One property of an object. `type`: "string", "integer", "number", "boolean", "time", "object" (of whatever), "any" or
// the name of a schema; "[]" before it for a list, "?" for one that may be null.
struct Field {
  std::string_view name;
  std::string_view type;
  std::string_view about = {};
  bool may_be_missing = false;
};

struct Schema {
  std::string_view name;
  std::span<const Field> fields;
};

std::span<const Schema> Schemas();

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_OPENAPI_SCHEMAS_H_
