// What one seed means: a topology, its pods, its events, and the faults that hit them.
#ifndef ONCE_TESTS_SIM_SCENARIO_H_
#define ONCE_TESTS_SIM_SCENARIO_H_

#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/sim/change.h"
#include "tests/sim/dimensions.h"
#include "tests/sim/network.h"
#include "tests/sim/workload.h"

namespace once::sim {

enum class FaultKind {
  kCrash,             // kill -9, restarted a little later.
  kLoseDisk,          // The same, and its disk is gone.
  kPause,             // SIGSTOP, for up to several session and transaction timeouts.
  kCut,               // Nothing of the pod gets through.
  kCall,              // One call goes wrong: `call`.
  kCoordinators,      // Coordinators are not to be found.
  kMoveCoordinators,  // They fail over to other brokers, which load what they knew first.
  kLeave,             // The pod stops in an orderly way, and comes back later.
  kExpireMember,      // The group throws one of its members out.
  kHoldMarkers,       // Commits and aborts are acknowledged, but become visible later.
  kDiskFull,
  kCorrupt,  // A checkpoint cannot be read any more.
  kTorn,     // A crash that leaves what was written last half done.
  kCompact,  // The changelog is compacted.
  // Of some dimensions only.
  kDenyWriting,          // Nobody may write an output.
  kDeleteOutput,         // An output is deleted, and made anew later.
  kGrowOutput,           // An output gets one partition more.
  kChangedTopic,         // Pods take a partition of a source for another one's, for a while.
  kUnreadableChangelog,  // A partition of the changelog cannot be read, for a while.
  kNoLeader,             // A partition of a source or of the changelog is read, looked up and sought by nobody.
  kStepClock,            // The pod's wall clock steps.
  kEndReadings,          // Who reads a partition of a source, or of the commands, reads it no more.
};
inline constexpr int kFaultKinds = 14;  // But for those of some dimensions.
const char* NameOf(FaultKind kind);

struct ScheduledFault {
  absl::Duration at;  // From the beginning.
  FaultKind kind = FaultKind::kCrash;
  int pod = 0;
  absl::Duration length;
  ArmedFate call;
  int output = 0;           // Which, of all outputs and dead letters.
  absl::Duration wrong_by;  // What the pod's wall clock shows too much from then on.

  std::string ToString() const;
};

struct Scenario {
  uint64_t seed = 0;
  TopologyKind topology = TopologyKind::kCount;
  int32_t partitions = 2;
  int pods = 2;
  int workers = 1;  // Of each pod.
  bool on_rocksdb = false;
  bool transactional_input = false;
  absl::Duration span;  // While faults happen.
  absl::Duration load;  // While events are sent: longer, so that whatever broke must work again.
  absl::Duration commit_interval;
  int64_t events = 0;
  // What is drawn for some seeds only.
  bool with_large = false;        // Outputs too large for their topic, which
  bool limit_is_lowered = false;  // nobody knew at the start.
  bool with_skew = false;         // Timestamps of other days.
  bool has_breaker = false;       // A few failures pause a task.
  bool short_deletions = false;   // The changelog keeps deletions for less than a run.
  bool is_burst = false;          // The input comes early on, and retries take longer.
  int64_t max_parked = 0;         // Events of one key that may be parked; 0: many. No event fails for good then.
  // What the dimensions add.
  absl::Duration handler_time;     // Of most events; some take far longer.
  uint64_t delivery_seed = 0;      // As MemoryClientOptions has it.
  size_t max_batch_records = 1;    // Likewise.
  size_t memory_bytes = 0;         // 0: as much as is wanted.
  bool is_strict_on_time = false;  // Outputs refuse timestamps as brokers do.
  bool with_odd_records = false;
  bool with_hostile_code = false;
  Change change = Change::kNone;  // Happens once every task has state.
  absl::Duration change_at;
  bool is_between_runs = false;  // Of topics: all pods are stopped meanwhile.
  // From then on a handler that failed is mended, and dead letters are copied back to their sources; 0: never.
  absl::Duration redrives_from;
  // From then on operators send commands; 0: never.
  absl::Duration commands_from;
  bool fails_tasks = false;
  bool with_deadly_events = false;
  bool keeps_values = false;    // Changelog and dead letters have no room for the largest events, and a store has.
  absl::Duration slow_answers;  // Those about offsets come up to so much later.
  std::vector<ScheduledFault> faults;

  EventOptions event_options() const;
  // Before and after a change alike, since events are drawn for it.
  bool gives_up() const { return GivesUp(topology) || change == Change::kSwapPolicy; }
  TopologyOptions topology_options() const {
    return {.kind = topology, .slow_retries = is_burst, .gives_up = gives_up()};
  }
  // What pods' wall clocks show too much, or too little, at most.
  absl::Duration clocks_wrong_by() const;
  // As the preflight sets it, by the smallest limit of the outputs that it finds.
  size_t max_batch_bytes() const { return with_large && !limit_is_lowered ? size_t{kSinkLimit} : 1'000'000; }
  // By a crash, or by losses time and again, which nobody can tell from crashes (X3).
  bool EndsTasksWithoutAWord() const;
  std::string ToString() const;
};

// One in a hundred seeds runs on a real RocksDB. What the dimensions add leaves the rest of the seed's scenario as it
// is without them.
Scenario MakeScenario(uint64_t seed, Dimensions dimensions = Dimensions::Default());

// The settings of every run.
inline const absl::Duration kTransactionTimeout = absl::Seconds(2);
inline const absl::Duration kSessionTimeout = absl::Seconds(1);
// I8: after the last fault has healed all is settled within three times the largest timeout, and what the engine's own
// back-off leaves, which is at most as long again as it was in trouble.
inline const absl::Duration kHealingBound = 3 * kTransactionTimeout;

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_SCENARIO_H_
