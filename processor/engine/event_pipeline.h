// An event's way through the engine: duplicate? - parked? - handlers - merge, or fail by policy.
//
// Works on one open epoch: state writes go into the task's overlay, outputs to the epoch. An event that fails leaves
// nothing there but what its failure says (dead letter, parked event, status).
#ifndef ONCE_PROCESSOR_ENGINE_EVENT_PIPELINE_H_
#define ONCE_PROCESSOR_ENGINE_EVENT_PIPELINE_H_

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/engine/dead_letter.h"
#include "processor/engine/epoch.h"
#include "processor/engine/handler_observer.h"
#include "processor/engine/options.h"
#include "processor/engine/output_builder.h"
#include "processor/engine/plan.h"
#include "processor/engine/task.h"
#include "processor/topology/dispatch.h"

namespace once {

// What a call asks of the engine. Of kDone alone the event was taken into the epoch.
struct Outcome {
  enum class Kind {
    kDone,
    kPauseTask,    // A limit of the task is reached: seal, then pause it. The event stays unprocessed.
    kHalt,         // The policy says stop. The event stays unprocessed.
    kStoreFailed,  // The checkpoint store failed: drop the epoch.
  };
  Kind kind = Kind::kDone;
  absl::Status status;
};

// Not thread-safe; arguments must outlive this.
class EventPipeline : private StateReader {
 public:
  // `observer` may be null.
  EventPipeline(const Plan* plan, const EngineOptions* options, Epoch* epoch, LogSink* log, HandlerObserver* observer);

  // A record's place in the idempotency window, worked out ahead of its turn: the look-up is a cache miss, which has
  // passed by the time the record is processed.
  struct WindowKey {
    bool present = false;
    EventIdHash hash = {};
  };
  WindowKey LookAhead(const Task& task, SourceIndex source, const RecordView& record) const;

  // Processes one consumed record of a running task, whose position is the caller's to move. `key` is of LookAhead.
  Outcome Process(Task* task, SourceIndex source, const RecordView& record, const WindowKey& key);

  // Runs the head of a parked key that Parking::NextRunnable named, or writes one outstanding notice.
  Outcome RunParked(Task* task, const std::string& key);

  // The epoch's outputs so far were taken: what they pointed to may go.
  void ReleaseStep() { revived_.clear(); }

 private:
  // One event with all that its failure needs to know.
  struct Attempt {
    Task* task = nullptr;
    SourceIndex source = 0;
    const RecordView* record = nullptr;
    const std::string* topic = nullptr;
    int number = 1;
    int64_t first_failure_ms = 0;  // 0: none yet.
  };
  struct Verdict {
    absl::Status status = {};
    NodeIndex node = 0;  // Whose policy counts.
    bool rejected = false;
    bool ignored = false;
  };

  absl::StatusOr<OptionalBytes> Read(uint16_t node, std::string_view record_key) override;
  Outcome Resolve(const Attempt& attempt);
  Verdict Run(const Attempt& attempt);
  absl::Status RunHandlers(const Attempt& attempt, const Dispatcher::Choice& choice, NodeIndex* node);
  absl::Status Merge(const Attempt& attempt);
  absl::Status CheckKey(const Attempt& attempt, const Dispatcher::Choice& choice) const;

  // What a failed first attempt leaves.
  Outcome Fail(const Attempt& attempt, const Verdict& verdict);
  Outcome Block(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus::State state);
  Outcome ParkBehind(const Attempt& attempt, const v1::AggregateStatus& status);
  Outcome CheckParkingLimits(const Task& task, const v1::AggregateStatus* status) const;

  // The parts of RunParked.
  struct Revived {
    SourceIndex source = 0;
    RecordView record;
  };
  absl::StatusOr<Revived> Revive(Task* task, const std::string& key, uint64_t sequence);
  Outcome RunHead(Task* task, const std::string& key, v1::AggregateStatus status);
  Outcome HeadFailed(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus status);
  Outcome Notice(Task* task, const std::string& key, v1::AggregateStatus status);

  bool WillRetry(const Attempt& attempt, const Verdict& verdict) const;
  void FillFailure(const Attempt& attempt, const Verdict& verdict, v1::AggregateStatus* status) const;
  void SendDeadLetter(const Attempt& attempt, Disposition disposition, const absl::Status& status,
                      std::string_view blocked_by);
  void SendBlockedNotice(const Attempt& attempt, const v1::AggregateStatus& status);
  void EmitDeadLetter(const Attempt& attempt, const DeadLetter& letter);
  void CountFailure(Task* task);
  SourceIndex SourceOf(const Task& task, std::string_view topic) const;
  std::string KeyText(SourceIndex source, const RecordView& record) const;
  int64_t NowMs() const { return absl::ToUnixMillis(epoch_->opened_at); }

  const Plan* const plan_;
  const EngineOptions* const options_;
  Epoch* const epoch_;
  LogSink* const log_;
  HandlerObserver* const observer_;
  const Dispatcher dispatcher_;
  const OutputBuilder output_builder_;
  EventContext context_;

  std::vector<std::string> store_prefixes_;  // By node: StateKeyPrefix of aggregates.
  std::vector<NodeIndex> policy_nodes_;      // By source: whose policy counts when no handler was chosen.
  // Of the event under way.
  Task* task_ = nullptr;
  std::vector<TaskState::Entry*> opened_;  // By node: the state entry read, or null.
  absl::Status store_error_;
  std::string key_scratch_;
  std::vector<std::unique_ptr<v1::ParkedEvent>> revived_;  // What this step's outputs may point into.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EVENT_PIPELINE_H_
