// What became of requests, by their keys: in memory what the outcome topic has.
#ifndef ONCE_TOOLS_GATEWAY_OUTCOME_INDEX_H_
#define ONCE_TOOLS_GATEWAY_OUTCOME_INDEX_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <optional>
#include <string>
#include <string_view>
#include <unordered_map>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/strings.h"

namespace once::gateway {

// A committed transaction's answer. As a record of the outcome topic its key is the request's (see OutcomeKey), its
// value JSON: {"format":1, "request": HASH, "answer": {...}, "time_ms": ...}.
struct Outcome {
  std::string request_hash = {};  // Of the request's body; empty where no retry is compared with it.
  std::string answer = {};        // The body of its answer, of status 200.
  int64_t time_ms = 0;            // Unix milliseconds.
};

// "k/KEY" for the Idempotency-Key of a client, "t/ID" for a transaction's own id: neither is taken for the other.
std::string KeyOfRequest(std::string_view idempotency_key);
std::string KeyOfTransaction(std::string_view transaction_id);

std::string EncodeOutcome(const Outcome& outcome);
// DataLoss for what is none.
absl::StatusOr<Outcome> DecodeOutcome(std::string_view text);

// 128 bits of the bytes, in hexadecimal: whether a retry is the same request.
std::string HashOf(std::string_view bytes);

// Not thread-safe. Holds what is younger than `retention`, and at most `max_bytes`: beyond it the oldest are forgotten
// before their time.
class OutcomeIndex {
 public:
  OutcomeIndex(absl::Duration retention, size_t max_bytes) : retention_(retention), max_bytes_(max_bytes) {}

  // The first outcome of a key counts; a later one is of a request that came when the first was forgotten.
  void Add(const std::string& key, Outcome outcome, absl::Time wall);
  std::optional<Outcome> Find(std::string_view key) const;
  void Expire(absl::Time wall);

  size_t size() const { return outcomes_.size(); }
  size_t bytes() const { return bytes_; }
  // Those that were forgotten for want of room.
  uint64_t dropped() const { return dropped_; }

 private:
  void DropOldest();
  static size_t BytesOf(const std::string& key, const Outcome& outcome);

  const absl::Duration retention_;
  const size_t max_bytes_;
  std::unordered_map<std::string, Outcome, StringHash, StringEq> outcomes_;
  std::deque<std::string> by_age_;
  size_t bytes_ = 0;
  uint64_t dropped_ = 0;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_OUTCOME_INDEX_H_
