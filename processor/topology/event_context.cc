// Reads and writes of one event, before anybody else sees them (I5).
#include "processor/topology/event_context.h"

namespace once {

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
