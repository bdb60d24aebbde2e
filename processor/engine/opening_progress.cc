// X5i: who waits for tasks to open is told every ten seconds how far they are and what they wait for.
#include "processor/engine/opening_progress.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

constexpr absl::Duration kTellingOfProgress = absl::Seconds(10);
constexpr int kMostTasks = 10;  // Of those that are told one by one.

std::string Seconds(absl::Duration duration) {
  return absl::FormatDuration(std::max(absl::Trunc(duration, absl::Seconds(1)), absl::Seconds(1)));
}

// Offsets count markers, too, so these are a little more than the records.
std::string DescribeReplay(const Task& task, absl::Time now, bool is_full) {
  const int64_t target = task.replay_target.value() - task.replay_from.value();
  const int64_t done = std::min(task.changelog_position.value() - task.replay_from.value(), target);
  const std::string far =
      absl::StrCat("reads its changelog ", ToString(task.changelog), ": ", done, " of ", target, " records");
  const double seconds = absl::ToDoubleSeconds(now - task.replay_since);
  const double rate = seconds > 0 ? static_cast<double>(done) / seconds : 0;
  // First: while it waits for the disk, its pace says nothing of the brokers.
  if (is_full) {
    return absl::StrCat(
        far, ", and waits until what it has read is on the disk, since memory_bytes leaves no room for more");
  }
  if (rate < 1) return absl::StrCat(far, ", and waits for more to come: for a broker, or for the end of a transaction");
  const absl::Duration left = absl::Seconds(static_cast<double>(target - done) / rate);
  // It came on, and has stopped.
  if (now - task.replayed_at >= kTellingOfProgress) {
    return absl::StrCat(far,
                        ", and waits for the next ones: for a broker, or for the end of a transaction that an "
                        "instance left open, which the brokers abort when its transaction_timeout is over");
  }
  return absl::StrCat(far, ", ", static_cast<int64_t>(rate), " a second, about ", Seconds(left), " to go");
}

}  // namespace

std::string DescribeOpening(const Task& task, absl::Time now, bool is_full) {
  std::string what = "is to be rebuilt when its checkpoint is written";
  if (task.phase == TaskPhase::kReplaying) {
    what = DescribeReplay(task, now, is_full);
  } else if (task.rebuild_why.ok()) {
    what = task.opening_waits_for.empty() ? "waits for the brokers to tell its offsets"
                                          : absl::StrCat("waits for its offsets: ", task.opening_waits_for);
  }
  return absl::StrCat("task ", ToString(task.inputs.front().where), " has been opening for ",
                      Seconds(now - task.opening_since), ": it ", what);
}

void OpeningProgress::TellIfDue(absl::Time now, bool is_full) {
  if (now < next_) return;
  const bool is_first = next_ == absl::InfinitePast();
  next_ = now + kTellingOfProgress;
  // Nobody has waited yet.
  if (is_first) return;
  // Also a bound to what a task could be forgotten for.
  tasks_->MarkAll();
  int opening = 0;
  for (const auto& [id, task] : tasks_->all()) {
    if (task->phase != TaskPhase::kOpening && task->phase != TaskPhase::kReplaying) continue;
    if (now - task->opening_since < kTellingOfProgress) continue;
    if (++opening <= kMostTasks) LogOf(*task, log_, LogLevel::kInfo, DescribeOpening(*task, now, is_full));
  }
  if (opening > kMostTasks) {
    log_->Log(LogLevel::kInfo, absl::StrCat("so do ", opening - kMostTasks, " more tasks of this worker"));
  }
}

}  // namespace once
