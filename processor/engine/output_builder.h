// Turns what an event's handlers emitted into records: derived event IDs, size limits.
#ifndef ONCE_PROCESSOR_ENGINE_OUTPUT_BUILDER_H_
#define ONCE_PROCESSOR_ENGINE_OUTPUT_BUILDER_H_

#include <string>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/record.h"
#include "processor/engine/plan.h"
#include "processor/topology/event_context.h"

namespace once {

// Not thread-safe; `plan` must outlive this.
class OutputBuilder {
 public:
  explicit OutputBuilder(const Plan* plan);

  // Appends one record per output of `context`, with `token`, its bytes in `arena` or the context's. An emitted event
  // carries ce_id and ce_type (a header costs an allocation in the client, so no more than the next application needs);
  // its ce_id is a hash of (cause's ID, generation, node, sink, ordinal): the same on every replay. Of unchanged
  // forwards to one sink only the first keeps the event's own ID. OutOfRange, with nothing appended, if a record
  // exceeds its topic's max.message.bytes.
  absl::Status Build(const EventContext& context, uint64_t generation, uint64_t token, Arena* arena,
                     std::vector<OutputRecord>* outputs) const;

 private:
  std::string_view DerivedId(const EventContext& context, const EventContext::Output& output, uint64_t generation,
                             size_t ordinal, Arena* arena) const;
  std::span<const HeaderView> EmitHeaders(const EventContext::Output& output, std::string_view id, Arena* arena) const;
  std::span<const HeaderView> ForwardHeaders(const EventContext& context, size_t index, uint64_t generation,
                                             Arena* arena) const;

  const Plan* const plan_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_OUTPUT_BUILDER_H_
