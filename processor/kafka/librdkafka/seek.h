// Seeking, with what it takes to be sure of it.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_SEEK_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_SEEK_H_

#include <librdkafka/rdkafka.h>

#include <span>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"

namespace once::kafka {

// Replaces the offset RD_KAFKA_OFFSET_END in the list by the number that it stands for. Those that cannot be looked up
// within `patience` stay, and the status is not OK.
absl::Status ResolveEnds(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* partitions, absl::Duration patience);

// The same, once, for those that can be: the others by what the client last heard of their ends, if it did.
void ResolveEndsRoughly(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* partitions, absl::Duration patience);

// Seeks assigned partitions. On success librdkafka returns nothing any more that it fetched before: a seek bumps the
// partition's version before it returns, and messages of older versions are dropped when they are popped. Waits,
// usually well below 10 ms, for partitions whose fetching has not yet started after their assignment. All are sought
// that can be; the others, if any, are added to `failed` unless it is null, and the status is the first one's.
absl::Status SeekPartitions(rd_kafka_t* rk, std::span<const TopicPartitionOffset> offsets,
                            absl::Duration patience = absl::Seconds(10), std::vector<TopicPartition>* failed = nullptr);

// The same, each with its own reason, and without waiting for one for the sake of another: ends are looked up as
// ResolveEndsRoughly does.
std::vector<SeekFailure> SeekEachPartition(rd_kafka_t* rk, std::span<const TopicPartitionOffset> offsets,
                                           absl::Duration patience);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_SEEK_H_
