// What handlers are given: the event, its aggregate's state, and the way out.
//
// A handler's writes and emits take effect together, when it (and every other handler of the event) returns OK, in the
// transaction that moves the input's offset; otherwise none of them does. Contexts live for one call: keep no
// reference. They are not copied, since what a copy was told would be lost: take them as `auto& context`.
#ifndef ONCE_PROCESSOR_CONTEXTS_H_
#define ONCE_PROCESSOR_CONTEXTS_H_

#include <algorithm>
#include <concepts>
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

// What the runner knows of its node.
struct NodeInfo {
  uint64_t builder = 0;
  std::string name;
  std::vector<SinkIndex> emits_to;
};

// Whether a `From` may be written where a `To` is meant: what converts by itself, without narrowing a number.
template <typename From, typename To>
concept FitsInto = std::convertible_to<const From&, To> &&
    (!std::is_arithmetic_v<To> || requires(const From& from) { To{from}; });

template <typename T>
concept HasCheck = requires(const T& value) {
  { Codec<T>::Check(value) } -> std::same_as<absl::Status>;
};

template <typename T>
concept NotOptions = !std::same_as<T, EmitOptions>;

// The prefix by which a header is the engine's own; empty if its name is the user's.
std::string_view ReservedPrefix(std::string_view header_name);

}  // namespace internal

// Of a transform's handlers. `Key` is the source's key type.
template <typename Key>
class TransformContext {
 public:
  TransformContext(EventContext* context, const internal::NodeInfo* node, Key* key_scratch)
      : context_(context), node_(node), key_(key_scratch) {}
  TransformContext(const TransformContext&) = delete;
  TransformContext& operator=(const TransformContext&) = delete;

  // The event's key; the default value if it has none. If it cannot be decoded the event fails as FAILED_PRECONDITION,
  // whatever the handler returns.
  const Key& key() {
    if (!key_decoded_) DecodeKey();
    return *key_;
  }
  bool has_key() const { return context_->record().key.has_value(); }
  EventMetadata event() const { return EventMetadata(context_); }
  // The transaction's clock reading: the same for all its events, and close to the wall clock.
  absl::Time now() const { return context_->info().now; }
  LogSink& log() { return context_->log(); }

  // Emits `value` under the event's own key.
  template <typename SinkValue, typename SinkKey, typename Value>
  void Emit(const Sink<SinkValue, SinkKey>& sink, const Value& value, const EmitOptions& options = {}) {
    constexpr bool kSameKey = std::is_same_v<SinkKey, Key>;
    static_assert(kSameKey, "this sink's keys are of another type than the event's: use Emit(sink, key, value)");
    if constexpr (kSameKey) Send(sink, context_->record().key, EncodeFor<SinkValue>(value), options);
  }
  // Emits `value` under a key of its own.
  template <typename SinkValue, typename SinkKey, typename OtherKey, typename Value>
  void Emit(const Sink<SinkValue, SinkKey>& sink, const OtherKey& key, const Value& value,
            const EmitOptions& options = {}) {
    Send(sink, EncodeKeyFor<SinkKey>(key), EncodeFor<SinkValue>(value), options);
  }
  // Emits a null value, which deletes the key from a compacted topic.
  template <typename SinkValue, typename SinkKey>
  void EmitTombstone(const Sink<SinkValue, SinkKey>& sink, const EmitOptions& options = {}) {
    constexpr bool kSameKey = std::is_same_v<SinkKey, Key>;
    static_assert(kSameKey, "this sink's keys are of another type than the event's: use EmitTombstone(sink, key)");
    if constexpr (kSameKey) Send(sink, context_->record().key, std::nullopt, options);
  }
  template <typename SinkValue, typename SinkKey, internal::NotOptions OtherKey>
  void EmitTombstone(const Sink<SinkValue, SinkKey>& sink, const OtherKey& key, const EmitOptions& options = {}) {
    Send(sink, EncodeKeyFor<SinkKey>(key), std::nullopt, options);
  }
  // Passes the record on as it is: key, value and headers untouched, its event ID included. Types are not compared.
  template <typename Value, typename SinkKey>
  void Forward(const Sink<Value, SinkKey>& sink) {
    if (!MayEmit(sink.builder, sink.index)) return;
    context_->Emit(
        {.sink = sink.index, .forward = true, .key = context_->record().key, .value = context_->record().value});
  }

  // For the runner: what went wrong besides the handler's own verdict.
  const absl::Status& error() const { return error_; }

 protected:
  void SetError(absl::Status error) {
    if (error_.ok()) error_ = std::move(error);
  }
  EventContext& context() { return *context_; }
  std::string KeyText() const {
    return internal::TextOfBytes<Key>(context_->record().key.value_or(std::string_view()));
  }
  const internal::NodeInfo& node() const { return *node_; }

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
      bytes = Codec<T>::Encode(value, &context_->arena());
      return absl::OkStatus();
    });
    if (encoded.ok()) return bytes;
    SetError(absl::Status(encoded.code(), absl::StrCat("\"", node_->name, "\" ", ToAbsl(does), encoded.message())));
    return std::string_view();
  }

 private:
  bool MayEmit(uint64_t builder, SinkIndex sink) {
    const auto& allowed = node_->emits_to;
    if (builder == node_->builder && std::find(allowed.begin(), allowed.end(), sink) != allowed.end()) return true;
    SetError(absl::InternalError(absl::StrCat("\"", node_->name,
                                              "\" emits to a sink that its EmitsTo does not name;"
                                              " add the sink there")));
    return false;
  }

  // A header of the engine's kind would stand for the event's identity to whoever reads the record (E4). Clients of C
  // cut a name at its first NUL, so it would come out as another one.
  bool MayAdd(const std::vector<std::pair<std::string, std::string>>& headers) {
    for (const auto& [name, value] : headers) {
      if (name.find('\0') != std::string::npos) {
        SetError(absl::InvalidArgumentError(absl::StrCat("\"", node_->name, "\" emits a header \"", Printable(name),
                                                         "\", whose name readers would see only up to the NUL in it;"
                                                         " give it a name of text")));
        return false;
      }
      const std::string_view prefix = internal::ReservedPrefix(name);
      if (prefix.empty()) continue;
      SetError(absl::InvalidArgumentError(absl::StrCat("\"", node_->name, "\" emits a header \"", Printable(name),
                                                       "\", but names that begin with \"", ToAbsl(prefix),
                                                       "\" are Once's own; give it another name")));
      return false;
    }
    return true;
  }

  void DecodeKey() {
    key_decoded_ = true;
    const OptionalBytes& bytes = context_->record().key;
    absl::Status decoded;
    if (bytes.has_value()) {
      decoded = internal::DecodeBytes(*bytes, key_);
      if (decoded.ok()) return;
      SetError(absl::FailedPreconditionError(
          absl::StrCat("the key \"", Printable(*bytes), "\" is no ", Codec<Key>::TypeName(), ": ", decoded.message())));
    }
    *key_ = Key();
  }

  template <typename SinkValue, typename Value>
  OptionalBytes EncodeFor(const Value& value) {
    static_assert(internal::FitsInto<Value, SinkValue>, "this sink takes values of another type; see its AddSink");
    if constexpr (internal::FitsInto<Value, SinkValue>) return Encode<SinkValue>("emits a value", value);
    return std::nullopt;
  }
  template <typename SinkKey, typename OtherKey>
  OptionalBytes EncodeKeyFor(const OtherKey& key) {
    static_assert(internal::FitsInto<OtherKey, SinkKey>, "this sink's keys are of another type; see its AddSink");
    if constexpr (internal::FitsInto<OtherKey, SinkKey>) return Encode<SinkKey>("emits a key", key);
    return std::nullopt;
  }

  template <typename Value, typename SinkKey>
  void Send(const Sink<Value, SinkKey>& sink, OptionalBytes key, OptionalBytes value, const EmitOptions& options) {
    if (!MayEmit(sink.builder, sink.index)) return;
    std::span<const HeaderView> headers;
    if (!options.headers.empty()) {
      if (!MayAdd(options.headers)) return;
      Arena& arena = context_->arena();
      HeaderView* copies = arena.NewArray<HeaderView>(options.headers.size());
      for (size_t i = 0; i < options.headers.size(); ++i) {
        copies[i] = {arena.Copy(options.headers[i].first), arena.Copy(options.headers[i].second)};
      }
      headers = {copies, options.headers.size()};
    }
    context_->Emit({.sink = sink.index, .key = key, .value = value, .headers = headers});
  }

  EventContext* const context_;
  const internal::NodeInfo* const node_;
  Key* const key_;
  bool key_decoded_ = false;
  absl::Status error_;
};

// Of an aggregate's handlers: a transform's, and the state of the event's key.
template <typename State, typename Key>
class AggregateContext : public TransformContext<Key> {
 public:
  AggregateContext(EventContext* context, const internal::NodeInfo* node, Key* key_scratch, State* state_scratch)
      : TransformContext<Key>(context, node, key_scratch), state_(state_scratch) {}

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

  // For the runner: hands the changed state over, unless that is an error().
  void Store() {
    if (!changed_) return;
    OptionalBytes bytes;
    if (exists_) bytes = this->template Encode<State>("stores a state", *state_);
    if (this->error().ok()) this->context().WriteState(bytes);
  }

 private:
  void Load() {
    if (loaded_) return;
    loaded_ = true;
    const absl::StatusOr<OptionalBytes> bytes = this->context().ReadState();
    if (!bytes.ok()) {
      this->SetError(bytes.status());
    } else if (bytes->has_value()) {
      const absl::Status decoded = internal::DecodeBytes(**bytes, state_);
      exists_ = decoded.ok();
      if (decoded.ok()) return;
      this->SetError(absl::DataLossError(absl::StrCat("the stored state of \"", this->node().name, "\", key \"",
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
