#include "tests/testkit/memory_core.h"

#include "absl/strings/str_cat.h"

namespace once::testkit {

absl::Status MemoryCore::StatusOf(Call call, const std::string& id) {
  if (!is_reachable) return absl::UnavailableError("the cluster cannot be reached (_TRANSPORT); try again");
  if (faults.pending() == 0) return absl::OkStatus();
  const std::optional<Fault> fault = faults.Take(call, id);
  if (!fault.has_value() || fault->result.ok()) return absl::OkStatus();
  if (fault->result.error == kafka::ErrorClass::kRetriable) return absl::UnavailableError(ToString(fault->result));
  return absl::InternalError(ToString(fault->result));
}

absl::Status MemoryCore::LeaderOf(const TopicPartition& where) const {
  if (leaderless.empty() || !leaderless.contains(where)) return absl::OkStatus();
  return absl::UnavailableError(absl::StrCat(ToString(where), " has no leader; are enough brokers up?"));
}

}  // namespace once::testkit
