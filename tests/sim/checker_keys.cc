// What became of each key's events, and whether the changelog says the same.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "state/changelog.h"
#include "tests/sim/checker.h"
#include "tests/sim/letters.h"

namespace once::sim {
namespace {

std::string KeylessStatusKeyOf(const SimEvent& event) {
  return KeylessStatusKey(SourceTopic(event.source), event.offset);
}

}  // namespace

// A handler that was mended may have failed before. What came back came back afterwards.
bool Checker::MayFail(const SimEvent& event, bool is_rerun) const {
  const bool is_mended = is_mended_ && event.kind == EventKind::kFailing && !event.misplaced;
  return event.fails_for_good() && !(is_mended && (is_rerun || event.copy == Copy::kRound));
}

bool Checker::MaySucceed(const SimEvent& event) const {
  return !event.fails_for_good() || (is_mended_ && event.kind == EventKind::kFailing && !event.misplaced);
}

// R6: a letter of an event that has ended for good says the next round, a notice says none.
void Checker::CheckLetters(const SimEvent& event, const Effects& effects) {
  const std::string next_round = absl::StrCat(event.round + 1);
  for (const Letter& letter : effects.letters) {
    if (letter.origin != event.place())
      Fail(absl::StrCat("the dead letter of ", TextOf(event), " says it is from ", letter.origin));
    const bool is_notice =
        letter.disposition == "BLOCKED" || (letter.disposition == "FAILED" && blocks_ && !event.keyless);
    if (letter.round != (is_notice ? "" : next_round))
      Fail(absl::StrCat("R6: the dead letter of ", TextOf(event), " (", letter.disposition, ") says round \"",
                        letter.round, "\""));
  }
}

void Checker::SettleKeyless(const SimEvent& event, const Effects& effects) {
  const int outputs = effects.output_count();
  const int failures = effects.failed + effects.blocked;
  bool right = outputs == 0 && failures == 0 && effects.rejected == 1;
  if (!HasAggregate(topology_)) {
    const bool succeeded = outputs == event.outputs() && failures == 0 && MaySucceed(event);
    const bool failed = outputs == 0 && effects.failed == 1 && failures == 1 && MayFail(event, false);
    right = (succeeded || failed) && effects.rejected == 0;
  }
  if (right) return;
  Fail(absl::StrCat("X3: ", TextOf(event), " without a key has ", outputs, " outputs, ", effects.rejected,
                    " rejections, ", failures, " failures"));
}

void Checker::SettleReleased(KeyState* state, Course* course) {
  if (state->failed == nullptr || state->releases == 0) return;
  course->is_released = true;
  const SimEvent& head = *state->failed;
  const auto found = effects_.find(head.number);
  if (found == effects_.end()) return;  // It has yet to run.
  Effects& effects = found->second;
  CheckLetters(head, effects);
  const bool stays = course->parked.contains(head.number);
  const int again = effects.failed;
  // Unlike a letter, a command may have come before the handler was mended.
  const bool is_after_mending = !plan_->has_commands();
  if (again > state->releases - (stays ? 0 : 1) || (again > 0 && !MayFail(head, is_after_mending)))
    Fail(absl::StrCat("R6: ", TextOf(head), " fails ", again, " times more than it was released"));
  state->releases -= again;
  state->reruns += again;
  if (stays) {
    if (effects.output_count() > 0) Fail(absl::StrCat("I1: ", TextOf(head), " took effect and is parked"));
    effects_.erase(found);
    return;
  }
  effects.failed = 0;
  effects.letters.clear();
  state->failed = nullptr;
  state->releases = state->reruns = 0;
}

bool Checker::SettleFailure(KeyState* state, const SimEvent& event, const Effects& effects, const Course& course) {
  const int released = ReleasesOf(*state, event);
  if (effects.failed > 1 + released || !MayFail(event, false) || state->failed != nullptr) {
    Fail(absl::StrCat("I2: ", TextOf(event), " failed, ", effects.failed, " times"));
  }
  if (!blocks_) return true;
  state->failed = &event;
  state->releases = released - (effects.failed - 1);
  // Another event with that ID has headed the key before it, in the same transaction, and a command names no more than
  // the ID: the status says whether the last one released this event.
  if (course.is_parked && course.left_ids.contains(IdOf(event))) state->releases = 0;
  state->reruns = effects.failed - 1;
  if (effects.blocked > 0 && !course.is_released) Fail(absl::StrCat("R2: ", TextOf(event), " blocks itself"));
  return false;
}

bool Checker::SettleOne(KeyState* state, const SimEvent& event, bool is_behind_another, const Course& course) {
  const auto found = effects_.find(event.number);
  if (found == effects_.end()) {
    const bool is_over = event.kind == EventKind::kSilent && !event.misplaced && !is_behind_another;
    if (is_over) CheckMayRun(event.partition, *state, event);
    return is_over;
  }
  const Effects effects = std::move(found->second);
  effects_.erase(found);
  CheckLetters(event, effects);
  if (event.keyless) {
    SettleKeyless(event, effects);
    return true;
  }
  const int outputs = effects.output_count();
  if (is_behind_another && outputs + effects.failed > 0) {
    Fail(absl::StrCat("I3: ", TextOf(event), " took effect before an earlier event of its key"));
  }
  if (outputs + effects.failed > 0) CheckMayRun(event.partition, *state, event);
  if (outputs > 0) {
    if (course.was_failed) Fail(absl::StrCat("I3: ", TextOf(event), " took effect behind a failed event"));
    const int failures =
        std::max(0, effects.failed - ReleasesOf(*state, event)) + (course.is_released ? 0 : effects.blocked);
    if (effects.outputs.size() != 1 || outputs != event.outputs() || failures > 0 || !MaySucceed(event))
      Fail(absl::StrCat("I1, I5: ", TextOf(event), " has ", outputs, " outputs and ", failures, " failures"));
    if (!HasAggregate(topology_) && effects.outputs[0] != event.value())
      Fail(absl::StrCat("I1: ", TextOf(event), " was changed"));
    return true;
  }
  if (effects.failed > 0) return SettleFailure(state, event, effects, course);
  const bool is_blocked = state->failed != nullptr || course.is_released;
  if (!is_blocked || effects.blocked > 1 || !state->noticed.insert(&event).second) {
    Fail(absl::StrCat("R2: a notice that ", TextOf(event), " is blocked comes too often, or nothing blocks it"));
  }
  // Released right after, it left without a trace.
  return event.kind == EventKind::kSilent && course.is_released && !course.parked.contains(event.number);
}

std::set<int64_t> Checker::ParkedOf(const TaskModel& task, const std::string& key, const KeyState& state) const {
  std::set<int64_t> parked;
  if (state.keyless != nullptr) {
    if (task.fold.contains(KeylessStatusKeyOf(*state.keyless))) parked.insert(state.keyless->number);
    return parked;
  }
  const std::string prefix = ParkedEventKeyPrefix(key);
  for (auto it = task.fold.lower_bound(prefix); it != task.fold.end() && it->first.starts_with(prefix); ++it) {
    v1::ParkedEvent event;
    event.ParseFromString(it->second);
    parked.insert(NumberOfParked(event));
  }
  return parked;
}

void Checker::Settle(int32_t partition, const std::string& key) {
  TaskModel& task = tasks_[static_cast<size_t>(partition)];
  KeyState& state = task.keys[key];
  Course course{.parked = ParkedOf(task, key, state), .is_parked = IsParked(task, key)};
  for (const auto& waiting : state.waiting) {
    for (const SimEvent* event : waiting) {
      if (!course.parked.contains(event->number)) course.left_ids.insert(IdOf(*event));
    }
  }
  SettleEnded(partition, &state, &course);
  SettleReleased(&state, &course);
  course.was_failed = state.failed != nullptr && !course.is_released;
  for (auto& waiting : state.waiting) {
    // A failed head first: what it blocks is judged by it.
    for (const SimEvent* event : waiting) {
      const auto found = effects_.find(event->number);
      if (found == effects_.end() || found->second.failed == 0 || !blocks_ || event->keyless) continue;
      const SimEvent& front = *waiting.front();
      const bool is_behind =
          event != &front && (front.kind != EventKind::kSilent || front.misplaced) && !effects_.contains(front.number);
      SettleOne(&state, *event, is_behind, course);
    }
  }
  for (auto& waiting : state.waiting) {
    std::deque<const SimEvent*> left;
    for (const SimEvent* event : waiting) {
      const bool stays =
          event == state.failed || (course.parked.contains(event->number) && !effects_.contains(event->number));
      if (stays || !SettleOne(&state, *event, !left.empty(), course)) left.push_back(event);
    }
    waiting = std::move(left);
  }
  EndCommands(&state);
  CheckParked(task, key, state);
  CheckState(task, key, state);
}

void Checker::CheckParked(const TaskModel& task, const std::string& key, const KeyState& state) {
  const bool waits = !state.waiting[0].empty() || !state.waiting[1].empty();
  if (state.keyless != nullptr) {
    if (waits != task.fold.contains(KeylessStatusKeyOf(*state.keyless)))
      Fail(absl::StrCat("I2: ", TextOf(*state.keyless), waits ? " waits and is not parked" : " is parked for nothing"));
    return;
  }
  std::vector<int64_t> parked[2];
  const std::string prefix = ParkedEventKeyPrefix(key);
  for (auto it = task.fold.lower_bound(prefix); it != task.fold.end() && it->first.starts_with(prefix); ++it) {
    v1::ParkedEvent event;
    event.ParseFromString(it->second);
    parked[sources_.size() > 1 && event.topic() == sources_[1] ? 1 : 0].push_back(NumberOfParked(event));
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
  if (waits != task.fold.contains(AggregateStatusKey(key))) {
    Fail(absl::StrCat("I2: key ", key, waits ? " waits without a status" : " has a status and nothing that waits"));
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
  if (frontier.inputs_size() < options_.min_inputs || frontier.inputs_size() > static_cast<int>(sources_.size())) {
    Fail(absl::StrCat("F1: the frontier of partition ", partition, " names ", frontier.inputs_size(), " inputs"));
  }
  for (const v1::InputOffset& input : frontier.inputs()) {
    const auto source = static_cast<size_t>(input.topic() == sources_[0] ? 0 : 1);
    if (input.next_offset() == task.committed[source]) continue;
    Fail(absl::StrCat("F2: the frontier says ", input.topic(), "-", partition, "@", input.next_offset(), ", the group ",
                      task.committed[source]));
  }
}

// Waits for somebody to decide.
bool Checker::IsParked(const TaskModel& task, const std::string& key) {
  v1::AggregateStatus status;
  const auto found = task.fold.find(AggregateStatusKey(key));
  return found != task.fold.end() && status.ParseFromString(found->second) &&
         status.state() == v1::AggregateStatus::PARKED;
}

std::string Checker::Unsettled() const {
  if (is_suspended_) return "";
  if (const std::string waiting = commands_.Unsettled(); !waiting.empty()) return waiting;
  for (const TaskModel& task : tasks_) {
    for (size_t source = 0; source < sources_.size(); ++source) {
      if (task.sent[source].empty() || task.sent[source].rbegin()->first < task.committed[source]) continue;
      return absl::StrCat(TextOf(*task.sent[source].rbegin()->second), " is not processed");
    }
    for (const auto& [key, kept] : task.keys) {
      const auto& state = kept;  // A binding cannot be captured.
      if (state.waiting[0].empty() && state.waiting[1].empty()) continue;
      if (state.failed == nullptr || !IsParked(task, key)) return absl::StrCat("key ", key, " is being retried");
      if (state.releases > 0 && state.reruns == 0) return absl::StrCat("key ", key, " was released and does not run");
      for (const auto& waiting : state.waiting) {
        const bool all = std::all_of(waiting.begin(), waiting.end(), [&](const SimEvent* event) {
          return event == state.failed || state.noticed.contains(event);
        });
        if (!all) return absl::StrCat("notices of key ", key, " are missing");
      }
    }
  }
  return "";
}

}  // namespace once::sim
