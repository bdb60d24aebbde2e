#include "processor/http/proof.h"

#include <arpa/inet.h>
#include <openssl/crypto.h>
#include <openssl/rand.h>

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/base/sha256.h"
#include "processor/base/strings.h"

namespace once::http {

namespace {

constexpr std::string_view kScheme = "Once-Pod ";
constexpr size_t kMostMade = 8;
constexpr size_t kMostTried = 64;
constexpr size_t kNonceBytes = 16;
constexpr size_t kMacBytes = 32;
constexpr size_t kMostShown = 100'000;

bool IsHex(std::string_view text, size_t bytes) {
  return text.size() == 2 * bytes && text.find_first_not_of("0123456789abcdef") == std::string_view::npos;
}

// One spelling for each address; what is none is left as it is.
std::string Canonical(std::string_view address) {
  const size_t colon = address.rfind(':');
  if (colon == std::string_view::npos) return std::string(address);
  std::string host(address.substr(0, colon));
  if (host.size() > 2 && host.front() == '[' && host.back() == ']') host = host.substr(1, host.size() - 2);
  in6_addr v6;
  if (inet_pton(AF_INET6, host.c_str(), &v6) == 1) {
    char text[INET6_ADDRSTRLEN] = "";
    // IPv4 on a socket for both.
    if (IN6_IS_ADDR_V4MAPPED(&v6)) {
      inet_ntop(AF_INET, &v6.s6_addr[12], text, sizeof(text));
    } else {
      inet_ntop(AF_INET6, &v6, text, sizeof(text));
    }
    host = text;
  }
  return absl::StrCat(host, ToAbsl(address.substr(colon)));
}

std::string MacOf(const ProofKey& key, const ProofSubject& subject, int64_t time_ms, std::string_view nonce) {
  const std::string text =
      absl::StrCat("once-pod-1\n", ToAbsl(key.name), "\n", ToAbsl(subject.method), "\n", ToAbsl(subject.path), "\n",
                   Canonical(subject.address), "\n", absl::BytesToHexString(Sha256(subject.body)), "\n", time_ms, "\n",
                   ToAbsl(nonce));
  return HmacSha256(key.token, text);
}

struct Proof {
  int64_t time_ms = 0;
  std::string nonce = {};
  std::vector<std::pair<std::string, std::string>> macs = {};  // By the key's name.
};

std::optional<Proof> Parse(std::string_view authorization) {
  Proof proof;
  bool has_time = false;
  for (const absl::string_view word : absl::StrSplit(ToAbsl(authorization.substr(kScheme.size())), ", ")) {
    const std::string_view part = ToStd(word);
    if (part.starts_with("time=") && !has_time) {
      has_time = absl::SimpleAtoi(word.substr(5), &proof.time_ms);
      if (!has_time) return std::nullopt;
    } else if (part.starts_with("nonce=") && proof.nonce.empty() && IsHex(part.substr(6), kNonceBytes)) {
      proof.nonce = std::string(part.substr(6));
    } else if (part.starts_with("mac=") && proof.macs.size() < kMostMade) {
      const size_t colon = part.rfind(':');
      if (colon == std::string_view::npos || !IsHex(part.substr(colon + 1), kMacBytes)) return std::nullopt;
      proof.macs.emplace_back(part.substr(4, colon - 4), absl::HexStringToBytes(ToAbsl(part.substr(colon + 1))));
    } else {
      return std::nullopt;
    }
  }
  if (!has_time || proof.nonce.empty() || proof.macs.empty()) return std::nullopt;
  return proof;
}

// Null: it is by none of them.
const ProofKey* KeyOf(const Proof& proof, std::span<const ProofKey> keys, const ProofSubject& subject) {
  const ProofKey* found = nullptr;
  for (const ProofKey& key : keys.first(std::min(keys.size(), kMostTried))) {
    for (const auto& [name, mac] : proof.macs) {
      if (name != key.name) continue;
      const std::string right = MacOf(key, subject, proof.time_ms, proof.nonce);
      // Where OpenSSL makes none, nothing is right.
      if (right.size() == kMacBytes && CRYPTO_memcmp(right.data(), mac.data(), kMacBytes) == 0) found = &key;
    }
  }
  return found;
}

}  // namespace

bool IsProof(std::string_view authorization) { return authorization.starts_with(kScheme); }

std::string MakeProof(std::span<const ProofKey> keys, const ProofSubject& subject, absl::Time now,
                      std::string_view nonce) {
  if (keys.empty() || nonce.empty()) return "";
  const int64_t time_ms = absl::ToUnixMillis(now);
  std::string proof = absl::StrCat(ToAbsl(kScheme), "time=", time_ms, ", nonce=", ToAbsl(nonce));
  for (const ProofKey& key : keys.first(std::min(keys.size(), kMostMade))) {
    const std::string mac = MacOf(key, subject, time_ms, nonce);
    absl::StrAppend(&proof, ", mac=", ToAbsl(key.name), ":", absl::BytesToHexString(mac));
  }
  return proof;
}

std::string DrawNonce() {
  unsigned char bytes[kNonceBytes];
  if (RAND_bytes(bytes, sizeof(bytes)) != 1) return "";
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(bytes), sizeof(bytes)));
}

absl::StatusOr<std::string> Proofs::Check(std::string_view authorization, std::span<const ProofKey> keys,
                                          const ProofSubject& subject, absl::Time now, bool is_shown) {
  const std::optional<Proof> proof = IsProof(authorization) ? Parse(authorization) : std::nullopt;
  if (!proof.has_value()) return absl::UnauthenticatedError("the header Authorization is no proof of a pod");
  // Nothing is told to who knows no token.
  const ProofKey* const key = KeyOf(*proof, keys, subject);
  if (key == nullptr) {
    return absl::UnauthenticatedError(
        "what the asking pod shows is by no token of --http_token_file here, or was made for another request or"
        " address");
  }
  const absl::Time made = absl::FromUnixMillis(proof->time_ms);
  if (made < now - kProofHolds || made > now + kProofHolds) {
    return absl::UnauthenticatedError(absl::StrCat(
        "what the asking pod shows is of ", absl::FormatTime(absl::RFC3339_sec, made, absl::UTCTimeZone()),
        ", and here it is ", absl::FormatTime(absl::RFC3339_sec, now, absl::UTCTimeZone()), ": set their clocks"));
  }
  if (made < since_) return absl::UnauthenticatedError("what the asking pod shows is of before this one's start");
  std::erase_if(shown_, [&](const auto& each) { return each.second < now; });
  if (shown_.contains(proof->nonce)) return absl::UnauthenticatedError("what the asking pod shows was shown before");
  if (shown_.size() >= kMostShown) return absl::ResourceExhaustedError("too many pods ask at once");
  if (is_shown) shown_[proof->nonce] = made + kProofHolds;
  return std::string(key->name);
}

}  // namespace once::http
