#include "state/checkpoint_store.h"

#include <xxhash.h>

namespace once {

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
