#include "processor/base/trace_context.h"

#include <algorithm>
#include <cstring>

namespace once {

namespace {

// "00-<trace>-<parent>-<flags>"
constexpr size_t kTraceAt = 3;
constexpr size_t kTraceDigits = 32;
constexpr size_t kParentAt = kTraceAt + kTraceDigits + 1;
constexpr size_t kParentDigits = 16;
constexpr size_t kFlagsAt = kParentAt + kParentDigits + 1;
constexpr size_t kSize = kFlagsAt + 2;
// Sampled, and that the trace's ID is random; no others are known.
constexpr int kKnownFlags = 3;

constexpr char kHex[] = "0123456789abcdef";

// Upper case is not allowed.
bool IsHex(std::string_view text) { return text.find_first_not_of(kHex) == std::string_view::npos; }
bool IsZero(std::string_view text) { return text.find_first_not_of('0') == std::string_view::npos; }
int Digit(char c) { return c <= '9' ? c - '0' : c - 'a' + 10; }

}  // namespace

std::optional<TraceParent> ParseTraceParent(std::string_view text) {
  if (text.size() < kSize) return std::nullopt;
  const std::string_view version = text.substr(0, 2);
  if (!IsHex(version) || version == "ff") return std::nullopt;
  // Later versions may say more, behind a dash.
  if (text.size() > kSize && (version == "00" || text[kSize] != '-')) return std::nullopt;
  if (text[kTraceAt - 1] != '-' || text[kParentAt - 1] != '-' || text[kFlagsAt - 1] != '-') return std::nullopt;
  const std::string_view trace = text.substr(kTraceAt, kTraceDigits);
  const std::string_view parent = text.substr(kParentAt, kParentDigits);
  const std::string_view flags = text.substr(kFlagsAt, 2);
  if (!IsHex(trace) || !IsHex(parent) || !IsHex(flags) || IsZero(trace) || IsZero(parent)) return std::nullopt;
  return TraceParent{trace, static_cast<uint8_t>((Digit(flags[0]) << 4 | Digit(flags[1])) & kKnownFlags)};
}

std::string_view FormatTraceParent(const TraceParent& parent, uint64_t span_id, Arena* arena) {
  span_id = std::max<uint64_t>(span_id, 1);
  char* const text = arena->Allocate(kSize);
  std::memcpy(text, "00-", kTraceAt);
  std::memcpy(text + kTraceAt, parent.trace_id.data(), kTraceDigits);
  text[kParentAt - 1] = '-';
  for (size_t i = 0; i < kParentDigits; ++i) text[kParentAt + i] = kHex[(span_id >> (60 - 4 * i)) & 15];
  text[kFlagsAt - 1] = '-';
  text[kFlagsAt] = kHex[parent.flags >> 4];
  text[kFlagsAt + 1] = kHex[parent.flags & 15];
  return {text, kSize};
}

}  // namespace once
