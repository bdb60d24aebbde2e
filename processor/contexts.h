// What handlers are given: the event, its aggregate's state, and the way out.
//
// A handler's writes and emits take effect together, when it (and every other handler of the event) returns OK, in the
// transaction that moves the input's offset; otherwise none of them does. Contexts live for one call: keep no
// reference. They are not copied, since what a copy was told would be lost: take them as `auto& context`.
#ifndef ONCE_PROCESSOR_CONTEXTS_H_
#define ONCE_PROCESSOR_CONTEXTS_H_

#include <concepts>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/base/guarded.h"
#include "processor/codec.h"
#include "processor/topology/event_context.h"
#include "processor/topology/graph.h"
#include "processor/typed/codec_calls.h"
#include "processor/typed/context_core.h"
#include "processor/typed/handler_checks.h"
#include "processor/value_format.h"

namespace once {

// Names a source or sink of the builder that made it.
template <typename Key>
struct Source {
  uint64_t builder = 0;
  SourceIndex index = 0;
};

template <typename Value, typename Key>
struct Sink {
  uint64_t builder = 0;
  SinkIndex index = 0;
  std::shared_ptr<const ValueEncoder<Value>> encoder = nullptr;  // Of the sink's format; null: the codec's way.
};

struct EmitOptions {
  // Added to the record, after the ce_* headers that identify it. Names that begin with "ce_" or "once." are the
  // engine's own, and readers see a name only up to a NUL: an event that emits one of these fails as INVALID_ARGUMENT.
  std::vector<std::pair<std::string, std::string>> headers = {};
};

// Where the event comes from. A view: lives as long as the context.
class EventMetadata {
 public:
  explicit EventMetadata(const EventContext* context) : context_(context) {}

  // The ce_id header; empty if there is none.
  std::string id() const { return std::string(context_->info().id); }
  // The type that it is handled as; empty for tombstones, and for events without ce_type that only OnAny hears.
  std::string type() const { return std::string(context_->info().type); }
  const std::string& topic() const { return *context_->info().topic; }
  int32_t partition() const { return context_->record().partition.value(); }
  int64_t offset() const { return context_->record().offset.value(); }
  // absl::InfinitePast() if the record has none.
  absl::Time timestamp() const {
    const int64_t unix_ms = context_->record().timestamp_ms;
    return unix_ms < 0 ? absl::InfinitePast() : absl::FromUnixMillis(unix_ms);
  }
  // 1 for the first attempt.
  int attempt() const { return context_->info().attempt; }
  // The last header of that name; nothing if it is absent or null.
  std::optional<std::string> header(const std::string& name) const {
    const OptionalBytes value = FindHeader(context_->record().headers, name);
    if (!value.has_value()) return std::nullopt;
    return std::string(*value);
  }
  // All of them, in the record's order; names may repeat.
  std::span<const HeaderView> headers() const { return context_->record().headers; }

 private:
  const EventContext* context_;
};

namespace internal {

template <typename T>
inline constexpr bool kIsSink = false;
template <typename Value, typename Key>
inline constexpr bool kIsSink<Sink<Value, Key>> = true;

template <typename T>
concept NoSink = !kIsSink<T>;

template <typename T>
concept NotOptions = !std::same_as<T, EmitOptions>;

// Whether a `From` may be written where a `To` is meant: what converts by itself, without narrowing a number.
template <typename From, typename To>
concept FitsInto = std::convertible_to<const From&, To> &&
    (!std::is_arithmetic_v<To> || requires(const From& from) { To{from}; });

}  // namespace internal

// Of a transform's handlers. `Key` is the source's key type.
template <typename Key>
class TransformContext : private internal::ContextCore {
 public:
  // What a worker keeps between events, to spare allocations.
  struct Scratch {
    Key key{};
  };

  TransformContext(EventContext* event, const internal::NodeInfo* node, Scratch* scratch)
      : ContextCore(event, node), key_(&scratch->key) {}

  // The event's key; the default value if it has none. If it cannot be decoded the event fails as FAILED_PRECONDITION,
  // whatever the handler returns.
  const Key& key() {
    if (!key_decoded_) DecodeKey();
    return *key_;
  }
  bool has_key() const { return raw().record().key.has_value(); }
  EventMetadata event() const { return EventMetadata(&raw()); }
  // The transaction's clock reading: the same for all its events, and close to the wall clock.
  absl::Time now() const { return raw().info().now; }
  // Messages to it are about this event until the handler returns. A thread of the handler's own may log through it as
  // well, as long as the application runs; what comes from there names no event.
  LogSink& log() { return raw().log(); }

  // Emits `value` under the event's own key.
  template <typename SinkValue, typename SinkKey, typename Value>
  void Emit(const Sink<SinkValue, SinkKey>& sink, const Value& value, const EmitOptions& options = {}) {
    constexpr bool kSameKey = std::is_same_v<SinkKey, Key>;
    static_assert(kSameKey, "this sink's keys are of another type than the event's: use Emit(sink, key, value)");
    if constexpr (kSameKey) Send(sink, raw().record().key, EncodeFor(sink, value), options);
  }
  // Emits `value` under a key of its own.
  template <typename SinkValue, typename SinkKey, typename OtherKey, typename Value>
  void Emit(const Sink<SinkValue, SinkKey>& sink, const OtherKey& key, const Value& value,
            const EmitOptions& options = {}) {
    Send(sink, EncodeKeyFor<SinkKey>(key), EncodeFor(sink, value), options);
  }
  // Emits a null value, which deletes the key from a compacted topic.
  template <typename SinkValue, typename SinkKey>
  void EmitTombstone(const Sink<SinkValue, SinkKey>& sink, const EmitOptions& options = {}) {
    constexpr bool kSameKey = std::is_same_v<SinkKey, Key>;
    static_assert(kSameKey, "this sink's keys are of another type than the event's: use EmitTombstone(sink, key)");
    if constexpr (kSameKey) Send(sink, raw().record().key, std::nullopt, options);
  }
  template <typename SinkValue, typename SinkKey, internal::NotOptions OtherKey>
  void EmitTombstone(const Sink<SinkValue, SinkKey>& sink, const OtherKey& key, const EmitOptions& options = {}) {
    Send(sink, EncodeKeyFor<SinkKey>(key), std::nullopt, options);
  }
  // Passes the record on as it is: key, value and headers untouched, its event ID included; but its trace context
  // (traceparent) names this event's span as the parent. Types are not compared.
  template <typename Value, typename SinkKey>
  void Forward(const Sink<Value, SinkKey>& sink) {
    ForwardTo(sink.builder, sink.index);
  }

  // Taken where the first argument is no sink, only to say so.
  template <internal::NoSink First, typename... More>
  void Emit(const First&, const More&...) {
    static_assert(internal::kNever<First>, "Emit begins with a sink, which AddSink returns: Emit(sink, value)");
  }
  template <internal::NoSink First, typename... More>
  void EmitTombstone(const First&, const More&...) {
    static_assert(internal::kNever<First>, "EmitTombstone begins with a sink, which AddSink returns");
  }
  template <internal::NoSink First>
  void Forward(const First&) {
    static_assert(internal::kNever<First>, "Forward takes a sink, which AddSink returns");
  }

  // For the runner: the event's verdict, out of the handler's and of what went wrong besides.
  absl::Status Finish(absl::Status returned) { return error().ok() ? std::move(returned) : error(); }

 protected:
  using ContextCore::error;
  using ContextCore::node_name;
  using ContextCore::raw;
  using ContextCore::SetError;

  std::string KeyText() const { return internal::TextOfBytes<Key>(raw().record().key.value_or(std::string_view())); }

  // `does` says for what. What nobody could decode is an error, and so is a codec that throws.
  template <typename T>
  std::string_view Encode(std::string_view does, const T& value) {
    std::string_view bytes;
    const absl::Status encoded = Guarded(absl::StatusCode::kInternal, ", but its codec", [&]() -> absl::Status {
      if constexpr (internal::HasCheck<T>) {
        if (const absl::Status checked = Codec<T>::Check(value); !checked.ok()) {
          return absl::InvalidArgumentError(absl::StrCat(" that could not be read again: ", checked.message()));
        }
      }
      bytes = Codec<T>::Encode(value, &raw().arena());
      return absl::OkStatus();
    });
    if (encoded.ok()) return bytes;
    SetEncodeError(does, encoded);
    return std::string_view();
  }

 private:
  void DecodeKey() {
    key_decoded_ = true;
    const OptionalBytes& bytes = raw().record().key;
    if (bytes.has_value()) {
      const absl::Status decoded = internal::DecodeBytes(*bytes, key_);
      if (decoded.ok()) return;
      SetKeyError(*bytes, Codec<Key>::TypeName(), decoded);
    }
    *key_ = Key();
  }

  template <typename SinkValue, typename SinkKey, typename Value>
  OptionalBytes EncodeFor(const Sink<SinkValue, SinkKey>& sink, const Value& value) {
    static_assert(internal::FitsInto<Value, SinkValue>, "this sink takes values of another type; see its AddSink");
    if constexpr (internal::FitsInto<Value, SinkValue>) {
      if constexpr (internal::HasCodec<SinkValue>) {
        if (sink.encoder == nullptr) return Encode<SinkValue>("emits a value", value);
      }
      return EncodeWith<SinkValue>(*sink.encoder, value);
    }
    return std::nullopt;
  }
  template <typename T>
  OptionalBytes EncodeWith(const ValueEncoder<T>& encoder, const T& value) {
    std::string_view bytes;
    const absl::Status encoded = Guarded(absl::StatusCode::kInternal, ", but its format", [&]() -> absl::Status {
      absl::StatusOr<std::string_view> made = encoder.EncodeWithHeaders(value, &raw().arena(), &format_headers_);
      if (made.ok()) bytes = *made;
      return made.ok() ? absl::OkStatus()
                       : absl::Status(made.status().code(), absl::StrCat(": ", made.status().message()));
    });
    if (!encoded.ok()) SetEncodeError("emits a value", encoded);
    return bytes;
  }
  template <typename SinkKey, typename OtherKey>
  OptionalBytes EncodeKeyFor(const OtherKey& key) {
    static_assert(internal::FitsInto<OtherKey, SinkKey>, "this sink's keys are of another type; see its AddSink");
    if constexpr (internal::FitsInto<OtherKey, SinkKey>) return Encode<SinkKey>("emits a key", key);
    return std::nullopt;
  }
  template <typename Value, typename SinkKey>
  void Send(const Sink<Value, SinkKey>& sink, OptionalBytes key, OptionalBytes value, const EmitOptions& options) {
    EmitTo(sink.builder, sink.index, key, value, options.headers, format_headers_);
    format_headers_.clear();
  }

  Key* const key_;
  bool key_decoded_ = false;
  RecordHeaders format_headers_;  // Of the value that is being emitted.
};

// Of an aggregate's handlers: a transform's, and the state of the event's key.
template <typename State, typename Key>
class AggregateContext : public TransformContext<Key> {
 public:
  struct Scratch : TransformContext<Key>::Scratch {
    State state{};
  };

  AggregateContext(EventContext* event, const internal::NodeInfo* node, Scratch* scratch)
      : TransformContext<Key>(event, node, scratch), state_(&scratch->state) {}

  // The default value if the aggregate has no state. Valid until the handler returns.
  const State& state() {
    Load();
    return *state_;
  }
  // For changing it; what it is when the handler returns OK is stored.
  State* mutable_state() {
    Load();
    changed_ = true;
    exists_ = true;
    return state_;
  }
  bool exists() {
    Load();
    return exists_;
  }
  // Deletes the state, which need not be decodable; a later mutable_state() begins with the default value.
  void Delete() {
    loaded_ = true;
    *state_ = State();
    exists_ = false;
    changed_ = true;
  }

  // For the runner: as of a transform; if the handler succeeded, what it has changed is stored.
  absl::Status Finish(absl::Status returned) {
    if (returned.ok() && this->error().ok()) Store();
    return TransformContext<Key>::Finish(std::move(returned));
  }

 private:
  void Store() {
    if (!changed_) return;
    OptionalBytes bytes;
    if (exists_) bytes = this->template Encode<State>("stores a state", *state_);
    if (this->error().ok()) this->raw().WriteState(bytes);
  }

  void Load() {
    if (loaded_) return;
    loaded_ = true;
    const absl::StatusOr<OptionalBytes> bytes = this->raw().ReadState();
    if (!bytes.ok()) {
      this->SetError(bytes.status());
    } else if (bytes->has_value()) {
      const absl::Status decoded = internal::DecodeBytes(**bytes, state_);
      exists_ = decoded.ok();
      if (decoded.ok()) return;
      this->SetError(absl::DataLossError(absl::StrCat("the stored state of \"", this->node_name(), "\", key \"",
                                                      this->KeyText(), "\", cannot be decoded: ", decoded.message())));
    }
    *state_ = State();
  }

  State* const state_;
  bool loaded_ = false;
  bool exists_ = false;
  bool changed_ = false;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_CONTEXTS_H_
