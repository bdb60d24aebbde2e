// CloudEvents of anybody: what is taken has what is required, and what is written can be read.
#include <string>
#include <vector>

#include "google/protobuf/struct.pb.h"
#include "processor/base/arena.h"
#include "processor/schema/cloud_event_framing.h"
#include "processor/schema/cloud_event_json.h"
#include "processor/schema/json_framing.h"
#include "tests/fuzz/input.h"

namespace once::internal {
namespace {

void CheckEnvelope(const std::string& text) {
  const auto event = ReadStructuredEvent(text);
  if (!event.ok()) return;
  ONCE_CHECK(!event->id.empty() && !event->source.empty() && !event->type.empty());
  EnvelopeParts parts{.id = event->id, .source = event->source, .type = event->type, .is_json = false};
  if (event->data.has_value()) parts.data = *event->data;
  // Only what came as JSON is JSON.
  if (event->is_json && event->data.has_value()) parts.is_json = true;
  const auto again = ReadStructuredEvent(WriteStructuredEvent(parts));
  ONCE_CHECK(again.ok() && again->id == event->id && again->source == event->source && again->type == event->type);
  ONCE_CHECK(again->is_json == parts.is_json && again->data.value_or("") == event->data.value_or(""));
}

void CheckRecord(const RecordView& record) {
  std::string scratch;
  const auto data = DataOfCloudEvent(record, &scratch);
  EventIdentity identity;
  if (IdentifyStructured(record, &identity)) {
    ONCE_CHECK(data.ok() && !identity.id.empty() && !identity.source.empty() && !identity.type.empty());
  }
  google::protobuf::Value value;
  if (data.ok() && data->is_json) (void)WireJsonToMessage(data->bytes, &value);
}

}  // namespace
}  // namespace once::internal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  if (input.Choice(2) == 0) {
    once::internal::CheckEnvelope(std::string(input.Rest()));
    return 0;
  }
  const bool is_structured = input.Choice(2) == 0;
  const std::string version(input.Bytes()), id(input.Bytes()), source(input.Bytes()), type(input.Bytes());
  const std::string time(input.Bytes());
  const std::string content(is_structured ? "application/cloudevents+json" : input.Bytes());
  const std::string body(input.Rest());
  const std::vector<once::HeaderView> headers = {{"ce_specversion", version}, {"ce_id", id},
                                                 {"ce_source", source},       {"ce_type", type},
                                                 {"ce_time", time},           {"content-type", content}};
  once::RecordView record;
  record.value = body;
  record.headers = headers;
  once::internal::CheckRecord(record);
  return 0;
}
