// Which mode a record is in is said by its content-type; all that follows from it is here.
#include "processor/schema/cloud_event_framing.h"

#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/schema/cloud_event_json.h"

namespace once::internal {

namespace {

constexpr char kStructuredJson[] = "application/cloudevents+json";

// Without parameters, in lower case; empty if there is none.
std::string ContentType(const RecordView& record) {
  const std::string_view header = FindHeader(record.headers, "content-type").value_or(std::string_view());
  const std::string_view type = header.substr(0, header.find(';'));
  return absl::AsciiStrToLower(absl::StripAsciiWhitespace(ToAbsl(type)));
}

bool IsJsonType(std::string_view type) { return type.ends_with("/json") || type.ends_with("+json"); }

absl::Status CheckHeader(const RecordView& record, std::string_view name) {
  const OptionalBytes value = FindHeader(record.headers, name);
  if (value.has_value() && !value->empty() && IsValidUtf8(*value)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat("the CloudEvent's header \"", ToAbsl(name), "\" ",
                                                 value.has_value() ? "is empty, or no UTF-8" : "is missing"));
}

absl::StatusOr<CloudEventData> BinaryData(const RecordView& record, const std::string& content_type) {
  for (const std::string_view name : {"ce_specversion", "ce_id", "ce_source", "ce_type"}) {
    if (absl::Status checked = CheckHeader(record, name); !checked.ok()) return checked;
  }
  if (FindHeader(record.headers, "ce_specversion") != "1.0") {
    return absl::InvalidArgumentError("the CloudEvent's header \"ce_specversion\" is not 1.0");
  }
  const OptionalBytes time = FindHeader(record.headers, "ce_time");
  if (time.has_value() && !IsRfc3339(std::string(*time))) {
    return absl::InvalidArgumentError("the CloudEvent's header \"ce_time\" is no time as RFC 3339 has it");
  }
  return CloudEventData{.is_json = IsJsonType(content_type), .bytes = record.value.value_or(std::string_view())};
}

}  // namespace

absl::StatusOr<CloudEventData> DataOfCloudEvent(const RecordView& record, std::string* scratch) {
  const std::string content_type = ContentType(record);
  if (!absl::StartsWith(content_type, "application/cloudevents")) return BinaryData(record, content_type);
  if (content_type != kStructuredJson) {
    return absl::InvalidArgumentError(absl::StrCat("the CloudEvent is in the form \"", Printable(content_type),
                                                   "\"; of structured ones only ", kStructuredJson, " is read"));
  }
  absl::StatusOr<StructuredEvent> event = ReadStructuredEvent(record.value.value_or(std::string_view()));
  if (!event.ok()) return event.status();
  *scratch = std::move(event->data).value_or("");
  return CloudEventData{.is_json = event->is_json, .bytes = *scratch};
}

bool IdentifyStructured(const RecordView& record, EventIdentity* identity) {
  if (!record.value.has_value() || ContentType(record) != kStructuredJson) return false;
  absl::StatusOr<StructuredEvent> event = ReadStructuredEvent(*record.value);
  if (!event.ok()) return false;
  identity->id = std::move(event->id);
  identity->source = std::move(event->source);
  identity->type = std::move(event->type);
  return true;
}

RecordShape ShapeOfCloudEvents(const CloudEventShape& shape) {
  RecordShape result;
  if (!shape.is_structured) {
    result.headers = {{"ce_specversion", "1.0"}, {"ce_source", shape.source}};
    if (!shape.data_schema.empty()) result.headers.emplace_back("ce_dataschema", shape.data_schema);
    if (!shape.data_content_type.empty()) result.headers.emplace_back("content-type", shape.data_content_type);
    return result;
  }
  result.headers = {{"ce_source", shape.source}, {"content-type", absl::StrCat(kStructuredJson, "; charset=UTF-8")}};
  result.wrap = [shape, is_json = IsJsonType(shape.data_content_type)](const RecordShape::Parts& parts, Arena* arena) {
    return arena->Copy(WriteStructuredEvent({.id = parts.id,
                                             .source = shape.source,
                                             .type = parts.type,
                                             .data_schema = shape.data_schema,
                                             .data_content_type = shape.data_content_type,
                                             .time_ms = parts.timestamp_ms,
                                             .data = parts.value,
                                             .is_json = is_json}));
  };
  return result;
}

absl::Status CheckCloudEventSource(std::string_view source) {
  if (!source.empty() && IsValidUtf8(source)) return absl::OkStatus();
  return absl::InvalidArgumentError(
      "its CloudEvents have no source: name one, a URI such as \"/shop/orders\", in CloudEventOptions.source");
}

}  // namespace once::internal
