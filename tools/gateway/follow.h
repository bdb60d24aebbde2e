// Followers of topics: each a stream of server-sent events, all served by one thread.
#ifndef ONCE_TOOLS_GATEWAY_FOLLOW_H_
#define ONCE_TOOLS_GATEWAY_FOLLOW_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/kafka/kafka.h"
#include "tools/gateway/json.h"
#include "tools/gateway/server.h"
#include "tools/gateway/types.h"

namespace once::gateway {

// Where a follower stands: the next offset of each partition. As text, which is the id of a server-sent event:
// "0:17,1:4".
using FollowPosition = std::map<Partition, Offset>;
std::string FormatPosition(const FollowPosition& position);
// InvalidArgument for what is none.
absl::StatusOr<FollowPosition> ParsePosition(std::string_view text);

struct FollowerSpec {
  std::string topic = {};
  bool is_committed_only = true;
  std::string type = {};
  int32_t partition_count = 0;
  FollowPosition from = {};  // Partitions that it lacks are followed from their ends.
};

// What /api/v1/consumer/status tells of topics that are followed.
struct FollowedTopic {
  int followers = 0;
  uint64_t messages = 0;         // Since the start.
  int64_t last_message_ms = -1;  // Its timestamp, Unix milliseconds; -1: none yet.
  int64_t last_seen_ms = -1;
};

// Thread-safe.
class Followers {
 public:
  Followers(size_t max_followers, kafka::Client* client, const Types* types, LogSink* log);
  ~Followers();

  // Makes a reader and sends what it brings. ResourceExhausted if there are so many already.
  absl::Status Add(FollowerSpec spec, std::shared_ptr<EventStream> stream);
  bool is_full() const;
  void Stop();

  std::map<std::string, FollowedTopic> topics() const;
  size_t count() const;

 private:
  struct Follower;
  absl::StatusOr<std::unique_ptr<Follower>> Make(FollowerSpec spec);
  void Run();
  // Whether it goes on.
  bool Serve(Follower& follower);
  bool Send(Follower& follower, const RecordView& record);

  const size_t max_followers_;
  kafka::Client* const client_;
  const Types* const types_;
  LogSink* const log_;
  std::atomic<bool> stopping_{false};
  mutable Mutex mutex_;
  CondVar arrived_;
  std::vector<std::unique_ptr<Follower>> arriving_ ABSL_GUARDED_BY(mutex_);
  size_t count_ ABSL_GUARDED_BY(mutex_) = 0;  // Of those with a stream.
  std::map<std::string, FollowedTopic> topics_ ABSL_GUARDED_BY(mutex_);
  std::thread thread_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_FOLLOW_H_
