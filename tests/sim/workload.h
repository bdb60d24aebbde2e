// The topologies that the simulator runs, and the events it feeds them.
//
// The value of an event is "<number> <kind> <n>"; its number identifies it in everything that comes out.
#ifndef ONCE_TESTS_SIM_WORKLOAD_H_
#define ONCE_TESTS_SIM_WORKLOAD_H_

#include <cstdint>
#include <functional>
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
  kHuge = 'g',        // As large as the input takes; else as usual.
  kBadCodec = 'c',    // The codec throws when it decodes the value.
  kLongError = 'h',   // Fails for good, with a text that no record could hold.
};

inline constexpr char kApplication[] = "sim";
inline constexpr char kMainSink[] = "out";
inline constexpr char kSecondSink[] = "second";
inline constexpr char kDeadLetters[] = "dead";
inline constexpr char kAggregate[] = "agg";
inline constexpr int kMaxAttempts = 3;
// Of an event that never succeeds, and is given up.
inline constexpr int kHopeless = 1'000'000;
inline constexpr int kSinkLimit = 2'000;
inline constexpr int kHugeBytes = 900'000;

struct SimEvent {
  int64_t number = 0;
  int source = 0;
  int32_t partition = 0;
  int64_t offset = -1;  // Once it is in the log.
  std::string key;
  std::string id;  // Of two events with the same one the second is a duplicate; empty: none.
  EventKind kind = EventKind::kNormal;
  int attempts = 0;
  absl::Duration at;     // When it is sent, from the beginning.
  absl::Duration skew;   // Of its timestamp.
  bool aborted = false;  // Sent in a transaction that is aborted.
  bool keyless = false;  // `key` only names it here.

  std::string value() const;
  // How many records it brings about in the sinks if it succeeds.
  int outputs() const;
  bool fails_for_good() const;
};

std::vector<std::string> SourceTopics(TopologyKind kind);
bool HasAggregate(TopologyKind kind);
// What fails for passing reasons is given up after a while; else it is tried for ever.
bool GivesUp(TopologyKind kind);
// Failed aggregates block; else failed events are passed over.
bool Blocks(TopologyKind kind);

// Is called at the beginning of each run of a handler with the event's number.
using HandlerHook = std::function<void(int64_t number)>;

// With slow retries they are most of what happens once the input is done.
absl::StatusOr<Topology> BuildSimTopology(TopologyKind kind, bool slow_retries, HandlerHook hook = nullptr);

struct EventOptions {
  TopologyKind topology = TopologyKind::kCount;
  int64_t count = 0;
  int32_t partitions = 1;
  absl::Duration span;
  bool with_large = false;               // Some bring about an output that is too large, and so fail for good.
  bool transient_only = false;           // None fails for good.
  bool with_skew = false;                // Some timestamps are days off.
  bool with_odd = false;                 // Some have no key, are huge, or make the handler throw.
  bool with_hostile = false;             // Some make the codec throw, or the handler say too much.
  absl::Duration second_source_at = {};  // None comes from the second source before.
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
