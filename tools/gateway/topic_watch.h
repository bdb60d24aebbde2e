// The gateway's own consumer: counts what comes to the topics of --follow, for its status.
#ifndef ONCE_TOOLS_GATEWAY_TOPIC_WATCH_H_
#define ONCE_TOOLS_GATEWAY_TOPIC_WATCH_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/kafka/kafka.h"

namespace once::gateway {

struct WatchedTopic {
  uint64_t messages = 0;         // Committed ones, since the start.
  int64_t last_message_ms = -1;  // Its timestamp, Unix milliseconds; -1: none yet.
};

// Thread-safe. A member of a consumer group, so that the brokers' tools show it; it commits no offsets, and begins at
// the topics' ends.
class TopicWatch final : private kafka::RebalanceListener {
 public:
  // Begins at once. `client` and `log` outlive it.
  TopicWatch(std::string group, std::vector<std::string> topics, kafka::Client* client, LogSink* log);
  ~TopicWatch() override;

  const std::string& group() const { return group_; }
  // It has joined the group, and counts from now on. It is not told here that brokers are away for a while.
  bool is_running() const { return is_running_.load(); }
  // All that are watched.
  std::map<std::string, WatchedTopic> topics() const;

 private:
  void Run();
  // Until it is to stop, or the consumer cannot go on, which it says.
  absl::Status Follow();
  void Count(const kafka::Batch& batch);
  void OnAssigned(std::span<const TopicPartition> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;

  const std::string group_;
  const std::vector<std::string> names_;
  kafka::Client* const client_;
  LogSink* const log_;
  // Of the thread.
  std::unique_ptr<kafka::GroupConsumer> consumer_;
  std::set<TopicPartition> unread_;  // Whose ends were not come to yet, from which on it counts.
  std::atomic<bool> is_running_{false};
  mutable Mutex mutex_;
  CondVar stopping_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::map<std::string, WatchedTopic> topics_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_TOPIC_WATCH_H_
