// The hash by which Java's clients choose a keyed record's partition, so that all clients agree.
//
// Algorithm: Austin Appleby's MurmurHash2, 32 bits, with the seed and the sign handling that Kafka's default
// partitioner uses.
#ifndef ONCE_PROCESSOR_BASE_MURMUR2_H_
#define ONCE_PROCESSOR_BASE_MURMUR2_H_

#include <cstdint>
#include <string_view>

#include "processor/base/types.h"

namespace once {

uint32_t Murmur2(std::string_view bytes);

// The partition of a record with this key in a topic of `partition_count` (> 0) partitions.
inline Partition PartitionForKey(std::string_view key, int32_t partition_count) {
  // As Java does: made positive by its sign bit, not by its absolute value.
  return Partition(static_cast<int32_t>(Murmur2(key) & 0x7fffffff) % partition_count);
}

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_MURMUR2_H_
