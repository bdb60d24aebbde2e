// By what a pod shows another one that it knows a token of theirs, without sending it.
//
//   Authorization: Once-Pod time=1795795200000, nonce=32 HEX, mac=NAME:64 HEX, mac=...
//
// A mac, one for each token that the asking pod could be believed by, is HMAC-SHA256, keyed by the token, over
//
//   "once-pod-1" LF name LF method LF path LF HOST:PORT LF hex of the body's SHA-256 LF time LF nonce
//
// where time is that of the asking pod's wall clock in milliseconds, HOST:PORT what it connects to, and name the
// token's, which may be empty. So what was sent to one pod is worth nothing at another, nor for anything else, nor
// twice, nor later.
#ifndef ONCE_PROCESSOR_HTTP_PROOF_H_
#define ONCE_PROCESSOR_HTTP_PROOF_H_

#include <map>
#include <span>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once::http {

// What is asked, and of whom.
struct ProofSubject {
  std::string_view method = {};
  std::string_view path = {};  // As it is sent.
  std::string_view body = {};
  std::string_view address = {};  // Who is asked: HOST:PORT, the host in digits, in any spelling.
};

struct ProofKey {
  std::string_view token = {};
  std::string_view name = {};
};

// How far the clocks of two pods may be apart, and how long a proof may be under way, in all.
inline constexpr absl::Duration kProofHolds = absl::Seconds(30);

// Whether an Authorization is meant as a proof, right or not.
bool IsProof(std::string_view authorization);

// The value of Authorization, by the first 8 of `keys`; `nonce` differs each time. Empty without a key.
std::string MakeProof(std::span<const ProofKey> keys, const ProofSubject& subject, absl::Time now,
                      std::string_view nonce);
// 16 random bytes, in hex.
std::string DrawNonce();

// Remembers what was shown. Not thread-safe.
class Proofs {
 public:
  // Proofs of before `since` are not believed: what was shown then is not known.
  explicit Proofs(absl::Time since) : since_(since) {}

  // The name of the key that it is by. Unauthenticated, with why, if it is none of `keys` (of which the first 64
  // count), not of this request, too old or new, or was shown before. It counts as shown if `is_shown` and it is right;
  // ResourceExhausted if so many are right at once that they cannot be told from what was shown before.
  absl::StatusOr<std::string> Check(std::string_view authorization, std::span<const ProofKey> keys,
                                    const ProofSubject& subject, absl::Time now, bool is_shown);

 private:
  const absl::Time since_;
  std::map<std::string, absl::Time> shown_;  // By nonce: until when it would be believed.
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_PROOF_H_
