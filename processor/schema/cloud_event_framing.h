// The untyped half of CloudEvents.
#ifndef ONCE_PROCESSOR_SCHEMA_CLOUD_EVENT_FRAMING_H_
#define ONCE_PROCESSOR_SCHEMA_CLOUD_EVENT_FRAMING_H_

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/record.h"
#include "processor/topology/graph.h"

namespace once::internal {

struct CloudEventData {
  bool is_json = false;
  std::string_view bytes = {};
};

// The event's data, after its required attributes were checked; views are the record's or `scratch`'s. A structured
// event without data has empty bytes.
absl::StatusOr<CloudEventData> DataOfCloudEvent(const RecordView& record, std::string* scratch);

// False for what is no structured event, or a wrong one: it fails when it is decoded.
bool IdentifyStructured(const RecordView& record, EventIdentity* identity);

struct CloudEventShape {
  std::string source = {};
  bool is_structured = false;
  std::string data_content_type = {};
  std::string data_schema = {};
};
RecordShape ShapeOfCloudEvents(const CloudEventShape& shape);

// InvalidArgument for an empty one, or one that is no text.
absl::Status CheckCloudEventSource(std::string_view source);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_CLOUD_EVENT_FRAMING_H_
