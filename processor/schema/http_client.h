// One HTTP call after the other, to one of several servers that are the same.
#ifndef ONCE_PROCESSOR_SCHEMA_HTTP_CLIENT_H_
#define ONCE_PROCESSOR_SCHEMA_HTTP_CLIENT_H_

#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/base/mutex.h"
#include "processor/schema/schema_registry.h"

struct curl_slist;

namespace once::internal {

struct HttpAnswer {
  long status = 0;
  std::string body = {};
  std::string url = {};  // That was asked, for messages.
};

// Thread-safe; calls wait for each other, since there are few.
class HttpClient {
 public:
  HttpClient(const SchemaRegistryOptions& options, std::vector<std::string> urls);
  ~HttpClient();

  // GET, or POST of `body` if it is not empty. Unavailable if no server answers; any status is an answer, but 5xx and
  // 429 only if all say such.
  absl::StatusOr<HttpAnswer> Ask(const std::string& path, const std::string& body);
  // As a part of a path.
  static std::string Escape(const std::string& text);

 private:
  struct Handle;
  absl::StatusOr<HttpAnswer> AskOne(const std::string& url, const std::string& body)
      ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  absl::Status Authenticate(curl_slist** headers) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);

  const SchemaRegistryOptions options_;
  const std::vector<std::string> urls_;
  Mutex mutex_;
  size_t next_ ABSL_GUARDED_BY(mutex_) = 0;  // The one that answered last.
  const std::unique_ptr<Handle> handle_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_SCHEMA_HTTP_CLIENT_H_
