// What became of events and of the epochs that they were in. Counts of an epoch are added to the committed ones when it
// commits.
#ifndef ONCE_PROCESSOR_BASE_COUNTERS_H_
#define ONCE_PROCESSOR_BASE_COUNTERS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "absl/status/status.h"

namespace once {

// What a dead letter says has become of its event.
enum class Disposition {
  kFailed,
  kBlocked,         // Waits behind a failed event of its key.
  kRejected,        // Without a handler that could have failed: no key, undecodable, of a type nobody takes.
  kSkipped,         // By a command, as the head of its aggregate.
  kDiscarded,       // By a command, with all of its aggregate that waited.
  kNeverProcessed,  // It matches a rule that a command has added.
};
inline constexpr size_t kDispositions = 6;

// Dead letters by disposition and reason. Reasons are the names of status codes, so there are few.
class DeadLetterCounts {
 public:
  static constexpr size_t kReasons = 17;  // absl::StatusCode, OK included.

  void Count(Disposition disposition, absl::StatusCode reason) {
    const auto code = static_cast<size_t>(reason);
    ++counts_[static_cast<size_t>(disposition)]
             [code < kReasons ? code : static_cast<size_t>(absl::StatusCode::kUnknown)];
  }
  int64_t of(Disposition disposition, absl::StatusCode reason) const {
    return counts_[static_cast<size_t>(disposition)][static_cast<size_t>(reason)];
  }
  DeadLetterCounts& operator+=(const DeadLetterCounts& o) {
    for (size_t i = 0; i < kDispositions; ++i) {
      for (size_t j = 0; j < kReasons; ++j) counts_[i][j] += o.counts_[i][j];
    }
    return *this;
  }

 private:
  std::array<std::array<int64_t, kReasons>, kDispositions> counts_ = {};
};

struct EventCounters {
  int64_t processed = 0;
  int64_t misplaced = 0;           // In another partition than their key belongs to.
  int64_t duplicates = 0;          // All that were suppressed.
  int64_t duplicate_redrives = 0;  // Of these: dead letters sent back with a round that was processed before.
  int64_t duplicate_notices = 0;   // Of these: notices of parked events that were sent back.
  int64_t redrives = 0;            // Dead letters sent back that were taken as events of their own.
  int64_t released = 0;            // Blocked aggregates, by a notice sent back or a command.
  int64_t failed = 0;              // For good.
  int64_t blocked = 0;             // Parked behind a failed one.
  int64_t rejected = 0;
  int64_t put_off = 0;  // Attempts that failed for a passing reason, so that another one comes later.
  int64_t retries = 0;  // Attempts after the first.
  int64_t ignored = 0;  // Types or records nobody listens to.
  int64_t outputs = 0;
  int64_t skipped = 0;  // By a command, as are the following.
  int64_t discarded = 0;
  int64_t never_processed = 0;  // They matched a rule.
  int64_t commands = 0;         // That took effect.
  int64_t refused_commands = 0;
  int64_t duplicate_commands = 0;
  DeadLetterCounts dead_letters = {};

  EventCounters& operator+=(const EventCounters& o) {
    processed += o.processed;
    misplaced += o.misplaced;
    duplicates += o.duplicates;
    duplicate_redrives += o.duplicate_redrives;
    duplicate_notices += o.duplicate_notices;
    redrives += o.redrives;
    released += o.released;
    failed += o.failed;
    blocked += o.blocked;
    rejected += o.rejected;
    put_off += o.put_off;
    retries += o.retries;
    ignored += o.ignored;
    outputs += o.outputs;
    skipped += o.skipped;
    discarded += o.discarded;
    never_processed += o.never_processed;
    commands += o.commands;
    refused_commands += o.refused_commands;
    duplicate_commands += o.duplicate_commands;
    dead_letters += o.dead_letters;
    return *this;
  }
};

// Seconds, by size, in the buckets of a histogram of Prometheus'.
class LatencyCounts {
 public:
  // Upper bounds, in seconds. What exceeds the last one is counted beyond them.
  static constexpr std::array<double, 17> kBounds = {0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5,
                                                     1,     2.5,    5,     10,   30,    60,   300, 1800};

  // Below zero, as where clocks differ: taken for zero.
  void Count(double seconds) {
    if (seconds < 0) seconds = 0;
    size_t bucket = 0;
    while (bucket < kBounds.size() && seconds > kBounds[bucket]) ++bucket;
    ++counts_[bucket];
    sum_ += seconds;
  }
  // In bucket `i` alone; the last one is that beyond all bounds.
  int64_t count(size_t i) const { return counts_[i]; }
  double sum() const { return sum_; }
  LatencyCounts& operator+=(const LatencyCounts& o) {
    for (size_t i = 0; i < counts_.size(); ++i) counts_[i] += o.counts_[i];
    sum_ += o.sum_;
    return *this;
  }

 private:
  std::array<int64_t, kBounds.size() + 1> counts_ = {};
  double sum_ = 0;
};

// Why an epoch was dropped.
enum class AbortCause {
  kRebalance,   // Its partitions went to others, or the member was not in its group as it had been.
  kFenced,      // Another producer took the transactional id over, or the transaction timed out.
  kRefused,     // A broker refused one of its records for what it is.
  kNotWritten,  // Records were not written, for another reason.
  kCall,        // A call of the transaction failed.
  kLocalState,  // The local state could not be read or written.
};
inline constexpr size_t kAbortCauses = 6;

struct EpochCounters {
  int64_t committed = 0;
  std::array<int64_t, kAbortCauses> aborted = {};
  LatencyCounts commit_seconds = {};  // From an epoch's seal to the broker's word that it is committed.
  // From the timestamp of an event to the commit of its epoch, of a sample: see Epoch::NoteProcessed.
  LatencyCounts event_seconds = {};
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_COUNTERS_H_
