// One worker: an engine, the consumer and the producer it speaks through.
//
// Carries the engine's actions out and feeds the outcomes back. Runs on one thread; with ports in memory and a clock of
// the test's it is deterministic, and tests and simulation run it as it is.
//
//   Worker worker(&plan, options, config, deps);
//   worker.InitProducer();   // of all workers of a pod, before any joins the group
//   worker.Join();
//   while (!worker.done()) worker.RunOnce();
//   worker.Leave();
#ifndef ONCE_PROCESSOR_RUNTIME_WORKER_H_
#define ONCE_PROCESSOR_RUNTIME_WORKER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/engine/engine.h"
#include "processor/engine/messages.h"
#include "processor/kafka/kafka.h"
#include "processor/runtime/checkpoint_writer.h"
#include "processor/runtime/handler_watch.h"
#include "processor/runtime/memory_budget.h"
#include "processor/runtime/offset_reader.h"
#include "processor/runtime/status_writer.h"
#include "processor/runtime/summary.h"
#include "processor/runtime/topic_news.h"

namespace once {

struct WorkerConfig {
  int index = 0;                      // Among the pod's workers.
  std::string transactional_id = {};  // Stable over restarts, and no other process's.
  std::string member_name = {};       // In the group, stable likewise; empty: none, and a restart is a new member.
  uint64_t seed = 0;
  absl::Duration poll_wait = absl::Milliseconds(5);  // The longest wait for records; also added to their latency.
  absl::Duration call_timeout = absl::Seconds(5);    // Of one blocking call, which is repeated if need be.
  absl::Duration retry_pause = absl::Milliseconds(20);
};

// All must outlive the worker.
struct WorkerDeps {
  kafka::Client* client = nullptr;
  kafka::Admin* admin = nullptr;
  CheckpointStore* store = nullptr;
  CheckpointWriter* checkpoints = nullptr;
  OffsetReader* offsets = nullptr;  // Null: the worker itself asks, and waits for the answers.
  Clock* clock = nullptr;
  LogSink* log = nullptr;
  MemoryBudget* memory = nullptr;  // Null: the engine's options say what it may use.
  std::function<void(absl::Duration)> sleep;
  Solitude* solitude = nullptr;   // Shared by the process's workers; null: it has no other.
  StatusBoard* status = nullptr;  // Null: it says nothing of itself but in the log.
};

class Worker final : private kafka::RebalanceListener {
 public:
  Worker(const Plan* plan, const EngineOptions& options, const WorkerConfig& config, const WorkerDeps& deps);
  ~Worker() override;

  // Makes the producer and fences earlier ones of its id. Unavailable may be tried again.
  absl::Status InitProducer();
  absl::Status Join();

  // One turn: timers, a slice of events or a poll for more, replay. Blocks for at most about poll_wait, one event's
  // handlers, and calls to the broker.
  void RunOnce();

  // Asks for an orderly end: what is open commits, the state is checkpointed. Thread-safe.
  void RequestStop() { stop_requested_.store(true, std::memory_order_relaxed); }
  // All that is wrong with topics by now; tasks that use them fail (X4, X8). Thread-safe.
  void SetTopicProblems(std::vector<TopicProblem> problems) { topic_news_.Put(std::move(problems)); }
  // Stopped as asked, or halted.
  bool done() const { return halted_ || engine_.stopped(); }
  // No transaction is open: a stop waits for nothing but the last checkpoints.
  bool idle() const { return engine_.idle(); }
  // Why it halted; OK if it did not.
  const absl::Status& status() const { return status_; }
  // Leaves the group, or with a member_name only falls silent. After done().
  absl::Status Leave();

  Engine& engine() { return engine_; }
  const Engine& engine() const { return engine_; }
  HandlerWatch& handler_watch() { return handler_watch_; }

 private:
  void OnAssigned(std::span<const TopicPartition> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;
  void GiveUp(Event event, const std::vector<TaskId>& tasks);
  void TellOfRebalance(std::string_view what, std::span<const TopicPartition> leads);
  std::vector<TaskId> TasksOf(std::span<const TopicPartition> leads) const;
  std::vector<TopicPartition> InputsOf(const std::vector<TaskId>& tasks) const;

  // Feeds one event, and then the outcomes of all it brings about.
  void Dispatch(Event event);
  void CarryOut();
  // False if one could not be sent, which was told.
  bool BeginAndSend();
  // Makes a call to the producer and feeds its outcome in, with all the producer has to say since the last one (X2).
  template <typename Outcome, typename Call>
  void Report(const Call& call);
  // Feeds in what the producer has to say between our calls, while a transaction is open.
  void HearDeliveries();
  kafka::Result SendWhenThereIsRoom(const OutputRecord& record);

  void Do(const action::Flush&);
  void Do(const action::SendOffsets& send);
  void Do(const action::Commit&);
  void Do(const action::Abort&);
  void Do(const action::RebuildProducer&);
  void Do(action::FetchTaskOffsets& fetch);
  void Do(const action::StartReplay& start);
  void Do(const action::StopReplay& stop);
  void Do(const action::Seek&);
  void Do(const action::Rejoin&);
  void Do(const action::Unassign& unassign);
  void Do(action::WriteCheckpoint& write);
  void Do(const action::Halt& halt);

  kafka::Result MakeProducer();
  // Closing the consumer gives everything back through the listener.
  void Rejoin();
  void Tick();
  void ShareMemory();
  void Turn();
  void RunWork();
  void RunWorkOrLetReplay();
  void RunSlice();
  void PollRecords(absl::Duration longest_wait);
  void ServeCallbacks();
  void ConsumerFailed(const absl::Status& status);
  void PollReplay(absl::Duration wait);
  std::shared_ptr<kafka::Batch> FreeBatch();

  const Plan* const plan_;
  const WorkerConfig config_;
  const WorkerDeps deps_;
  HandlerWatch handler_watch_;
  Engine engine_;

  const std::unique_ptr<OffsetReader> own_offsets_;
  OffsetReader* const offsets_;

  std::unique_ptr<kafka::TransactionalProducer> producer_;
  std::unique_ptr<kafka::GroupConsumer> consumer_;
  std::unique_ptr<kafka::LogReader> reader_;
  Summary summary_;
  StatusWriter status_writer_;
  int replays_ = 0;
  absl::Duration blocked_;        // What sends waited for room since the last outcome.
  absl::Duration work_ahead_;     // How much more time events have had than replays.
  std::string served_member_id_;  // As of the last rebalance callback.
  bool in_callback_ = false;
  bool unassigned_ = false;  // In this callback.
  bool rejoins_ = false;     // At the next turn.

  // Those that the engine holds have other owners besides.
  std::vector<std::shared_ptr<kafka::Batch>> batches_;
  absl::Time last_poll_ = absl::InfinitePast();
  absl::Time last_share_ = absl::InfinitePast();
  kafka::Batch replay_batch_;
  Actions actions_;
  std::deque<Event> events_;
  bool dispatching_ = false;

  TopicNews topic_news_;
  std::atomic<bool> stop_requested_{false};
  bool stop_sent_ = false;
  bool halted_ = false;
  absl::Status status_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_WORKER_H_
