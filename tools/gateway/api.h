// What the gateway answers to each of its routes.
#ifndef ONCE_TOOLS_GATEWAY_API_H_
#define ONCE_TOOLS_GATEWAY_API_H_

#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/kafka/kafka.h"
#include "tools/gateway/batch_producer.h"
#include "tools/gateway/explicit_transactions.h"
#include "tools/gateway/follow.h"
#include "tools/gateway/guard.h"
#include "tools/gateway/options.h"
#include "tools/gateway/server.h"
#include "tools/gateway/topic_facts.h"
#include "tools/gateway/topic_watch.h"
#include "tools/gateway/types.h"
#include "tools/gateway/work_pool.h"

namespace once::gateway {

// What it works with; all outlives the api.
struct ApiParts {
  const GatewayOptions* options = nullptr;
  GuardOptions guard = {};
  const Types* types = nullptr;
  kafka::Client* reading = nullptr;
  kafka::Admin* admin = nullptr;
  TopicFacts* topics = nullptr;
  OutcomeLog* outcomes = nullptr;
  BatchProducer* batches = nullptr;
  ExplicitTransactions* transactions = nullptr;
  Followers* followers = nullptr;
  TopicWatch* watch = nullptr;  // Null: no topic is followed by the gateway itself.
  LogSink* log = nullptr;
};

// Its own threads do what waits for brokers: some decode and check, others read topics, one answers whoever asks, so
// that none keeps another waiting.
class Api final : public RequestHandler {
 public:
  explicit Api(ApiParts parts);

  std::optional<http::Response> Refuse(const Request& head) override;
  void Handle(Request request, std::shared_ptr<Responder> responder) override;
  http::Response TimedOut() override;

  // For metrics. Null until the server has started.
  void SetServer(const HttpServer* server) { server_.store(server); }

 private:
  using Done = std::function<void(http::Response)>;

  void Act(const Route& route, Request& request, const std::shared_ptr<Responder>& responder);
  void Transact(Request& request, const Done& done);
  void Begin(const Request& request, const Done& done);
  void SendInto(Request& request, const Done& done);
  void EndOne(const Request& request, bool is_commit, const Done& done);
  http::Response Health();
  http::Response Metrics();
  http::Response Status();
  http::Response Messages(const Request& request);
  http::Response TypeNames();
  void Follow(const Request& request, const std::shared_ptr<Responder>& responder);
  absl::StatusOr<std::vector<Event>> EventsOf(const Json& body, absl::Time deadline);
  void Count(Action action, int status);

  const ApiParts parts_;
  std::atomic<const HttpServer*> server_{nullptr};
  Mutex mutex_;
  std::map<std::pair<std::string, int>, uint64_t> requests_ ABSL_GUARDED_BY(mutex_);  // By path and status.
  std::atomic<uint64_t> timed_out_{0};
  // Of the thread of shows_.
  http::Response health_;
  absl::Time health_asked_ = absl::InfinitePast();
  WorkPool checks_;
  WorkPool reads_;
  WorkPool shows_;  // What whoever asks is shown: it takes no other thread.
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_API_H_
