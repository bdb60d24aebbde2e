// A put comes before the record that refers to it, and so before its transaction commits. What an aborted transaction
// leaves lies there until it is swept.
#include "processor/claim_check/claim_store.h"

#include <openssl/rand.h>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"

namespace once::internal {

namespace {

constexpr size_t kDrawnBytes = 8;

absl::Status As(absl::StatusCode code, const absl::Status& status) { return absl::Status(code, status.message()); }

}  // namespace

std::string BlobNames::NameFor(std::string_view bytes) {
  std::string name = Sha256Hex(bytes);
  const MutexLock lock(&mutex_);
  const absl::Time now = steady_now_();
  if (drawn_.empty() || now - drawn_at_ >= kDrawnFor) {
    unsigned char random[kDrawnBytes];
    // Without randomness the name is none, which the store refuses.
    const bool is_drawn = RAND_bytes(random, sizeof(random)) == 1;
    drawn_ = is_drawn ? absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(random), kDrawnBytes))
                      : std::string();
    drawn_at_ = now;
  }
  return name += drawn_;
}

absl::StatusOr<ClaimReference> ClaimStore::Store(std::string_view bytes) const {
  const auto size = static_cast<int64_t>(bytes.size());
  if (size > options_.max_bytes) {
    return absl::OutOfRangeError(absl::StrCat("a value of ", size, " bytes exceeds the ", options_.max_bytes,
                                              " of ClaimCheckOptions.max_bytes"));
  }
  ClaimReference reference{.name = names_.NameFor(bytes), .bytes = size};
  const absl::Status put = blobs_->Put(reference.name, bytes);
  if (put.ok()) return reference;
  // That the store refuses to take it says nothing of the event: it waits until somebody has mended that.
  return As(absl::StatusCode::kUnavailable, put);
}

absl::Status ClaimStore::Fetch(const ClaimReference& reference, std::string* bytes) const {
  if (reference.bytes > options_.max_bytes) {
    return absl::OutOfRangeError(absl::StrCat("a blob of ", reference.bytes, " bytes exceeds the ", options_.max_bytes,
                                              " of ClaimCheckOptions.max_bytes"));
  }
  absl::StatusOr<std::string> blob = blobs_->Get(reference.name, reference.bytes);
  absl::Status status = blob.status();
  if (absl::IsNotFound(status)) {
    return options_.missing == BlobTrouble::kRetry ? As(absl::StatusCode::kUnavailable, status) : status;
  }
  if (status.ok()) status = CheckBlob(reference, *blob);
  if (absl::IsOutOfRange(status)) status = As(absl::StatusCode::kDataLoss, status);
  if (status.ok()) {
    *bytes = *std::move(blob);
    return status;
  }
  if (absl::IsDataLoss(status) && options_.corrupt == BlobTrouble::kDeadLetter) return status;
  return As(absl::StatusCode::kUnavailable, status);
}

absl::Status ClaimStore::CheckAtStart() const {
  if (options_.inline_bytes < 0 || options_.max_bytes < options_.inline_bytes) {
    return absl::InvalidArgumentError(absl::StrCat("ClaimCheckOptions has inline_bytes ", options_.inline_bytes,
                                                   " and max_bytes ", options_.max_bytes,
                                                   "; let the first be 0 or more, and the second no less"));
  }
  return blobs_->Check();
}

}  // namespace once::internal
