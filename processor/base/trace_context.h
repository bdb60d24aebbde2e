// W3C trace context: the header "traceparent" that names the trace an event belongs to, so that what comes of it does
// too.
#ifndef ONCE_PROCESSOR_BASE_TRACE_CONTEXT_H_
#define ONCE_PROCESSOR_BASE_TRACE_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "processor/base/arena.h"

namespace once {

inline constexpr std::string_view kTraceParentHeader = "traceparent";
inline constexpr std::string_view kTraceStateHeader = "tracestate";

struct TraceParent {
  std::string_view trace_id = {};  // 32 hexadecimal digits, not all zero; in the text that was parsed.
  uint8_t flags = 0;
};

// Nothing if the text is none: then the standard has whoever gets it take no part in that trace. Of a later version
// than 00 what is known of that version counts.
std::optional<TraceParent> ParseTraceParent(std::string_view text);

// The header's value for what comes of it, in `arena`: the same trace, with the span `span_id` as the parent; of 0,
// which is no span's, 1 is made.
std::string_view FormatTraceParent(const TraceParent& parent, uint64_t span_id, Arena* arena);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_TRACE_CONTEXT_H_
