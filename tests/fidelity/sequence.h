// Random sequences of calls of the Kafka ports, to be made on two clusters and compared.
#ifndef ONCE_TESTS_FIDELITY_SEQUENCE_H_
#define ONCE_TESTS_FIDELITY_SEQUENCE_H_

#include <cstdint>
#include <string>
#include <vector>

namespace once::fidelity {

inline constexpr int kProducers = 3;  // Slots for producers that live at the same time.
inline constexpr int kIds = 3;        // Transactional ids, so that slots fence each other.
inline constexpr int kMembers = 3;    // Slots for group members.
inline constexpr int kGroups = 2;
inline constexpr int kPartitions = 3;  // 0 and 1 of the plain topic, 2 is the compacted one's only.

enum class OpKind {
  kMake,  // A producer with id `a` in the slot, in place of the one before.
  kInit,
  kBegin,
  kWrite,         // `a` records, value numbers from `b` on, to partitions by number; then Flush.
  kWriteLarge,    // One record above the limit to partition `a`; then Flush.
  kWriteKeyless,  // One record without a key to the compacted topic; then Flush.
  kSendOffsets,   // Offset `b` for partition `a` with the metadata of member slot `c`; see Metadata.
  kCommit,
  kAbort,
  kDestroy,
  kJoin,  // Member slot `slot` joins group `a`; all of the group poll until it is stable.
  kLeave,
  kConsume,    // What the members of group `a` have read of the plain topic.
  kRead,       // The committed log of partition `a`, as far as it can be read now.
  kReadPast,   // Reads partition `a` from behind its end.
  kReadTwice,  // Adds a partition to a reader twice, removes it twice.
  kCommitted,  // The committed offsets of group `a`, pending transactions waited for.
  kHighWatermark,
  kAdmin,  // Describes and creates what is and is not there.
};

enum class Metadata { kCurrent, kSaved, kNone };  // Saved: from when the member joined.

struct Op {
  OpKind kind = OpKind::kMake;
  int slot = 0;
  int a = 0;
  int b = 0;
  int c = 0;
  Metadata metadata = Metadata::kCurrent;
};

std::string ToString(const Op& op);

// The same seed gives the same sequence.
std::vector<Op> Generate(uint64_t seed);

}  // namespace once::fidelity

#endif  // ONCE_TESTS_FIDELITY_SEQUENCE_H_
