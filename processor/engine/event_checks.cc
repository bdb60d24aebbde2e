// What an event is checked for before its handlers see it: its partition, its shape, its key.
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/engine/event_pipeline.h"

namespace once {

// X8: a producer with another partitioner puts the events of a key where its other events, and those of co-partitioned
// sources, do not come.
absl::Status EventPipeline::CheckPartition(const Attempt& attempt) {
  const SourceSpec& source = plan_->graph->sources[attempt.source];
  const int32_t count = plan_->partition_counts[attempt.source];
  // A count of 0 is not known: a broker that does not tell is no reason to fail events.
  if (count < 2 || source.partitioner == Partitioner::kAny) return absl::OkStatus();
  const std::optional<Partition> expected = ExpectedPartition(source.partitioner, attempt.record->key, count);
  if (!expected.has_value() || *expected == attempt.record->partition) return absl::OkStatus();
  misplaced_.Count([&] { return OriginOf(*attempt.record, *attempt.topic); });
  ++epoch_->counters.misplaced;
  // X8: alone in its group it misses nobody: it is told, and processed.
  if (plan_->group(attempt.task->id.group).sources.size() < 2) return absl::OkStatus();
  return absl::FailedPreconditionError(absl::StrCat(
      "the record is in partition ", attempt.record->partition.value(), ", but its key belongs to ", expected->value(),
      ", where the other sources of its task group have it: its producer uses another partitioner. Name that in"
      " SourceOptions.partitioner of source \"",
      source.name, "\", or kAny if its events need not meet others of their key"));
}

// What no handler can take.
absl::Status EventPipeline::CheckShape(const Attempt& attempt, const Dispatcher::Choice& choice) const {
  const SourceSpec& source = plan_->graph->sources[attempt.source];
  if (!attempt.record->key.has_value() && choice.needs_key) {
    return absl::FailedPreconditionError(absl::StrCat("the record has no key, but source \"", source.name,
                                                      "\" feeds an aggregate, which is found by key"));
  }
  if (choice.verdict == Dispatcher::Verdict::kNoTombstoneHandler) {
    return absl::FailedPreconditionError(
        absl::StrCat("a record without a value, and nothing handles tombstones of source \"", source.name,
                     "\"; add OnTombstone to accept them"));
  }
  return absl::OkStatus();
}

absl::Status EventPipeline::CheckKey(const Attempt& attempt, const Dispatcher::Choice& choice) const {
  const SourceSpec& source = plan_->graph->sources[attempt.source];
  if (!choice.needs_key || source.check_key == nullptr) return absl::OkStatus();
  const absl::Status decoded = source.check_key(*attempt.record->key);
  if (decoded.ok()) return decoded;
  return absl::FailedPreconditionError(absl::StrCat("the key \"", Printable(*attempt.record->key), "\" is no ",
                                                    source.key_type, ": ", std::string(decoded.message())));
}

}  // namespace once
