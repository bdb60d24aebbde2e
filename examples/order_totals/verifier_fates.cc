#include "examples/order_totals/verifier_fates.h"

#include <xxhash.h>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/verifier_core.h"
#include "once/v1/changelog.pb.h"

namespace orders::verifier {

namespace {

using once::v1::Command;
using once::v1::CommandResult;
using once::v1::NeverRule;

constexpr char kParkedKind = 0x03;
// As the engine cuts IDs where it stores them.
constexpr size_t kMaxIdBytes = 1024;

bool Matches(const NeverRule& rule, const Record& event, const std::string& event_id) {
  switch (rule.matches_case()) {
    case NeverRule::kEventId:
      return rule.event_id() == event_id;
    case NeverRule::kKey:
      return event.key == rule.key();
    case NeverRule::kEventType:
      return FindHeader(event.headers, "ce_type") == rule.event_type();
    case NeverRule::kPlace:
      return rule.place().topic() == event.topic && rule.place().offset() == event.offset;
    case NeverRule::MATCHES_NOT_SET:
      break;
  }
  return false;
}

// The key of the queue that it names; null if it names all, or that of an event without a key.
const std::string* KeyOf(const Command& command) {
  const once::v1::Target* target = nullptr;
  if (command.has_release() && command.release().has_target()) target = &command.release().target();
  if (command.has_skip()) target = &command.skip().target();
  if (command.has_discard()) target = &command.discard().target();
  if (command.has_replace()) target = &command.replace().target();
  return target != nullptr && target->queue_case() == once::v1::Target::kKey ? &target->key() : nullptr;
}

}  // namespace

std::string HashOf(const std::optional<std::string>& value) {
  if (!value.has_value()) return "";
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(value->data(), value->size()));
  return std::string(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
}

std::string EventIdOf(const Record& record) {
  const std::optional<std::string> id = FindHeader(record.headers, "ce_id");
  return id.has_value() && !id->empty() ? *id : Origin(record);
}

Fates::Fates(std::string application_id, int max_shown)
    : application_id_(std::move(application_id)),
      check_(kCommandsCheck, {"lost", "doubled", "unexpected", "wrong", "without effect"}, max_shown) {}

void Fates::AddCommand(const Record& record) {
  Command& command = commands_[{record.partition, record.offset}];
  if (!record.value.has_value() || !command.ParseFromString(*record.value)) command.Clear();
}

void Fates::AddResult(const Record& record) {
  ++results_;
  ++check_.found;
  CommandResult result;
  if (!record.value.has_value() || !result.ParseFromString(*record.value)) {
    check_.Add("wrong", {Origin(record), Printable(record.key), "a result", Printable(record.value)});
    return;
  }
  kept_.emplace_back(record, std::move(result));
  const CommandResult& kept = kept_.back().second;
  if (kept.outcome() == CommandResult::APPLIED) Apply(kept, kept.command());
}

// Whatever is applied is known by its result alone, but for a replacement's value, which is in the command.
void Fates::Apply(const CommandResult& result, const Command& command) {
  const int32_t partition = result.partition();
  if (command.has_never_add()) {
    rules_.push_back({partition, command.never_add().rule()});
    whole_partitions_.insert(partition);
  }
  if (command.has_never_remove()) {
    for (Rule& each : rules_) {
      if (each.partition != partition) continue;
      if (each.rule.SerializeAsString() == command.never_remove().rule().SerializeAsString()) each.holds = false;
    }
  }
  if (command.has_release() && command.release().has_all() && result.queues() > 0) {
    broad_.emplace_back(partition, command.release().all().reason());
    whole_partitions_.insert(partition);
  }
  const std::string* const key = KeyOf(command);
  if (key == nullptr) return;
  Applied applied{.id = result.command_id(), .event_id = result.event_id(), .events = result.events()};
  if (command.has_skip()) applied.kind = Applied::Kind::kSkip;
  if (command.has_discard()) applied.kind = Applied::Kind::kDiscard;
  if (command.has_replace()) {
    applied.kind = Applied::Kind::kReplace;
    applied.release = command.replace().release();
    applied.hash_before = result.hash_before();
    applied.hash_after = result.hash_after();
    const auto sent = commands_.find({partition, result.offset()});
    if (sent != commands_.end() && sent->second.replace().has_value()) applied.value = sent->second.replace().value();
  }
  applied_[{partition, *key}].commands.push_back(std::move(applied));
}

void Fates::AddLetter(const Record& record) {
  letters_.insert({FindHeader(record.headers, "once.disposition").value_or(""),
                   FindHeader(record.headers, "once.origin").value_or("")});
}

void Fates::AddChangelog(const Record& record) {
  if (!record.key.has_value() || record.key->empty() || record.key->front() != kParkedKind) return;
  const std::pair<int32_t, std::string> place(record.partition, *record.key);
  if (const auto before = parked_keys_.find(place); before != parked_keys_.end()) {
    parked_.erase(before->second);
    parked_keys_.erase(before);
  }
  once::v1::ParkedEvent event;
  if (!record.value.has_value() || !event.ParseFromString(*record.value)) return;
  const std::string origin = absl::StrCat(event.topic(), "-", event.partition(), "-", event.offset());
  parked_.insert(origin);
  parked_keys_[place] = origin;
}

const Applied* Fates::Next(int32_t partition, const std::string& key, const std::string& event_id) const {
  const auto found = applied_.find({partition, key});
  if (found == applied_.end() || found->second.next >= found->second.commands.size()) return nullptr;
  const Applied& next = found->second.commands[found->second.next];
  return next.event_id == event_id.substr(0, kMaxIdBytes) ? &next : nullptr;
}

bool Fates::Concern(int32_t partition, const std::string& key) const {
  return whole_partitions_.contains(partition) || applied_.contains({partition, key});
}

int64_t Fates::BroadReleases(int32_t partition, const std::string& reason) const {
  int64_t count = 0;
  for (const auto& [of, only] : broad_) count += of == partition && (only.empty() || only == reason) ? 1 : 0;
  return count;
}

bool Fates::MeetsRule(const Record& event, const std::string& event_id, bool at_end) const {
  for (const Rule& each : rules_) {
    if (each.partition == event.partition && (each.holds || !at_end) && Matches(each.rule, event, event_id))
      return true;
  }
  return false;
}

void Fates::CheckResult(const Record& record, const CommandResult& result) {
  const Place place(result.partition(), result.offset());
  const std::string where =
      absl::StrCat("command ", Printable(result.command_id()), ", partition ", place.first, " offset ", place.second);
  const auto sent = commands_.find(place);
  if (sent == commands_.end()) {
    check_.Add("unexpected", {Origin(record), where, "no result, for there is no such command",
                              CommandResult::Outcome_Name(result.outcome())});
    return;
  }
  if (++answers_[place] > 1) check_.Add("doubled", {Origin(record), where, "one result", "another"});
  const auto wrong = [&](const std::string& expected, const std::string& found) {
    check_.Add("wrong", {Origin(record), where, expected, found});
  };
  if (result.partition() != record.partition) wrong("a result in its partition", "one in another");
  if (result.application() != application_id_) {
    wrong(absl::StrCat("application ", application_id_), Printable(result.application()));
  }
  const Command& command = sent->second;
  if (!result.command_id().empty() && result.command_id() != command.id()) {
    wrong(absl::StrCat("the ID ", Printable(command.id())), Printable(result.command_id()));
  }
  const bool is_foreign = !command.application().empty() && command.application() != application_id_;
  if (result.outcome() == CommandResult::APPLIED && (is_foreign || command.what_case() == Command::WHAT_NOT_SET)) {
    wrong("REFUSED: it is none, or another application's", "APPLIED");
  }
  if (result.outcome() == CommandResult::DUPLICATE) return;
  const bool has_id = !result.command_id().empty();
  if (has_id && ++carried_out_[{result.partition(), result.command_id()}] > 1) {
    check_.Add("doubled", {Origin(record), where, "that it is carried out once", "that it was once more"});
  }
}

Check Fates::Finish() {
  check_.expected = static_cast<int64_t>(commands_.size());
  for (const auto& [record, result] : kept_) CheckResult(record, result);
  for (const auto& [place, command] : commands_) {
    if (answers_.contains(place)) continue;
    check_.Add("lost", {absl::StrCat("command at partition ", place.first, " offset ", place.second),
                        Printable(command.id()), "one result", "nothing"});
  }
  for (const auto& [of, queue] : applied_) {
    for (size_t i = queue.next; i < queue.commands.size(); ++i) {
      check_.Add("without effect",
                 {absl::StrCat("command ", Printable(queue.commands[i].id), " in partition ", of.first),
                  Printable(of.second), "that the event which it was applied to blocked its key",
                  absl::StrCat("that ", Printable(queue.commands[i].event_id), " did not, in this order")});
    }
  }
  return std::move(check_);
}

}  // namespace orders::verifier
