// What a record will be looked up by.
#ifndef ONCE_PROCESSOR_ENGINE_WINDOW_KEY_H_
#define ONCE_PROCESSOR_ENGINE_WINDOW_KEY_H_

#include <cstddef>

#include "processor/engine/event_identifier.h"
#include "processor/engine/redrive.h"
#include "processor/topology/graph.h"
#include "state/event_id.h"

namespace once {

// Worked out ahead of the record's turn: for the idempotency window, and for the state of its key. The look-ups are
// cache misses, which have passed by the time the record is processed. Views are the record's.
struct WindowKey {
  bool present = false;
  bool has_state = false;
  NodeIndex state_node = 0;  // The aggregate whose state is meant,
  size_t state_hash = 0;     // and TaskState::HashOf its key.
  EventIdHash hash = {};
  Redrive redrive = {};
  EventIdentifier::Identity identity = {};
  bool has_identity = false;  // Not if the source reads values: that holds for one record at a time.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_WINDOW_KEY_H_
