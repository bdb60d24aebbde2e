// One HTTP call after the other, to one of several servers that are the same.
#ifndef ONCE_PROCESSOR_SCHEMA_HTTP_CLIENT_H_
#define ONCE_PROCESSOR_SCHEMA_HTTP_CLIENT_H_

#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/base/mutex.h"
#include "processor/net/http_call.h"
#include "processor/schema/schema_registry.h"

namespace once::internal {

struct HttpAnswer {
  long status = 0;
  std::string body = {};
  std::string url = {};  // That was asked, for messages.
};

// Thread-safe; calls wait for each other, since there are few.
class HttpClient {
 public:
  HttpClient(const SchemaRegistryOptions& options, std::vector<std::string> urls)
      : options_(options), urls_(std::move(urls)) {}

  // GET, or POST of `body` if it is not empty. Unavailable if no server answers; any status is an answer, but 5xx and
  // 429 only if all say such.
  absl::StatusOr<HttpAnswer> Ask(const std::string& path, const std::string& body);

 private:
  absl::StatusOr<HttpAnswer> AskOne(const std::string& url, const std::string& body);
  absl::Status Authenticate(HttpCall* call) const;

  const SchemaRegistryOptions options_;
  const std::vector<std::string> urls_;
  HttpConnections connections_;
  Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // The one that answered last.
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_HTTP_CLIENT_H_
