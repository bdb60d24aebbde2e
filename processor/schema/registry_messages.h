// The registry's answers, and what it is asked, as JSON. What comes in is anybody's: never trusted, never thrown over.
#ifndef ONCE_PROCESSOR_SCHEMA_REGISTRY_MESSAGES_H_
#define ONCE_PROCESSOR_SCHEMA_REGISTRY_MESSAGES_H_

#include <cstdint>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/schema/schema_registry.h"

namespace once::internal {

// The body of a request that brings a schema.
std::string SchemaBody(const Schema& schema);

// DataLoss, which says what is missing, for an answer that is none of such.
absl::StatusOr<Schema> ReadSchema(const std::string& body);
absl::StatusOr<SubjectVersion> ReadSubjectVersion(const std::string& body);
absl::StatusOr<int32_t> ReadId(const std::string& body);

struct Compatibility {
  bool is_compatible = false;
  std::string why = {};  // Empty: not said.
};
absl::StatusOr<Compatibility> ReadCompatibility(const std::string& body);

// What an answer of status 400 or above says of itself. `code` is 0 if it is no registry's.
struct RegistryError {
  int code = 0;
  std::string message = {};
};
RegistryError ReadError(const std::string& body);

// Objects and arrays within each other that are still read, here and in events: what walks them recurses.
inline constexpr int kMaxJsonDepth = 100;
// Whether no bracket stands deeper, by looking at the text alone.
bool IsShallowJson(std::string_view text);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_REGISTRY_MESSAGES_H_
