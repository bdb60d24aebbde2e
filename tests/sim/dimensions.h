// What may be drawn for a scenario beyond the usual: each is a switch, so that a search can be for one of them, and so
// that one which finds what is not mended yet can be left out.
#ifndef ONCE_TESTS_SIM_DIMENSIONS_H_
#define ONCE_TESTS_SIM_DIMENSIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace once::sim {

enum class Dimension {
  kSlowHandlers,   // Handlers take time, at times more than a transaction may.
  kLateRefusals,   // Records go in batches, which the cluster takes or refuses as a whole at any moment.
  kLocalFailures,  // Send and Begin fail.
  kSmallCaches,    // State does not fit into memory.
  kTimestamps,     // Outputs take no record of more than an hour ahead.
  kRights,         // The right to write an output is taken away for a while.
  kOutputs,        // Outputs are deleted, made anew and given more partitions.
  kOddRecords,     // Keyless, as large as a record may be, with a handler that throws.
  kHostileCode,    // A codec that throws, an error text larger than a record may be.
  kSources,        // A source's topic or the changelog is made anew, grows, or is no longer compacted.
  kNewTopology,    // All pods restart with another topology.
  kRedriven,       // Dead letters are copied back to their sources.
  kTaskFailures,   // Single tasks fail for a while.
  kDeadlyEvents,   // Handlers of some events end their process, each time.
  kLeaders,        // Partitions have no leader for a while, and answers about offsets come late.
  kClockSteps,     // The wall clocks of pods step (X6): an hour ahead or back, two days ahead.
  kCommands,       // Operators send commands, some of them twice (R7).
  kEndedReadings,  // Clients give partitions up that they cannot find the end of (X4).
  kKeptValues,     // Events that no record can hold are kept by reference (R1).
};
inline constexpr int kDimensions = 19;
const char* NameOf(Dimension dimension);

class Dimensions {
 public:
  // Those that are drawn unless told otherwise.
  static Dimensions Default();
  static Dimensions All();
  // Names separated by commas; "all", "default" or "none".
  static absl::StatusOr<Dimensions> Parse(std::string_view names);

  bool has(Dimension dimension) const { return (bits_ >> static_cast<int>(dimension) & 1) != 0; }
  Dimensions& Add(Dimension dimension) {
    bits_ |= 1u << static_cast<int>(dimension);
    return *this;
  }
  std::string ToString() const;

 private:
  uint32_t bits_ = 0;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_DIMENSIONS_H_
