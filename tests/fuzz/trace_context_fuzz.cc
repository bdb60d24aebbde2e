// Whatever stands in a traceparent: what is taken is a trace, and what is made of it is taken again.
#include <string>

#include "processor/base/trace_context.h"
#include "tests/fuzz/input.h"

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const auto span = input.Number();
  const std::string text(input.Rest());
  const auto parent = once::ParseTraceParent(text);
  if (!parent.has_value()) return 0;
  ONCE_CHECK(parent->trace_id.size() == 32 && parent->trace_id.data() == text.data() + 3);
  once::Arena arena;
  const std::string_view next = once::FormatTraceParent(*parent, span, &arena);
  const auto again = once::ParseTraceParent(next);
  ONCE_CHECK(again.has_value() && again->trace_id == parent->trace_id && again->flags == parent->flags);
  return 0;
}
