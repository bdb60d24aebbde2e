// The topics of a cluster: settings and logs.
#ifndef ONCE_TESTS_TESTKIT_TOPICS_H_
#define ONCE_TESTS_TESTKIT_TOPICS_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/types.h"
#include "tests/testkit/partition_log.h"

namespace once::testkit {

class Topic {
 public:
  Topic(std::map<std::string, std::string> settings, int32_t partition_count)
      : partitions(partition_count), settings_(std::move(settings)) {
    Refresh();
  }

  void Set(const std::string& name, const std::string& value) {
    settings_[name] = value;
    Refresh();
  }
  // All in force, defaults included.
  const std::map<std::string, std::string>& settings() const { return settings_; }
  size_t max_message_bytes() const { return max_message_bytes_; }
  bool is_compacted() const { return is_compacted_; }
  int64_t delete_retention_ms() const { return delete_retention_ms_; }

  std::vector<PartitionLog> partitions;  // As many as at first, so that pointers to them stay good.

 private:
  // What every record asks for is not read from text each time.
  void Refresh() {
    max_message_bytes_ = std::stoull(settings_.at("max.message.bytes"));
    delete_retention_ms_ = std::stoll(settings_.at("delete.retention.ms"));
    is_compacted_ = settings_.at("cleanup.policy").find("compact") != std::string::npos;
  }

  std::map<std::string, std::string> settings_;
  size_t max_message_bytes_ = 0;
  int64_t delete_retention_ms_ = 0;
  bool is_compacted_ = false;
};

class Topics {
 public:
  // False if it is there already. A broker's defaults stand in for settings that are not given.
  bool Create(const std::string& name, int32_t partitions, std::map<std::string, std::string> settings) {
    if (topics_.contains(name)) return false;
    settings.merge(std::map<std::string, std::string>{{"cleanup.policy", "delete"},
                                                      {"delete.retention.ms", "86400000"},
                                                      {"max.message.bytes", "1048588"},
                                                      {"message.timestamp.type", "CreateTime"},
                                                      {"min.insync.replicas", "1"},
                                                      {"retention.bytes", "-1"},
                                                      {"retention.ms", "604800000"}});
    topics_.emplace(name, Topic(std::move(settings), partitions));
    return true;
  }

  // Null if there is none. Topics stay, so pointers stay good.
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
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_TOPICS_H_
