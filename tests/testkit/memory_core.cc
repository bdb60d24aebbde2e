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

}  // namespace once::testkit
