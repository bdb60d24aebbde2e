// Gathers what a worker says of itself and puts it on the pod's board, a few times a second, between two turns.
#ifndef ONCE_PROCESSOR_RUNTIME_STATUS_WRITER_H_
#define ONCE_PROCESSOR_RUNTIME_STATUS_WRITER_H_

#include <map>
#include <memory>
#include <optional>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/status.h"
#include "processor/engine/engine.h"
#include "processor/engine/parking.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/runtime/status_board.h"
#include "processor/runtime/summary.h"

namespace once {

// A worker's, as they are now; each may be null.
struct WorkerClients {
  kafka::TransactionalProducer* producer = nullptr;
  kafka::GroupConsumer* consumer = nullptr;
};

// Not thread-safe.
class StatusWriter {
 public:
  static constexpr absl::Duration kInterval = absl::Milliseconds(200);
  // Gathering takes at most this part of the worker's time: with very many tasks it comes less often.
  static constexpr int kMostOfTime = 400;
  // But not less often than this, whatever a step of the clock or a machine that stood still makes of it.
  static constexpr absl::Duration kLongestInterval = absl::Seconds(5);

  // `board` may be null: then nothing is gathered. Arguments must outlive this.
  StatusWriter(const Plan* plan, int worker, StatusBoard* board, Clock* clock)
      : plan_(plan), worker_(worker), board_(board), clock_(clock) {}

  // Gathers if it is time to. Call it often.
  void Publish(const ClockReading& now, const Engine& engine, const WorkerClients& clients, const Summary& summary);

 private:
  // What is looked at seldom, and in turns, since it is a pass over all that is parked.
  struct Seldom {
    absl::Time owner_since = absl::InfinitePast();  // By the wall clock.
    absl::Time oldest_failure = absl::InfiniteFuture();
    std::shared_ptr<const std::vector<BlockedStatus>> blocked = {};
  };

  void Gather(const ClockReading& now, const Engine& engine, const WorkerClients& clients, const Summary& summary);
  // Whether it got round all tasks.
  bool CountParked(const Engine& engine);
  static void CountParkedOf(const Parking& parking, Seldom* seldom);
  void NoteOwned(const ClockReading& now, const Engine& engine);
  TaskStatus StatusOf(const Task& task, const ClockReading& now, const Engine& engine, const WorkerClients& clients,
                      const Summary& summary) const;

  const Plan* const plan_;
  const int worker_;
  StatusBoard* const board_;
  Clock* const clock_;
  absl::Time next_ = absl::InfinitePast();
  absl::Time next_count_ = absl::InfinitePast();
  absl::Duration counting_took_ = absl::ZeroDuration();  // Of what was gathered last.
  std::optional<TaskId> last_counted_;
  std::map<TaskId, Seldom> seldom_;
  std::shared_ptr<const WorkerStatus> ready_;  // It could not be handed over yet.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_STATUS_WRITER_H_
