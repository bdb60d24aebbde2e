#include "processor/base/partitioner.h"

#include <gtest/gtest.h>

#include <optional>
#include <string>

namespace once {
namespace {

// What librdkafka's own functions rd_kafka_msg_partitioner_consistent and _murmur2 answered.
struct Known {
  std::string key;
  uint32_t crc32;
  int crc32_of_7, crc32_of_12, murmur2_of_7, murmur2_of_12;
};
const Known kKnown[] = {
    {"a", 0xe8b7be43, 4, 3, 5, 4},
    {"alice", 0x278ebc47, 5, 11, 1, 9},
    {"123456789", 0xcbf43926, 5, 2, 1, 6},
    {"order-17", 0x5aea0614, 0, 8, 6, 9},
    {std::string("\xff\0", 2), 0xd2fdef8d, 0, 9, 5, 7},
    {std::string(1000, 'x'), 0x3b41c9e6, 5, 6, 3, 6},
};

TEST(PartitionerTest, X8AgreesWithLibrdkafka) {
  for (const Known& known : kKnown) {
    EXPECT_EQ(Crc32(known.key), known.crc32);
    EXPECT_EQ(ExpectedPartition(Partitioner::kCrc32, known.key, 7), Partition(known.crc32_of_7));
    EXPECT_EQ(ExpectedPartition(Partitioner::kCrc32, known.key, 12), Partition(known.crc32_of_12));
    EXPECT_EQ(ExpectedPartition(Partitioner::kMurmur2, known.key, 7), Partition(known.murmur2_of_7));
    EXPECT_EQ(ExpectedPartition(Partitioner::kMurmur2, known.key, 12), Partition(known.murmur2_of_12));
    EXPECT_EQ(ExpectedPartition(Partitioner::kCrc32, known.key, 1), Partition(0));
  }
}

TEST(PartitionerTest, X8NoKeyAndNoPartitionerMeanAnyPartition) {
  for (const Partitioner partitioner : {Partitioner::kMurmur2, Partitioner::kCrc32, Partitioner::kAny}) {
    EXPECT_EQ(ExpectedPartition(partitioner, std::nullopt, 4), std::nullopt);
    EXPECT_EQ(ExpectedPartition(partitioner, "", 4), std::nullopt);
  }
  EXPECT_EQ(ExpectedPartition(Partitioner::kAny, "alice", 4), std::nullopt);
}

}  // namespace
}  // namespace once
