// Asks a pod by HTTP.
#ifndef ONCE_PROCESSOR_HTTP_FETCH_H_
#define ONCE_PROCESSOR_HTTP_FETCH_H_

#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once::http {

struct Fetched {
  int status = 0;
  std::string body = {};
};

// "Bearer TOKEN"; empty without one.
std::string BearerOf(const std::string& token);

// What a GET at an http or https URL is answered with; `authorization` is sent as the header's value, unless it is
// empty. It follows no redirection, so that this goes nowhere else. Unavailable, in words and without it, if nothing
// answers within `timeout`, or with more than 64 MiB. Thread-safe.
absl::StatusOr<Fetched> Fetch(const std::string& url, const std::string& authorization, absl::Duration timeout);

// The body of an answer of 200; of another the error that it tells, as Unavailable, Unauthenticated (401, 403) or
// NotFound.
absl::StatusOr<std::string> FetchBody(const std::string& url, const std::string& authorization, absl::Duration timeout);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_FETCH_H_
