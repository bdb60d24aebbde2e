// Reading a record's headers: the last of a name counts, null is not empty, sizes are never underestimated.
#include <string>
#include <vector>

#include "processor/base/record.h"
#include "processor/engine/dead_letter.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

std::string_view Name(fuzz::Input* input) {
  static constexpr std::string_view kNames[] = {"ce_id", "ce_type", "ce_source", "content-type"};
  const size_t choice = input->Choice(6);
  return choice < std::size(kNames) ? kNames[choice] : input->Bytes();
}

void CheckEventId(const RecordView& record, const OptionalBytes& ce_id) {
  const std::string topic = "orders";
  const std::string id = EventIdOf(record, topic);
  if (ce_id.has_value() && !ce_id->empty()) {
    ONCE_CHECK(id == *ce_id);
  } else {
    ONCE_CHECK(id == OriginOf(record, topic));
    ONCE_CHECK(id ==
               topic + "-" + std::to_string(record.partition.value()) + "-" + std::to_string(record.offset.value()));
  }
}

void CheckHeaders(fuzz::Input* input) {
  RecordView record;
  record.partition = Partition(static_cast<int32_t>(input->Number()));
  record.offset = Offset(input->Signed());
  record.key = input->MaybeBytes();
  record.value = input->MaybeBytes();
  std::vector<HeaderView> headers;
  while (!input->empty() && headers.size() < 32) {
    const std::string_view name = Name(input);
    headers.push_back({name, input->MaybeBytes()});
  }
  record.headers = headers;
  size_t bytes = record.key.value_or("").size() + record.value.value_or("").size();
  for (const HeaderView& wanted : headers) {
    OptionalBytes last;
    for (const HeaderView& header : headers) {
      if (header.name == wanted.name) last = header.value;
    }
    ONCE_CHECK(FindHeader(headers, wanted.name) == last);
    bytes += wanted.name.size() + wanted.value.value_or("").size();
  }
  CheckEventId(record, FindHeader(headers, "ce_id"));
  ONCE_CHECK(EstimatedSize({.key = record.key, .value = record.value, .headers = headers}) >= bytes);
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  once::CheckHeaders(&input);
  return 0;
}
