// Transactions of one request each. Those that wait at the same time go into one transaction of Kafka's, as many as
// fit: each is still all or nothing, and a commit costs the same for a hundred of them as for one.
#ifndef ONCE_TOOLS_GATEWAY_BATCH_PRODUCER_H_
#define ONCE_TOOLS_GATEWAY_BATCH_PRODUCER_H_

#include <atomic>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <thread>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/http/message.h"
#include "tools/gateway/event.h"
#include "tools/gateway/outcome_log.h"
#include "tools/gateway/transactor.h"

namespace once::gateway {

struct BatchRequest {
  std::string idempotency_key = {};  // Empty: none.
  std::string hash = {};             // Of the body.
  std::vector<Event> events = {};
  absl::Time deadline = absl::InfiniteFuture();  // Steady; what has not begun by then is refused.
  std::function<void(http::Response)> done = {};

  size_t bytes = 0;
  std::string answer = {};  // Made when it is submitted.
};

struct BatchProducerOptions {
  int slots = 2;  // Producers, and threads.
  size_t max_queued = 1000;
  size_t max_batch_requests = 200;
  size_t max_batch_bytes = size_t{4} << 20;  // Of one transaction, but for a request that is larger by itself.
};

// Thread-safe.
class BatchProducer {
 public:
  // `make_id(slot)` is the transactional id of each. All else outlives it.
  BatchProducer(const BatchProducerOptions& options, const std::function<std::string(int)>& make_id,
                kafka::Client* client, OutcomeLog* outcomes, Clock* clock, LogSink* log);
  ~BatchProducer();

  // Ends what an earlier process left open. Once, before Start.
  absl::Status Prepare(absl::Time deadline);
  void Start();
  // `done` is called once, perhaps before this returns: 200 committed; 4xx and 503 nothing of it will ever be; 504
  // nobody knows yet.
  void Submit(std::unique_ptr<BatchRequest> request);
  // Refuses what waits, ends what is under way. To be called once.
  void Stop();

  uint64_t transactions() const { return transactions_.load(); }  // Of Kafka's, committed.
  uint64_t lost_answers() const;
  size_t queued() const;

 private:
  using Requests = std::vector<std::unique_ptr<BatchRequest>>;

  void Run(Transactor* transactor);
  Requests Take();
  // Where the outcome topic ended when it was known what had been before.
  using Since = std::map<Partition, Offset>;

  // Answers those that have been before, and those that cannot be told; what is left is new, `since` then.
  Requests Recall(Requests requests, Since* since);
  void Produce(Transactor* transactor, Requests requests, const Since& since);
  void Fail(Transactor* transactor, Requests requests, const Since& since, const absl::Status& why, int failed);
  // Refuses those whose keys another instance has; what is left goes on.
  Requests RefuseTaken(Requests requests, const std::set<std::string>& taken);
  // Keeps a key from being processed twice at a time; an answer if it is.
  bool Enter(const BatchRequest& request, http::Response* refusal);
  void Finish(BatchRequest& request, http::Response response);

  const BatchProducerOptions options_;
  OutcomeLog* const outcomes_;
  Clock* const clock_;
  LogSink* const log_;
  std::atomic<bool> stopping_{false};
  std::atomic<bool> hurrying_{false};  // Nothing is waited for any more.
  std::vector<std::unique_ptr<Transactor>> transactors_;
  std::vector<std::thread> threads_;
  std::atomic<uint64_t> transactions_{0};
  mutable Mutex mutex_;
  CondVar arrived_;
  std::deque<std::unique_ptr<BatchRequest>> queue_ ABSL_GUARDED_BY(mutex_);
  std::map<std::string, std::string> under_way_ ABSL_GUARDED_BY(mutex_);  // Keys, with the hash of their body.
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_BATCH_PRODUCER_H_
