// Places in topics as text: "topic-partition" and "topic-partition-offset", as messages name them.
#include "processor/base/types.h"

#include "absl/strings/str_cat.h"

namespace once {

std::string ToString(const TopicPartition& where) { return absl::StrCat(where.topic, "-", where.partition.value()); }

std::string ToString(const TopicPartition& where, Offset offset) {
  return absl::StrCat(where.topic, "-", where.partition.value(), "-", offset.value());
}

}  // namespace once
