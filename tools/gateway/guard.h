// Who may ask for what, and what a request must look like, judged by its headers alone.
#ifndef ONCE_TOOLS_GATEWAY_GUARD_H_
#define ONCE_TOOLS_GATEWAY_GUARD_H_

#include <optional>
#include <span>
#include <string>
#include <string_view>

#include "processor/http/message.h"
#include "processor/http/tokens.h"
#include "tools/gateway/request.h"

namespace once::gateway {

// What is done with a request; api.cc does it.
enum class Action {
  kPage,
  kHealth,
  kMetrics,
  kOpenApi,
  kTransaction,
  kBegin,
  kSend,
  kCommit,
  kAbort,
  kStatus,
  kMessages,
  kFollow,
  kTypes,
};

struct Route {
  std::string_view path;
  std::string_view method;  // "GET" (which answers HEAD as well) or "POST".
  Action action;
  bool is_open = false;         // Whoever asks is answered.
  std::string_view query = {};  // The names that its query may have.
};

// All of them, in the order in which they are described.
std::span<const Route> Routes();
// Null if there is no such path.
const Route* FindRoute(std::string_view path);

struct GuardOptions {
  http::Guard* tokens = nullptr;  // Null: there are none.
  bool is_loopback = false;       // Only this machine can ask.
};

// The page, its description, health and metrics are for whoever asks. All else wants the token; without one it is
// answered on a loopback address only, and then only requests whose Host is an address or "localhost", so that a page
// whose own name resolves to this machine is not let in. Requests from pages of other origins are refused in any case,
// as are a POST whose body is not announced as JSON (a form is none), a header that counts and comes twice, and bodies
// in an encoding. Nothing, if the request may come in.
std::optional<http::Response> Refusal(const GuardOptions& options, const Request& head);

// The key of a request; InvalidArgument for one that is empty, longer than 255 bytes or not of visible ASCII.
absl::StatusOr<std::string> IdempotencyKeyOf(const Request& request);

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_GUARD_H_
