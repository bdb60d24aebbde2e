// What all checkpoint stores have in common: where a task's data begins, and how damage is told from other errors.
#include "state/checkpoint_store.h"

#include <xxhash.h>

#include "absl/strings/cord.h"
#include "processor/base/strings.h"

namespace once {

namespace {
constexpr char kCorruptStore[] = "once/corrupt-store";
}  // namespace

absl::Status CorruptStoreError(std::string_view message) {
  absl::Status status = absl::DataLossError(ToAbsl(message));
  // X3: told by a mark and not by the code, since an event may fail as DATA_LOSS as well, and says nothing of the disk.
  status.SetPayload(kCorruptStore, absl::Cord());
  return status;
}

bool IsCorruptStore(const absl::Status& status) { return status.GetPayload(kCorruptStore).has_value(); }

// By name, not by number: groups are numbered anew when the topology changes.
std::string TaskPrefix(std::string_view group_name, Partition partition) {
  const auto hash = static_cast<uint64_t>(XXH3_64bits(group_name.data(), group_name.size()));
  const auto number = static_cast<uint32_t>(partition.value());
  std::string prefix;
  prefix.reserve(12);
  for (int shift = 56; shift >= 0; shift -= 8) prefix.push_back(static_cast<char>((hash >> shift) & 0xff));
  for (int shift = 24; shift >= 0; shift -= 8) prefix.push_back(static_cast<char>((number >> shift) & 0xff));
  return prefix;
}

}  // namespace once
