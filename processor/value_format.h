// How values of one type stand in a topic, where once::Codec is not enough: framed by a schema registry
// (once/schema_registry.h), in an envelope (once/cloud_events.h), encrypted. A format is an object: it knows services
// and settings, and asks for the topic. Named where events are heard, and where they go:
//
//   const once::Format<OrderPlaced> format = once::RegistryProtobuf<OrderPlaced>(registry);
//   builder.AddTransform("route").On<OrderPlaced>(orders, format, handler);
//   auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"}, total_format);
//
// What a handler forwards is not encoded: its bytes, unknown fields among them, stay as they are.
#ifndef ONCE_PROCESSOR_VALUE_FORMAT_H_
#define ONCE_PROCESSOR_VALUE_FORMAT_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/arena.h"
#include "processor/base/record.h"
#include "processor/topology/graph.h"

namespace once {

// One handler's of one worker, used on its thread only: it may keep what it has looked up.
template <typename T>
class ValueDecoder {
 public:
  virtual ~ValueDecoder() = default;
  // `*value` may hold an earlier event: nothing of it may be left. The record has a value. An error fails the event
  // with its code: UNAVAILABLE, say, is tried again as if the handler had returned it, DATA_LOSS is final
  // (FailurePolicy). It must not wait for a network for longer than a handler may.
  virtual absl::Status Decode(const RecordView& record, T* value) = 0;
};

// Names and values of headers, of one record.
using RecordHeaders = std::vector<std::pair<std::string, std::string>>;

// Shared by all workers: thread-safe.
template <typename T>
class ValueEncoder {
 public:
  virtual ~ValueEncoder() = default;
  // Bytes that live as long as the arena. An error fails the event, with its code.
  virtual absl::StatusOr<std::string_view> Encode(const T& value, Arena* arena) const = 0;
  // The same, for formats of which a part stands in headers of the record: what is appended to `headers`, which is
  // empty, goes behind those that the handler gives. Names may begin with "ce_" or "once.", as long as they are none of
  // the engine's (ce_id, ce_type, once.timestamp, those of dead letters): such a one fails the event as INTERNAL. What
  // contexts call.
  virtual absl::StatusOr<std::string_view> EncodeWithHeaders(const T& value, Arena* arena, RecordHeaders*) const {
    return Encode(value, arena);
  }
  // Called at every start, before any event is read. Unavailable and DeadlineExceeded are warned of, anything else
  // refuses the start: what is wrong, and one fix. May block for some seconds.
  virtual absl::Status CheckAtStart() const { return absl::OkStatus(); }
};

// Immutable; thread-safe. Making a decoder or an encoder asks no network.
template <typename T>
class ValueFormat {
 public:
  virtual ~ValueFormat() = default;
  virtual std::string TypeName() const = 0;  // What events are called (ce_type), unless the handler says otherwise.
  virtual std::unique_ptr<ValueDecoder<T>> NewDecoder(const std::string& topic) const = 0;
  virtual std::shared_ptr<const ValueEncoder<T>> NewEncoder(const std::string& topic) const = 0;
  // What it adds to records of its sinks.
  virtual RecordShape Shape() const { return {}; }
  // A value for people, as JSON: what operators' commands show.
  virtual absl::StatusOr<std::string> ToJson(const T& value) const = 0;
};

template <typename T>
using Format = std::shared_ptr<const ValueFormat<T>>;

}  // namespace once

#endif  // ONCE_PROCESSOR_VALUE_FORMAT_H_
