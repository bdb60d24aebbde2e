#include "processor/base/sha256.h"

#include <openssl/evp.h>
#include <openssl/hmac.h>

namespace once {
namespace {

constexpr size_t kSize = 32;

// Neither fails but for lack of memory, or where a provider of OpenSSL forbids SHA-256: empty then, which nobody takes
// for a signature.
std::string Text(const unsigned char* bytes, bool is_made) {
  return is_made ? std::string(reinterpret_cast<const char*>(bytes), kSize) : std::string();
}

}  // namespace

std::string Sha256(std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  const bool is_made = EVP_Digest(text.data(), text.size(), out, nullptr, EVP_sha256(), nullptr) == 1;
  return Text(out, is_made);
}

std::string HmacSha256(std::string_view key, std::string_view text) {
  unsigned char out[EVP_MAX_MD_SIZE];
  const bool is_made = HMAC(EVP_sha256(), key.data(), static_cast<int>(key.size()),
                            reinterpret_cast<const unsigned char*>(text.data()), text.size(), out, nullptr) != nullptr;
  return Text(out, is_made);
}

}  // namespace once
