#include "processor/engine/output_builder.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

constexpr size_t kDerivedIdBytes = 32;

void AppendPart(std::string_view part, std::string* out) {
  const auto size = static_cast<uint32_t>(part.size());
  out->append(reinterpret_cast<const char*>(&size), sizeof(size));
  out->append(part);
}

std::string_view Hex128(XXH128_hash_t hash, Arena* arena) {
  static constexpr char kHex[] = "0123456789abcdef";
  char* text = arena->Allocate(kDerivedIdBytes);
  for (int i = 0; i < 16; ++i) {
    text[i] = kHex[(hash.high64 >> (60 - 4 * i)) & 15];
    text[16 + i] = kHex[(hash.low64 >> (60 - 4 * i)) & 15];
  }
  return std::string_view(text, kDerivedIdBytes);
}

// How many earlier outputs of the event went to the same sink from the same node.
size_t OrdinalOf(const std::vector<EventContext::Output>& outputs, size_t index) {
  size_t ordinal = 0;
  for (size_t i = 0; i < index; ++i) {
    ordinal += outputs[i].sink == outputs[index].sink && outputs[i].node == outputs[index].node;
  }
  return ordinal;
}

}  // namespace

OutputBuilder::OutputBuilder(const Plan* plan) : plan_(plan) {}

std::string_view OutputBuilder::DerivedId(const EventContext& context, const EventContext::Output& output,
                                          uint64_t generation, size_t ordinal, Arena* arena) const {
  // Scratch space of the thread: built anew for every output, and its capacity is worth keeping.
  thread_local std::string input;
  input.clear();
  const RecordView& record = context.record();
  AppendPart(*context.info().topic, &input);
  if (context.info().id.empty()) {
    const int64_t place[2] = {record.partition.value(), record.offset.value()};
    input.append(reinterpret_cast<const char*>(place), sizeof(place));
  } else {
    AppendPart(FindHeader(record.headers, "ce_source").value_or(std::string_view()), &input);
    AppendPart(context.info().id, &input);
  }
  AppendPart(plan_->graph->nodes[output.node].name, &input);
  AppendPart(plan_->graph->sinks[output.sink].name, &input);
  const uint64_t numbers[2] = {generation, ordinal};
  input.append(reinterpret_cast<const char*>(numbers), sizeof(numbers));
  return Hex128(XXH3_128bits(input.data(), input.size()), arena);
}

std::span<const HeaderView> OutputBuilder::EmitHeaders(const EventContext::Output& output, std::string_view id,
                                                       Arena* arena) const {
  constexpr size_t kOwnHeaders = 2;
  const size_t count = kOwnHeaders + output.headers.size();
  HeaderView* headers = arena->NewArray<HeaderView>(count);
  headers[0] = {"ce_id", id};
  headers[1] = {"ce_type", std::string_view(plan_->graph->sinks[output.sink].value_type)};
  std::copy(output.headers.begin(), output.headers.end(), headers + kOwnHeaders);
  return {headers, count};
}

std::span<const HeaderView> OutputBuilder::ForwardHeaders(const EventContext& context, size_t index,
                                                          uint64_t generation, Arena* arena) const {
  const auto& outputs = context.outputs();
  const std::span<const HeaderView> own = context.record().headers;
  bool first = true;
  for (size_t i = 0; i < index && first; ++i) first = !(outputs[i].forward && outputs[i].sink == outputs[index].sink);
  if (first || context.info().id.empty()) return own;
  HeaderView* headers = arena->NewArray<HeaderView>(own.size());
  std::copy(own.begin(), own.end(), headers);
  const std::string_view id = DerivedId(context, outputs[index], generation, OrdinalOf(outputs, index), arena);
  for (size_t i = 0; i < own.size(); ++i) {
    if (headers[i].name == "ce_id") headers[i].value = id;
  }
  return {headers, own.size()};
}

absl::Status OutputBuilder::Build(const EventContext& context, uint64_t generation, uint64_t token, Arena* arena,
                                  std::vector<OutputRecord>* outputs) const {
  const size_t before = outputs->size();
  const auto& emitted = context.outputs();
  for (size_t i = 0; i < emitted.size(); ++i) {
    const EventContext::Output& output = emitted[i];
    OutputRecord record;
    record.topic_index = output.sink;
    record.timestamp_ms = context.record().timestamp_ms;
    record.key = output.key;
    record.value = output.value;
    record.token = token;
    record.headers =
        output.forward
            ? ForwardHeaders(context, i, generation, arena)
            : EmitHeaders(output, DerivedId(context, output, generation, OrdinalOf(emitted, i), arena), arena);
    const size_t size = EstimatedSize(record);
    if (size > plan_->max_record_bytes[record.topic_index]) {
      outputs->resize(before);
      return absl::OutOfRangeError(
          absl::StrCat("a record of ", size, " bytes for sink \"", plan_->graph->sinks[output.sink].name,
                       "\" exceeds the ", plan_->max_record_bytes[record.topic_index], " bytes that topic ",
                       plan_->output_topics[record.topic_index], " takes; raise its max.message.bytes or emit less"));
    }
    outputs->push_back(record);
  }
  return absl::OkStatus();
}

}  // namespace once
