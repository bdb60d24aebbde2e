// Reading several partitions, committed records only unless it is asked for more; what a group consumer and a log
// reader have in common.
#ifndef ONCE_TESTS_TESTKIT_FETCHER_H_
#define ONCE_TESTS_TESTKIT_FETCHER_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "processor/kafka/kafka.h"
#include "tests/testkit/memory_core.h"

namespace once::testkit {

// Not locked: its owner holds the core's mutex.
class Fetcher {
 public:
  Fetcher(MemoryCore* core, std::vector<std::string> topics, size_t max_records, bool is_committed_only = true)
      : core_(core), topics_(std::move(topics)), max_records_(max_records), is_committed_only_(is_committed_only) {}

  // Whether the topic is among those that the reader was created with.
  bool Knows(const std::string& topic) const;
  bool IsReading(const TopicPartition& where) const { return positions_.contains(where); }
  // Ended by a PartitionError, which may be yet to be polled; it is read again only after it was removed and added.
  bool IsBroken(const TopicPartition& where) const;

  void Set(const TopicPartition& where, Offset offset);
  void Remove(const TopicPartition& where) { positions_.erase(where); }
  void Clear() { positions_.clear(); }

  // Fills an emptied batch, a different partition first each time.
  void Fill(kafka::Batch* batch);

 private:
  struct Position {
    Offset next;
    const PartitionLog* log = nullptr;
    uint32_t topic_index = 0;
    uint64_t topics_version = 0;  // As of which `log` is good.
    bool is_known = false;        // It has been there once.
    bool is_denied = false;
    std::optional<Offset> reported_end = std::nullopt;
    uint64_t endings = 0;  // Of the partition's readings, when this one began.
    bool is_broken = false;
  };

  uint64_t EndingsOf(const TopicPartition& where) const;
  // Up to where it may be read.
  Offset EndOf(const PartitionLog& log) const;
  // Where the partition is now; nothing is to be read of it this time if null.
  const PartitionLog* Locate(const TopicPartition& where, Position& position, kafka::Batch* batch);

  void Read(const TopicPartition& where, Position& position, size_t limit, kafka::Batch* batch,
            std::vector<StoredRecordPtr>* kept);

  MemoryCore* const core_;
  const std::vector<std::string> topics_;
  const size_t max_records_;
  const bool is_committed_only_;
  std::map<TopicPartition, Position> positions_;
  size_t turn_ = 0;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_FETCHER_H_
