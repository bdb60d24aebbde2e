// What all objects of one cluster in memory share.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_CORE_H_
#define ONCE_TESTS_TESTKIT_MEMORY_CORE_H_

#include <cstdint>
#include <functional>
#include <map>
#include <mutex>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "tests/testkit/faults.h"
#include "tests/testkit/group_coordinator.h"
#include "tests/testkit/topics.h"
#include "tests/testkit/transaction_coordinator.h"

namespace once::testkit {

struct MemoryClientOptions {
  absl::Duration transaction_timeout = absl::Seconds(15);
  // Without a Poll for longer than this a member loses its partitions; infinite: never.
  absl::Duration session_timeout = absl::Seconds(10);
  size_t max_queued_records = 100'000;  // Send answers "queue full" beyond.
  size_t max_poll_records = 1000;
  // Records for one partition are put together until one more would make a batch larger than this. The cluster takes or
  // refuses a batch as a whole. A record of more bytes than that is sent alone.
  size_t max_batch_records = 10'000;
  size_t max_batch_bytes = 1'000'000;
  size_t max_record_bytes = 1'000'000'000;  // Send refuses what is larger.
  // 0: batches leave at Flush and Commit. Else they also leave earlier, at moments drawn from this seed, full or not,
  // so that refusals come while further records are sent.
  uint64_t delivery_seed = 0;
  bool tells_statistics = false;  // Producers and consumers say of themselves what little there is to say in memory.
};

// What can be denied, by the name of a topic or group.
enum class Right { kWriteTopic, kReadTopic, kDescribeConfigs, kReadGroup };

class Rights {
 public:
  void Deny(Right right, const std::string& name) { denied_.insert({right, name}); }
  void Allow(Right right, const std::string& name) { denied_.erase({right, name}); }
  bool IsDenied(Right right, const std::string& name) const {
    return !denied_.empty() && denied_.contains({right, name});
  }
  bool any() const { return !denied_.empty(); }

 private:
  std::set<std::pair<Right, std::string>> denied_;
};

struct MemoryCore {
  explicit MemoryCore(Clock* clock) : clock(clock), ahead_of_steady(clock->Wall() - clock->Steady()) {}

  // The brokers' own clock: nobody steps it.
  absl::Time now() { return clock->Steady() + ahead_of_steady; }
  // Lets what the clock made due happen. Every call starts with it.
  void Tick() {
    transactions.Expire(now());
    groups.Expire(now());
  }
  // Why nobody can read or look up the partition now; OK if somebody leads it.
  absl::Status LeaderOf(const TopicPartition& where) const;
  // Why a call that answers with a status cannot be served: unreachable, or a fault.
  absl::Status StatusOf(Call call, const std::string& id);

  Clock* const clock;
  const absl::Duration ahead_of_steady;
  // Held by every call but during callbacks: objects may be used by several threads, though tests repeat exactly only
  // with one.
  std::recursive_mutex mutex;
  Topics topics;
  GroupCoordinator groups{[this](const std::string& topic) { return topics.PartitionCount(topic); }};
  TransactionCoordinator transactions{&topics, &groups};
  Rights rights;
  Faults faults;
  size_t largest_response = SIZE_MAX;
  bool clients_notice_deletions = false;
  std::vector<std::function<void()>> late;  // Duplicates of requests that wait for delivery.
  bool is_reachable = true;
  std::set<TopicPartition> leaderless;
  std::map<TopicPartition, uint64_t> endings;          // How often readings of it were ended.
  std::map<std::string, std::string> broker_settings;  // What brokers say of themselves.
  uint64_t producers = 0;                              // Made so far.
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_CORE_H_
