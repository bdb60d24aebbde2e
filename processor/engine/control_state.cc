// R7: what commands have left in a task's state, and the index over it.
#include "processor/engine/control_state.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/engine/dead_letter.h"
#include "state/changelog.h"

namespace once {

namespace {

using Matches = v1::NeverRule::MatchesCase;

std::string Name(Matches kind, std::string_view bytes) {
  std::string name(1, static_cast<char>('0' + kind));
  name.append(bytes);
  return name;
}

std::string PlaceName(std::string_view topic, int64_t offset) {
  return absl::StrCat(ToAbsl(topic), ToAbsl(SequenceName(static_cast<uint64_t>(offset))));
}

}  // namespace

std::string NameOf(const v1::NeverRule& rule) {
  switch (rule.matches_case()) {
    case Matches::kEventId:
      return rule.event_id().empty() ? "" : Name(Matches::kEventId, rule.event_id());
    case Matches::kKey:
      // A key of no bytes is one.
      return Name(Matches::kKey, rule.key());
    case Matches::kEventType:
      return rule.event_type().empty() ? "" : Name(Matches::kEventType, rule.event_type());
    case Matches::kPlace:
      if (rule.place().topic().empty() || rule.place().offset() < 0) return "";
      return Name(Matches::kPlace, PlaceName(rule.place().topic(), rule.place().offset()));
    case Matches::MATCHES_NOT_SET:
      return "";
  }
  return "";
}

std::string Describe(const v1::NeverRule& rule) {
  const auto quoted = [](std::string_view bytes) { return absl::StrCat("\"", Printable(bytes), "\""); };
  switch (rule.matches_case()) {
    case Matches::kEventId:
      return absl::StrCat("event ID ", quoted(rule.event_id()));
    case Matches::kKey:
      return absl::StrCat("key ", quoted(rule.key()));
    case Matches::kEventType:
      return absl::StrCat("event type ", quoted(rule.event_type()));
    case Matches::kPlace:
      return absl::StrCat("offset ", rule.place().offset(), " of ", Printable(rule.place().topic()));
    case Matches::MATCHES_NOT_SET:
      break;
  }
  return "nothing";
}

const v1::CommandDone* ControlState::FindDone(std::string_view id) const {
  const auto found = done_by_id_.find(id);
  return found == done_by_id_.end() ? nullptr : &done_.at(found->second);
}

absl::Status ControlState::Write(ControlKind kind, std::string_view name, OptionalBytes value) {
  is_changed_ = true;
  state_->Write(ControlKey(kind, name), value);
  return absl::OkStatus();
}

absl::Status ControlState::AddDone(const v1::CommandDone& done) {
  const uint64_t sequence = done_.empty() ? 1 : done_.rbegin()->first + 1;
  const std::string bytes = done.SerializeAsString();
  if (absl::Status written = Write(ControlKind::kDone, SequenceName(sequence), bytes); !written.ok()) return written;
  done_by_id_[done.id()] = sequence;
  done_[sequence] = done;
  if (done_.size() <= kMaxCommandsRemembered) return absl::OkStatus();
  const auto oldest = done_.begin();
  if (absl::Status dropped = Write(ControlKind::kDone, SequenceName(oldest->first), std::nullopt); !dropped.ok()) {
    return dropped;
  }
  done_by_id_.erase(oldest->second.id());
  done_.erase(oldest);
  return absl::OkStatus();
}

const v1::NeverRuleAdded* ControlState::FindRule(const RecordView& record, const std::string& topic) const {
  const auto find = [&](const std::string& name) {
    const auto found = rules_.find(name);
    return found == rules_.end() ? nullptr : &found->second;
  };
  const v1::NeverRuleAdded* rule = nullptr;
  if (rules_by_kind_[Matches::kKey] > 0 && record.key.has_value()) rule = find(Name(Matches::kKey, *record.key));
  if (rule == nullptr && rules_by_kind_[Matches::kEventId] > 0) {
    rule = find(Name(Matches::kEventId, EventIdOf(record, topic)));
  }
  if (rule == nullptr && rules_by_kind_[Matches::kEventType] > 0) {
    const OptionalBytes type = FindHeader(record.headers, "ce_type");
    if (type.has_value()) rule = find(Name(Matches::kEventType, *type));
  }
  if (rule == nullptr && rules_by_kind_[Matches::kPlace] > 0) {
    rule = find(Name(Matches::kPlace, PlaceName(topic, record.offset.value())));
  }
  return rule;
}

std::vector<std::string> ControlState::DescribeRules() const {
  std::map<std::string, std::string> ordered;
  for (const auto& [name, rule] : rules_) ordered.emplace(name, Describe(rule.rule()));
  std::vector<std::string> rules;
  for (auto& [name, text] : ordered) rules.push_back(std::move(text));
  return rules;
}

void ControlState::Index(std::string name, v1::NeverRuleAdded rule) {
  const auto kind = static_cast<size_t>(rule.rule().matches_case());
  if (rules_.insert_or_assign(std::move(name), std::move(rule)).second) ++rules_by_kind_[kind];
}

absl::Status ControlState::AddRule(const v1::NeverRuleAdded& added) {
  std::string name = NameOf(added.rule());
  const std::string bytes = added.SerializeAsString();
  if (absl::Status written = Write(ControlKind::kNever, name, bytes); !written.ok()) return written;
  Index(std::move(name), added);
  return absl::OkStatus();
}

absl::Status ControlState::RemoveRule(const v1::NeverRule& rule) {
  const std::string name = NameOf(rule);
  if (rules_.erase(name) == 0) return absl::OkStatus();
  --rules_by_kind_[static_cast<size_t>(rule.matches_case())];
  return Write(ControlKind::kNever, name, std::nullopt);
}

absl::Status ControlState::SetPaused(const std::optional<v1::InputsPaused>& paused) {
  paused_ = paused;
  if (!paused.has_value()) return Write(ControlKind::kPaused, "", std::nullopt);
  const std::string bytes = paused->SerializeAsString();
  return Write(ControlKind::kPaused, "", bytes);
}

absl::Status ControlState::AddUnderWay(const v1::CommandUnderWay& command) {
  return SetUnderWay(under_way_.empty() ? 1 : under_way_.rbegin()->first + 1, command);
}

absl::Status ControlState::SetUnderWay(uint64_t sequence, const v1::CommandUnderWay& command) {
  under_way_[sequence] = command;
  const std::string bytes = command.SerializeAsString();
  return Write(ControlKind::kUnderWay, SequenceName(sequence), bytes);
}

absl::Status ControlState::EndUnderWay(uint64_t sequence) {
  under_way_.erase(sequence);
  walks_.erase(sequence);
  return Write(ControlKind::kUnderWay, SequenceName(sequence), std::nullopt);
}

absl::Status ControlState::UpdateDone(const v1::CommandDone& done) {
  const auto found = done_by_id_.find(done.id());
  if (found == done_by_id_.end()) return absl::OkStatus();
  done_[found->second] = done;
  const std::string bytes = done.SerializeAsString();
  return Write(ControlKind::kDone, SequenceName(found->second), bytes);
}

uint64_t ControlState::NextPortion() const {
  uint64_t earliest = under_way_.begin()->first;
  const auto at = [this](uint64_t sequence) {
    const auto walk = walks_.find(sequence);
    return walk == walks_.end() ? absl::InfinitePast() : walk->second.next;
  };
  for (const auto& [sequence, command] : under_way_) {
    if (at(sequence) < at(earliest)) earliest = sequence;
  }
  return earliest;
}

absl::Time ControlState::NextPortionAt() const {
  if (under_way_.empty()) return absl::InfiniteFuture();
  const auto walk = walks_.find(NextPortion());
  return walk == walks_.end() ? absl::InfinitePast() : walk->second.next;
}

absl::Status ControlState::Revert() { return is_changed_ ? Load() : absl::OkStatus(); }

absl::Status ControlState::LoadOne(std::string_view bytes, std::string_view value) {
  const absl::Status unreadable =
      absl::DataLossError(absl::StrCat("what a command has left at ", Printable(bytes), " is unreadable"));
  const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(bytes);
  if (!key.ok()) return unreadable;
  const auto parse = [&](auto* message) {
    return message->ParseFromArray(value.data(), static_cast<int>(value.size()));
  };
  switch (key->control) {
    case ControlKind::kDone: {
      v1::CommandDone done;
      if (!parse(&done)) return unreadable;
      done_by_id_[done.id()] = key->sequence;
      done_[key->sequence] = std::move(done);
      return absl::OkStatus();
    }
    case ControlKind::kNever: {
      v1::NeverRuleAdded rule;
      if (!parse(&rule) || NameOf(rule.rule()) != key->record_key) return unreadable;
      Index(std::string(key->record_key), std::move(rule));
      return absl::OkStatus();
    }
    case ControlKind::kPaused:
      return parse(&paused_.emplace()) ? absl::OkStatus() : unreadable;
    case ControlKind::kUnderWay:
      return parse(&under_way_[key->sequence]) ? absl::OkStatus() : unreadable;
  }
  return unreadable;
}

absl::Status ControlState::Load() {
  done_.clear();
  done_by_id_.clear();
  rules_.clear();
  rules_by_kind_ = {};
  paused_.reset();
  under_way_.clear();
  walks_.clear();
  is_changed_ = false;
  absl::Status failure;
  const absl::Status scanned =
      state_->Scan(KindPrefix(ChangelogKind::kControl), [&](std::string_view key, std::string_view value) {
        failure = LoadOne(key, value);
        return failure.ok();
      });
  return scanned.ok() ? failure : scanned;
}

}  // namespace once
