// Commands about queues of events that wait: `parked ...`.
#ifndef ONCE_PROCESSOR_CLI_PARKED_H_
#define ONCE_PROCESSOR_CLI_PARKED_H_

#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/cli/command.h"
#include "processor/cli/shown.h"
#include "processor/cli/waiting.h"

namespace once::cli {

// list, show (parked_views.cc).
void AddParkedViews(Registry* registry);
// release, retry, skip, replace, discard (parked_actions.cc).
void AddParkedActions(Registry* registry);

// The arguments and options that name one queue: AGGREGATE KEY, or --event of one that has no key; --partition.
std::vector<ArgumentSpec> QueueArguments();
std::vector<OptionSpec> QueueOptions();
// The queue that they name. NotFound if nothing of it waits; InvalidArgument, with what there is, if they name none.
absl::StatusOr<Waiting> FindQueue(Context* context, const Shown& shown);

// Filters that `list`, `release --all` and `retry --all` have in common.
std::vector<OptionSpec> SelectionOptions();
bool IsSelected(const Context& context, const Waiting& queue);

// The --partition that was asked for.
absl::StatusOr<std::optional<Partition>> AskedPartition(const Context& context);

// "customer alice", or "the event without a key at orders-0-17".
std::string NameOfQueue(const Shown& shown, const Waiting& queue);
// "PARKED" and the like.
std::string StateName(const Waiting& queue);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_PARKED_H_
