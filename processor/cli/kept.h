// What commands look up in changelogs that are remembered from one command to the next (Environment::changelogs).
#ifndef ONCE_PROCESSOR_CLI_KEPT_H_
#define ONCE_PROCESSOR_CLI_KEPT_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "once/v1/changelog.pb.h"
#include "processor/cli/context.h"
#include "processor/cli/waiting.h"
#include "processor/operator/state_view.h"

namespace once::cli {

// Whether there is nothing to look up by, or there was no room for it: the changelog is read through instead.
bool MustReadThrough(const Context& context, const absl::Status& looked_up);

// FindKept of state_view.h. FailedPrecondition, for which MustReadThrough, if the environment remembers none.
absl::StatusOr<std::optional<KeptKey>> LookUp(Context* context, uint16_t group, const std::string& aggregate,
                                              const std::string& key);
// ReadWaiting and ReadQueue of one key, looked up; the head's place and type are not told. As LookUp.
absl::StatusOr<std::vector<Waiting>> LookUpWaiting(Context* context, const WaitingQuery& query);
absl::Status LookUpQueue(Context* context, const Waiting& queue, uint64_t first, uint64_t limit,
                         const std::function<void(uint64_t sequence, const v1::ParkedEvent& event)>& take);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_KEPT_H_
