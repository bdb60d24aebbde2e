// The engine's settings. Defaults are those of the application's options of the same names.
#ifndef ONCE_PROCESSOR_ENGINE_OPTIONS_H_
#define ONCE_PROCESSOR_ENGINE_OPTIONS_H_

#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/letter_families.h"
#include "processor/base/types.h"

namespace once {

// An event during whose handlers the process died before, more than once.
struct CrashSuspect {
  TopicPartitionOffset place = {};
  std::string blame = {};  // Why it is to fail without being run; empty: it is to be run in an epoch of its own.
};

struct EngineOptions {
  std::string application_id;

  // An epoch is sealed when the first of these is reached.
  absl::Duration commit_interval = absl::Milliseconds(100);
  int64_t max_epoch_records = 200'000;
  int64_t max_epoch_bytes = 64 << 20;

  // The transaction's own bound; an end that takes longer is given up.
  absl::Duration transaction_timeout = absl::Seconds(15);
  // An idle task commits its offsets again this often, so that the broker does not forget them.
  absl::Duration recommit_interval = absl::Hours(1);
  // Between attempts at what failed for a passing reason (opening a task, making a producer).
  absl::Duration retry_interval = absl::Milliseconds(200);

  // Offsets that do not fit a task's state fail it when they have not changed for so long: a member that does not know
  // yet that it lost the task sees its successor's.
  absl::Duration misfit_patience = absl::Seconds(20);

  // A task that has failed is tried again after the first of these, then after twice as long each time, up to the
  // second.
  absl::Duration first_task_rest = absl::Seconds(10);
  absl::Duration longest_task_rest = absl::Minutes(5);
  // A task's failure ends the process.
  bool exit_on_task_failure = false;
  // An input whose next event is gone goes on at the beginning of its log.
  bool accept_gaps = false;

  // One worker's share of memory, until it is told another: state, event IDs, parking, what is fetched. See Memory.
  size_t memory_bytes = size_t{256} << 20;
  absl::Duration checkpoint_interval = absl::Seconds(2);
  // A checkpoint older than the changelog's delete.retention.ms less this is rebuilt.
  absl::Duration checkpoint_age_margin = absl::Hours(1);

  // 0 turns the idempotency window off.
  absl::Duration idempotency_retention = absl::Hours(24);
  int64_t idempotency_max_ids = 10'000'000;

  // Of what is fetched for one task and waits; beyond it records are left at the broker.
  int64_t max_backlog_records = 10'000;
  size_t max_backlog_bytes = size_t{8} << 20;

  // A task stops when it would have to park more than this.
  int64_t max_parked_per_aggregate = 1'000'000;
  int64_t max_parked_per_task = 4'000'000;
  int64_t max_parked_bytes_per_task = int64_t{16} << 30;

  // A task pauses for `breaker_backoff` or more when, within `breaker_window`, at least so many events failed, were
  // blocked or had to wait, and they are at least this share of all that it took.
  int64_t breaker_min_failures = 1'000;
  double breaker_failure_ratio = 0.5;
  absl::Duration breaker_window = absl::Minutes(1);
  absl::Duration breaker_backoff = absl::Seconds(30);

  // What dead letters carry beside once.*.
  LetterFamilies letter_families = {};

  std::vector<CrashSuspect> crash_suspects = {};
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_OPTIONS_H_
