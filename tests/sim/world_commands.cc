// Operators of the simulated application (R7): they look at dead letters, and send commands, some of them twice.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/letters.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

const absl::Duration kLongestWay = absl::Milliseconds(100);

}  // namespace

void World::ScheduleCommands() {
  if (scenario_.commands_from == absl::ZeroDuration()) return;
  scheduler_.At(start_ + scenario_.commands_from, [this] { SendCommands(); });
}

void World::SendCommand(v1::Command command, int32_t partition) {
  const TopicPartitionOffset where =
      cluster_.Append(plan_->control_topics[0], Partition(partition), std::nullopt, command.SerializeAsString(), {});
  checker_->OnCommand(partition, where.offset.value(), command);
  if (trace_.is_printed())
    trace_.Print(absl::StrCat("COMMAND to partition ", partition, " at ", where.offset.value(), ": ",
                              command.ShortDebugString()));
}

v1::Command World::DrawCommand(int32_t* partition) {
  v1::Command command;
  command.set_id(absl::StrCat("c", ++commands_));
  *partition = static_cast<int32_t>(operator_.Below(scenario_.partitions));
  const int64_t kind = operator_.Below(100);
  const auto& events = *input_->events();
  const SimEvent& event = events[static_cast<size_t>(operator_.Below(static_cast<int64_t>(events.size())))];
  if (kind < 60 && !letters_.empty()) {
    const testkit::StoredRecord& letter =
        *letters_[static_cast<size_t>(operator_.Below(static_cast<int64_t>(letters_.size())))];
    const int64_t number = NumberOfLetter(letter);
    if (number >= 0 && number < static_cast<int64_t>(events.size()) && letter.key.has_value()) {
      *partition = events[static_cast<size_t>(number)].partition;
      v1::Target* const target = kind < 30   ? command.mutable_release()->mutable_target()
                                 : kind < 45 ? command.mutable_skip()->mutable_target()
                                             : command.mutable_discard()->mutable_target();
      target->set_key(*letter.key);
      const std::string id = HeaderOf(letter, "ce_id");
      const std::string failed = id.empty() ? HeaderOf(letter, "once.origin") : id;
      const std::string blocker = HeaderOf(letter, "once.blocked_by");
      // What is released must be known to the model; the rest may hit whatever is there.
      if (kind < 30 || operator_.Chance(60)) target->set_blocked_by(blocker.empty() ? failed : blocker);
      const auto is_let_run = [&](const SimEvent& each) { return IsDeadly(each.number) && each.key == *letter.key; };
      if (kind < 30 && std::any_of(events.begin(), events.end(), is_let_run)) ++deadly_releases_;
      return command;
    }
  }
  if (kind < 70 && !event.id.empty()) {
    *partition = event.partition;
    rules_.emplace_back(event.id, event.partition);
    command.mutable_never_add()->mutable_rule()->set_event_id(event.id);
  } else if (kind < 80 && !rules_.empty()) {
    const auto& [id, where] = rules_[static_cast<size_t>(operator_.Below(static_cast<int64_t>(rules_.size())))];
    *partition = where;
    command.mutable_never_remove()->mutable_rule()->set_event_id(id);
  } else if (kind < 86) {
    command.mutable_pause();
  } else if (kind < 94) {
    command.mutable_resume();
  } else if (kind < 97) {
    command.mutable_retry_task();
  } else {
    command.mutable_skip()->mutable_target()->set_key("nobody");
  }
  return command;
}

void World::SendCommands() {
  if (scheduler_.now() > start_ + scenario_.load) {
    // When those on their way have been sent: nobody is left to do it later.
    return scheduler_.At(scheduler_.now() + 2 * kLongestWay, [this] {
      for (int32_t p = 0; p < scenario_.partitions; ++p) {
        v1::Command command;
        command.set_id(absl::StrCat("last", p));
        command.mutable_resume();
        SendCommand(std::move(command), p);
      }
    });
  }
  for (int64_t count = operator_.Between(int64_t{1}, int64_t{3}); count > 0; --count) {
    int32_t partition = 0;
    const v1::Command command = DrawCommand(&partition);
    for (int64_t times = operator_.Chance(30) ? 2 : 1; times > 0; --times) {
      scheduler_.At(scheduler_.now() + operator_.Between(absl::ZeroDuration(), kLongestWay),
                    [this, command, partition] { SendCommand(command, partition); });
    }
  }
  scheduler_.At(scheduler_.now() + operator_.Between(absl::Milliseconds(20), absl::Milliseconds(150)),
                [this] { SendCommands(); });
}

}  // namespace once::sim
