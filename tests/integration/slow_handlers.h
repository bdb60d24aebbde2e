// An application whose handlers take their time, on a real broker: how often it commits, how often each event is
// handled, and how soon it stops. The integration test looks at what must hold whatever the machine does; the command
// bench/slow_handlers prints the times.
#ifndef ONCE_TESTS_INTEGRATION_SLOW_HANDLERS_H_
#define ONCE_TESTS_INTEGRATION_SLOW_HANDLERS_H_

#include <cstdint>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"

namespace once {

struct SlowSpec {
  std::string bootstrap_servers = {};
  std::string name = {};       // Of the application; part of all topics' names, so no other run's.
  std::string state_dir = {};  // Below which the run keeps its state.
  // A backlog of so many events in one partition, whose handlers take so long, is there at the start.
  int64_t events = 0;
  absl::Duration event_time = {};
  size_t padding = 0;  // Of the backlog's values, bytes.
  // So many events of the other partition fail until all of them wait for their next attempt, which takes so long.
  int64_t retries = 0;
  absl::Duration retry_time = {};
  // The application is told to stop after so many calls of handlers; 0: when all is done.
  int64_t stop_after_calls = 0;
};

struct SlowResult {
  int64_t calls = 0;           // Of handlers, successful ones.
  int64_t repeated = 0;        // Events that were handled successfully more than once.
  int64_t retried = 0;         // Of the calls, those of retries before the last one of the backlog.
  int64_t outputs = 0;         // Committed ones of the backlog's events.
  int64_t commits = 0;         // That made such outputs visible, as far as a reader could tell them apart.
  absl::Duration longest_gap;  // Between two such commits.
  absl::Duration stop_time;    // From the call of Stop until the application had ended.
  std::string log;             // Warnings and errors.
};

// Errors: what kept the run from being made, or the application's own.
absl::StatusOr<SlowResult> RunSlowHandlers(const SlowSpec& spec);

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_SLOW_HANDLERS_H_
