// How a task's CheckpointMeta is kept in the database. Internal to the store.
#ifndef ONCE_STATE_ROCKSDB_CHECKPOINT_META_H_
#define ONCE_STATE_ROCKSDB_CHECKPOINT_META_H_

#include <optional>
#include <string>
#include <string_view>

#include "state/checkpoint_store.h"

namespace once {

std::string EncodeMeta(const CheckpointMeta& meta);

// Nothing if `bytes` are no such record.
std::optional<CheckpointMeta> DecodeMeta(std::string_view bytes);

}  // namespace once

#endif  // ONCE_STATE_ROCKSDB_CHECKPOINT_META_H_
