// What whoever asks a pod has to know.
#ifndef ONCE_PROCESSOR_HTTP_BEARER_TOKEN_H_
#define ONCE_PROCESSOR_HTTP_BEARER_TOKEN_H_

#include <cstddef>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace once::http {

inline constexpr size_t kLeastTokenBytes = 16;

// The first line of the file, without blanks around it. FailedPrecondition, never with what the file holds, if it
// cannot be read, or the token is shorter than kLeastTokenBytes, longer than 4096 bytes or not of visible ASCII.
absl::StatusOr<std::string> ReadTokenFile(const std::string& path);

// Whether the value of an Authorization header is "Bearer TOKEN". Takes as long whatever part of a token of that length
// is right.
bool IsAuthorized(std::string_view authorization, std::string_view token);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_BEARER_TOKEN_H_
