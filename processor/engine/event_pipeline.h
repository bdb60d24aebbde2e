// An event's way through the engine: duplicate? - parked? - handlers - merge.
//
// Works on one open epoch: state writes go into the task's overlay, outputs to the epoch. An event that fails leaves
// nothing there but what Failures makes of it.
#ifndef ONCE_PROCESSOR_ENGINE_EVENT_PIPELINE_H_
#define ONCE_PROCESSOR_ENGINE_EVENT_PIPELINE_H_

#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/engine/epoch.h"
#include "processor/engine/event_identifier.h"
#include "processor/engine/failures.h"
#include "processor/engine/handler_observer.h"
#include "processor/engine/options.h"
#include "processor/engine/output_builder.h"
#include "processor/engine/plan.h"
#include "processor/engine/redrive.h"
#include "processor/engine/tally.h"
#include "processor/engine/task.h"
#include "processor/engine/window_key.h"
#include "processor/topology/dispatch.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class EventPipeline : private StateReader {
 public:
  // `observer` may be null.
  EventPipeline(const Plan* plan, const EngineOptions* options, Epoch* epoch, LogSink* log, HandlerObserver* observer);

  // For a record whose turn comes soon; also brings what it will need into the processor's cache.
  void LookAhead(const Task& task, SourceIndex source, const RecordView& record, WindowKey* result);

  // How the record must be run, for what the broker refused before.
  Suspects::Treatment TreatmentOf(const Task& task, SourceIndex source, const RecordView& record) const {
    if (task.suspects.empty()) return Suspects::Treatment::kFree;
    return task.suspects.TreatmentOf({{plan_->input_topics[source], record.partition}, record.offset});
  }

  // Processes one consumed record of a running task, whose position is the caller's to move. `key` is of LookAhead.
  Outcome Process(Task* task, SourceIndex source, const RecordView& record, const WindowKey& key);

  // Runs the head of a queue that Parking::NextRunnable named, or writes one outstanding notice.
  Outcome RunParked(Task* task, const std::string& queue);

  // What becomes of events that are not run, or fail.
  Failures* failures() { return &failures_; }

  // The epoch's outputs so far were taken: what they pointed to may go.
  void ReleaseStep();

 private:
  absl::StatusOr<OptionalBytes> Read(uint16_t node, std::string_view record_key) override;
  // Why the event is not to be run, if it is not.
  static absl::Status Blame(const Attempt& attempt);
  Outcome NoticeCameBack(const Attempt& attempt, const Redrive& redrive);
  void CountHollow(const Attempt& attempt, const Redrive& redrive);
  void CountDuplicate(const Attempt& attempt, const Redrive& redrive);
  Outcome Resolve(const Attempt& attempt);
  Verdict Run(const Attempt& attempt);
  // Of an event whose value is at hand.
  Verdict RunWhole(const Attempt& attempt);
  // The user's code: the key's codec, then the handlers.
  void RunUserCode(const Attempt& attempt, const Dispatcher::Choice& choice, Verdict* verdict);
  absl::Status RunHandlers(const Attempt& attempt, const Dispatcher::Choice& choice, NodeIndex* node);
  absl::Status Merge(const Attempt& attempt);
  absl::Status CheckShape(const Attempt& attempt, const Dispatcher::Choice& choice) const;
  absl::Status CheckKey(const Attempt& attempt, const Dispatcher::Choice& choice) const;
  absl::Status CheckPartition(const Attempt& attempt);

  const Plan* const plan_;
  const EngineOptions* const options_;
  Epoch* const epoch_;
  LogSink* const log_;
  HandlerObserver* const observer_;
  Failures failures_;
  const Dispatcher dispatcher_;
  EventIdentifier identifier_;
  const OutputBuilder output_builder_;
  EventContext context_;

  std::vector<std::string> store_prefixes_;  // By node: StateKeyPrefix of aggregates.
  std::vector<NodeIndex> policy_nodes_;      // By source: whose policy counts when no handler was chosen.
  // Of the event under way.
  Task* task_ = nullptr;
  const WindowKey* key_ = nullptr;  // If it was consumed just now.
  EventIdentifier::Identity identity_;
  std::vector<TaskState::Entry*> opened_;  // By node: the state entry read, or null.
  absl::Status store_error_;
  std::string key_scratch_;
  std::string ahead_scratch_;
  Tally duplicates_;
  Tally duplicate_redrives_;
  Tally duplicate_notices_;
  Tally misdirected_notices_;
  Tally hollow_;
  Tally misplaced_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EVENT_PIPELINE_H_
