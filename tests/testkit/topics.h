// The topics of a cluster: settings and logs.
#ifndef ONCE_TESTS_TESTKIT_TOPICS_H_
#define ONCE_TESTS_TESTKIT_TOPICS_H_

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/types.h"
#include "tests/testkit/partition_log.h"

namespace once::testkit {

class Topic {
 public:
  Topic(std::string id, std::map<std::string, std::string> settings, int32_t partition_count)
      : partitions(partition_count), id_(std::move(id)), settings_(std::move(settings)) {
    Refresh();
  }

  void Set(const std::string& name, const std::string& value) {
    settings_[name] = value;
    Refresh();
  }
  // All in force, defaults included.
  const std::map<std::string, std::string>& settings() const { return settings_; }
  // Of this topic alone: one that is made anew under its name has another.
  const std::string& id() const { return id_; }
  size_t max_message_bytes() const { return max_message_bytes_; }
  bool stamps_itself() const { return stamps_itself_; }  // Records get the time at which they were written.
  // Whether a record of this time may be written now; both in milliseconds.
  bool TakesTimestamp(int64_t timestamp_ms, int64_t now_ms) const {
    if (stamps_itself_) return true;
    return timestamp_ms > now_ms ? timestamp_ms - now_ms <= max_ahead_ms_ : now_ms - timestamp_ms <= max_behind_ms_;
  }
  bool is_compacted() const { return is_compacted_; }
  int64_t delete_retention_ms() const { return delete_retention_ms_; }

  std::deque<PartitionLog> partitions;  // Only ever more, so that pointers to them stay good.

 private:
  // What every record asks for is not read from text each time.
  void Refresh() {
    max_message_bytes_ = std::stoull(settings_.at("max.message.bytes"));
    delete_retention_ms_ = std::stoll(settings_.at("delete.retention.ms"));
    is_compacted_ = settings_.at("cleanup.policy").find("compact") != std::string::npos;
    stamps_itself_ = settings_.at("message.timestamp.type") == "LogAppendTime";
    max_ahead_ms_ = std::stoll(settings_.at("message.timestamp.after.max.ms"));
    max_behind_ms_ = std::stoll(settings_.at("message.timestamp.before.max.ms"));
  }

  std::string id_;
  std::map<std::string, std::string> settings_;
  size_t max_message_bytes_ = 0;
  int64_t delete_retention_ms_ = 0;
  bool is_compacted_ = false;
  bool stamps_itself_ = false;
  int64_t max_ahead_ms_ = 0;
  int64_t max_behind_ms_ = 0;
};

class Topics {
 public:
  static constexpr char kUnlimited[] = "9223372036854775807";

  // False if it is there already. A broker's defaults stand in for settings that are not given.
  bool Create(const std::string& name, int32_t partitions, std::map<std::string, std::string> settings) {
    if (topics_.contains(name)) return false;
    settings.merge(std::map<std::string, std::string>{{"cleanup.policy", "delete"},
                                                      {"delete.retention.ms", "86400000"},
                                                      {"max.message.bytes", "1048588"},
                                                      {"message.timestamp.after.max.ms", "3600000"},
                                                      {"message.timestamp.before.max.ms", kUnlimited},
                                                      {"message.timestamp.type", "CreateTime"},
                                                      {"min.insync.replicas", "1"},
                                                      {"retention.bytes", "-1"},
                                                      {"retention.ms", "604800000"}});
    topics_.emplace(name, Topic(absl::StrCat("topic-", ++made_), std::move(settings), partitions));
    ++version_;
    return true;
  }
  void Delete(const std::string& name) {
    topics_.erase(name);
    has_deleted_ = true;
    ++version_;
  }
  // To so many partitions; topics do not shrink.
  void Grow(const std::string& name, int32_t partitions) {
    Topic& topic = topics_.at(name);
    while (static_cast<int32_t>(topic.partitions.size()) < partitions) topic.partitions.emplace_back();
    ++version_;
  }
  // Changes whenever pointers to topics or partitions may end, or a partition comes.
  uint64_t version() const { return version_; }
  bool has_deleted() const { return has_deleted_; }

  // Null if there is none.
  Topic* Find(const std::string& name) {
    const auto found = topics_.find(name);
    return found == topics_.end() ? nullptr : &found->second;
  }
  PartitionLog* Find(const TopicPartition& where) {
    Topic* topic = Find(where.topic);
    const auto index = static_cast<size_t>(where.partition.value());
    return topic == nullptr || index >= topic->partitions.size() ? nullptr : &topic->partitions[index];
  }
  int32_t PartitionCount(const std::string& name) {
    const Topic* topic = Find(name);
    return topic == nullptr ? 0 : static_cast<int32_t>(topic->partitions.size());
  }
  std::map<std::string, Topic>& all() { return topics_; }

 private:
  std::map<std::string, Topic> topics_;
  int64_t made_ = 0;
  uint64_t version_ = 1;
  bool has_deleted_ = false;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_TOPICS_H_
