// R7: the head of a queue gets another value, and the audit both hashes.
#include <xxhash.h>

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/str_cat.h"
#include "processor/base/own_headers.h"
#include "processor/engine/commands.h"

namespace once {

namespace {

std::string Hash(OptionalBytes value) {
  if (!value.has_value()) return "";
  XXH128_canonical_t canonical;
  XXH128_canonicalFromHash(&canonical, XXH3_128bits(value->data(), value->size()));
  return std::string(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
}

}  // namespace

std::string Commands::HashOf(const v1::ParkedEvent& event) const {
  const OptionalBytes value = event.has_value() ? OptionalBytes(event.value()) : std::nullopt;
  const RecordView record = ToRecordView(event, 0, epoch_->arena);
  if (!failures_->kept_values().IsKept(record)) return Hash(value);
  const absl::StatusOr<RecordView> whole = failures_->kept_values().Fetch(record, epoch_->arena);
  // One that is gone may be replaced as well: then it is what stood for it.
  return Hash(whole.ok() ? whole->value : value);
}

Commands::Answer Commands::Replace(Task* task, const v1::Command& command) {
  const v1::Replace& replace = command.replace();
  Found found = Find(*task, replace.target());
  if (!found.refusal.ok()) return {.refusal = found.refusal};
  absl::StatusOr<v1::ParkedEvent> head = task->parking.Read(found.queue, found.status.head_sequence());
  if (!head.ok()) return {.store = head.status()};
  if (head->omitted()) {
    return {.refusal = absl::FailedPreconditionError(
                "the event itself was too large to be kept, so there is nothing to be replaced: its headers are lost;"
                " skip it, and send it anew")};
  }
  Answer answer{.queues = 1, .events = 1, .event_id = found.status.blocking_event_id()};
  answer.hash_before = HashOf(*head);
  answer.hash_after = Hash(replace.has_value() ? OptionalBytes(replace.value()) : std::nullopt);
  const Place place{{head->topic(), Partition(head->partition())}, Offset(head->offset())};
  head->clear_value();
  if (replace.has_value()) head->set_value(replace.value());
  // What it refers to is no longer its value.
  auto* const headers = head->mutable_headers();
  headers->erase(std::remove_if(headers->begin(), headers->end(),
                                [](const v1::Header& header) { return header.name() == kKeptHeader; }),
                 headers->end());
  // E7: before anything is changed.
  if (!failures_->FitsChangelog(*task, found.queue.size() + 16, head->ByteSizeLong())) {
    return {.refusal = absl::OutOfRangeError(absl::StrCat("the value of ", replace.value().size(),
                                                          " bytes does not fit into ", task->changelog.topic))};
  }
  answer.store = task->parking.ReplaceHead(found.queue, *head, &found.status);
  // What its value did to its process, or its outputs to the broker, the new one may not do.
  task->suspects.Forget(place);
  if (!answer.store.ok() || !replace.release()) return answer;
  if (found.status.state() == v1::AggregateStatus::RETRYING) {
    answer.store = RetryQueueNow(task, found.queue, std::move(found.status));
  } else {
    ++epoch_->counters.released;
    answer.Take(failures_->Release(task, found.queue, std::move(found.status)));
  }
  return answer;
}

}  // namespace once
