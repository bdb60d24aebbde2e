// What a transaction holds; see checker_keys.cc for what follows from it.
#include "tests/sim/checker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "state/changelog.h"
#include "tests/sim/letters.h"

namespace once::sim {

using testkit::CommittedTransaction;
using testkit::StoredRecord;

namespace {

// What a clock may be ahead of a broker's by default, and the engine's own margin below it.
constexpr absl::Duration kPresent = absl::Hours(2);

}  // namespace

std::string TextOf(const SimEvent& event) {
  return absl::StrCat("event ", event.number, event.round > 0 ? absl::StrCat(" round ", event.round) : "", " (",
                      event.place(), ", key ", event.key, ", kind ", std::string(1, static_cast<char>(event.kind)),
                      event.misplaced ? ", misplaced" : "", ")");
}

Checker::Checker(const CheckerOptions& options, const Plan* plan, testkit::MemoryCluster* cluster, Clock* clock,
                 std::vector<SimEvent>* events)
    : options_(options),
      topology_(options.topology),
      plan_(plan),
      cluster_(cluster),
      clock_(clock),
      events_(events),
      sources_(SourceTopics(topology_)),
      transactional_prefix_(plan->application_id + "-i"),
      commands_(plan, cluster),
      blocks_(Blocks(topology_)) {
  Grow();
}

Checker::TaskModel Checker::NewTask() const {
  TaskModel task;
  task.sent.resize(sources_.size());
  task.committed.resize(sources_.size(), 0);
  return task;
}

void Checker::Grow() {
  while (cluster_->HasPartition({sources_[0], Partition(partitions())})) tasks_.push_back(NewTask());
}

void Checker::Fail(const std::string& what) {
  if (violation_.empty()) violation_ = what;
}

void Checker::OnSent(const SimEvent& event) {
  if (event.copy != Copy::kNone) copied_.insert(event.number);
  const auto source = static_cast<size_t>(event.source);
  if (source >= sources_.size()) return;  // Another task group's.
  tasks_[static_cast<size_t>(event.partition)].sent[source][event.offset] = &event;
}

void Checker::OnChangelogRemade(KnowsLog knows) {
  for (TaskModel& task : tasks_) task.lost_to = task.frontier_offset;
  knows_log_ = std::move(knows);
}

void Checker::CheckRemadeLog(const CommittedTransaction& transaction) {
  for (const auto& [where, record] : transaction.records) {
    if (where.topic != plan_->changelog_topics[0]) continue;
    if (!knows_log_(transaction.transactional_id, where.partition.value())) continue;
    Fail(absl::StrCat("X5c: partition ", where.partition.value(),
                      " goes on in a changelog made anew, though its task was opened since"));
  }
}

bool Checker::HasStateEverywhere() const {
  return std::none_of(tasks_.begin(), tasks_.end(), [](const TaskModel& task) { return task.fold.empty(); });
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
  if (!HeaderOf(record, kKeptHeader).empty()) Fail(absl::StrCat("R1: an output of ", TextOf(event), " refers to it"));
  const std::string key = is_main ? event.key : "other-" + event.key;
  if (event.keyless ? record.key.has_value() : record.key != key)
    Fail(absl::StrCat("I1: an output of ", TextOf(event), " has key ", record.key.value_or("<null>")));
  CheckTime(event, record, /*is_letter=*/false);
  if (!is_main) {
    ++effects->others;
    return;
  }
  effects->outputs.push_back(value);
  main_outputs_.emplace_back(number, value);
}

// X3: a time that its topic takes and keeps, and the event's own in any case.
void Checker::CheckTime(const SimEvent& event, const StoredRecord& record, bool is_letter) {
  const absl::Duration ahead = absl::FromUnixMillis(record.timestamp_ms) - clock_->Wall();
  const absl::Duration present = kPresent + options_.clocks_wrong_by;
  const bool is_kept = is_letter ? ahead <= present && -ahead <= present
                                 : ahead <= options_.farthest_ahead && -ahead <= options_.longest_kept;
  if (!is_kept) {
    Fail(absl::StrCat("X3: ", is_letter ? "a dead letter" : "an output", " of ", TextOf(event), " is stamped ",
                      absl::FormatDuration(ahead), " ahead"));
  }
  // What was copied says what it said before.
  if (copied_.contains(event.number)) return;
  const bool says_own = record.timestamp_ms == event.stamp_ms && !is_letter;
  if (!says_own && HeaderOf(record, "once.timestamp") != absl::StrCat(event.stamp_ms)) {
    Fail(absl::StrCat("X3: ", is_letter ? "a dead letter" : "an output", " of ", TextOf(event),
                      " does not say the event's time"));
  }
}

// R3: retries wait, and are given up by time. The first failure is dated by the beginning of its epoch, by the wall
// clock of its pod. A pause may be cut short to end with the time that is left, again if its task was away meanwhile.
void Checker::CheckPause(const SimEvent& event, const StoredRecord& record) {
  absl::Time first;
  std::string error;
  const std::string text = HeaderOf(record, "once.first_failure_time");
  int attempts = 0;
  if (!absl::ParseTime(absl::RFC3339_full, text, &first, &error) ||
      !absl::SimpleAtoi(HeaderOf(record, "once.attempts"), &attempts)) {
    return Fail(absl::StrCat("the dead letter of ", TextOf(event), " does not tell of its attempts"));
  }
  if (event.kind != EventKind::kFlaky || event.misplaced) return;
  constexpr int kCutShort = 3;
  const absl::Duration took = clock_->Wall() - first;
  const bool is_dated = options_.clocks_wrong_by == absl::ZeroDuration();
  const bool too_early = is_dated && took < GiveUpAfter(options_.slow_retries);
  const bool too_often = is_dated && (attempts - kCutShort) * BackoffAfter(1, options_.slow_retries) > took;
  if (attempts < 2 || too_early || too_often) {
    Fail(absl::StrCat("R3: ", TextOf(event), " failed for good after ", attempts, " attempts in ",
                      absl::FormatDuration(took)));
  }
}

void Checker::ReadDeadLetter(const StoredRecord& record) {
  const int64_t number = NumberOfLetter(record);
  if (number < 0 || number >= static_cast<int64_t>(events_->size())) return Fail("a dead letter stems from no event");
  const SimEvent& event = (*events_)[static_cast<size_t>(number)];
  if (event.source >= static_cast<int>(sources_.size())) return;  // Another task group's.
  Effects* const effects = &effects_[number];
  CheckTime(event, record, /*is_letter=*/true);
  Letter letter{HeaderOf(record, "once.disposition"), HeaderOf(record, "once.origin"), HeaderOf(record, "once.round")};
  if (letter.disposition == "FAILED") {
    ++effects->failed;
    CheckPause(event, record);
  } else if (letter.disposition == "BLOCKED") {
    ++effects->blocked;
  } else if (letter.disposition == "REJECTED" && event.keyless) {
    ++effects->rejected;
  } else if (letter.disposition == "SKIPPED") {
    ++effects->skipped;
  } else if (letter.disposition == "DISCARDED") {
    ++effects->discarded;
  } else if (letter.disposition == "NEVER_PROCESSED") {
    ++effects->never;
  } else {
    Fail(absl::StrCat("the dead letter of ", TextOf(event), " has disposition ", letter.disposition));
  }
  effects->letters.push_back(std::move(letter));
}

std::string Checker::KeylessKey(const TaskModel& task, std::string_view place) const {
  for (size_t source = 0; source < sources_.size(); ++source) {
    if (!place.starts_with(sources_[source])) continue;
    for (const auto& [offset, event] : task.sent[source]) {
      if (event->keyless && KeylessStatusKey(sources_[source], offset).substr(1) == place) return event->key;
    }
  }
  return "";
}

// An event without effects shows by its key's status alone when it was parked, and when it leaves without a trace.
void Checker::ReadChangelog(const CommittedTransaction& transaction, std::vector<std::set<std::string>>* touched) {
  std::map<int32_t, std::string> last_keys;
  for (const auto& [where, record] : transaction.records) {
    if (where.topic != plan_->changelog_topics[0]) continue;
    TaskModel& task = tasks_[static_cast<size_t>(where.partition.value())];
    auto& keys = (*touched)[static_cast<size_t>(where.partition.value())];
    last_keys[where.partition.value()] = *record->key;
    task.frontier_offset = record->offset.value();
    const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(*record->key);
    if (key.ok() && key->kind == ChangelogKind::kAggregateStatus) keys.emplace(key->record_key);
    if (key.ok() && key->kind == ChangelogKind::kKeylessStatus) keys.insert(KeylessKey(task, key->record_key));
    if (record->value.has_value()) {
      task.fold[*record->key] = *record->value;
    } else {
      task.fold.erase(*record->key);
    }
  }
  for (const auto& [partition, key] : last_keys) {
    const TaskModel& task = tasks_[static_cast<size_t>(partition)];
    if (task.frontier_offset <= task.lost_to)
      Fail(absl::StrCat("X5f: partition ", partition, " goes on in a changelog made anew"));
    // That log has come farther than the one before, and its task was open then: only who asks for its id can know.
    if (task.lost_to >= 0) Suspend();
    if (key != FrontierKey())
      Fail(absl::StrCat("F1: the last changelog record of partition ", partition, " is no frontier"));
  }
}

// What an event that was consumed is to the model.
void Checker::Take(TaskModel* task, const SimEvent& event, std::set<std::string>* touched) {
  if (event.copy == Copy::kBlockedNotice) return;
  if (event.copy == Copy::kFailedNotice) {
    KeyState& state = task->keys[event.key];
    if (state.failed != nullptr && state.failed->place() == event.origin) ++state.releases;
    touched->insert(event.key);
    return;
  }
  const std::string& id = event.id.empty() ? event.origin : event.id;
  if (!id.empty() && !task->seen.emplace(event.source, id, event.round).second) return;
  KeyState& state = task->keys[event.key];
  if (event.keyless) state.keyless = &event;
  state.waiting[event.source].push_back(&event);
  touched->insert(event.key);
}

void Checker::Advance(int32_t partition, std::set<std::string>* touched) {
  TaskModel& task = tasks_[static_cast<size_t>(partition)];
  for (size_t source = 0; source < sources_.size(); ++source) {
    const auto offset = cluster_->PeekCommittedOffset(plan_->application_id, {sources_[source], Partition(partition)});
    if (!offset.has_value()) continue;
    int64_t& committed = task.committed[source];
    if (offset->value() < committed) {
      Fail(absl::StrCat("the committed offset of ", sources_[source], "-", partition, " went back from ", committed,
                        " to ", offset->value()));
    }
    if (offset->value() > committed && commands_.IsPaused(partition))
      Fail(absl::StrCat("R7: ", sources_[source], "-", partition, " is read on though a command has paused it"));
    const auto& sent = task.sent[source];
    for (auto it = sent.lower_bound(committed); it != sent.end() && it->first < offset->value(); ++it) {
      Take(&task, *it->second, touched);
    }
    committed = std::max(committed, offset->value());
  }
}

void Checker::CheckHistories() {
  if (!HasAggregate(topology_)) return;
  for (const auto& [number, text] : main_outputs_) {
    const SimEvent& event = (*events_)[static_cast<size_t>(number)];
    History& history = tasks_[static_cast<size_t>(event.partition)].keys[event.key].history;
    history.Add(number);
    if (event.kind == EventKind::kDelete) history = {};
    const std::string expected = absl::StrCat(number, " ", history.ToString());
    if (text != expected)
      Fail(absl::StrCat("I3, I4: output \"", text, "\" of ", TextOf(event), " should be \"", expected, "\""));
  }
}

void Checker::OnCommit(const CommittedTransaction& transaction) {
  if (!transaction.transactional_id.starts_with(transactional_prefix_) || !violation_.empty()) return;
  ++commits_;
  if (knows_log_) CheckRemadeLog(transaction);
  if (is_suspended_) return;
  effects_.clear();
  main_outputs_.clear();
  std::vector<std::set<std::string>> touched(tasks_.size());
  ReadChangelog(transaction, &touched);
  for (const auto& [where, record] : transaction.records) {
    if (where.topic == kMainSink || where.topic == kSecondSink) ReadOutput(*record, where.topic == kMainSink);
    if (where.topic == kDeadLetters) ReadDeadLetter(*record);
  }
  ReadCommands(transaction, &touched);
  for (int32_t partition = 0; partition < partitions(); ++partition) Advance(partition, &touched[partition]);
  for (const auto& [number, effects] : effects_) {
    const SimEvent& event = (*events_)[static_cast<size_t>(number)];
    touched[static_cast<size_t>(event.partition)].insert(event.key);
  }
  if (!violation_.empty()) return;
  CheckHistories();
  for (int32_t partition = 0; partition < partitions(); ++partition) {
    for (const std::string& key : touched[static_cast<size_t>(partition)]) Settle(partition, key);
    if (!touched[static_cast<size_t>(partition)].empty()) CheckFrontier(partition);
  }
  if (!effects_.empty()) {
    Fail(absl::StrCat("I2: an effect of ", TextOf((*events_)[static_cast<size_t>(effects_.begin()->first)]),
                      ", which has none to come"));
  }
}

}  // namespace once::sim
