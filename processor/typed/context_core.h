// What contexts of all types have in common: the way out of a handler, and what keeps an event from succeeding although
// its handler returned OK.
#ifndef ONCE_PROCESSOR_TYPED_CONTEXT_CORE_H_
#define ONCE_PROCESSOR_TYPED_CONTEXT_CORE_H_

#include <cstdint>
#include <span>
#include <string>
#include <string_view>
#include <utility>

#include "absl/status/status.h"
#include "processor/base/record.h"
#include "processor/topology/event_context.h"
#include "processor/topology/graph_builder.h"

namespace once::internal {

// Lives for one call of a handler. Not copied: what a copy was told would be lost.
class ContextCore {
 public:
  ContextCore(const ContextCore&) = delete;
  ContextCore& operator=(const ContextCore&) = delete;

 protected:
  ContextCore(EventContext* event, const NodeInfo* node) : event_(event), node_(node) {}

  EventContext& raw() { return *event_; }
  const EventContext& raw() const { return *event_; }
  const std::string& node_name() const { return node_->name; }

  // The first error counts, whatever the handler returns.
  const absl::Status& error() const { return error_; }
  void SetError(absl::Status error);
  // For a value that the user's codec did not take; `does` says for what, such as "emits a value".
  void SetEncodeError(std::string_view does, const absl::Status& why);
  // For a key that the user's codec did not take.
  void SetKeyError(std::string_view bytes, std::string_view type, const absl::Status& why);

  using Headers = std::span<const std::pair<std::string, std::string>>;
  // Sets an error, and emits nothing, if the node's EmitsTo does not name the sink. `format_headers` are those that the
  // value's format brings, which may have names that a handler may not give.
  void EmitTo(uint64_t builder, SinkIndex sink, OptionalBytes key, OptionalBytes value, Headers headers,
              Headers format_headers);
  void ForwardTo(uint64_t builder, SinkIndex sink);

 private:
  bool MayEmit(uint64_t builder, SinkIndex sink);
  bool MayAdd(Headers headers);
  bool MayAddAsFormat(Headers headers);

  EventContext* const event_;
  const NodeInfo* const node_;
  absl::Status error_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TYPED_CONTEXT_CORE_H_
