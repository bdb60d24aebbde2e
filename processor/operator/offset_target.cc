// No brokers are asked here.
#include "processor/operator/offset_target.h"

#include <algorithm>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace once {

absl::StatusOr<OffsetTarget> ParseOffsetTarget(const std::string& text) {
  using Kind = OffsetTarget::Kind;
  if (text == "earliest") return OffsetTarget{.kind = Kind::kEarliest};
  if (text == "latest") return OffsetTarget{.kind = Kind::kLatest};
  if (text == "state") return OffsetTarget{.kind = Kind::kState};
  OffsetTarget target;
  if (!text.empty() && absl::SimpleAtoi(text, &target.number)) {
    target.kind = text.front() == '+' || text.front() == '-' ? Kind::kShift : Kind::kOffset;
    return target;
  }
  std::string why;
  if (absl::ParseTime(absl::RFC3339_full, text, &target.time, &why)) {
    target.kind = Kind::kTime;
    return target;
  }
  return absl::InvalidArgumentError(
      absl::StrCat("\"", text,
                   "\" is no offset to go to: earliest, latest, state, a number, a shift such as +10 or -10, or a time "
                   "such as 2026-11-26T10:00:00Z"));
}

absl::StatusOr<Offset> ResolveOffset(const OffsetTarget& target, const OffsetFacts& facts) {
  const std::string log =
      absl::StrCat("its log has offsets from ", facts.begin.value(), " to ", facts.end.value(), ", its end");
  switch (target.kind) {
    case OffsetTarget::Kind::kEarliest:
      return facts.begin;
    case OffsetTarget::Kind::kLatest:
      return facts.end;
    case OffsetTarget::Kind::kState:
      if (facts.state.has_value()) return *facts.state;
      return absl::FailedPreconditionError(absl::StrCat(
          ToString(facts.where), ": its task has no state yet that stands for an offset; choose another one"));
    case OffsetTarget::Kind::kOffset:
      if (Offset(target.number) >= facts.begin && Offset(target.number) <= facts.end) return Offset(target.number);
      return absl::OutOfRangeError(
          absl::StrCat("offset ", target.number, " is not in ", ToString(facts.where), ": ", log));
    case OffsetTarget::Kind::kShift: {
      if (!facts.current().has_value()) {
        return absl::FailedPreconditionError(
            absl::StrCat(ToString(facts.where), " has no offset yet that could be shifted; choose another one"));
      }
      // By how far it can go, so that no sum overflows.
      const Offset now = std::clamp(*facts.current(), facts.begin, facts.end);
      return now + std::clamp(target.number, facts.begin - now, facts.end - now);
    }
    case OffsetTarget::Kind::kTime:
      if (facts.at_time.has_value()) return std::clamp(*facts.at_time, facts.begin, facts.end);
      return absl::FailedPreconditionError(absl::StrCat(ToString(facts.where), ": no broker says where that time is"));
  }
  return absl::InternalError("no such target");
}

}  // namespace once
