// One event on its way through its handlers: what they read, and what they want written, buffered until all succeed.
//
// The typed contexts that handlers see (processor/contexts.h) are thin views of this. The engine owns it, fills it per
// event, and takes writes and outputs out when every handler returned OK; else they are dropped with Clear().
#ifndef ONCE_PROCESSOR_TOPOLOGY_EVENT_CONTEXT_H_
#define ONCE_PROCESSOR_TOPOLOGY_EVENT_CONTEXT_H_

#include <cstddef>
#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/arena.h"
#include "processor/base/log.h"
#include "processor/base/record.h"
#include "processor/base/reused.h"

namespace once {

// Reads the newest value of a store before this event. `node` is the aggregate's index in the graph.
class StateReader {
 public:
  virtual ~StateReader() = default;
  // The bytes hold until the event ends. An error is the store's, not the event's.
  virtual absl::StatusOr<OptionalBytes> Read(uint16_t node, std::string_view record_key) = 0;
};

// What the handlers are told of the event besides its record.
struct EventInfo {
  const std::string* topic = nullptr;  // Never null while an event is handled.
  const std::string* lead = nullptr;   // The topic of its task's first input; null: not known.
  std::string_view id;                 // ce_id, or empty.
  std::string_view source = {};        // ce_source, or empty.
  std::string_view type;               // The chosen event type; empty for tombstones.
  int attempt = 1;                     // 1 for the first.
  absl::Time now;                      // The epoch's clock reading: the same for all events of a transaction.
};

class EventContext {
 public:
  struct StateWrite {
    uint16_t node = 0;
    OptionalBytes value = {};  // Absent: delete.
  };
  struct Output {
    uint16_t node = 0;
    uint16_t sink = 0;
    bool forward = false;  // Key, value and headers are the event's own, untouched.
    OptionalBytes key = {};
    OptionalBytes value = {};
    std::span<const HeaderView> headers = {};  // The handler's additions; of a forward none.
  };

  EventContext(StateReader* state, Arena* arena, LogSink* log) : state_(state), arena_(arena), log_(log) {}
  EventContext(const EventContext&) = delete;
  EventContext& operator=(const EventContext&) = delete;

  // The engine's side.
  void Start(const RecordView& record, const EventInfo& info) {
    record_ = &record;
    info_ = info;
    Clear();
    under_way_ = this;
  }
  // Its handlers have returned. By the thread that started it, as all of this side.
  void End() { under_way_ = nullptr; }
  void Clear() {
    writes_.clear();
    outputs_room_.Clear(&outputs_);
  }
  void set_node(uint16_t node) { node_ = node; }
  uint16_t node() const { return node_; }
  const std::vector<StateWrite>& writes() const { return writes_; }
  const std::vector<Output>& outputs() const { return outputs_; }

  // The handlers' side. The current node's state of the record's key, earlier writes of this event included.
  absl::StatusOr<OptionalBytes> ReadState();
  // `value` must live until the event ends: allocate it in arena(). Absent deletes.
  void WriteState(OptionalBytes value);
  // All views must live until the event ends: in arena(), or the event's own.
  void Emit(const Output& output) {
    outputs_.push_back(output);
    outputs_.back().node = node_;
  }

  const RecordView& record() const { return *record_; }
  const EventInfo& info() const { return info_; }
  Arena& arena() { return *arena_; }
  // Says which event it is that messages are about, while its handlers run and on their thread. At other times, and on
  // other threads, messages go on as they are. Any thread may call it as long as this lives.
  LogSink& log() { return event_log_; }

 private:
  static constexpr size_t kMaxLoggedKeyBytes = 256;

  class EventLog final : public LogSink {
   public:
    explicit EventLog(const EventContext* context) : context_(context) {}
    void Log(LogLevel level, const std::string& message) override;
    bool Takes(LogLevel level) const override { return context_->log_->Takes(level); }
    void Flush(absl::Duration patience) override { context_->log_->Flush(patience); }

   private:
    const EventContext* const context_;
  };

  // Of this thread: the context whose handlers run. So no other thread reads what Start writes, and nobody reads a
  // record that is gone.
  static inline thread_local const EventContext* under_way_ = nullptr;

  StateReader* const state_;
  Arena* const arena_;
  LogSink* const log_;
  EventLog event_log_{this};
  const RecordView* record_ = nullptr;
  EventInfo info_;
  uint16_t node_ = 0;
  std::vector<StateWrite> writes_;
  std::vector<Output> outputs_;
  Reused outputs_room_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_EVENT_CONTEXT_H_
