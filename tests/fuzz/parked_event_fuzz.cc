// Parked events: any record that Kafka can deliver comes back as it was, and any bytes are refused or stay what they
// say.
#include <google/protobuf/stubs/logging.h>

#include <string>
#include <vector>

#include "once/v1/changelog.pb.h"
#include "processor/engine/parking.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

bool Equal(const RecordView& a, const RecordView& b) {
  if (a.partition != b.partition || a.offset != b.offset || a.timestamp_ms != b.timestamp_ms || a.key != b.key ||
      a.value != b.value || a.headers.size() != b.headers.size()) {
    return false;
  }
  for (size_t i = 0; i < a.headers.size(); ++i) {
    if (a.headers[i].name != b.headers[i].name || a.headers[i].value != b.headers[i].value) return false;
  }
  return true;
}

void CheckRecord(const RecordView& record) {
  const std::string topic = "orders";
  v1::ParkedEvent parsed;
  ONCE_CHECK(parsed.ParseFromString(ToParkedEvent(record, topic).SerializeAsString()));
  ONCE_CHECK(parsed.topic() == topic);
  Arena arena;
  ONCE_CHECK(Equal(ToRecordView(parsed, 0, &arena), record));
}

void CheckStructured(fuzz::Input* input) {
  RecordView record;
  record.partition = Partition(static_cast<int32_t>(input->Number()));
  record.offset = Offset(input->Signed());
  record.timestamp_ms = input->Signed();
  record.key = input->MaybeBytes();
  record.value = input->MaybeBytes();
  std::vector<HeaderView> headers;
  while (!input->empty() && headers.size() < 64) {
    const std::string_view name = input->Bytes();
    headers.push_back({name, input->MaybeBytes()});
  }
  record.headers = headers;
  CheckRecord(record);
}

void CheckArbitrary(std::string_view bytes) {
  v1::ParkedEvent event;
  if (!event.ParseFromArray(bytes.data(), static_cast<int>(bytes.size()))) return;
  Arena arena;
  CheckRecord(ToRecordView(event, 0, &arena));
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  (void)silenced;
  once::fuzz::Input input(data, size);
  if (input.Flag()) {
    once::CheckStructured(&input);
  } else {
    once::CheckArbitrary(input.Rest());
  }
  return 0;
}
