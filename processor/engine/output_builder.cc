// What handlers emitted becomes records: identity (E4), stamp (X3) and size (E7), all settled before anything is sent.
#include "processor/engine/output_builder.h"

#include <xxhash.h>

#include <algorithm>
#include <cstring>
#include <map>
#include <set>

#include "absl/strings/str_cat.h"
#include "processor/base/own_headers.h"
#include "processor/base/trace_context.h"
#include "processor/engine/dead_letter.h"

namespace once {

namespace {

constexpr size_t kDerivedIdBytes = 32;
constexpr size_t kUsualIdInput = 512;

// Each returns where the next goes.
char* PutBytes(const void* bytes, size_t size, char* to) {
  if (size > 0) std::memcpy(to, bytes, size);
  return to + size;
}

// With its length before it, so that "ab" and "c" are not "a" and "bc".
char* PutPart(std::string_view part, char* to) {
  const auto size = static_cast<uint32_t>(part.size());
  return PutBytes(part.data(), part.size(), PutBytes(&size, sizeof(size), to));
}

size_t PartSize(std::string_view part) { return sizeof(uint32_t) + part.size(); }

void AppendPart(std::string_view part, std::string* out) {
  const size_t before = out->size();
  out->resize(before + PartSize(part));
  PutPart(part, out->data() + before);
}

// By node and sink: what an ID takes of their names.
std::vector<std::string> NamesInIds(const Graph& graph) {
  std::vector<std::string> names;
  for (const NodeSpec& node : graph.nodes) {
    for (const SinkSpec& sink : graph.sinks) {
      AppendPart(node.name, &names.emplace_back());
      AppendPart(sink.name, &names.back());
    }
  }
  return names;
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

// By sink: the first sink with the same topic.
std::vector<SinkIndex> FirstOfTopic(const Graph& graph) {
  std::map<std::string, SinkIndex> firsts;
  std::vector<SinkIndex> first_of_topic;
  for (size_t i = 0; i < graph.sinks.size(); ++i) {
    first_of_topic.push_back(firsts.emplace(graph.sinks[i].topic, static_cast<SinkIndex>(i)).first->second);
  }
  return first_of_topic;
}

// Counts an event's outputs as they are built, in arrays that are zero between events: so an event with many sinks
// costs no more for each (X7). Of an only output there is nothing to count.
class OutputCounts {
 public:
  OutputCounts(const Graph& graph, const std::vector<SinkIndex>& first_of_topic,
               const std::vector<EventContext::Output>& outputs)
      : first_of_topic_(first_of_topic), outputs_(outputs), sinks_(graph.sinks.size()), is_only_(outputs.size() < 2) {
    if (is_only_) return;
    Grow(&ByNodeAndSink(), graph.nodes.size() * sinks_);
    Grow(&ForwardsByTopic(), sinks_);
  }
  ~OutputCounts() {
    if (is_only_) return;
    for (const EventContext::Output& output : outputs_) {
      ByNodeAndSink()[output.node * sinks_ + output.sink] = 0;
      ForwardsByTopic()[first_of_topic_[output.sink]] = 0;
    }
  }
  // How many earlier outputs of the event went to the same sink from the same node.
  uint64_t Ordinal(const EventContext::Output& output) {
    return is_only_ ? 0 : ByNodeAndSink()[output.node * sinks_ + output.sink]++;
  }
  // Whether no earlier output was a forward to the topic of that one, which is a forward.
  bool IsFirstForward(const EventContext::Output& output) {
    return is_only_ || ForwardsByTopic()[first_of_topic_[output.sink]]++ == 0;
  }

 private:
  using Counts = std::vector<uint32_t>;
  static Counts& ByNodeAndSink() {
    thread_local Counts counts;
    return counts;
  }
  static Counts& ForwardsByTopic() {
    thread_local Counts counts;
    return counts;
  }
  static void Grow(Counts* counts, size_t size) {
    if (counts->size() < size) counts->resize(size, 0);
  }

  const std::vector<SinkIndex>& first_of_topic_;
  const std::vector<EventContext::Output>& outputs_;
  const size_t sinks_;
  const bool is_only_;
};

// By sink: whether nodes that hear several sources among them write to its topic.
std::vector<bool> MergedSinks(const Graph& graph) {
  std::map<std::string, std::set<SourceIndex>> sources;  // By topic.
  for (const HandlerSpec& handler : graph.handlers) {
    for (const SinkIndex sink : graph.nodes[handler.node].emits_to) {
      sources[graph.sinks[sink].topic].insert(handler.source);
    }
  }
  std::vector<bool> merged;
  for (const SinkSpec& sink : graph.sinks) merged.push_back(sources[sink.topic].size() > 1);
  return merged;
}

// `headers` without what a dead letter says.
std::span<const HeaderView> WithoutLetter(std::span<const HeaderView> headers, Arena* arena) {
  HeaderView* const kept = arena->NewArray<HeaderView>(headers.size());
  HeaderView* const end = std::copy_if(headers.begin(), headers.end(), kept,
                                       [](const HeaderView& header) { return !IsLetterHeader(header.name); });
  return {kept, end};
}

// `own` and one more.
std::span<const HeaderView> Append(std::span<const HeaderView> own, const HeaderView& more, Arena* arena) {
  HeaderView* headers = arena->NewArray<HeaderView>(own.size() + 1);
  std::copy(own.begin(), own.end(), headers);
  headers[own.size()] = more;
  return {headers, own.size() + 1};
}

bool IsTraceHeader(std::string_view name) { return name == kTraceParentHeader || name == kTraceStateHeader; }

}  // namespace

OutputBuilder::OutputBuilder(const Plan* plan, const Stamps* stamps)
    : plan_(plan),
      stamps_(stamps),
      is_merged_(MergedSinks(*plan->graph)),
      first_of_topic_(FirstOfTopic(*plan->graph)),
      names_(NamesInIds(*plan->graph)) {}

std::string_view OutputBuilder::DerivedId(const EventContext& context, const EventContext::Output& output,
                                          uint64_t ordinal, const Cause& cause, Arena* arena) const {
  const RecordView& record = context.record();
  const EventInfo& info = context.info();
  const std::string& names = names_[output.node * plan_->graph->sinks.size() + output.sink];
  const int64_t place[2] = {record.partition.value(), record.offset.value()};
  // A topic made anew has other events at the same places.
  const std::string& topic_id = plan_->input_topic_ids[cause.source];
  const uint64_t numbers[2] = {cause.generation, ordinal};
  const size_t cause_size =
      info.id.empty() ? sizeof(place) + topic_id.size() : PartSize(info.source) + PartSize(info.id);
  const size_t most = PartSize(*info.topic) + cause_size + names.size() + sizeof(numbers) + sizeof(cause.round);
  // On the stack where it fits, as it nearly always does: this is done for every output.
  char on_stack[kUsualIdInput];
  char* const input = most <= sizeof(on_stack) ? on_stack : arena->Allocate(most);
  // E4: nothing goes in that a replay would have otherwise: no clock, no epoch, no attempt.
  char* end = PutPart(*info.topic, input);
  if (info.id.empty()) {
    end = PutBytes(place, sizeof(place), end);
    end = PutBytes(topic_id.data(), topic_id.size(), end);
  } else {
    end = PutPart(info.id, PutPart(info.source, end));
  }
  end = PutBytes(names.data(), names.size(), end);
  end = PutBytes(numbers, sizeof(numbers), end);
  // R6: outputs of a copy that was sent back are others than those of the first time.
  if (cause.round > 0) end = PutBytes(&cause.round, sizeof(cause.round), end);
  return Hex128(XXH3_128bits(input, static_cast<size_t>(end - input)), arena);
}

std::span<const HeaderView> OutputBuilder::EmitHeaders(const EventContext::Output& output, std::string_view id,
                                                       Arena* arena) const {
  const SinkSpec& sink = plan_->graph->sinks[output.sink];
  const size_t count = 2 + sink.shape.headers.size() + output.headers.size();
  HeaderView* const headers = arena->NewArray<HeaderView>(count);
  HeaderView* end = headers;
  *end++ = {"ce_id", id};
  *end++ = {"ce_type", std::string_view(sink.value_type)};
  for (const auto& [name, value] : sink.shape.headers) *end++ = {name, std::string_view(value)};
  std::copy(output.headers.begin(), output.headers.end(), end);
  return {headers, count};
}

std::span<const HeaderView> OutputBuilder::ForwardHeaders(const EventContext& context,
                                                          const EventContext::Output& output, uint64_t ordinal,
                                                          bool keeps, const Cause& cause, Arena* arena) const {
  std::span<const HeaderView> own = context.record().headers;
  if (cause.is_letter) own = WithoutLetter(own, arena);
  if (context.info().id.empty()) return own;
  if (keeps && !is_merged_[output.sink]) return own;
  // X8: two sources may have used one ID; named with its topic each stays itself.
  if (keeps && !FindHeader(own, "ce_source").has_value()) {
    return Append(own, {"ce_source", std::string_view(*context.info().topic)}, arena);
  }
  // A second forward of one event to one topic: only the first keeps the ID (E4).
  HeaderView* headers = arena->NewArray<HeaderView>(own.size());
  std::copy(own.begin(), own.end(), headers);
  const std::string_view id = DerivedId(context, output, ordinal, cause, arena);
  for (size_t i = 0; i < own.size(); ++i) {
    if (headers[i].name == "ce_id") headers[i].value = id;
  }
  return {headers, own.size()};
}

OutputBuilder::Trace OutputBuilder::TraceOf(const EventContext& context, const Cause& cause, Arena* arena) const {
  const RecordView& record = context.record();
  const OptionalBytes carried = FindHeader(record.headers, kTraceParentHeader);
  // Most have none: that costs a look at their headers.
  if (!carried.has_value()) return {};
  const std::optional<TraceParent> parent = ParseTraceParent(*carried);
  if (!parent.has_value()) return {.is_carried = true};
  thread_local std::string input;
  input.clear();
  AppendPart(*carried, &input);
  AppendPart(plan_->application_id, &input);
  AppendPart(*context.info().topic, &input);
  // E4: its place, and no attempt or clock; and a copy that was sent back is another event.
  const int64_t place[3] = {record.partition.value(), record.offset.value(), cause.round};
  input.append(reinterpret_cast<const char*>(place), sizeof(place));
  return {.is_carried = true,
          .parent = FormatTraceParent(*parent, XXH3_64bits(input.data(), input.size()), arena),
          .state = FindHeader(record.headers, kTraceStateHeader)};
}

// `headers` of an output with the trace of its event.
std::span<const HeaderView> OutputBuilder::WithTrace(std::span<const HeaderView> headers, bool is_forward,
                                                     const Trace& trace, Arena* arena) const {
  const bool has_own = std::any_of(headers.begin(), headers.end(),
                                   [](const HeaderView& header) { return header.name == kTraceParentHeader; });
  if (!is_forward && has_own) return headers;
  HeaderView* const all = arena->NewArray<HeaderView>(headers.size() + 2);
  HeaderView* end = std::copy_if(headers.begin(), headers.end(), all,
                                 [](const HeaderView& header) { return !IsTraceHeader(header.name); });
  if (trace.parent.has_value()) {
    *end++ = {kTraceParentHeader, trace.parent};
    if (trace.state.has_value()) *end++ = {kTraceStateHeader, trace.state};
  }
  return {all, end};
}

void OutputBuilder::Stamp(const EventContext& context, const Cause& cause, Arena* arena, OutputRecord* record) const {
  record->timestamp_ms = context.record().timestamp_ms;
  // X3: the event's own time where the topic takes it, else the present, and the original in a header.
  if (stamps_->Takes(record->topic_index, record->timestamp_ms, cause.now_ms)) return;
  record->timestamp_ms = stamps_->Present(record->topic_index, cause.now_ms);
  // A forwarded event that lost its time before says it still.
  if (FindHeader(record->headers, kTimestampHeader).has_value()) return;
  const std::string_view original = arena->Copy(absl::StrCat(context.record().timestamp_ms));
  record->headers = Append(record->headers, {kTimestampHeader, original}, arena);
}

absl::Status OutputBuilder::Build(const EventContext& context, const Cause& cause, Arena* arena,
                                  std::vector<OutputRecord>* outputs) const {
  const size_t before = outputs->size();
  OutputCounts counts(*plan_->graph, first_of_topic_, context.outputs());
  const Trace trace = context.outputs().empty() ? Trace() : TraceOf(context, cause, arena);
  for (const EventContext::Output& output : context.outputs()) {
    // Tells outputs of one handler to one sink apart, in their order.
    const uint64_t ordinal = counts.Ordinal(output);
    OutputRecord record;
    record.topic_index = output.sink;
    record.key = output.key;
    record.value = output.value;
    record.token = cause.token;
    if (output.forward) {
      const bool keeps = counts.IsFirstForward(output);
      record.headers = ForwardHeaders(context, output, ordinal, keeps, cause, arena);
    } else {
      const std::string_view id = DerivedId(context, output, ordinal, cause, arena);
      record.headers = EmitHeaders(output, id, arena);
      const SinkSpec& sink = plan_->graph->sinks[output.sink];
      if (sink.shape.wrap && record.value.has_value()) {
        record.value = sink.shape.wrap(
            {.id = id, .type = sink.value_type, .timestamp_ms = context.record().timestamp_ms, .value = *record.value},
            arena);
      }
    }
    if (trace.is_carried) record.headers = WithTrace(record.headers, output.forward, trace, arena);
    Stamp(context, cause, arena, &record);
    // X3: found here it fails its event; found by the broker it would abort the epoch.
    if (plan_->compacted[record.topic_index] && !record.key.has_value()) {
      outputs->resize(before);
      return absl::FailedPreconditionError(absl::StrCat(
          "a record without a key for sink \"", plan_->graph->sinks[output.sink].name, "\", whose topic ",
          plan_->output_topics[record.topic_index], " is compacted and takes none without; emit it with a key"));
    }
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
