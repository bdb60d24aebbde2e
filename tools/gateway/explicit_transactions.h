// Transactions that a client begins, fills and ends by requests of their own.
#ifndef ONCE_TOOLS_GATEWAY_EXPLICIT_TRANSACTIONS_H_
#define ONCE_TOOLS_GATEWAY_EXPLICIT_TRANSACTIONS_H_

#include <atomic>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/http/message.h"
#include "tools/gateway/event.h"
#include "tools/gateway/outcome_log.h"
#include "tools/gateway/transaction_registry.h"
#include "tools/gateway/transactor.h"

namespace once::gateway {

struct ExplicitOptions {
  std::string instance = {};
  int slots = 8;  // Open transactions at most: each has a producer and a thread.
  absl::Duration remember = absl::Minutes(30);
  size_t max_events = 10'000;           // Of one transaction.
  size_t max_bytes = size_t{32} << 20;  // Of its events.
};

// Thread-safe. `done` is called once, perhaps before the call returns.
class ExplicitTransactions {
 public:
  using Done = std::function<void(http::Response)>;

  ExplicitTransactions(const ExplicitOptions& options, const std::function<std::string(int)>& make_id,
                       kafka::Client* client, OutcomeLog* outcomes, Clock* clock, LogSink* log);
  ~ExplicitTransactions();

  // Ends what an earlier process left open. Once, before Start.
  absl::Status Prepare(absl::Time deadline);
  void Start();

  // Aborted by itself when `timeout` has passed since.
  void Begin(absl::Duration timeout, Done done);
  // `key` empty: none; else a repetition within the transaction is answered as the first, and sends nothing.
  void Send(const std::string& id, std::vector<Event> events, const std::string& key, const std::string& hash,
            Done done);
  void Commit(const std::string& id, const std::string& key, const std::string& hash, Done done);
  void Abort(const std::string& id, Done done);

  // Aborts what is open. To be called once.
  void Stop();

  size_t open_count() const;
  uint64_t committed() const { return committed_.load(); }
  uint64_t aborted() const { return aborted_.load(); }
  uint64_t expired() const { return expired_.load(); }

 private:
  struct Command;
  class Slot;
  friend class Slot;

  void Post(const std::string& id, std::unique_ptr<Command> command);
  // Of a transaction that is not open.
  http::Response AnswerEnded(const std::string& id, bool is_commit, bool is_abort);
  void End(const std::string& id, TransactionState state, std::string words);

  const ExplicitOptions options_;
  OutcomeLog* const outcomes_;
  Clock* const clock_;
  LogSink* const log_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hurrying_{false};  // Nothing is waited for any more.
  std::atomic<uint64_t> committed_{0};
  std::atomic<uint64_t> aborted_{0};
  std::atomic<uint64_t> expired_{0};
  mutable Mutex mutex_;
  TransactionRegistry registry_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::unique_ptr<Slot>> slots_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_EXPLICIT_TRANSACTIONS_H_
