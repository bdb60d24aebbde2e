// The workers of one instance, each on its thread, over one checkpoint store.
#ifndef ONCE_PROCESSOR_RUNTIME_POD_H_
#define ONCE_PROCESSOR_RUNTIME_POD_H_

#include <atomic>
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/mutex.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/runtime/worker.h"

namespace once {

struct PodOptions {
  EngineOptions engine;
  int workers = 1;
  std::string instance_id;  // Part of the transactional ids; no other live instance's.
  std::string client_mark;  // Behind the instance in client IDs: what others find it by. May be empty.
  bool static_membership = false;
  absl::Duration checkpoint_flush_interval = absl::Seconds(10);
  absl::Duration start_timeout = absl::Seconds(60);  // For the first producers' initialisation.
  // How long the local copy of a task that is not this instance's is kept.
  absl::Duration local_copy_retention = absl::Hours(1);
  absl::Duration topic_check_interval = absl::Seconds(5);  // Between looks at whether topics are still what they were.
  absl::Duration handler_timeout = absl::Seconds(10);      // A handler that runs longer ends the process.
  // So long after Stop (or a halt) the last checkpoint may take to be on the disk, then the process ends without it;
  // and 2 s at the least once the workers have ended.
  absl::Duration last_flush_timeout = absl::Seconds(10);
};

// What a pod runs on; all must outlive it.
struct PodDeps {
  kafka::Client* client = nullptr;
  kafka::Admin* admin = nullptr;
  CheckpointStore* store = nullptr;
  Clock* clock = nullptr;
  LogSink* log = nullptr;
  CrashJournal* journal = nullptr;  // Of at least `workers` notes; null: deaths are not remembered.
  StatusBoard* status = nullptr;    // Of as many workers; null: they say nothing of themselves but in the log.
};

class Pod {
 public:
  Pod(const Plan* plan, const PodOptions& options, const PodDeps& deps);

  // Blocks until Stop or a worker's halt, which stops the others too; a task's failure stops none of them. The first
  // halt's status, or OK. Ends the process, with exit code 1, when a handler does not return within handler_timeout;
  // and when all has ended and the disk does not answer within last_flush_timeout, with exit code 0, or 1 after a halt.
  // Call once.
  absl::Status Run();
  // Thread-safe.
  void Stop();

 private:
  static constexpr int64_t kNotStopped = std::numeric_limits<int64_t>::min();

  bool stopping() const { return stopped_at_.load(std::memory_order_relaxed) != kNotStopped; }
  absl::Time StoppedAt() const;
  absl::Status StartProducers(std::vector<std::unique_ptr<Worker>>* workers);
  absl::Status RunWorkers(const std::vector<std::unique_ptr<Worker>>& workers, BackgroundCheckpointWriter* checkpoints,
                          std::thread* topics);
  void RunWorker(Worker* worker);
  void WatchTopics(const std::vector<std::unique_ptr<Worker>>& workers, BackgroundCheckpointWriter* checkpoints);
  void WatchHandlers(const std::vector<std::unique_ptr<Worker>>& workers);
  WorkerConfig ConfigOf(int worker) const;
  void Fail(const absl::Status& status);

  const Plan* const plan_;
  const PodOptions options_;
  const PodDeps deps_;
  std::atomic<int64_t> stopped_at_{kNotStopped};  // Nanoseconds of the steady clock.
  Mutex mutex_;
  CondVar workers_ended_;
  bool have_workers_ended_ ABSL_GUARDED_BY(mutex_) = false;
  absl::Status first_failure_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_POD_H_
