// The topologies that the simulator runs, and the events it feeds them.
//
// The value of an event is "<number> <kind> <n>"; its number identifies it in everything that comes out.
#ifndef ONCE_TESTS_SIM_WORKLOAD_H_
#define ONCE_TESTS_SIM_WORKLOAD_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "once/topology.h"
#include "processor/engine/options.h"
#include "tests/sim/random.h"

namespace once::sim {

enum class TopologyKind { kRoute, kCount, kJoin, kPark, kSkip };
inline constexpr int kTopologyKinds = 5;
const char* NameOf(TopologyKind kind);

// What a handler does with an event.
enum class EventKind : char {
  kNormal = 'n',      // State and one output; a route forwards it as it is.
  kTwoOutputs = 'b',  // And one to the second sink; a route emits it there under another key.
  kSilent = 's',      // Nothing.
  kDelete = 'd',      // Deletes the state, and says so.
  kFailing = 'f',     // Fails for good.
  kFlaky = 't',       // Fails for a passing reason at the first `attempts` attempts.
  kGarbage = 'u',     // Cannot be decoded.
  kLarge = 'l',       // Its output is larger than kSinkLimit, which the main sink may have.
  kThrowing = 'x',    // The handler throws.
  kHuge = 'g',        // As large as the input takes; at the first `attempts` attempts it fails for a passing reason.
  kBadCodec = 'c',    // The codec throws when it decodes the value.
  kDeadly = 'k',      // The handler ends its process.
  kLongError = 'h',   // Fails for good, with a text that no record could hold.
};

inline constexpr char kApplication[] = "sim";
inline constexpr char kMainSink[] = "out";
inline constexpr char kSecondSink[] = "second";
inline constexpr char kDeadLetters[] = "dead";
inline constexpr char kAggregate[] = "agg";
inline constexpr char kOtherAggregate[] = "other";  // Counts what it hears and says nothing.
// At so many attempts a flaky event fails that is not given up.
inline constexpr int kMaxFailures = 3;
// Of an event that never succeeds, and is given up.
inline constexpr int kHopeless = 1'000'000;
inline constexpr int kSinkLimit = 2'000;
inline constexpr int kHugeBytes = 900'000;

// A dead letter that somebody copied back to its source (R6).
enum class Copy {
  kNone,
  kRound,          // Of an event that had ended for good: an event of its own.
  kFailedNotice,   // Of one that heads a parked queue, or did.
  kBlockedNotice,  // Of one behind such a head.
};

struct SimEvent {
  int64_t number = 0;  // Of a copy, its event's.
  int source = 0;
  int32_t partition = 0;
  int64_t offset = -1;  // Once it is in the log.
  std::string key;
  std::string id;  // Of two events with the same one the second is a duplicate; empty: none.
  EventKind kind = EventKind::kNormal;
  int attempts = 0;
  absl::Duration at;       // When it is sent, from the beginning.
  absl::Duration skew;     // Of its timestamp.
  int64_t stamp_ms = -1;   // Once it was sent.
  bool aborted = false;    // Sent in a transaction that is aborted.
  bool keyless = false;    // `key` only names it here.
  bool misplaced = false;  // Not in the partition where the application looks for its key.
  Copy copy = Copy::kNone;
  int round = 0;       // Of kRound: 1 or more.
  std::string origin;  // Of a copy: where its letter says that its event was consumed.

  std::string value() const;
  // "in0-1-17".
  std::string place() const;
  // How many records it brings about in the sinks if it succeeds.
  int outputs() const;
  // As long as nobody mends the handler.
  bool fails_for_good() const;
};

// The topic of a source, and its name unless told otherwise.
std::string SourceTopic(int source);
std::vector<std::string> SourceTopics(TopologyKind kind);
bool HasAggregate(TopologyKind kind);
// What fails for passing reasons is given up after a while; else it is tried for ever.
bool GivesUp(TopologyKind kind);
// Failed aggregates block; else failed events are passed over.
bool Blocks(TopologyKind kind);
// The delay before the attempt that comes after so many.
absl::Duration BackoffAfter(int attempts, bool slow_retries);
// For how long attempts fail before the event fails for good, where it does.
absl::Duration GiveUpAfter(bool slow_retries);

// Is called at the beginning of each run of a handler with the event's number.
using HandlerHook = std::function<void(int64_t number)>;

struct TopologyOptions {
  TopologyKind kind = TopologyKind::kCount;
  bool slow_retries = false;  // Retries are most of what happens once the input is done.
  bool gives_up = false;      // What fails for passing reasons is given up after GiveUpAfter.
  HandlerHook hook = nullptr;
  const bool* is_mended = nullptr;  // Whether kFailing is handled well by now; null: it never is. Must outlive all.
  std::string first_name = SourceTopic(0);
  std::string first_topic = SourceTopic(0);
  std::string group = "";     // Of the first source; empty: it has the source's name.
  bool second_apart = false;  // A second source feeds an aggregate of its own.
  std::shared_ptr<LargeValues> large_values = nullptr;
};

absl::StatusOr<Topology> BuildSimTopology(const TopologyOptions& options);

struct EventOptions {
  TopologyKind topology = TopologyKind::kCount;
  int64_t count = 0;
  int32_t partitions = 1;
  absl::Duration span;
  bool with_large = false;               // Some bring about an output that is too large, and so fail for good.
  bool transient_only = false;           // None fails for good.
  bool gives_up = false;                 // As the topology has it: flaky ones fail once, or never succeed.
  bool with_skew = false;                // Some timestamps are days off.
  bool with_odd = false;                 // Some have no key, are huge, misplaced, or make the handler throw.
  bool with_hostile = false;             // Some make the codec throw, or the handler say too much.
  bool with_deadly = false;              // A few make the handler end its process.
  bool with_kept = false;                // Some are huge, and fail for passing reasons at first.
  absl::Duration second_source_at = {};  // None comes from the second source before.
  int sources = 0;                       // 0: those of the topology.
  bool with_misplaced = false;           // Of the odd ones.
};

// In the order of `at`.
std::vector<SimEvent> MakeEvents(const EventOptions& options, Random* random);

// What an aggregate's state says after `event` was applied to it: counts, and a hash over the whole history.
struct History {
  int64_t count = 0;
  uint64_t chain = 0;

  void Add(int64_t event_number) { ++count, chain = Mix(chain ^ static_cast<uint64_t>(event_number)); }
  std::string ToString() const;
  static History Parse(std::string_view text);
};

// The number that a value begins with; -1 if it begins with none.
int64_t NumberOf(std::string_view value);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_WORKLOAD_H_
