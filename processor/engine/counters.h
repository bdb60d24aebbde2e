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
    skipped += o.skipped;
    discarded += o.discarded;
    never_processed += o.never_processed;
    commands += o.commands;
    refused_commands += o.refused_commands;
    duplicate_commands += o.duplicate_commands;
    return *this;
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_COUNTERS_H_
