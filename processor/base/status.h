// What a pod says of itself: plain values that its workers publish now and then, for whoever shows them.
//
// Nothing here is asked of a worker: who looks gets what was published last, and no worker waits for who looks.
#ifndef ONCE_PROCESSOR_BASE_STATUS_H_
#define ONCE_PROCESSOR_BASE_STATUS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/client_statistics.h"
#include "processor/base/counters.h"
#include "processor/base/flow_counts.h"
#include "processor/base/types.h"

namespace once {

// One input partition of a task.
struct InputStatus {
  TopicPartition where = {};
  int64_t next_offset = 0;                          // Of the next event to process.
  std::optional<int64_t> end_offset = {};           // One past the last record, as far as was heard.
  std::optional<int64_t> last_stable_offset = {};   // Up to where it could be read, when that end was met last.
  absl::Duration held_back = absl::ZeroDuration();  // By a transaction of another producer that does not end (R9).

  // Offsets between here and the end: events, and a few markers.
  std::optional<int64_t> lag() const {
    if (!end_offset.has_value()) return std::nullopt;
    return std::max<int64_t>(*end_offset - next_offset, 0);
  }
};

// How far a task has read its changelog, in offsets.
struct RestoreStatus {
  int64_t done = 0;
  int64_t target = 0;
  std::optional<absl::Duration> left = {};  // By its pace so far; nothing: it does not come on.
};

// An aggregate, or an event without a key, that is not open.
struct BlockedStatus {
  enum class State { kRetrying, kParked, kDraining };
  State state = State::kParked;
  std::string aggregate = {};  // The key's printable bytes; empty: the event has no key.
  int64_t events = 0;          // That wait, the one that failed included.
  std::string event_id = {};   // Of the one that failed.
  std::string reason = {};     // "INVALID_ARGUMENT: what it said".
  int64_t attempts = 0;
  absl::Time since = absl::InfinitePast();  // It failed first.
};

enum class TaskPhaseStatus { kOpening, kRestoring, kRunning, kPaused, kFailed };
inline constexpr size_t kTaskPhases = 5;

struct TaskStatus {
  std::string name = {};   // Of its lead input: "orders-3".
  std::string group = {};  // The task group.
  int32_t partition = 0;
  TaskPhaseStatus phase = TaskPhaseStatus::kOpening;
  std::string why = {};  // What it waits for, or why it failed; in words, empty while it runs.
  absl::Time owner_since = absl::InfinitePast();
  std::vector<InputStatus> inputs = {};       // The lead first.
  std::optional<absl::Duration> behind = {};  // Age of the oldest event that was fetched and waits; nothing: none does.
  std::optional<RestoreStatus> restore = {};

  int64_t blocked_aggregates = 0;  // Those that wait for another attempt included.
  // The oldest of them, kMostBlocked at most; null: there are none, or they were not looked at yet.
  static constexpr size_t kMostBlocked = 100;
  std::shared_ptr<const std::vector<BlockedStatus>> blocked = {};
  int64_t retrying_aggregates = 0;
  int64_t parked_events = 0;
  int64_t parked_bytes = 0;
  absl::Time oldest_failure = absl::InfiniteFuture();  // Of the aggregates whose head has failed for good.

  int64_t window_ids = 0;  // Event IDs that are remembered.
  size_t window_bytes = 0;
  int64_t window_forgotten_early = 0;  // Buckets of IDs that were forgotten by count, before their time.
  size_t state_clean_bytes = 0;
  size_t state_dirty_bytes = 0;                       // What the checkpoint lacks.
  std::optional<absl::Duration> checkpoint_age = {};  // Nothing: none was written since it is ours.
};

// Bytes, by what they are for.
struct MemoryStatus {
  size_t clean_state = 0;
  size_t dirty_state = 0;
  size_t copies_for_disk = 0;
  size_t event_ids = 0;
  size_t parked_queues = 0;
  size_t fetched = 0;
  size_t open_transaction = 0;
  size_t share = 0;  // What the worker may use in all.
};

// All times are the wall clock's.
struct WorkerStatus {
  absl::Time at = absl::InfinitePast();  // When this was so.
  std::vector<TaskStatus> tasks = {};
  EventCounters events = {};  // Committed.
  EpochCounters epochs = {};
  FlowCounts flows = {};  // Committed.
  int64_t producer_rebuilds = 0;
  bool waits_for_memory = false;
  MemoryStatus memory = {};
  // Null: it has no such client now, or one that says nothing of itself. May be looked at at any time.
  std::shared_ptr<ClientStatisticsSource> producer = {};
  std::shared_ptr<ClientStatisticsSource> consumer = {};
  std::string last_error = {};  // Of the last epoch that was dropped; empty: none failed.
  absl::Time last_error_at = absl::InfinitePast();
};

struct StepStatus {
  absl::Duration lasts = absl::ZeroDuration();  // The step under way; zero: none is.
  std::string event = {};                       // Whose handlers run: "orders-3-17"; empty: none is known.
  std::string key = {};                         // Its key's first bytes, printable. Not for everybody's eyes.
};

struct TopologyStatus {
  struct Source {
    std::string name = {};
    std::string topic = {};
    std::string group = {};
  };
  struct Sink {
    std::string name = {};
    std::string topic = {};
    std::string type = {};
  };
  struct Node {
    std::string name = {};
    std::string kind = {};                // "aggregate" or "transform".
    std::string state = {};               // Its type; empty: it has none.
    std::vector<std::string> hears = {};  // Names of sources.
    std::vector<std::string> emits_to = {};
  };
  std::vector<Source> sources = {};
  std::vector<Node> nodes = {};
  std::vector<Sink> sinks = {};
  std::string dead_letter_topic = {};
  std::vector<std::string> changelog_topics = {};
};

enum class PodPhase { kStarting, kRunning, kStopping };

struct PodStatus {
  std::string application_id = {};
  std::string instance_id = {};
  std::string version = {};
  PodPhase phase = PodPhase::kStarting;
  absl::Time started_at = absl::InfinitePast();
  absl::Time now = absl::InfinitePast();
  absl::Duration handler_timeout = absl::InfiniteDuration();
  int64_t memory_bytes = 0;    // The process's budget.
  int64_t resident_bytes = 0;  // What it has in memory, its program included.
  std::shared_ptr<const TopologyStatus> topology = {};
  // By worker. Null: it has published nothing yet.
  std::vector<std::shared_ptr<const WorkerStatus>> workers = {};
  std::vector<StepStatus> steps = {};
};

// Thread-safe.
class StatusProvider {
 public:
  virtual ~StatusProvider() = default;
  // Waits for no worker and for no broker.
  virtual PodStatus Look() = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_STATUS_H_
