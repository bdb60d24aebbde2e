// Deletes blobs that no record refers to: those of transactions that were aborted, and of records that are gone.
//
// What keeps a blob is its reference (processor/claim_check/claim_reference.h) anywhere in a committed record of the
// topics that are named, be it in a header, in a parked event of a changelog or in a state. What is younger than the
// grace period is kept in any case: its transaction may still be open.
#ifndef ONCE_TOOLS_CLAIM_SWEEP_SWEEP_H_
#define ONCE_TOOLS_CLAIM_SWEEP_SWEEP_H_

#include <cstdint>
#include <functional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/claim_check/blob_store.h"
#include "processor/kafka/kafka.h"

namespace once::claim_sweep {

// Names of blobs are written for 15 minutes at most; an hour leaves room for transactions, and for clocks that differ.
inline constexpr absl::Duration kMinGrace = absl::Hours(1);

struct SweepOptions {
  std::vector<std::string> topics = {};  // All in which references may stand.
  absl::Duration grace = absl::Hours(24);
  bool deletes = false;  // Else it says what it would delete.
  // How long to wait for a partition that brings nothing: an open transaction, or a broker that is away.
  absl::Duration patience = absl::Minutes(1);
  absl::Duration call_timeout = absl::Seconds(30);
  // Called with each blob that is deleted, or would be.
  std::function<void(const BlobInfo&)> tell = [](const BlobInfo&) {};
};

struct SweepReport {
  int64_t blobs = 0;    // In the store.
  int64_t young = 0;    // Of these, within the grace period.
  int64_t kept = 0;     // Older, and referred to.
  int64_t swept = 0;    // Deleted, or to be deleted.
  int64_t bytes = 0;    // Of those.
  int64_t records = 0;  // That were read.
};

// Nothing is deleted unless all topics were read to their ends. InvalidArgument for options that cannot be right, or a
// grace period that transactions of the cluster may outlast; NotFound for a topic that is not there; FailedPrecondition
// while a transaction stays open that holds records back.
absl::StatusOr<SweepReport> Sweep(kafka::Client* client, BlobStore* store, absl::Time now, const SweepOptions& options);

}  // namespace once::claim_sweep

#endif  // ONCE_TOOLS_CLAIM_SWEEP_SWEEP_H_
