// How the producers of a topic choose the partition of a keyed record.
#ifndef ONCE_PROCESSOR_BASE_PARTITIONER_H_
#define ONCE_PROCESSOR_BASE_PARTITIONER_H_

#include <cstdint>
#include <optional>
#include <string_view>

#include "processor/base/murmur2.h"
#include "processor/base/record.h"
#include "processor/base/types.h"

namespace once {

enum class Partitioner {
  kMurmur2,  // Java's clients, Kafka Streams, Once; librdkafka's murmur2 and murmur2_random.
  kCrc32,  // librdkafka's default (consistent_random), and consistent: Python's, Go's and .NET's clients on top of it.
  kAny,    // Another one, or none: a record may be in any partition.
};

// CRC-32 as of zlib, PNG and Ethernet.
uint32_t Crc32(std::string_view bytes);

// The partition of `partition_count` (> 0) that a record with this key belongs into. Nothing if it may be in any: with
// kAny, and of keys that are null or empty, which partitioners put anywhere.
inline std::optional<Partition> ExpectedPartition(Partitioner partitioner, const OptionalBytes& key,
                                                  int32_t partition_count) {
  // Such records go anywhere.
  if (!key.has_value() || key->empty()) return std::nullopt;
  switch (partitioner) {
    case Partitioner::kMurmur2:
      return PartitionForKey(*key, partition_count);
    case Partitioner::kCrc32:
      return Partition(static_cast<int32_t>(Crc32(*key) % static_cast<uint32_t>(partition_count)));
    case Partitioner::kAny:
      break;
  }
  return std::nullopt;
}

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_PARTITIONER_H_
