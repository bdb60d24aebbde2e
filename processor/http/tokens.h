// What whoever asks a pod has to know.
//
// A file has a token on each line, with what there is to say of it behind:
//
//   # Old and new are both taken until the old line goes.
//   dGhlIG9sZCBvbmUgdGhhdCBnb2Vz
//   bmV3IG9uZSBvZiBzb21lIGxlbmd0aA== name=alice expires=2027-01-31T00:00:00Z
#ifndef ONCE_PROCESSOR_HTTP_TOKENS_H_
#define ONCE_PROCESSOR_HTTP_TOKENS_H_

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/http/proof.h"

namespace once::http {

inline constexpr size_t kLeastTokenBytes = 16;

// Whether somebody may ask, and who it is or why not.
struct Caller {
  bool may_ask = false;
  std::string name = {};     // The token's; empty: it has none.
  std::string refusal = {};  // In words, without anything of what was sent.
};

// The tokens of one file. Immutable.
class Tokens {
 public:
  // InvalidArgument, with the line and never with what it holds, if there is no token, or one is shorter than
  // kLeastTokenBytes, or something else than name= (letters, digits, '.', '_', '@' and '-', 64 at most) and expires=
  // (RFC 3339) stands behind one. Empty lines and those that begin with '#' say nothing.
  static absl::StatusOr<Tokens> Parse(std::string_view text);

  // `authorization` is the header's value. Takes as long whatever part of a token is right.
  Caller Check(std::string_view authorization, absl::Time now) const;

  // Those that have not expired, in the order of the file. Views hold as long as this.
  std::vector<ProofKey> KeysAt(absl::Time now) const;

 private:
  struct Token {
    std::string text = {};
    std::string name = {};
    absl::Time expires = absl::InfiniteFuture();
  };
  static absl::StatusOr<Token> ParseLine(std::string_view line);

  std::vector<Token> tokens_;
};

// What decides who may ask. Thread-safe.
class Guard {
 public:
  virtual ~Guard() = default;
  virtual Caller Check(std::string_view authorization) = 0;

  // The value of Authorization by which another pod that knows one of the tokens believes this one; empty if none is
  // left. By default always.
  virtual std::string Prove(const ProofSubject&) { return ""; }
  // Whether such a value is right; it is shown then, and will not be again, if `is_shown`. By default none is.
  virtual Caller CheckProof(std::string_view, const ProofSubject&, bool) { return {.refusal = "no pod asks here"}; }
};

// The tokens of a file, which is looked at again, each second at most, when somebody asks. What can no longer be read
// leaves those that were there, with a warning. FailedPrecondition, with what to do, if it cannot be read at first.
// `clock` and `log` must outlive it.
absl::StatusOr<std::unique_ptr<Guard>> OpenTokenFile(const std::string& path, Clock* clock, LogSink* log);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_TOKENS_H_
