// Strong types for Kafka coordinates, so that a partition is never taken for an offset.
//
// All types here are plain values: copyable, comparable, hashable by Abseil, without threads or I/O.
#ifndef ONCE_PROCESSOR_BASE_TYPES_H_
#define ONCE_PROCESSOR_BASE_TYPES_H_

#include <cstdint>
#include <string>
#include <utility>

namespace once {

// An integer that converts to no other integer by itself. `Tag` only tells the kinds apart.
template <typename Tag, typename Rep>
class StrongInt {
 public:
  constexpr StrongInt() = default;
  constexpr explicit StrongInt(Rep value) : value_(value) {}

  constexpr Rep value() const { return value_; }

  friend constexpr auto operator<=>(StrongInt a, StrongInt b) = default;
  friend constexpr StrongInt operator+(StrongInt a, Rep n) { return StrongInt(a.value_ + n); }
  friend constexpr Rep operator-(StrongInt a, StrongInt b) { return a.value_ - b.value_; }

  template <typename H>
  friend H AbslHashValue(H h, StrongInt v) {
    return H::combine(std::move(h), v.value_);
  }

 private:
  Rep value_ = 0;
};

// A partition number of a topic; 0 or more, except where `kAnyPartition` is allowed.
using Partition = StrongInt<struct PartitionTag, int32_t>;
inline constexpr Partition kAnyPartition{-1};

// A record's offset, or the offset of the next record to read; 0 or more.
using Offset = StrongInt<struct OffsetTag, int64_t>;

// Counts the transactions of one worker since it started.
using EpochNumber = StrongInt<struct EpochTag, uint64_t>;

struct TopicPartition {
  std::string topic;
  Partition partition;

  friend auto operator<=>(const TopicPartition&, const TopicPartition&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const TopicPartition& v) {
    return H::combine(std::move(h), v.topic, v.partition);
  }
};

struct TopicPartitionOffset {
  TopicPartition where;
  Offset offset;

  friend auto operator<=>(const TopicPartitionOffset&, const TopicPartitionOffset&) = default;
};

// A task: one partition number across the co-partitioned sources of one task group.
struct TaskId {
  uint16_t group = 0;  // Index of the task group in the topology.
  Partition partition;

  friend auto operator<=>(const TaskId&, const TaskId&) = default;

  template <typename H>
  friend H AbslHashValue(H h, const TaskId& v) {
    return H::combine(std::move(h), v.group, v.partition);
  }
};

// "topic-partition" and "topic-partition-offset", as error messages and headers show them.
std::string ToString(const TopicPartition& where);
std::string ToString(const TopicPartition& where, Offset offset);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_TYPES_H_
