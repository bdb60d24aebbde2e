#include "tests/sim/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "once/v1/changelog.pb.h"
#include "state/changelog.h"

namespace once::sim {

using testkit::CommittedTransaction;
using testkit::StoredRecord;

namespace {

std::string Text(const SimEvent& event) {
  return absl::StrCat("event ", event.number, " (source ", event.source, ", ", event.partition, "@", event.offset,
                      ", key ", event.key, ", kind ", std::string(1, static_cast<char>(event.kind)), ")");
}

std::string HeaderOf(const StoredRecord& record, const std::string& name) {
  for (const auto& [header, value] : record.headers) {
    if (header == name) return value.value_or("");
  }
  return "";
}

}  // namespace

Checker::Checker(TopologyKind topology, const Plan* plan, testkit::MemoryCluster* cluster,
                 std::vector<SimEvent>* events)
    : topology_(topology), plan_(plan), cluster_(cluster), events_(events), sources_(SourceTopics(topology)) {
  int32_t partitions = 0;
  while (partitions < 64 && cluster->HasPartition({sources_[0], Partition(partitions)})) ++partitions;
  tasks_.resize(static_cast<size_t>(partitions));
  min_inputs_ = static_cast<int>(sources_.size());
  for (TaskModel& task : tasks_) {
    task.sent.resize(sources_.size());
    task.committed.resize(sources_.size(), 0);
  }
}

void Checker::Fail(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

void Checker::OnSent(const SimEvent& event) {
  TaskModel& task = tasks_[static_cast<size_t>(event.partition)];
  task.sent[static_cast<size_t>(event.source)][event.offset] = &event;
  if (event.offset < task.committed[static_cast<size_t>(event.source)]) passed_over_ = Text(event);
}

void Checker::OnRemade(int source) {
  for (TaskModel& task : tasks_) {
    task.sent[static_cast<size_t>(source)].clear();
    task.committed[static_cast<size_t>(source)] = 0;
  }
}

Checker::Effects* Checker::EffectsOf(int64_t number, const std::string& what) {
  if (number < 0 || number >= static_cast<int64_t>(events_->size())) {
    Fail(absl::StrCat(what, " stems from no event"));
    return nullptr;
  }
  return &effects_[number];
}

void Checker::ReadOutput(const StoredRecord& record, bool is_main) {
  const std::string value = record.value.value_or("");
  const int64_t number = NumberOf(value);
  Effects* effects = EffectsOf(number, absl::StrCat("output \"", value, "\""));
  if (effects == nullptr) return;
  const SimEvent& event = (*events_)[static_cast<size_t>(number)];
  const std::string key = is_main ? event.key : "other-" + event.key;
  if (event.keyless ? record.key.has_value() : record.key != key)
    Fail(absl::StrCat("I1: an output of ", Text(event), " has key ", record.key.value_or("<null>")));
  if (!is_main) {
    ++effects->others;
    return;
  }
  effects->outputs.push_back(value);
  main_outputs_.emplace_back(number, value);
}

void Checker::ReadDeadLetter(const StoredRecord& record) {
  const int64_t number = NumberOf(record.value.value_or(""));
  Effects* effects = EffectsOf(number, "a dead letter");
  if (effects == nullptr) return;
  const SimEvent& event = (*events_)[static_cast<size_t>(number)];
  const std::string origin =
      absl::StrCat(sources_[static_cast<size_t>(event.source)], "-", event.partition, "-", event.offset);
  if (HeaderOf(record, "once.origin") != origin) {
    Fail(absl::StrCat("the dead letter of ", Text(event), " says it is from ", HeaderOf(record, "once.origin")));
  }
  const std::string disposition = HeaderOf(record, "once.disposition");
  if (disposition == "FAILED") {
    ++effects->failed;
  } else if (disposition == "BLOCKED") {
    ++effects->blocked;
  } else if (disposition == "REJECTED" && event.keyless) {
    ++effects->rejected;
  } else {
    Fail(absl::StrCat("the dead letter of ", Text(event), " has disposition ", disposition));
  }
}

// An event without effects shows by its key's status alone when it was parked.
void Checker::ReadChangelog(const CommittedTransaction& transaction, std::vector<std::set<std::string>>* touched) {
  std::map<int32_t, std::string> last_keys;
  for (const auto& [where, record] : transaction.records) {
    if (where.topic != plan_->changelog_topics[0]) continue;
    auto& fold = tasks_[static_cast<size_t>(where.partition.value())].fold;
    last_keys[where.partition.value()] = *record->key;
    const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(*record->key);
    if (key.ok() && key->kind == ChangelogKind::kAggregateStatus) {
      (*touched)[static_cast<size_t>(where.partition.value())].emplace(key->record_key);
    }
    if (record->value.has_value()) {
      fold[*record->key] = *record->value;
    } else {
      fold.erase(*record->key);
    }
  }
  for (const auto& [partition, key] : last_keys) {
    if (key != FrontierKey())
      Fail(absl::StrCat("F1: the last changelog record of partition ", partition, " is no frontier"));
  }
}

void Checker::Advance(int32_t partition, std::set<std::string>* touched) {
  TaskModel& task = tasks_[static_cast<size_t>(partition)];
  for (size_t source = 0; source < sources_.size(); ++source) {
    const auto offset = cluster_->PeekCommittedOffset(kApplication, {sources_[source], Partition(partition)});
    if (!offset.has_value()) continue;
    int64_t& committed = task.committed[source];
    if (offset->value() < committed) {
      Fail(absl::StrCat("the committed offset of ", sources_[source], "-", partition, " went back from ", committed,
                        " to ", offset->value()));
    }
    const auto& sent = task.sent[source];
    for (auto it = sent.lower_bound(committed); it != sent.end() && it->first < offset->value(); ++it) {
      const SimEvent& event = *it->second;
      if (!event.id.empty() && !task.seen.emplace(static_cast<int>(source), event.id).second) continue;
      task.keys[event.key].waiting[source].push_back(&event);
      touched->insert(event.key);
    }
    committed = std::max(committed, offset->value());
  }
}

void Checker::OnCommit(const CommittedTransaction& transaction) {
  if (!transaction.transactional_id.starts_with(kApplication) || !violation_.empty()) return;
  ++commits_;
  effects_.clear();
  main_outputs_.clear();
  std::vector<std::set<std::string>> touched(tasks_.size());
  ReadChangelog(transaction, &touched);
  for (const auto& [where, record] : transaction.records) {
    if (where.topic == kMainSink || where.topic == kSecondSink) ReadOutput(*record, where.topic == kMainSink);
    if (where.topic == kDeadLetters) ReadDeadLetter(*record);
  }
  for (int32_t partition = 0; partition < partitions(); ++partition) Advance(partition, &touched[partition]);
  for (const auto& [number, effects] : effects_) {
    const SimEvent& event = (*events_)[static_cast<size_t>(number)];
    touched[static_cast<size_t>(event.partition)].insert(event.key);
  }
  if (!violation_.empty()) return;
  if (HasAggregate(topology_)) {
    for (const auto& [number, text] : main_outputs_) {
      const SimEvent& event = (*events_)[static_cast<size_t>(number)];
      History& history = tasks_[static_cast<size_t>(event.partition)].keys[event.key].history;
      history.Add(number);
      if (event.kind == EventKind::kDelete) history = {};
      const std::string expected = absl::StrCat(number, " ", history.ToString());
      if (text != expected)
        Fail(absl::StrCat("I3, I4: output \"", text, "\" of ", Text(event), " should be \"", expected, "\""));
    }
  }
  for (int32_t partition = 0; partition < partitions(); ++partition) {
    for (const std::string& key : touched[static_cast<size_t>(partition)]) Settle(partition, key);
    if (!touched[static_cast<size_t>(partition)].empty()) CheckFrontier(partition);
  }
  if (!effects_.empty()) {
    Fail(absl::StrCat("I2: an effect of ", Text((*events_)[static_cast<size_t>(effects_.begin()->first)]),
                      ", which has none to come"));
  }
}

bool Checker::SettleKeyless(const SimEvent& event, const Effects& effects) {
  const auto outputs = static_cast<int>(effects.outputs.size()) + effects.others;
  const bool is_taken = !HasAggregate(topology_);
  const bool right = is_taken ? outputs == event.outputs() : outputs == 0;
  if (!right || effects.rejected != (is_taken ? 0 : 1) || effects.failed + effects.blocked > 0) {
    Fail(absl::StrCat("X3: ", Text(event), " without a key has ", outputs, " outputs, ", effects.rejected,
                      " rejections, ", effects.failed + effects.blocked, " failures"));
  }
  return true;
}

bool Checker::SettleOne(KeyState* state, const SimEvent& event, bool is_behind_another, bool was_failed) {
  const auto found = effects_.find(event.number);
  if (found == effects_.end()) {
    return event.kind == EventKind::kSilent && !is_behind_another;
  }
  const Effects effects = std::move(found->second);
  effects_.erase(found);
  if (event.keyless) return SettleKeyless(event, effects);
  const auto outputs = static_cast<int>(effects.outputs.size()) + effects.others;
  if (is_behind_another && outputs + effects.failed > 0) {
    Fail(absl::StrCat("I3: ", Text(event), " took effect before an earlier event of its key"));
  }
  if (outputs > 0) {
    if (was_failed) Fail(absl::StrCat("I3: ", Text(event), " took effect behind a failed event"));
    const bool right =
        effects.outputs.size() == 1 && outputs == event.outputs() && effects.failed + effects.blocked == 0;
    if (!right)
      Fail(absl::StrCat("I1, I5: ", Text(event), " has ", outputs, " outputs and ", effects.failed, " failures"));
    if (!HasAggregate(topology_) && effects.outputs[0] != event.value())
      Fail(absl::StrCat("I1: ", Text(event), " was changed"));
    return true;
  }
  if (effects.failed > 0) {
    if (effects.failed > 1 || !event.fails_for_good() || state->failed != nullptr) {
      Fail(absl::StrCat("I2: ", Text(event), " failed, ", effects.failed, " times"));
    }
    if (!Blocks(topology_)) return true;
    state->failed = &event;
    if (effects.blocked > 0) Fail(absl::StrCat("R2: ", Text(event), " blocks itself"));
    return false;
  }
  if (state->failed == nullptr || effects.blocked > 1 || !state->noticed.insert(event.number).second) {
    Fail(absl::StrCat("R2: a notice that ", Text(event), " is blocked comes too often, or nothing blocks it"));
  }
  return false;
}

void Checker::Settle(int32_t partition, const std::string& key) {
  TaskModel& task = tasks_[static_cast<size_t>(partition)];
  KeyState& state = task.keys[key];
  const bool was_failed = state.failed != nullptr;  // Before this transaction.
  for (auto& waiting : state.waiting) {
    // A failed head first: what it blocks is judged by it.
    for (const SimEvent* event : waiting) {
      const auto found = effects_.find(event->number);
      if (found == effects_.end() || found->second.failed == 0 || !Blocks(topology_)) continue;
      const bool is_behind = event != waiting.front() && waiting.front()->kind != EventKind::kSilent &&
                             !effects_.contains(waiting.front()->number);
      SettleOne(&state, *event, is_behind, was_failed);
    }
  }
  std::set<int64_t> parked;
  const std::string prefix = ParkedEventKeyPrefix(key);
  for (auto it = task.fold.lower_bound(prefix); it != task.fold.end() && it->first.starts_with(prefix); ++it) {
    v1::ParkedEvent event;
    event.ParseFromString(it->second);
    parked.insert(NumberOf(event.value()));
  }
  for (auto& waiting : state.waiting) {
    std::deque<const SimEvent*> left;
    for (const SimEvent* event : waiting) {
      const bool stays = event == state.failed || (parked.contains(event->number) && !effects_.contains(event->number));
      if (stays || !SettleOne(&state, *event, !left.empty(), was_failed)) left.push_back(event);
    }
    waiting = std::move(left);
  }
  CheckParked(task, key, state);
  CheckState(task, key, state);
}

void Checker::CheckParked(const TaskModel& task, const std::string& key, const KeyState& state) {
  std::vector<int64_t> parked[2];
  const std::string prefix = ParkedEventKeyPrefix(key);
  for (auto it = task.fold.lower_bound(prefix); it != task.fold.end() && it->first.starts_with(prefix); ++it) {
    v1::ParkedEvent event;
    event.ParseFromString(it->second);
    parked[sources_.size() > 1 && event.topic() == sources_[1] ? 1 : 0].push_back(NumberOf(event.value()));
  }
  for (size_t source = 0; source < sources_.size(); ++source) {
    std::vector<int64_t> waiting;
    for (const SimEvent* event : state.waiting[source]) waiting.push_back(event->number);
    if (waiting == parked[source]) continue;
    const auto list = [this](const std::vector<int64_t>& numbers) {
      std::string text;
      for (const int64_t number : numbers) {
        absl::StrAppend(&text, " ", number,
                        std::string(1, static_cast<char>((*events_)[static_cast<size_t>(number)].kind)));
      }
      return text;
    };
    Fail(absl::StrCat("I2: of key ", key, ", source ", source, ", these are not settled:", list(waiting),
                      "; but these are parked:", list(parked[source])));
  }
  const auto status = task.fold.find(AggregateStatusKey(key));
  const bool is_blocked = !state.waiting[0].empty() || !state.waiting[1].empty();
  if (is_blocked != (status != task.fold.end())) {
    Fail(
        absl::StrCat("I2: key ", key, is_blocked ? " waits without a status" : " has a status and nothing that waits"));
  }
}

void Checker::CheckState(const TaskModel& task, const std::string& key, const KeyState& state) {
  if (!HasAggregate(topology_)) return;
  const auto stored = task.fold.find(StateKeyPrefix(kAggregate) + key);
  const std::string expected = state.history.count == 0 ? "" : state.history.ToString();
  const std::string found = stored == task.fold.end() ? "" : stored->second;
  if (found != expected)
    Fail(absl::StrCat("I4: the state of key ", key, " is \"", found, "\", not \"", expected, "\""));
}

void Checker::CheckFrontier(int32_t partition) {
  const TaskModel& task = tasks_[static_cast<size_t>(partition)];
  const auto found = task.fold.find(FrontierKey());
  v1::Frontier frontier;
  if (found == task.fold.end() || !frontier.ParseFromString(found->second)) {
    Fail(absl::StrCat("F1: partition ", partition, " has no frontier"));
    return;
  }
  if (frontier.inputs_size() < min_inputs_ || frontier.inputs_size() > static_cast<int>(sources_.size())) {
    Fail(absl::StrCat("F1: the frontier of partition ", partition, " names ", frontier.inputs_size(), " inputs"));
  }
  for (const v1::InputOffset& input : frontier.inputs()) {
    const auto source = static_cast<size_t>(input.topic() == sources_[0] ? 0 : 1);
    if (input.next_offset() == task.committed[source]) continue;
    Fail(absl::StrCat("F2: the frontier says ", input.topic(), "-", partition, "@", input.next_offset(), ", the group ",
                      task.committed[source]));
  }
}

std::string Checker::Unsettled() const {
  for (const TaskModel& task : tasks_) {
    for (size_t source = 0; source < sources_.size(); ++source) {
      if (task.sent[source].empty() || task.sent[source].rbegin()->first < task.committed[source]) continue;
      return absl::StrCat(Text(*task.sent[source].rbegin()->second), " is not processed");
    }
    for (const auto& [key, state] : task.keys) {
      const size_t waiting = state.waiting[0].size() + state.waiting[1].size();
      if (waiting > 0 && state.failed == nullptr) return absl::StrCat("key ", key, " is being retried");
      if (state.failed != nullptr && state.noticed.size() + 1 != waiting) {
        return absl::StrCat("notices of key ", key, " are missing");
      }
    }
  }
  return "";
}

}  // namespace once::sim
