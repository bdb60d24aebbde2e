// Asks by HTTP: by libcurl, on a short lead. Two protocols, no redirects, answers of bounded length, secrets in no
// message.
#ifndef ONCE_PROCESSOR_NET_HTTP_CALL_H_
#define ONCE_PROCESSOR_NET_HTTP_CALL_H_

#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/mutex.h"

namespace once::internal {

struct HttpCall {
  std::string url;  // http or https.
  std::string method = "GET";
  std::vector<std::string> headers = {};      // "Name: value".
  std::optional<std::string_view> body = {};  // Sent as it is; its type stands in `headers`.
  size_t max_answer_bytes = size_t{64} << 10;
  absl::Duration connect_timeout = absl::InfiniteDuration();
  absl::Duration timeout = absl::Seconds(10);  // Of all of it.
  std::string ca_file = {};                    // PEM; empty: the system's.
  bool may_use_proxy = true;                   // That the environment names.
  std::string username = {};                   // Basic, if it is not empty; with `aws_scope` the key's ID,
  std::string password = {};                   // and the secret key.
  std::string aws_scope = {};                  // "REGION:SERVICE": signed by Signature Version 4.
};

struct HttpReply {
  long status = 0;
  std::string body = {};     // Up to the bound.
  bool is_too_long = false;  // There was more.
};

// Keeps connections, one for each call that was under way at the same time. Thread-safe.
class HttpConnections {
 public:
  HttpConnections();
  ~HttpConnections();
  HttpConnections(const HttpConnections&) = delete;
  HttpConnections& operator=(const HttpConnections&) = delete;

  // Any status is an answer. Unavailable if there is none, with the reason alone: what was asked is the caller's to say.
  absl::StatusOr<HttpReply> Ask(const HttpCall& call);

 private:
  struct Handle;
  std::unique_ptr<Handle> Take();

  Mutex mutex_;
  std::vector<std::unique_ptr<Handle>> idle_ ABSL_GUARDED_BY(mutex_);
};

// As a part of a path or a query.
std::string EscapeForUrl(const std::string& text);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_NET_HTTP_CALL_H_
