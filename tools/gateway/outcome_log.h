// The outcome topic: in each transaction of the gateway's goes a record that says so, so that after a lost answer, or a
// restart, it is read and not guessed whether the transaction was committed.
#ifndef ONCE_TOOLS_GATEWAY_OUTCOME_LOG_H_
#define ONCE_TOOLS_GATEWAY_OUTCOME_LOG_H_

#include <atomic>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <string>
#include <string_view>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/kafka/kafka.h"
#include "tools/gateway/outcome_index.h"

namespace once::gateway {

struct OutcomeLogOptions {
  std::string topic = {};
  std::string instance = "0";  // Of this gateway, among those that write to the topic.
  absl::Duration retention = absl::Hours(24);
  size_t max_bytes = size_t{64} << 20;  // Of the index.
};

// Whether a transaction is the first to write its requests' keys, whoever else writes them at the same time.
struct FirstCheck {
  // By partition: nothing that was written before is undecided.
  std::map<Partition, Offset> since = {};
  std::vector<std::string> keys = {};  // Of the outcomes of requests.
  std::set<std::string> taken = {};    // Those that another instance has written first.
};

// Headers of an outcome's record: which instance has written it, and in which transaction.
inline constexpr std::string_view kInstanceHeader = "gateway.instance";
inline constexpr std::string_view kTransactionHeader = "gateway.transaction";

// Thread-safe. One thread of its own follows the topic, committed records only.
class OutcomeLog {
 public:
  // All outlive the log. Requests wait for what `client` reads.
  OutcomeLog(OutcomeLogOptions options, kafka::Client* client, kafka::Admin* admin, Clock* clock, LogSink* log);
  ~OutcomeLog();
  OutcomeLog(const OutcomeLog&) = delete;
  OutcomeLog& operator=(const OutcomeLog&) = delete;

  const std::string& topic() const { return options_.topic; }
  const std::string& instance() const { return options_.instance; }

  // Makes the topic where it is missing, and begins to follow it. Once, before anything else.
  absl::Status Open(absl::Duration timeout);

  // Waits until all is known that had been written when it was called, the outcome of transactions that were open then
  // included. DeadlineExceeded or Unavailable if that takes longer. `until`, if not null, is where it ended then.
  absl::Status CatchUp(absl::Time deadline, std::map<Partition, Offset>* until = nullptr);

  // Of an open transaction whose outcomes are written: AlreadyExists if another instance has written one of the keys
  // before it, since `check->since`, with those in `taken`; Unavailable if that cannot be told in time. Either way the
  // transaction must be aborted: what was written first may be committed. Of two transactions with one key, of two
  // instances, one at most is told OK, since the topic has an order.
  absl::Status CheckFirst(const std::string& transaction_id, FirstCheck* check, absl::Time deadline);

  std::optional<Outcome> Find(std::string_view key) const;
  // Of a transaction that this process has committed: known at once.
  void Add(const std::string& key, const Outcome& outcome);

  // For metrics.
  size_t size() const;
  size_t bytes() const;
  uint64_t dropped() const;

 private:
  absl::Status Describe(absl::Duration timeout);
  void Run();
  // One Poll; false if the reader is to be made anew.
  bool Follow(kafka::LogReader& reader, kafka::Batch* batch);
  std::unique_ptr<kafka::LogReader> NewReader();
  absl::Status ReadUntilOwn(const std::string& transaction_id, FirstCheck* check, absl::Time deadline)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(checking_mutex_);

  const OutcomeLogOptions options_;
  kafka::Client* const client_;
  kafka::Admin* const admin_;
  Clock* const clock_;
  LogSink* const log_;
  std::vector<TopicPartition> partitions_;  // Fixed by Open.
  mutable Mutex mutex_;
  CondVar moved_;
  OutcomeIndex index_ ABSL_GUARDED_BY(mutex_);
  std::map<TopicPartition, Offset> positions_ ABSL_GUARDED_BY(mutex_);  // The next offset that will be read.
  Mutex checking_mutex_;
  std::unique_ptr<kafka::LogReader> checker_ ABSL_GUARDED_BY(checking_mutex_);  // Reads what is not committed, too.
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_OUTCOME_LOG_H_
