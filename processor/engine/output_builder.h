// Turns what an event's handlers emitted into records: event IDs, timestamps, size limits.
#ifndef ONCE_PROCESSOR_ENGINE_OUTPUT_BUILDER_H_
#define ONCE_PROCESSOR_ENGINE_OUTPUT_BUILDER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/record.h"
#include "processor/engine/output_stamps.h"
#include "processor/engine/plan.h"
#include "processor/topology/event_context.h"

namespace once {

// Not thread-safe; `plan` and `stamps` must outlive this.
class OutputBuilder {
 public:
  // What an event is known by, besides its record.
  struct Cause {
    SourceIndex source = 0;
    uint64_t generation = 0;  // Of the idempotency window.
    uint32_t round = 0;       // Of an event that came back from a dead-letter topic.
    bool is_letter = false;   // It has the headers of one, see Redrive.
    uint64_t token = 0;
    int64_t now_ms = 0;
  };

  OutputBuilder(const Plan* plan, const Stamps* stamps);

  // Appends one record per output of `context`, with `cause.token`, its bytes in `arena` or the context's. OutOfRange,
  // with nothing appended, if a record exceeds its topic's max.message.bytes.
  //
  // An emitted event carries ce_id and ce_type (a header costs an allocation in the client, so no more than the next
  // application needs); its ce_id is a hash of (cause's ID, generation, node, sink, ordinal): the same on every replay
  // (E4). A cause without an ID is known by its topic, the topic's identity as far as known, partition and offset.
  //
  // A forwarded event keeps its ID where that stays its own: of several forwards of one event to one topic the first.
  // In a topic that is forwarded to from several sources, two events may bear one ID. There an event without ce_source
  // gets that of its topic, and one with a ce_source of its own, which other sources may use as well, a derived ID.
  //
  // Of an event that came back as a dead letter, what the letter said goes no further: where it said it of, that is
  // over, and elsewhere it would be taken for what happened there (X8).
  //
  // An event of a trace (W3C, "traceparent") hands it on: its outputs name the same trace, and as their parent a span
  // that is this event's here, a hash of its trace, place and the application, so the same on every replay. What a
  // handler sets itself stays. A header that is none is not forwarded.
  //
  // A timestamp that the topic does not take, or would delete at once, is replaced by the present; kTimestampHeader has
  // the original.
  absl::Status Build(const EventContext& context, const Cause& cause, Arena* arena,
                     std::vector<OutputRecord>* outputs) const;

 private:
  // `ordinal` counts the event's outputs to one sink from one node.
  std::string_view DerivedId(const EventContext& context, const EventContext::Output& output, uint64_t ordinal,
                             const Cause& cause, Arena* arena) const;
  std::span<const HeaderView> EmitHeaders(const EventContext::Output& output, std::string_view id, Arena* arena) const;
  // `keeps`: it is the event's first forward to that topic.
  std::span<const HeaderView> ForwardHeaders(const EventContext& context, const EventContext::Output& output,
                                             uint64_t ordinal, bool keeps, const Cause& cause, Arena* arena) const;
  // What the event's outputs say of its trace.
  struct Trace {
    bool is_carried = false;    // The event has the header,
    OptionalBytes parent = {};  // ... and it is right: the header's value for its outputs.
    OptionalBytes state = {};
  };
  Trace TraceOf(const EventContext& context, const Cause& cause, Arena* arena) const;
  std::span<const HeaderView> WithTrace(std::span<const HeaderView> headers, bool is_forward, const Trace& trace,
                                        Arena* arena) const;
  void Stamp(const EventContext& context, const Cause& cause, Arena* arena, OutputRecord* record) const;

  const Plan* const plan_;
  const Stamps* const stamps_;
  std::vector<bool> is_merged_;            // By sink: its topic is fed from several sources.
  std::vector<SinkIndex> first_of_topic_;  // By sink: the first one with its topic.
  std::vector<std::string> names_;         // By node and sink.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_OUTPUT_BUILDER_H_
