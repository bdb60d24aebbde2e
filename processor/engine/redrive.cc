// R6: what a record says of itself when it is a dead letter that was copied back to its source.
#include "processor/engine/redrive.h"

#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "processor/base/strings.h"

namespace once {

namespace {

// More than anybody sends an event round; beyond it, it is no number of ours.
constexpr uint32_t kMaxRound = 1'000'000;

// The partition of `origin` if that is "<topic>-<partition>-<offset>".
std::optional<Partition> PartitionIn(std::string_view origin, std::string_view topic) {
  if (!origin.starts_with(topic)) return std::nullopt;
  origin.remove_prefix(topic.size());
  const size_t dash = origin.rfind('-');
  if (dash == std::string_view::npos || dash == 0 || origin.front() != '-') return std::nullopt;
  const auto is_number = [](std::string_view text) {
    return !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  };
  int32_t partition = 0;
  const std::string_view number = origin.substr(1, dash - 1);
  if (!is_number(number) || !is_number(origin.substr(dash + 1))) return std::nullopt;
  if (!absl::SimpleAtoi(ToAbsl(number), &partition)) return std::nullopt;
  return Partition(partition);
}

}  // namespace

Redrive ReadRedrive(std::span<const HeaderView> headers, std::string_view application, std::string_view topic) {
  Redrive redrive;
  const std::string_view origin = FindHeader(headers, "once.origin").value_or(std::string_view());
  const std::optional<Partition> partition = PartitionIn(origin, topic);
  const OptionalBytes disposition = FindHeader(headers, "once.disposition");
  if (!partition.has_value() || !disposition.has_value()) return redrive;
  redrive.origin = origin;
  redrive.partition = *partition;
  redrive.is_letter = true;
  const OptionalBytes application_of_it = FindHeader(headers, "once.application");
  const OptionalBytes omitted = FindHeader(headers, "once.omitted");
  // The very smallest has not even the application.
  const bool is_least = !application_of_it.has_value() && !FindHeader(headers, "once.reason").has_value();
  redrive.is_hollow = omitted.has_value() || is_least;
  redrive.has_no_key = is_least || (omitted.has_value() && omitted->starts_with("key"));
  if (redrive.is_hollow) redrive.kind = Redrive::Kind::kHollow;
  if (application_of_it != OptionalBytes(application)) return redrive;
  uint32_t round = 0;
  const OptionalBytes text = FindHeader(headers, "once.round");
  if (text.has_value() && absl::SimpleAtoi(ToAbsl(*text), &round) && round > 0 && round <= kMaxRound) {
    // R6: there is a round, but no event to run.
    if (redrive.is_hollow) return redrive;
    redrive.kind = Redrive::Kind::kRound;
    redrive.round = round;
  } else if (disposition == OptionalBytes("FAILED")) {
    redrive.kind = Redrive::Kind::kFailedNotice;
  } else if (disposition == OptionalBytes("BLOCKED")) {
    redrive.kind = Redrive::Kind::kBlockedNotice;
  }
  return redrive;
}

}  // namespace once
