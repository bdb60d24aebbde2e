// Commands of operators (R7): what each does to its task, in the epoch that is open, and what is told of it.
//
// A command takes effect, is remembered by its ID and is answered in the audit topic in one transaction, which also
// commits the offset of its record. It touches queues and rules only: the queues are run in turns like any other work.
// What concerns many queues is done in portions, each of which is remembered with its effect, and answered at the end.
#ifndef ONCE_PROCESSOR_ENGINE_COMMANDS_H_
#define ONCE_PROCESSOR_ENGINE_COMMANDS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "once/v1/control.pb.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/engine/epoch.h"
#include "processor/engine/failures.h"
#include "processor/engine/plan.h"
#include "processor/engine/tally.h"
#include "processor/engine/task.h"

namespace once {

// The command in a record of a control topic; its value is read alone. InvalidArgument, in words, if it is none.
absl::StatusOr<v1::Command> ParseCommand(const RecordView& record);

// Not thread-safe; arguments must outlive this.
class Commands {
 public:
  Commands(const Plan* plan, const ClockReading* clock, Epoch* epoch, LogSink* log, Failures* failures);

  // Carries out one record of the task's control topic, whose position is the caller's to move. kDone, or kStoreFailed.
  Outcome Process(Task* task, const RecordView& record);
  // Goes on with one of the commands that are under way.
  Outcome RunPortion(Task* task);
  // The command that RunPortion goes on with.
  static Place PlaceOfPortion(const Task& task);

  // The epoch's outputs so far were taken.
  void ReleaseStep() { carried_out_.Tell(epoch_->opened_at, log_); }

 private:
  // What became of a command, for its result.
  struct Answer {
    absl::Status refusal = {};  // Nothing was changed.
    absl::Status store = {};    // The checkpoint store failed.
    bool is_under_way = false;  // It is answered later.
    int64_t queues = 0;
    int64_t events = 0;
    std::string hash_before = {};
    std::string hash_after = {};
    std::string event_id = {};

    void Take(const Outcome& outcome) { store.Update(outcome.status); }
  };
  // A queue that a command names.
  struct Found {
    std::string queue = {};
    v1::AggregateStatus status = {};
    absl::Status refusal = {};
  };

  Answer Execute(Task* task, const v1::Command& command, Offset offset);
  absl::Status CheckCommand(const Task& task, const v1::Command& command) const;
  Found Find(const Task& task, const v1::Target& target) const;
  Answer Release(Task* task, const v1::Command& command, Offset offset);
  Answer RetryNow(Task* task, const v1::Command& command, Offset offset);
  Answer Skip(Task* task, const v1::Command& command);
  Answer Discard(Task* task, const v1::Command& command);
  Answer Replace(Task* task, const v1::Command& command);
  // Of the event's whole value.
  std::string HashOf(const v1::ParkedEvent& event) const;
  Answer AddNever(Task* task, const v1::Command& command, Offset offset);
  Answer RemoveNever(Task* task, const v1::Command& command);
  Answer Pause(Task* task, const v1::Command& command);
  Answer Resume(Task* task);
  Answer RetryTask(Task* task, Offset offset);
  Answer Begin(Task* task, const v1::Command& command, Offset offset);
  // What a command under way does to one queue. False if that is none of its.
  absl::StatusOr<bool> Visit(Task* task, const v1::Command& command, const std::string& queue);
  absl::StatusOr<bool> IsSelected(Task* task, const v1::Selection& selection, const std::string& queue,
                                  const v1::AggregateStatus& status);
  absl::Status RetryQueueNow(Task* task, const std::string& queue, v1::AggregateStatus status);
  void Tell(Task* task, const v1::Command* command, std::string_view id, Offset offset, const Answer& answer,
            const v1::CommandDone* before);

  const Plan* const plan_;
  const ClockReading* const clock_;
  Epoch* const epoch_;
  LogSink* const log_;
  Failures* const failures_;
  Tally carried_out_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_COMMANDS_H_
