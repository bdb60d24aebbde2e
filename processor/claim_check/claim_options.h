// Which values go to the blob store, and what is made of blobs that are not there.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_OPTIONS_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_OPTIONS_H_

#include <cstdint>

namespace once {

enum class BlobTrouble {
  kDeadLetter,  // The event fails for good: as NOT_FOUND if the blob is missing, as DATA_LOSS if it is corrupt.
  kRetry,       // The event fails as UNAVAILABLE, and is tried again as long as its FailurePolicy says.
};

struct ClaimCheckOptions {
  // Values of more bytes than this go to the store; 0: all that are not empty.
  int64_t inline_bytes = int64_t{256} << 10;
  // Larger ones are neither written nor fetched: the event fails as OUT_OF_RANGE. They are held in memory.
  int64_t max_bytes = int64_t{64} << 20;
  BlobTrouble missing = BlobTrouble::kDeadLetter;
  BlobTrouble corrupt = BlobTrouble::kDeadLetter;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_OPTIONS_H_
