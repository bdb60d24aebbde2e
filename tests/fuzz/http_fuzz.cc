// Whoever asks a pod for whatever: nothing guarded is told without the token, no page of another site changes anything,
// and every answer is whole.
#include <nlohmann/json.hpp>
#include <string>

#include "processor/base/listen_address.h"
#include "processor/http/pod_api.h"
#include "processor/http/tokens.h"
#include "tests/fuzz/input.h"

namespace once::http {
namespace {

constexpr char kToken[] = "a-token-of-some-length";

class OneStatus final : public StatusProvider {
 public:
  explicit OneStatus(std::string_view text) : text_(text) {}
  PodStatus Look() override {
    auto worker = std::make_shared<WorkerStatus>();
    TaskStatus& task = worker->tasks.emplace_back();
    task.name = text_;
    task.why = text_;
    task.inputs.push_back({.where = {text_, Partition(0)}});
    worker->last_error = text_;
    PodStatus pod;
    pod.application_id = text_;
    pod.phase = PodPhase::kRunning;
    pod.workers = {worker};
    pod.steps.push_back({.event = text_});
    return pod;
  }

 private:
  const std::string text_;
};

class OneGuard final : public Guard {
 public:
  Caller Check(std::string_view authorization) override { return tokens_.Check(authorization, kNow); }
  Caller CheckProof(std::string_view authorization, const ProofSubject& subject, bool is_shown) override {
    const auto name = proofs_.Check(authorization, tokens_.KeysAt(kNow), subject, kNow, is_shown);
    return name.ok() ? Caller{.may_ask = true, .name = *name} : Caller{.refusal = std::string(name.status().message())};
  }

 private:
  static constexpr absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

  const Tokens tokens_ = *Tokens::Parse(kToken);
  Proofs proofs_{absl::UnixEpoch()};
};

class OneOffice final : public BackOffice {
 public:
  void Ask(Question question, Reply reply) override {
    was_asked = true;
    for (const std::string& word : question.words) ONCE_CHECK(!word.empty());
    reply(JsonResponse(200, "{}"));
  }
  bool was_asked = false;
};

void Check(const Request& request, std::string_view text) {
  OneStatus status(text);
  OneGuard guard;
  const bool is_open = request.path == "/livez" || request.path == "/readyz" || request.path == "/startupz" ||
                       request.path == "/metrics" || request.path == "/openapi.json";
  for (const bool has_token : {false, true}) {
    OneOffice office;
    PodApi api(&status, &office, {.guard = has_token ? &guard : nullptr, .is_loopback = false});
    Response answer;
    const std::optional<Response> refusal = api.Refuse(request);
    const std::optional<Response> now = api.Answer(request, [&](Response later) { answer = std::move(later); });
    if (now.has_value()) answer = *now;
    ONCE_CHECK(!refusal.has_value() || (answer.status == refusal->status && !office.was_asked));
    ONCE_CHECK(answer.status >= 200 && answer.status < 600);
    if (answer.content_type == "application/json") ONCE_CHECK(nlohmann::json::accept(answer.body));
    if (!is_open && answer.status == 200) {
      ONCE_CHECK(has_token && request.authorization.size() == 7 + sizeof(kToken) - 1 &&
                 request.authorization.substr(7) == kToken);
    }
    if (office.was_asked && request.method == "POST") {
      ONCE_CHECK(request.fetch_site.empty() || request.fetch_site == "none" || request.fetch_site == "same-origin");
      ONCE_CHECK(request.origin.empty() || request.origin.ends_with(request.host));
    }
    for (const auto& [name, value] : answer.headers) {
      ONCE_CHECK(name.find_first_of("\r\n") == std::string::npos && value.find_first_of("\r\n") == std::string::npos);
    }
  }
}

}  // namespace
}  // namespace once::http

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  constexpr std::string_view kPaths[] = {"/livez",         "/readyz",
                                         "/startupz",      "/metrics",
                                         "/openapi.json",  "/v1/status",
                                         "/v1/topology",   "/v1/tasks",
                                         "/v1/parked",     "/v1/dead-letters",
                                         "/v1/audit",      "/v1/commands",
                                         "/v1/jobs/a%2Fb", "/v1/aggregates/customer/%00"};
  constexpr std::string_view kMethods[] = {"GET", "POST", "HEAD"};
  const size_t choice = input.Choice(std::size(kPaths) + 1);
  const bool has_body = input.Choice(2) == 1;
  const size_t method_choice = input.Choice(std::size(kMethods) + 1);
  const std::string method(method_choice < std::size(kMethods) ? kMethods[method_choice] : input.Bytes());
  const std::string host(input.Bytes());
  const std::string path(choice < std::size(kPaths) ? kPaths[choice] : input.Bytes());
  const std::string authorization(input.Bytes());
  const std::string content_type(input.Flag() ? "application/json" : input.Bytes());
  const std::string origin(input.Flag() ? "" : input.Bytes());
  const std::string fetch_site(input.Flag() ? "" : input.Bytes());
  const std::string name(input.Flag() ? "count" : input.Bytes());
  const std::string value(input.Bytes());
  const std::string text(input.Rest());
  const auto address = once::ParseListenAddress(host);
  if (address.ok()) {
    const auto again = once::ParseListenAddress(address->ToString());
    ONCE_CHECK(again.ok() && again->ToString() == address->ToString());
  }
  // A file of tokens is somebody's as well.
  (void)once::http::Tokens::Parse(text);
  once::http::Request request{.method = method,
                              .path = path,
                              .authorization = authorization,
                              .host = host,
                              .content_type = content_type,
                              .origin = origin,
                              .fetch_site = fetch_site,
                              .query = {{name, value}},
                              .has_body = has_body};
  if (has_body) request.content_length = static_cast<int64_t>(text.size());
  if (has_body) request.body = text;
  once::http::Check(request, text);
  return 0;
}
