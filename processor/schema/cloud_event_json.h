// CloudEvents in structured mode: an envelope of JSON around the data. Format: CloudEvents 1.0, JSON Event Format 1.0,
// https://github.com/cloudevents/spec/blob/v1.0.2/cloudevents/formats/json-format.md
#ifndef ONCE_PROCESSOR_SCHEMA_CLOUD_EVENT_JSON_H_
#define ONCE_PROCESSOR_SCHEMA_CLOUD_EVENT_JSON_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace once::internal {

struct StructuredEvent {
  std::string id = {};
  std::string source = {};
  std::string type = {};
  std::map<std::string, std::string> more = {};  // The other attributes; numbers and booleans as text.
  bool is_json = false;                          // What `data` is: JSON, or bytes of datacontenttype.
  std::optional<std::string> data = {};
};

// InvalidArgument if a required attribute is missing or wrong (specversion 1.0, id, source, type), or one has a name or
// a value that none may have; DataLoss if it is no JSON object.
absl::StatusOr<StructuredEvent> ReadStructuredEvent(std::string_view json);

struct EnvelopeParts {
  std::string_view id = {};
  std::string_view source = {};
  std::string_view type = {};
  std::string_view data_schema = {};        // Empty: none.
  std::string_view data_content_type = {};  // Empty: none.
  int64_t time_ms = -1;                     // Unix milliseconds; -1: none.
  std::string_view data = {};
  bool is_json = false;  // Data is JSON text, and stands as it is; else as base64.
};
std::string WriteStructuredEvent(const EnvelopeParts& parts);

// Whether it is RFC 3339, as `time` must be.
bool IsRfc3339(const std::string& text);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_CLOUD_EVENT_JSON_H_
