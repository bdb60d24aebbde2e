// What became of events. Counts of an epoch are added to the committed ones when it commits.
#ifndef ONCE_PROCESSOR_ENGINE_COUNTERS_H_
#define ONCE_PROCESSOR_ENGINE_COUNTERS_H_

#include <cstdint>

namespace once {

struct EventCounters {
  int64_t processed = 0;
  int64_t misplaced = 0;           // In another partition than their key belongs to.
  int64_t duplicates = 0;          // All that were suppressed.
  int64_t duplicate_redrives = 0;  // Of these: dead letters sent back with a round that was processed before.
  int64_t duplicate_notices = 0;   // Of these: notices of parked events that were sent back.
  int64_t released = 0;            // Notices sent back that released their aggregate.
  int64_t failed = 0;              // For good.
  int64_t blocked = 0;             // Parked behind a failed one.
  int64_t rejected = 0;
  int64_t put_off = 0;  // Attempts that failed for a passing reason, so that another one comes later.
  int64_t retries = 0;  // Attempts after the first.
  int64_t ignored = 0;  // Types or records nobody listens to.
  int64_t outputs = 0;

  EventCounters& operator+=(const EventCounters& o) {
    processed += o.processed;
    misplaced += o.misplaced;
    duplicates += o.duplicates;
    duplicate_redrives += o.duplicate_redrives;
    duplicate_notices += o.duplicate_notices;
    released += o.released;
    failed += o.failed;
    blocked += o.blocked;
    rejected += o.rejected;
    put_off += o.put_off;
    retries += o.retries;
    ignored += o.ignored;
    outputs += o.outputs;
    return *this;
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_COUNTERS_H_
