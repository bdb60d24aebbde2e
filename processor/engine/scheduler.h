// What runs next: consumed records, ends of partitions, parked events that are due, and when a task has failed too
// much.
#ifndef ONCE_PROCESSOR_ENGINE_SCHEDULER_H_
#define ONCE_PROCESSOR_ENGINE_SCHEDULER_H_

#include <cstddef>
#include <vector>

#include "processor/base/log.h"
#include "processor/engine/epochs.h"
#include "processor/engine/event_pipeline.h"
#include "processor/engine/options.h"
#include "processor/engine/step.h"
#include "processor/engine/tasks.h"

namespace once {

// Not thread-safe; arguments must outlive this.
class Scheduler {
 public:
  Scheduler(const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks, Epochs* epochs,
            EventPipeline* pipeline)
      : options_(options), log_(log), step_(step), tasks_(tasks), epochs_(epochs), pipeline_(pipeline) {}

  // The batch must live until has_backlog() is false.
  void Take(const kafka::Batch* batch);
  void ProcessBacklog();
  bool has_backlog() const { return batch_ != nullptr; }
  // What was fetched is void.
  void DropBacklog() { batch_ = nullptr; }

  void RunParked();
  // Tasks whose offsets the broker would forget, or never got, join the epoch (T9).
  void TouchOverdue();

 private:
  bool ProcessRecord(const RecordView& record, const EventPipeline::WindowKey& key);
  const EventPipeline::WindowKey& WindowKeyOf(size_t index);
  void ProcessEnds(const kafka::Batch& batch);
  void ProcessErrors(const kafka::Batch& batch);
  bool HandleOutcome(Task* task, const Outcome& outcome);
  void CountForBreaker(Task* task);

  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  Tasks* const tasks_;
  Epochs* const epochs_;
  EventPipeline* const pipeline_;

  const kafka::Batch* batch_ = nullptr;
  size_t batch_cursor_ = 0;
  std::vector<EventPipeline::WindowKey> window_keys_;  // Of the batch's records, a little beyond the cursor.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_SCHEDULER_H_
