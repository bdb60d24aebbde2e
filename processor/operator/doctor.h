// Looks an application's surroundings over, without changing them: brokers, topics, rights, timeouts, keys, clocks.
#ifndef ONCE_PROCESSOR_OPERATOR_DOCTOR_H_
#define ONCE_PROCESSOR_OPERATOR_DOCTOR_H_

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/runtime/preflight.h"

namespace once {

enum class FindingLevel {
  kOk,
  kWarn,  // It runs, but not as well, or not in every case.
  kFail,  // It does not run, or a task of it does not.
};
const char* LevelName(FindingLevel level);  // "OK", "WARN", "FAIL"

struct Finding {
  FindingLevel level = FindingLevel::kOk;
  std::string check = {};  // One word for what was looked at, such as "brokers" or "topics".
  std::string what = {};   // What was found, and why it matters.
  std::string fix = {};    // One; empty if nothing is wrong.
};

struct DoctorOptions {
  PreflightOptions preflight = {};                 // Topics are not created, whatever it says.
  std::string client_version = {};                 // Of the client library.
  std::optional<std::string> client_problem = {};  // What is known to be wrong with that.
  absl::Duration transaction_timeout = absl::Seconds(15);
  absl::Duration session_timeout = absl::Seconds(10);
  absl::Duration timeout = absl::Seconds(10);  // Of each call.
  int64_t sampled_records = 200;               // Of each partition of a source, the last ones; 0: none.
  absl::Time now = absl::InfinitePast();       // This machine's wall clock.
};

// Everything that was found, in the order of looking; at least one finding for each check that could be made. What
// depends on an answer that did not come is left out. Blocks. Nothing is changed, but that a transactional id of the
// application's is initialised, which brokers forget by themselves.
std::vector<Finding> Examine(const DoctorOptions& options, kafka::Client* client, kafka::Admin* admin, Plan* plan);

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_DOCTOR_H_
