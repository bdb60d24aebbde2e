// R6: what a record says of itself when it is a dead letter that was copied back to its source.
#include "processor/engine/redrive.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "processor/base/strings.h"

namespace once {

namespace {

// More than anybody sends an event round; beyond it, it is no number of ours.
constexpr uint32_t kMaxRound = 1'000'000;

// Whether `origin` is "<topic>-<partition>-<offset>".
bool IsOf(std::string_view origin, std::string_view topic) {
  if (!origin.starts_with(topic)) return false;
  origin.remove_prefix(topic.size());
  const size_t dash = origin.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || origin.front() != '-') return false;
  const auto is_number = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  return is_number(origin.substr(1, dash - 1)) && is_number(origin.substr(dash + 1));
}

}  // namespace

Redrive ReadRedrive(std::span<const HeaderView> headers, std::string_view application, std::string_view topic) {
  Redrive redrive;
  // Nearly all records have none of ours, and this is on their way.
  if (std::none_of(headers.begin(), headers.end(), [](const HeaderView& h) { return h.name.starts_with("once."); })) {
    return redrive;
  }
  // Another application's dead letter is an ordinary event here.
  if (FindHeader(headers, "once.application") != OptionalBytes(application)) return redrive;
  const std::string_view origin = FindHeader(headers, "once.origin").value_or(std::string_view());
  uint32_t round = 0;
  const OptionalBytes text = FindHeader(headers, "once.round");
  if (text.has_value() && absl::SimpleAtoi(ToAbsl(*text), &round) && round > 0 && round <= kMaxRound) {
    return {.kind = Redrive::Kind::kRound, .round = round, .origin = origin};
  }
  // A notice counts in the topic it came from; copied elsewhere it is an event like others.
  if (!IsOf(origin, topic)) return redrive;
  const OptionalBytes disposition = FindHeader(headers, "once.disposition");
  if (disposition == OptionalBytes("FAILED")) return {.kind = Redrive::Kind::kFailedNotice, .origin = origin};
  if (disposition == OptionalBytes("BLOCKED")) return {.kind = Redrive::Kind::kBlockedNotice, .origin = origin};
  return redrive;
}

}  // namespace once
