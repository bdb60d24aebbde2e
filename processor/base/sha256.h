// SHA-256 (FIPS 180-4) and HMAC with it (RFC 2104), by OpenSSL.
#ifndef ONCE_PROCESSOR_BASE_SHA256_H_
#define ONCE_PROCESSOR_BASE_SHA256_H_

#include <string>
#include <string_view>

namespace once {

// Both are 32 bytes.
std::string Sha256(std::string_view text);
std::string HmacSha256(std::string_view key, std::string_view text);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_SHA256_H_
