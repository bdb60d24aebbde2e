// Whoever asks a pod for whatever: nothing guarded is told without the token, and every answer is whole.
#include <nlohmann/json.hpp>
#include <string>

#include "processor/base/listen_address.h"
#include "processor/http/bearer_token.h"
#include "processor/http/pod_api.h"
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

void Check(const Request& request, std::string_view text) {
  OneStatus status(text);
  const bool is_open = request.path == "/livez" || request.path == "/readyz" || request.path == "/startupz" ||
                       request.path == "/metrics" || request.path == "/openapi.json";
  for (const bool has_token : {false, true}) {
    const PodApi api(&status, {.token = has_token ? kToken : "", .is_loopback = false});
    const Response answer = api.Answer(request);
    ONCE_CHECK(answer.status >= 200 && answer.status < 600);
    if (answer.content_type == "application/json") ONCE_CHECK(nlohmann::json::accept(answer.body));
    if (!is_open && answer.status == 200) {
      ONCE_CHECK(has_token && request.authorization.size() == 7 + sizeof(kToken) - 1 &&
                 request.authorization.substr(7) == kToken);
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
  constexpr std::string_view kPaths[] = {"/livez",     "/readyz",      "/startupz", "/metrics",  "/openapi.json",
                                         "/v1/status", "/v1/topology", "/v1/tasks", "/v1/parked"};
  const size_t choice = input.Choice(std::size(kPaths) + 1);
  const bool has_body = input.Choice(2) == 1;
  const std::string method(input.Choice(2) == 0 ? "GET" : input.Bytes());
  const std::string host(input.Bytes());
  const std::string path(choice < std::size(kPaths) ? kPaths[choice] : input.Bytes());
  const std::string authorization(input.Bytes());
  const std::string text(input.Rest());
  const auto address = once::ParseListenAddress(host);
  if (address.ok()) {
    const auto again = once::ParseListenAddress(address->ToString());
    ONCE_CHECK(again.ok() && again->ToString() == address->ToString());
  }
  once::http::Check(
      {.method = method, .path = path, .authorization = authorization, .host = host, .has_body = has_body}, text);
  return 0;
}
