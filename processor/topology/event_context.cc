// Reads and writes of one event, before anybody else sees them (I5).
#include "processor/topology/event_context.h"

#include "processor/base/strings.h"
#include "processor/base/trace_context.h"

namespace once {

void EventContext::EventLog::Log(LogLevel level, const std::string& message) {
  // What is dropped costs nothing more.
  if (!context_->log_->Takes(level)) return;
  if (under_way_ != context_ || context_->record_ == nullptr) return context_->log_->Log(level, message);
  const RecordView& record = *context_->record_;
  // Not by the key's codec, which is the user's code (X3).
  const std::string key = Printable(record.key.value_or(std::string_view()), kMaxLoggedKeyBytes);
  const auto parent = ParseTraceParent(FindHeader(record.headers, kTraceParentHeader).value_or(std::string_view()));
  const std::string task = context_->info_.lead == nullptr
                               ? std::string()
                               : ToString(TopicPartition{*context_->info_.lead, record.partition});
  const LogSubject subject{.task = task,
                           .topic = *context_->info_.topic,
                           .partition = record.partition.value(),
                           .offset = record.offset.value(),
                           .aggregate = key,
                           .event_id = context_->info_.id,
                           .trace_id = parent.has_value() ? parent->trace_id : std::string_view()};
  context_->log_->LogAbout(level, message, subject);
}

absl::StatusOr<OptionalBytes> EventContext::ReadState() {
  for (const StateWrite& write : writes_) {
    if (write.node == node_) return write.value;
  }
  // Handlers before this one, of the same node, may have written: else it is the engine's.
  return state_->Read(node_, record_->key.value_or(std::string_view()));
}

void EventContext::WriteState(OptionalBytes value) {
  for (StateWrite& write : writes_) {
    if (write.node == node_) {
      write.value = value;
      return;
    }
  }
  writes_.push_back({.node = node_, .value = value});
}

}  // namespace once
