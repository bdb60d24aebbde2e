// What commands make of a key's events (R7).
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/checker.h"

namespace once::sim {
namespace {

const v1::Target* TargetOf(const v1::Command& command) {
  if (command.has_release()) return &command.release().target();
  if (command.has_skip()) return &command.skip().target();
  if (command.has_discard()) return &command.discard().target();
  return nullptr;
}

}  // namespace

std::string IdOf(const SimEvent& event) { return event.id.empty() ? event.place() : event.id; }

void Checker::ReadCommands(const testkit::CommittedTransaction& transaction,
                           std::vector<std::set<std::string>>* touched) {
  if (!plan_->has_commands()) return;
  if (const std::string wrong = commands_.Read(transaction); !wrong.empty()) return Fail(absl::StrCat("R7: ", wrong));
  for (int32_t partition = 0; partition < partitions(); ++partition) {
    for (const CommandModel::Passed& passed : commands_.passed(partition)) {
      const v1::Target* const target = TargetOf(passed.command);
      if (target == nullptr || target->key().empty()) continue;
      (*touched)[static_cast<size_t>(partition)].insert(target->key());
      TakeCommand(&tasks_[static_cast<size_t>(partition)].keys[target->key()], *target, passed);
    }
  }
}

void Checker::TakeCommand(KeyState* state, const v1::Target& target, const CommandModel::Passed& passed) {
  const bool blocks = state->failed != nullptr && IdOf(*state->failed) == target.blocked_by();
  if (passed.result.outcome() == v1::CommandResult::REFUSED) {
    // Unless something else in this transaction, or before it, has released it.
    const bool is_wrong = blocks && state->releases == 0 && state->commands == 0 && copied_.empty() &&
                          state->to_discard.empty() && !state->may_be_discarded.contains(state->failed->number) &&
                          !commands_.WasMatched(state->failed->partition, target.blocked_by());
    if (is_wrong)
      Fail(absl::StrCat("R7: ", passed.command.ShortDebugString(), " was refused though that event blocks"));
    return;
  }
  if (passed.result.outcome() != v1::CommandResult::APPLIED) return;
  ++state->commands;
  if (passed.command.has_release()) {
    if (blocks) ++state->releases;
    ++state->released[target.blocked_by()];
  }
  if (passed.command.has_skip()) ++state->skips;
  if (!passed.command.has_discard()) return;
  state->is_discarded_now = true;
  for (const auto& waiting : state->waiting) {
    for (const SimEvent* event : waiting) state->to_discard.insert(event->number);
  }
}

int Checker::ReleasesOf(const KeyState& state, const SimEvent& event) {
  const auto found = state.released.find(IdOf(event));
  return found == state.released.end() ? 0 : found->second;
}

// Those that a command has ended: each for a reason, and then nothing else comes of them.
void Checker::SettleEnded(int32_t partition, KeyState* state, Course* course) {
  if (state->commands > 0) course->is_released = true;
  for (const auto& [id, times] : state->released) {
    bool has_failed = state->failed != nullptr && IdOf(*state->failed) == id;
    for (const auto& waiting : state->waiting) {
      for (const SimEvent* event : waiting) {
        const auto effects = effects_.find(event->number);
        has_failed |= effects != effects_.end() && effects->second.failed > 0 && IdOf(*event) == id;
      }
    }
    if (!has_failed) Fail(absl::StrCat("R7: ", id, " was released ", times, " times, and did not block"));
  }
  for (auto& waiting : state->waiting) {
    for (auto it = waiting.begin(); it != waiting.end();) {
      const SimEvent& event = **it;
      const auto found = effects_.find(event.number);
      if (found == effects_.end() || found->second.ended() == 0) {
        ++it;
        continue;
      }
      const Effects effects = std::move(found->second);
      effects_.erase(found);
      CheckLetters(event, effects);
      const bool was_discarded = state->to_discard.erase(event.number) > 0 || state->is_discarded_now ||
                                 state->may_be_discarded.erase(event.number) > 0;
      const bool right = effects.ended() == 1 && effects.output_count() == 0 &&
                         (effects.skipped == 0 || state->skips-- > 0) && (effects.discarded == 0 || was_discarded) &&
                         (effects.never == 0 || commands_.MayEnd(partition, IdOf(event)));
      if (!right) {
        Fail(absl::StrCat("R7: ", TextOf(event), " was skipped ", effects.skipped, ", discarded ", effects.discarded,
                          ", never processed ", effects.never, " times, with ", effects.output_count(), " outputs"));
      }
      if (effects.skipped + effects.discarded + effects.failed > 0) course->is_released = true;
      if (&event == state->failed) {
        course->is_released = true;
        state->failed = nullptr;
        state->releases = state->reruns = 0;
      }
      it = waiting.erase(it);
    }
  }
  AllowRunForRule(partition, *course, state);
  if (state->skips > 0) Fail("R7: a skip was told of, and nothing was skipped");
  state->skips = 0;
}

// A rule that was taken back before it ended the head has let it run once, beside what else released it.
void Checker::AllowRunForRule(int32_t partition, const Course& course, KeyState* state) {
  if (state->failed == nullptr || !commands_.WasMatched(partition, IdOf(*state->failed))) return;
  const auto effects = effects_.find(state->failed->number);
  if (effects == effects_.end()) return;
  const int runs = effects->second.failed + (course.parked.contains(state->failed->number) ? 0 : 1);
  if (state->releases < std::max(runs, 1)) ++state->releases;
}

void Checker::EndCommands(KeyState* state) {
  state->commands = 0;
  state->released.clear();
  std::set<int64_t> left;
  for (const auto& waiting : state->waiting) {
    for (const SimEvent* event : waiting) {
      if (state->to_discard.contains(event->number)) left.insert(event->number);
      if (state->is_discarded_now) state->may_be_discarded.insert(event->number);
    }
  }
  state->is_discarded_now = false;
  state->to_discard = std::move(left);
}

// It took effect, or failed, or ended in silence.
void Checker::CheckMayRun(int32_t partition, const KeyState& state, const SimEvent& event) {
  if (!plan_->has_commands()) return;
  if (commands_.MustEnd(partition, IdOf(event)))
    Fail(absl::StrCat("R7: ", TextOf(event), " ran though a rule matches it"));
  // In the command's own transaction it may have run before.
  if (!state.is_discarded_now && state.to_discard.contains(event.number))
    Fail(absl::StrCat("R7: ", TextOf(event), " ran though it was discarded"));
}

}  // namespace once::sim
