// The settings that every application has.
#ifndef ONCE_PROCESSOR_CONFIG_OPTIONS_H_
#define ONCE_PROCESSOR_CONFIG_OPTIONS_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/letter_families.h"
#include "processor/base/log.h"
#include "processor/config/config.h"

namespace once {

// One option each, of the member's name. What they do and their ranges are in options.cc, and in --help.
struct Options {
  std::string application_id;  // Empty: the topology's.
  std::string bootstrap_servers = "localhost:9092";
  std::string instance_id;  // Empty: a random one, kept in the state directory.
  std::string state_dir;    // Empty: see StateDir().
  bool static_membership = false;
  int32_t workers = 1;
  bool create_topics = false;
  int32_t create_partitions = 4;
  absl::Duration start_timeout = absl::Seconds(60);
  LogLevel log_level = LogLevel::kInfo;
  LogFormat log_format = LogFormat::kText;
  std::string http_listen;      // HOST:PORT; empty: nothing is served.
  std::string http_token_file;  // Empty: see PodApi.
  bool exit_on_task_failure = false;
  bool accept_gaps = false;
  bool commands = true;
  LetterFamilies dead_letter_headers = {};

  absl::Duration commit_interval = absl::Milliseconds(100);
  int64_t max_epoch_records = 200'000;
  int64_t max_epoch_bytes = 64 << 20;
  absl::Duration transaction_timeout = absl::Seconds(15);
  absl::Duration session_timeout = absl::Seconds(10);
  absl::Duration max_poll_interval = absl::Minutes(5);

  int64_t memory_bytes = 0;  // Of the process; 0: see DefaultMemoryBytes.
  absl::Duration checkpoint_interval = absl::Seconds(2);
  absl::Duration checkpoint_flush_interval = absl::Seconds(10);
  absl::Duration local_copy_retention = absl::Hours(1);
  absl::Duration idempotency_retention = absl::Hours(24);  // 0: off.
  int64_t idempotency_max_ids = 10'000'000;                // Per partition.
  int32_t state_open_files = 256;

  absl::Duration handler_timeout;  // 0: see HandlerTimeout.
  int64_t max_parked_per_aggregate = 1'000'000;
  int64_t max_parked_per_task = 4'000'000;
  int64_t max_parked_bytes_per_task = int64_t{16} << 30;
  int64_t breaker_min_failures = 1'000;
  double breaker_failure_ratio = 0.5;
  absl::Duration breaker_window = absl::Minutes(1);
  absl::Duration breaker_backoff = absl::Seconds(30);
};

// Asks `config` for all of them. What is wrong, also in how they fit together, comes out of config.Check(). The three
// timeouts may as well be given as librdkafka's properties, but not both ways.
Options LoadOptions(const Config& config, const std::string& default_application_id);

// The same checks, for options made by hand: InvalidArgument with every mistake, one a line. An empty application_id,
// instance_id or state_dir is right.
absl::Status ValidateOptions(const Options& options);

// librdkafka's property in milliseconds that says the same as the option; empty if there is none.
std::string PropertyOfOption(std::string_view option);

// How long the handlers of one event may run before they end the process: `handler_timeout`, or else all that
// transaction_timeout leaves beside a commit interval and the transaction's end (9.9 s by default).
absl::Duration HandlerTimeout(const Options& options);

// Where the state is kept: `state_dir`, or once/<application_id> under $XDG_STATE_HOME or ~/.local/state, or, without a
// home, once-state/<application_id> in the working directory.
std::string StateDir(const Options& options);

}  // namespace once

#endif  // ONCE_PROCESSOR_CONFIG_OPTIONS_H_
