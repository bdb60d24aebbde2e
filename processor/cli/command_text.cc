// Commands in words, for results and for the audit.
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/cli/send_command.h"

namespace once::cli {

namespace {

std::string TargetText(const v1::Target& target, const Shown& shown, uint16_t group) {
  if (target.queue_case() == v1::Target::kKey) return shown.KeyText(group, target.key());
  return absl::StrCat("event ", target.place().topic(), " offset ", target.place().offset());
}

std::string SelectionText(const v1::Selection& selection) {
  std::vector<std::string> parts = {"all"};
  if (!selection.reason().empty()) parts.push_back(absl::StrCat("reason ", selection.reason()));
  if (!selection.event_type().empty()) parts.push_back(absl::StrCat("type ", selection.event_type()));
  if (selection.min_age_ms() > 0) {
    parts.push_back(absl::StrCat("older than ", FormatAge(absl::Milliseconds(selection.min_age_ms()))));
  }
  if (selection.per_second() > 0) parts.push_back(absl::StrCat(selection.per_second(), " a second"));
  return absl::StrJoin(parts, ", ");
}

template <typename Many>
std::string OneOrAll(const Many& command, const Shown& shown, uint16_t group) {
  return command.has_all() ? SelectionText(command.all()) : TargetText(command.target(), shown, group);
}

}  // namespace

std::string NameOf(const v1::Command& command) {
  switch (command.what_case()) {
    case v1::Command::kRelease:
      return "release";
    case v1::Command::kRetryNow:
      return "retry";
    case v1::Command::kSkip:
      return "skip";
    case v1::Command::kDiscard:
      return "discard";
    case v1::Command::kReplace:
      return "replace";
    case v1::Command::kNeverAdd:
      return "never add";
    case v1::Command::kNeverRemove:
      return "never remove";
    case v1::Command::kPause:
      return "pause";
    case v1::Command::kResume:
      return "resume";
    case v1::Command::kRetryTask:
      return "retry task";
    case v1::Command::WHAT_NOT_SET:
      break;
  }
  return "unknown";
}

std::string AboutOf(const v1::Command& command, const Shown& shown, uint16_t group) {
  switch (command.what_case()) {
    case v1::Command::kRelease:
      return OneOrAll(command.release(), shown, group);
    case v1::Command::kRetryNow:
      return OneOrAll(command.retry_now(), shown, group);
    case v1::Command::kSkip:
      return TargetText(command.skip().target(), shown, group);
    case v1::Command::kDiscard:
      return TargetText(command.discard().target(), shown, group);
    case v1::Command::kReplace:
      return TargetText(command.replace().target(), shown, group);
    case v1::Command::kNeverAdd:
      return RuleText(command.never_add().rule(), shown, group);
    case v1::Command::kNeverRemove:
      return RuleText(command.never_remove().rule(), shown, group);
    default:
      return "";
  }
}

std::pair<std::string, std::string> RuleWords(const v1::NeverRule& rule, const Shown& shown, uint16_t group) {
  switch (rule.matches_case()) {
    case v1::NeverRule::kEventId:
      return {"event", rule.event_id()};
    case v1::NeverRule::kKey:
      return {"key", shown.KeyText(group, rule.key())};
    case v1::NeverRule::kEventType:
      return {"type", rule.event_type()};
    case v1::NeverRule::kPlace:
      return {"offset", absl::StrCat(rule.place().topic(), " ", rule.place().offset())};
    case v1::NeverRule::MATCHES_NOT_SET:
      break;
  }
  return {"", ""};
}

std::string RuleText(const v1::NeverRule& rule, const Shown& shown, uint16_t group) {
  const auto [kind, value] = RuleWords(rule, shown, group);
  return absl::StrCat(kind, " ", value);
}

}  // namespace once::cli
