#include "tools/gateway/api.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/version.h"
#include "tools/gateway/answers.h"
#include "tools/gateway/json.h"
#include "tools/gateway/messages.h"
#include "tools/gateway/metrics.h"
#include "tools/gateway/openapi.h"
#include "tools/gateway/page.h"

namespace once::gateway {

namespace {

constexpr absl::Duration kHealthTime = absl::Seconds(2);
constexpr absl::Duration kHealthAge = absl::Milliseconds(500);
constexpr absl::Duration kReadTime = absl::Seconds(10);
constexpr absl::Duration kLookTime = absl::Seconds(5);
constexpr int kCheckThreads = 4;
constexpr int kReadThreads = 4;

// "timeout_ms" of a begin.
absl::StatusOr<absl::Duration> TimeoutOf(const Json& body, absl::Duration most) {
  const auto given = body.find("timeout_ms");
  if (given == body.end()) return most;
  if (given->is_number_unsigned()) {
    const auto timeout = given->get<uint64_t>();
    if (timeout >= 100 && timeout <= static_cast<uint64_t>(absl::ToInt64Milliseconds(most))) {
      return absl::Milliseconds(static_cast<int64_t>(timeout));
    }
  }
  return absl::InvalidArgumentError(absl::StrCat("timeout_ms is no number from 100 to ",
                                                 absl::ToInt64Milliseconds(most), " (--max_transaction_timeout)"));
}

absl::StatusOr<std::string> TransactionIdOf(const Json& body) {
  const auto id = body.find("transaction_id");
  if (id != body.end() && id->is_string() && id->get_ref<const std::string&>().size() <= 400) {
    return id->get<std::string>();
  }
  return absl::InvalidArgumentError("transaction_id is missing: the one that begin has answered");
}

}  // namespace

Api::Api(ApiParts parts)
    : parts_(std::move(parts)),
      checks_(kCheckThreads, static_cast<size_t>(parts_.options->max_queued)),
      reads_(kReadThreads, 100),
      shows_(1, 100) {}

std::optional<http::Response> Api::Refuse(const Request& head) {
  std::optional<http::Response> refusal = Refusal(parts_.guard, head);
  if (refusal.has_value()) {
    MutexLock lock(&mutex_);
    ++requests_[{"refused", refusal->status}];
  }
  return refusal;
}

http::Response Api::TimedOut() {
  ++timed_out_;
  return OutcomeUnknown();
}

void Api::Count(Action action, int status) {
  for (const Route& route : Routes()) {
    if (route.action != action) continue;
    MutexLock lock(&mutex_);
    ++requests_[{std::string(route.path), status}];
  }
}

void Api::Handle(Request request, std::shared_ptr<Responder> responder) {
  const Route* const route = FindRoute(request.path);
  if (route == nullptr) return responder->Answer(ErrorResponse(404, "there is no such path"));
  auto shared = std::make_shared<Request>(std::move(request));
  WorkPool& pool = route->is_open ? shows_ : route->method == "GET" ? reads_ : checks_;
  const bool is_posted = pool.Post([this, route, shared, responder] {
    // Given up while it waited: nothing of it is to be done any more.
    if (!responder->is_answered()) Act(*route, *shared, responder);
  });
  if (!is_posted) responder->Answer(ErrorResponse(503, "too many requests wait; ask again"));
}

void Api::Act(const Route& route, Request& request, const std::shared_ptr<Responder>& responder) {
  const Action action = route.action;
  const Done done = [this, action, responder](http::Response response) {
    Count(action, response.status);
    responder->Answer(std::move(response));
  };
  switch (action) {
    case Action::kPage:
      return done(PageResponse());
    case Action::kHealth:
      return done(Health());
    case Action::kMetrics:
      return done(Metrics());
    case Action::kOpenApi:
      return done({.content_type = "application/json", .body = OpenApiJson(kVersion)});
    case Action::kTransaction:
      return Transact(request, done);
    case Action::kBegin:
      return Begin(request, done);
    case Action::kSend:
      return SendInto(request, done);
    case Action::kCommit:
      return EndOne(request, true, done);
    case Action::kAbort:
      return EndOne(request, false, done);
    case Action::kStatus:
      return done(Status());
    case Action::kMessages:
      return done(Messages(request));
    case Action::kTypes:
      return done(TypeNames());
    case Action::kFollow:
      return Follow(request, responder);
  }
}

absl::StatusOr<std::vector<Event>> Api::EventsOf(const Json& body, absl::Time deadline) {
  const EventLimits limits{.max_events = static_cast<size_t>(parts_.options->max_events),
                           .allow_raw = parts_.options->allow_raw};
  absl::StatusOr<std::vector<Event>> events = DecodeEvents(body, *parts_.types, limits);
  if (!events.ok()) return events;
  if (absl::Status checked = parts_.topics->Check(*events, deadline); !checked.ok()) return checked;
  return events;
}

void Api::Transact(Request& request, const Done& done) {
  const absl::Time deadline = SteadyNow() + parts_.options->request_timeout / 2;
  const absl::StatusOr<Json> body = ParseObject(request.body);
  if (!body.ok()) return done(ErrorResponse(body.status()));
  if (absl::Status known = CheckMembers(*body, "", "events"); !known.ok()) return done(ErrorResponse(known));
  auto batch = std::make_unique<BatchRequest>();
  batch->idempotency_key = *IdempotencyKeyOf(request);
  batch->hash = HashOf(request.body);
  // One that has been answered is answered again, whatever has become of its topics since.
  if (!batch->idempotency_key.empty()) {
    const auto known = parts_.outcomes->Find(KeyOfRequest(batch->idempotency_key));
    if (known.has_value()) return done(Replay(*known, batch->hash));
  }
  absl::StatusOr<std::vector<Event>> events = EventsOf(*body, SteadyNow() + kLookTime);
  if (!events.ok()) return done(NotCommitted(events.status()));
  batch->events = *std::move(events);
  batch->deadline = deadline;
  batch->done = done;
  parts_.batches->Submit(std::move(batch));
}

void Api::Begin(const Request& request, const Done& done) {
  const absl::StatusOr<Json> body = ParseObject(request.body.empty() ? "{}" : request.body);
  if (!body.ok()) return done(ErrorResponse(body.status()));
  if (absl::Status known = CheckMembers(*body, "", "timeout_ms"); !known.ok()) return done(ErrorResponse(known));
  const absl::StatusOr<absl::Duration> timeout = TimeoutOf(*body, parts_.options->max_transaction_timeout);
  if (!timeout.ok()) return done(ErrorResponse(timeout.status()));
  parts_.transactions->Begin(*timeout, done);
}

void Api::SendInto(Request& request, const Done& done) {
  const absl::StatusOr<Json> body = ParseObject(request.body);
  if (!body.ok()) return done(ErrorResponse(body.status()));
  if (absl::Status known = CheckMembers(*body, "", "transaction_id events"); !known.ok()) {
    return done(ErrorResponse(known));
  }
  const absl::StatusOr<std::string> id = TransactionIdOf(*body);
  if (!id.ok()) return done(ErrorResponse(id.status()));
  absl::StatusOr<std::vector<Event>> events = EventsOf(*body, SteadyNow() + kLookTime);
  if (!events.ok()) return done(ErrorResponse(events.status()));
  parts_.transactions->Send(*id, *std::move(events), *IdempotencyKeyOf(request), HashOf(request.body), done);
}

void Api::EndOne(const Request& request, bool is_commit, const Done& done) {
  const absl::StatusOr<Json> body = ParseObject(request.body);
  if (!body.ok()) return done(ErrorResponse(body.status()));
  if (absl::Status known = CheckMembers(*body, "", "transaction_id"); !known.ok()) return done(ErrorResponse(known));
  const absl::StatusOr<std::string> id = TransactionIdOf(*body);
  if (!id.ok()) return done(ErrorResponse(id.status()));
  if (!is_commit) return parts_.transactions->Abort(*id, done);
  parts_.transactions->Commit(*id, *IdempotencyKeyOf(request), HashOf(request.body), done);
}

http::Response Api::Health() {
  // Whoever asks is answered, but the brokers are not asked each time.
  if (SteadyNow() - health_asked_ < kHealthAge) return health_;
  const auto described = parts_.admin->ReadLogOffsets(
      kafka::LogPoint::kBeginning, std::vector<TopicPartition>{{parts_.outcomes->topic(), Partition(0)}}, kHealthTime);
  const absl::StatusOr<Offset>& offset = described.begin()->second;
  Json body = {{"ok", offset.ok()}, {"version", kVersion}};
  if (!offset.ok()) {
    // Where they are is not for whoever asks.
    body["why"] = absl::StrCat("the brokers do not answer: ", absl::StatusCodeToString(offset.status().code()));
    parts_.log->Log(LogLevel::kWarning, OneLine(absl::StrCat("health: ", offset.status().ToString())));
  }
  health_ = JsonResponse(offset.ok() ? 200 : 503, body);
  health_asked_ = SteadyNow();
  return health_;
}

http::Response Api::Metrics() {
  MetricsSnapshot snapshot;
  {
    MutexLock lock(&mutex_);
    snapshot.requests = requests_;
  }
  snapshot.timed_out = timed_out_.load();
  snapshot.batch_commits = parts_.batches->transactions();
  snapshot.lost_answers = parts_.batches->lost_answers();
  snapshot.queued = parts_.batches->queued();
  snapshot.explicit_open = parts_.transactions->open_count();
  snapshot.explicit_committed = parts_.transactions->committed();
  snapshot.explicit_aborted = parts_.transactions->aborted();
  snapshot.explicit_expired = parts_.transactions->expired();
  snapshot.outcomes = parts_.outcomes->size();
  snapshot.outcome_bytes = parts_.outcomes->bytes();
  snapshot.outcomes_dropped = parts_.outcomes->dropped();
  snapshot.followers = parts_.followers->count();
  const HttpServer* const server = server_.load();
  snapshot.connections = server == nullptr ? 0 : server->connections();
  return {.content_type = "text/plain; version=0.0.4; charset=utf-8", .body = MetricsText(snapshot)};
}

http::Response Api::Status() {
  // What the gateway's own consumer has counted, or what streams were sent where it does not follow.
  std::map<std::string, FollowedTopic> all = parts_.followers->topics();
  if (parts_.watch != nullptr) {
    for (const auto& [name, topic] : parts_.watch->topics()) {
      all[name].messages = topic.messages;
      all[name].last_message_ms = topic.last_message_ms;
    }
  }
  Json topics = Json::array();
  uint64_t count = 0;
  int64_t last = -1;
  for (const auto& [name, topic] : all) {
    count += topic.messages;
    last = std::max(last, topic.last_message_ms);
    topics.push_back({{"topic", name},
                      {"followers", topic.followers},
                      {"count", topic.messages},
                      {"last_message_ms", topic.last_message_ms < 0 ? Json() : Json(topic.last_message_ms)}});
  }
  return JsonResponse(200, {{"running", parts_.watch == nullptr || parts_.watch->is_running()},
                            {"group", parts_.watch == nullptr ? Json() : Json(parts_.watch->group())},
                            {"instance", parts_.options->instance_id},
                            {"topics", std::move(topics)},
                            {"count", count},
                            {"last_message_ms", last < 0 ? Json() : Json(last)},
                            {"followers", parts_.followers->count()}});
}

http::Response Api::Messages(const Request& request) {
  const absl::Time deadline = SteadyNow() + std::min(kReadTime, parts_.options->request_timeout / 2);
  const auto query = DecodeQuery(request, FindRoute(request.path)->query);
  if (!query.ok()) return ErrorResponse(query.status());
  const absl::StatusOr<MessagesQuery> parsed = ParseMessagesQuery(*query);
  if (!parsed.ok()) return ErrorResponse(parsed.status());
  const auto topic = parts_.topics->Look(parsed->topic, deadline);
  if (!topic.ok()) return ErrorResponse(topic.status());
  const absl::StatusOr<Json> answer =
      ReadMessages(*parsed, topic->partition_count, parts_.reading, parts_.admin, *parts_.types, deadline);
  return answer.ok() ? JsonResponse(200, *answer) : ErrorResponse(answer.status());
}

http::Response Api::TypeNames() { return JsonResponse(200, {{"types", parts_.types->names()}}); }

void Api::Follow(const Request& request, const std::shared_ptr<Responder>& responder) {
  const auto refuse = [&](const absl::Status& why) {
    Count(Action::kFollow, ErrorResponse(why).status);
    responder->Answer(ErrorResponse(why));
  };
  const auto query = DecodeQuery(request, FindRoute(request.path)->query);
  if (!query.ok()) return refuse(query.status());
  const absl::StatusOr<MessagesQuery> parsed = ParseMessagesQuery(*query);
  if (!parsed.ok()) return refuse(parsed.status());
  absl::StatusOr<FollowPosition> from = ParsePosition(request.Header("last-event-id"));
  if (!from.ok()) return refuse(from.status());
  const auto topic = parts_.topics->Look(parsed->topic, SteadyNow() + kLookTime);
  if (!topic.ok()) return refuse(topic.status());
  if (parts_.followers->is_full()) {
    return refuse(absl::ResourceExhaustedError("there are as many followers as there may be (--max_followers)"));
  }
  std::shared_ptr<EventStream> stream = responder->Stream("text/event-stream");
  if (stream == nullptr) return;
  Count(Action::kFollow, 200);
  FollowerSpec spec{.topic = parsed->topic,
                    .is_committed_only = parsed->is_committed_only,
                    .type = parsed->type,
                    .partition_count = topic->partition_count,
                    .from = *std::move(from)};
  stream->Push("retry: 1000\n\n");
  if (absl::Status added = parts_.followers->Add(std::move(spec), stream); !added.ok()) stream->End();
}

}  // namespace once::gateway
