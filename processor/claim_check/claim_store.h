// What formats do with a blob store: names, limits, checks, and which errors are final.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_STORE_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/claim_check/blob_store.h"
#include "processor/claim_check/claim_options.h"
#include "processor/claim_check/claim_reference.h"

namespace once::internal {

// Names of blobs. The second part is drawn at random, and anew every 15 minutes: retries of an event write one blob,
// and a blob that is older than that is never written again, so that who deletes old ones deletes none that is just
// being referred to. Thread-safe.
class BlobNames {
 public:
  static constexpr absl::Duration kDrawnFor = absl::Minutes(15);

  explicit BlobNames(std::function<absl::Time()> steady_now = SteadyNow) : steady_now_(std::move(steady_now)) {}
  std::string NameFor(std::string_view bytes);

 private:
  const std::function<absl::Time()> steady_now_;
  Mutex mutex_;
  std::string drawn_ ABSL_GUARDED_BY(mutex_);
  absl::Time drawn_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
};

// Thread-safe.
class ClaimStore {
 public:
  ClaimStore(std::shared_ptr<BlobStore> blobs, const ClaimCheckOptions& options)
      : blobs_(std::move(blobs)), options_(options) {}

  // A value that reads as the mark of those that lie elsewhere would be taken for one.
  bool MustStore(std::string_view bytes) const {
    return static_cast<int64_t>(bytes.size()) > options_.inline_bytes || bytes == kClaimValue;
  }
  // The reference, once the bytes are safe. OutOfRange of more than max_bytes; Unavailable if they could not be put.
  absl::StatusOr<ClaimReference> Store(std::string_view bytes) const;
  // Replaces `*bytes`. By the options' policies NotFound or DataLoss, or Unavailable.
  absl::Status Fetch(const ClaimReference& reference, std::string* bytes) const;
  absl::Status CheckAtStart() const;

 private:
  const std::shared_ptr<BlobStore> blobs_;
  const ClaimCheckOptions options_;
  mutable BlobNames names_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_STORE_H_
