// What commands on offsets, state and topics begin with: the application as it is on the brokers.
#ifndef ONCE_PROCESSOR_CLI_LAID_OUT_H_
#define ONCE_PROCESSOR_CLI_LAID_OUT_H_

#include <set>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/cli/context.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "processor/operator/offsets.h"
#include "processor/runtime/preflight.h"

namespace once::cli {

struct LaidOut {
  Plan plan;
  kafka::Client* client = nullptr;
  kafka::Admin* admin = nullptr;
};

// Connected; the plan is not filled in.
absl::StatusOr<LaidOut> Connect(Context& context);
// The same, filled in (DescribeLayout).
absl::StatusOr<LaidOut> Describe(Context& context);

PreflightOptions PreflightOptionsOf(const Context& context);

// --source=NAME,… and --partition=N,…
std::vector<OptionSpec> InputOptions();
absl::StatusOr<OffsetSelection> InputsOf(const Context& context);

// A number, or null and "-".
Cell OffsetCell(const std::optional<Offset>& offset);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_LAID_OUT_H_
