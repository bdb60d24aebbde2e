#include "tools/gateway/answers.h"

#include "processor/base/strings.h"
#include "tools/gateway/json.h"

namespace once::gateway {

namespace {

http::Response WithOutcome(http::Response response, const char* outcome) {
  Json body = Json::parse(response.body);
  body["outcome"] = outcome;
  response.body = JsonResponse(response.status, body).body;
  return response;
}

}  // namespace

std::string CommittedAnswer(std::string_view transaction_id, std::span<const Event> events) {
  Json list = Json::array();
  for (const Event& event : events) list.push_back({{"topic", event.topic}, {"event_id", event.event_id}});
  return JsonResponse(200, {{"outcome", "committed"}, {"transaction_id", transaction_id}, {"events", std::move(list)}})
      .body;
}

http::Response Committed(const std::string& answer, bool is_replayed) {
  http::Response response{.status = 200, .content_type = "application/json", .body = answer};
  if (is_replayed) response.headers.emplace_back("Idempotency-Replayed", "true");
  return response;
}

http::Response Replay(const Outcome& outcome, std::string_view request_hash) {
  if (outcome.request_hash == request_hash) return Committed(outcome.answer, true);
  return ErrorResponse(422, "this Idempotency-Key was used with another body; a new request takes a new key");
}

http::Response NotCommitted(const absl::Status& why) { return WithOutcome(ErrorResponse(why), "not committed"); }

http::Response OutcomeUnknown() {
  return WithOutcome(ErrorResponse(504,
                                   "it is not known yet whether this took effect; send it again with the same "
                                   "Idempotency-Key, or look at the topic"),
                     "unknown");
}

}  // namespace once::gateway
