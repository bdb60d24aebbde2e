#include "tools/gateway/batch_producer.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/gateway/answers.h"
#include "tools/gateway/json.h"

namespace once::gateway {

namespace {

// What a transaction may take from its first record to its commit.
constexpr absl::Duration kTransactionTime = absl::Seconds(10);
constexpr absl::Duration kPoll = absl::Milliseconds(100);

http::Response UnderWay(const char* why) {
  http::Response response = ErrorResponse(409, why);
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

}  // namespace

BatchProducer::BatchProducer(const BatchProducerOptions& options, const std::function<std::string(int)>& make_id,
                             kafka::Client* client, OutcomeLog* outcomes, Clock* clock, LogSink* log)
    : options_(options), outcomes_(outcomes), clock_(clock), log_(log) {
  for (int i = 0; i < options_.slots; ++i) {
    transactors_.push_back(std::make_unique<Transactor>(make_id(i), client, outcomes, log, &hurrying_));
  }
}

BatchProducer::~BatchProducer() { Stop(); }

absl::Status BatchProducer::Prepare(absl::Time deadline) {
  for (const auto& transactor : transactors_) {
    if (absl::Status prepared = transactor->Prepare(deadline); !prepared.ok()) return prepared;
  }
  return absl::OkStatus();
}

void BatchProducer::Start() {
  for (const auto& transactor : transactors_) {
    threads_.emplace_back([this, at = transactor.get()] { Run(at); });
  }
}

void BatchProducer::Submit(std::unique_ptr<BatchRequest> request) {
  request->bytes = 0;
  for (const Event& event : request->events) request->bytes += event.bytes();
  request->answer = CommittedAnswer(RandomId(), request->events);
  http::Response refusal;
  if (!Enter(*request, &refusal)) {
    request->done(std::move(refusal));
    return;
  }
  {
    MutexLock lock(&mutex_);
    if (!stopping_.load() && queue_.size() < options_.max_queued) {
      queue_.push_back(std::move(request));
      arrived_.NotifyOne();
      return;
    }
  }
  const char* const why = stopping_.load() ? "the gateway is stopping" : "the queue is full; ask again";
  Finish(*request, NotCommitted(absl::ResourceExhaustedError(why)));
}

bool BatchProducer::Enter(const BatchRequest& request, http::Response* refusal) {
  if (request.idempotency_key.empty()) return true;
  MutexLock lock(&mutex_);
  const auto [found, is_new] = under_way_.emplace(request.idempotency_key, request.hash);
  if (is_new) return true;
  if (found->second == request.hash) {
    *refusal = UnderWay("a request with this Idempotency-Key is under way; ask again for its answer");
  } else {
    *refusal = ErrorResponse(422, "a request with this Idempotency-Key and another body is under way");
    refusal->headers.emplace_back("Retry-After", "1");
  }
  return false;
}

void BatchProducer::Finish(BatchRequest& request, http::Response response) {
  if (!request.idempotency_key.empty()) {
    MutexLock lock(&mutex_);
    under_way_.erase(request.idempotency_key);
  }
  request.done(std::move(response));
}

void BatchProducer::Stop() {
  if (stopping_.exchange(true)) return;
  {
    MutexLock lock(&mutex_);
    arrived_.NotifyAll();
  }
  const absl::Time deadline = SteadyNow() + kTransactionTime;
  std::thread hurry([this, deadline] {
    while (SteadyNow() < deadline && !hurrying_.load()) absl::SleepFor(kPoll);
    hurrying_.store(true);
  });
  for (std::thread& thread : threads_) thread.join();
  hurrying_.store(true);
  hurry.join();
  while (true) {
    std::unique_ptr<BatchRequest> request;
    {
      MutexLock lock(&mutex_);
      if (queue_.empty()) break;
      request = std::move(queue_.front());
      queue_.pop_front();
    }
    Finish(*request, NotCommitted(absl::UnavailableError("the gateway is stopping")));
  }
}

BatchProducer::Requests BatchProducer::Take() {
  Requests taken;
  size_t bytes = 0;
  MutexLock lock(&mutex_);
  while (queue_.empty() && !stopping_.load()) arrived_.WaitFor(&mutex_, absl::Seconds(1));
  if (stopping_.load()) return taken;
  while (!queue_.empty() && taken.size() < options_.max_batch_requests &&
         (taken.empty() || bytes + queue_.front()->bytes <= options_.max_batch_bytes)) {
    bytes += queue_.front()->bytes;
    taken.push_back(std::move(queue_.front()));
    queue_.pop_front();
  }
  return taken;
}

void BatchProducer::Run(Transactor* transactor) {
  while (!stopping_.load()) {
    Since since;
    Requests requests = Recall(Take(), &since);
    if (!requests.empty()) Produce(transactor, std::move(requests), since);
  }
}

BatchProducer::Requests BatchProducer::Recall(Requests requests, Since* since) {
  const bool has_key =
      std::any_of(requests.begin(), requests.end(), [](const auto& each) { return !each->idempotency_key.empty(); });
  // Another instance, or this one before it was started anew, may have seen the key.
  const absl::Status caught_up = has_key ? outcomes_->CatchUp(SteadyNow() + kTransactionTime, since) : absl::OkStatus();
  Requests fresh;
  for (auto& request : requests) {
    if (SteadyNow() >= request->deadline) {
      Finish(*request, NotCommitted(absl::UnavailableError("its turn did not come in time; ask again")));
      continue;
    }
    if (!request->idempotency_key.empty()) {
      if (const auto outcome = outcomes_->Find(KeyOfRequest(request->idempotency_key)); outcome.has_value()) {
        Finish(*request, Replay(*outcome, request->hash));
        continue;
      }
      if (!caught_up.ok()) {
        Finish(*request, ErrorResponse(503, absl::StrCat("whether this Idempotency-Key was used cannot be told: ",
                                                         std::string(caught_up.message()))));
        continue;
      }
    }
    fresh.push_back(std::move(request));
  }
  return fresh;
}

BatchProducer::Requests BatchProducer::RefuseTaken(Requests requests, const std::set<std::string>& taken) {
  Requests left;
  for (auto& request : requests) {
    if (!taken.contains(KeyOfRequest(request->idempotency_key))) {
      left.push_back(std::move(request));
      continue;
    }
    Finish(*request, UnderWay("another instance has a request with this Idempotency-Key under way; ask again for its"
                              " answer"));
  }
  return left;
}

void BatchProducer::Produce(Transactor* transactor, Requests requests, const Since& since) {
  std::vector<const Event*> events;
  for (const auto& request : requests) {
    for (const Event& event : request->events) events.push_back(&event);
  }
  const absl::Time deadline = SteadyNow() + kTransactionTime;
  if (absl::Status begun = transactor->Begin(RandomId(), deadline); !begun.ok()) {
    Fail(transactor, std::move(requests), since, begun, -1);
    return;
  }
  int failed = -1;
  if (absl::Status sent = transactor->Send(events, deadline, &failed); !sent.ok()) {
    transactor->Abort();
    Fail(transactor, std::move(requests), since, sent, failed);
    return;
  }
  std::vector<std::pair<std::string, Outcome>> outcomes;
  FirstCheck check{.since = since};
  for (const auto& request : requests) {
    if (request->idempotency_key.empty()) continue;
    check.keys.push_back(KeyOfRequest(request->idempotency_key));
    outcomes.emplace_back(KeyOfRequest(request->idempotency_key),
                          Outcome{.request_hash = request->hash, .answer = request->answer});
  }
  const absl::Status ended = transactor->Commit("", std::move(outcomes), absl::ToUnixMillis(clock_->Wall()), deadline,
                                                check.keys.empty() ? nullptr : &check);
  if (ended.ok()) {
    ++transactions_;
    for (const auto& request : requests) Finish(*request, Committed(request->answer, false));
  } else if (absl::IsAlreadyExists(ended)) {
    Requests left = RefuseTaken(std::move(requests), check.taken);
    if (!left.empty()) Produce(transactor, std::move(left), since);
  } else if (absl::IsAborted(ended)) {
    Fail(transactor, std::move(requests), since, absl::UnavailableError(std::string(ended.message())), -1);
  } else {
    for (const auto& request : requests) Finish(*request, OutcomeUnknown());
  }
}

void BatchProducer::Fail(Transactor* transactor, Requests requests, const Since& since, const absl::Status& why,
                         int failed) {
  if (requests.size() > 1 && !absl::IsUnavailable(why)) {
    // One of them is to blame; alone each shows itself.
    for (auto& request : requests) {
      Requests one;
      one.push_back(std::move(request));
      Produce(transactor, std::move(one), since);
    }
    return;
  }
  log_->Log(LogLevel::kWarning,
            absl::StrCat("a transaction of ", requests.size(), " requests was not committed: ", why.ToString()));
  const absl::Status shown =
      failed < 0 ? why : absl::Status(why.code(), absl::StrCat("events[", failed, "]: ", std::string(why.message())));
  for (const auto& request : requests) Finish(*request, NotCommitted(shown));
}

uint64_t BatchProducer::lost_answers() const {
  uint64_t sum = 0;
  for (const auto& transactor : transactors_) sum += transactor->lost_answers();
  return sum;
}

size_t BatchProducer::queued() const {
  MutexLock lock(&mutex_);
  return queue_.size();
}

}  // namespace once::gateway
