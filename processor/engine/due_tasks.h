// When a task has something to do next: so that a turn looks at those that do, and not at all (X7).
#ifndef ONCE_PROCESSOR_ENGINE_DUE_TASKS_H_
#define ONCE_PROCESSOR_ENGINE_DUE_TASKS_H_

#include <set>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/engine/options.h"
#include "processor/engine/task.h"

namespace once {

// Between tries of a checkpoint that fails, at least.
inline constexpr absl::Duration kCheckpointRetry = absl::Seconds(1);

// When a replay that comes no further asks anew where it is to come to, which may be in its log no more (F3).
absl::Time LooksAgainAt(const Task& task);
// The client reads one of its inputs no more until it is assigned anew.
bool HasBrokenInput(const Task& task);
// Whether its inputs are to be read from somewhere else than they are.
bool WantsSeek(const Task& task);
// Likewise its commands.
bool WantsControlSeek(const Task& task);
// Its offsets are committed again before brokers forget them (T9).
bool KeepsItsOffsets(const Task& task);
// Some are not committed as they stand, or never were.
bool HasUncommittedOffset(const Task& task);
// Of a paused task: when it goes on. Past if what its handlers need is back.
absl::Time ResumeAt(const Task& task);

// When the task is to be looked at for anything that a tick does, as it is now; infinite if only an event changes that.
absl::Time NextDue(const Task& task, const EngineOptions& options, absl::Time now);

// The tasks to look at: those to which something happened, and those whose time has come. Not thread-safe; tasks must
// be removed before they are destroyed.
class DueTasks {
 public:
  // Something happened to it.
  void Mark(Task* task);
  void Remove(Task* task);
  // In the order of their ids.
  std::vector<Task*> At(absl::Time now) const;
  // They were looked at: the next time is at `due`.
  void Settle(Task* task, absl::Time due);
  // Infinite if nothing is ever due; past if something happened.
  absl::Time next() const;

 private:
  struct ById {
    bool operator()(const Task* a, const Task* b) const { return a->id < b->id; }
  };
  struct Earlier {
    bool operator()(const std::pair<absl::Time, Task*>& a, const std::pair<absl::Time, Task*>& b) const {
      return a.first != b.first ? a.first < b.first : a.second->id < b.second->id;
    }
  };

  std::set<std::pair<absl::Time, Task*>, Earlier> deadlines_;
  std::set<Task*, ById> marked_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_DUE_TASKS_H_
