// A topology: typed sources, aggregates with state, transforms, typed sinks.
//
//   absl::StatusOr<once::Topology> BuildOrderTotals(const once::Config& config) {
//     once::TopologyBuilder builder("order-totals");
//     auto orders = builder.AddSource("orders", {.topic = config.Get("input_topic", "orders")});
//     auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"});
//     builder.DeadLetterTo("orders.dlq");
//     builder.AddAggregate<CustomerTotal>("customer")
//         .EmitsTo(totals)
//         .On<OrderPlaced>(orders, [totals](const OrderPlaced& order, auto& customer) {
//           if (order.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
//           CustomerTotal& total = *customer.mutable_state();
//           total.set_cents(total.cents() + order.cents());
//           customer.Emit(totals, total);
//           return absl::OkStatus();
//         });
//     return std::move(builder).Build();
//   }
//
// Handlers return absl::Status: OK takes effect; UNAVAILABLE, DEADLINE_EXCEEDED, ABORTED and RESOURCE_EXHAUSTED are
// tried again later; anything else fails the event for good (see FailurePolicy). All handlers of one event run in the
// order of registration, as one unit: all take effect or none. What a handler or a codec throws fails its event like
// INTERNAL (DATA_LOSS, if the codec was decoding it), and nothing else.
//
// Each worker calls a copy of the handler's own, on its thread only: what copies share (pointers, references) must be
// thread-safe; PerWorker (once/per_worker.h) gives each worker an object of its own. Handlers must be deterministic but
// for what they read of the event, the state and now().
#ifndef ONCE_PROCESSOR_TOPOLOGY_H_
#define ONCE_PROCESSOR_TOPOLOGY_H_

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/strings/str_cat.h"
#include "processor/base/failure_policy.h"
#include "processor/base/guarded.h"
#include "processor/base/partitioner.h"
#include "processor/base/record.h"
#include "processor/codec.h"
#include "processor/contexts.h"
#include "processor/topology/graph.h"
#include "processor/topology/graph_builder.h"
#include "processor/typed/codec_calls.h"
#include "processor/typed/codec_json.h"
#include "processor/typed/handler_checks.h"
#include "processor/typed/handler_runner.h"
#include "processor/value_format.h"

namespace once {

struct SourceOptions {
  std::string topic = {};
  StartFrom start_from = StartFrom::kEarliest;  // When the group has no committed offset.
  bool ignore_unknown_types = false;            // Events of types without a handler are passed over, not failed.
  // What an event without ce_type is taken for, a type that is handled here. Empty: the only one; of several, none.
  std::string default_type = {};
  // Names the task group that the source is part of, and with it the topics that keep its state, also when a source is
  // renamed or another becomes the first. Said by one of its sources, or several alike. Empty: as its first source.
  std::string group = {};
  // How the topic's producers choose partitions. Sources that feed one aggregate must agree in where a key is, or its
  // events meet different states.
  Partitioner partitioner = Partitioner::kMurmur2;
  // Says what events are whose headers do not, such as once::StructuredCloudEvents(); it goes by their values.
  IdentifyEvent identify = {};
};

struct SinkOptions {
  std::string topic = {};
};

// Immutable; cheap to copy.
class Topology {
 public:
  explicit Topology(std::shared_ptr<const Graph> graph) : graph_(std::move(graph)) {}
  const Graph& graph() const { return *graph_; }
  const std::shared_ptr<const Graph>& shared_graph() const { return graph_; }

 private:
  std::shared_ptr<const Graph> graph_;
};

namespace internal {

template <typename T>
inline constexpr bool kIsSource = false;
template <typename Key>
inline constexpr bool kIsSource<Source<Key>> = true;

template <typename T>
concept NoSource = !kIsSource<T>;

// What aggregates and transforms are built with. `Derived` is returned for chaining.
template <typename Derived, typename Key>
class NodeBuilder {
 public:
  NodeBuilder(GraphBuilder* graph, NodeIndex node) : graph_(graph), node_(node) {}

  // Names the sinks that the handlers may emit to.
  template <typename... Sinks>
  Derived& EmitsTo(const Sinks&... sinks) {
    constexpr bool kAreSinks = (kIsSink<Sinks> && ...);
    static_assert(kAreSinks, "EmitsTo names sinks, which AddSink returns");
    if constexpr (kAreSinks) (graph_->AddEdge(node_, sinks.builder, sinks.index), ...);
    return derived();
  }

  // Handles events of type `Event`: those whose ce_type is its full name, and those without ce_type if the source has
  // no other type (see SourceOptions::default_type). `handler(const Event&, auto& context)`.
  template <typename Event = Unnamed, typename SourceKey, typename Handler>
  Derived& On(const Source<SourceKey>& source, Handler handler) {
    constexpr bool kIsNamed = !std::is_same_v<Event, Unnamed>;
    static_assert(kIsNamed, "On names the type of its events: On<OrderPlaced>(source, handler)");
    if constexpr (kIsNamed) Register<Event>(source, HandlerMatch::kType, TypeNameOf<Event>(), std::move(handler));
    return derived();
  }
  // The same for types that go by other names, such as {"com.acme.order.placed.v1"}: they count instead of the full
  // name, which is named as well where it occurs.
  template <typename Event, typename SourceKey, typename Handler>
  Derived& On(const Source<SourceKey>& source, std::vector<std::string> types, Handler handler) {
    return Register<Event>(source, HandlerMatch::kType, std::move(types), std::move(handler));
  }
  // The same of values that are decoded by a format, see once/value_format.h.
  template <typename Event, typename SourceKey, typename Handler>
  Derived& On(const Source<SourceKey>& source, Format<Event> format, Handler handler) {
    std::vector<std::string> types = {format->TypeName()};
    return Register<Event>(source, HandlerMatch::kType, std::move(types), std::move(handler), std::move(format));
  }
  template <typename Event, typename SourceKey, typename Handler>
  Derived& On(const Source<SourceKey>& source, std::vector<std::string> types, Format<Event> format, Handler handler) {
    return Register<Event>(source, HandlerMatch::kType, std::move(types), std::move(handler), std::move(format));
  }
  // Handles records without a value. `handler(auto& context)`.
  template <typename SourceKey, typename Handler>
  Derived& OnTombstone(const Source<SourceKey>& source, Handler handler) {
    return Register<NoValue>(source, HandlerMatch::kTombstone, {}, std::move(handler));
  }
  // Handles records with a value, of any type, undecoded. `handler(const once::Bytes&, auto& context)`.
  template <typename SourceKey, typename Handler>
  Derived& OnAny(const Source<SourceKey>& source, Handler handler) {
    return Register<Bytes>(source, HandlerMatch::kAny, {}, std::move(handler));
  }

  // Taken where the first argument is no source, only to say so.
  template <typename Event = Unnamed, NoSource First, typename... More>
  Derived& On(const First&, const More&...) {
    static_assert(kNever<First>, "On listens to a source, which AddSource returns: On<OrderPlaced>(source, handler)");
    return derived();
  }

  Derived& WithPolicy(FailurePolicy policy) {
    graph_->SetPolicy(node_, std::move(policy));
    return derived();
  }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  template <typename Event>
  static std::vector<std::string> TypeNameOf() {
    if constexpr (HasCodec<Event>) return {Codec<Event>::TypeName()};
    return {};
  }

  template <typename Event, typename SourceKey, typename Handler>
  Derived& Register(const Source<SourceKey>& source, HandlerMatch match, std::vector<std::string> types,
                    Handler handler) {
    constexpr bool kDecodes = std::is_same_v<Event, NoValue> || HasCodec<Event>;
    static_assert(kDecodes,
                  "there is no once::Codec for this type of event: name a protobuf message, or see once/codec.h");
    if constexpr (kDecodes)
      return Register<Event>(source, match, std::move(types), std::move(handler), Format<Event>());
    return derived();
  }
  // `format` may be null if the event has a codec.
  template <typename Event, typename SourceKey, typename Handler>
  Derived& Register(const Source<SourceKey>& source, HandlerMatch match, std::vector<std::string> types,
                    Handler handler, Format<Event> format) {
    constexpr bool kSameKey = std::is_same_v<SourceKey, Key>;
    static_assert(kSameKey, "this source's keys are of another type than the node's; see AddSource and AddAggregate");
    constexpr bool kCopies = std::is_copy_constructible_v<Handler>;
    static_assert(kCopies, "each worker gets a copy of the handler: capture a shared_ptr, or use once::PerWorker");
    // A type without a codec was told of where it was named.
    if constexpr (kSameKey && kCopies && Derived::kHasCodecs) {
      if constexpr (CanRun<Event, Handler>()) {
        AddHandler<Event>(source, match, std::move(types), std::move(handler), std::move(format));
      }
    }
    return derived();
  }

  template <typename Event, typename Handler>
  static constexpr bool CanRun() {
    using Context = typename Derived::Context;
    if constexpr (std::is_same_v<Event, NoValue>) {
      return CanCall<Handler, Context>();
    } else {
      return CanCall<Handler, Context, Event>();
    }
  }

  template <typename Event, typename Handler>
  void AddHandler(const Source<Key>& source, HandlerMatch match, std::vector<std::string> types, Handler handler,
                  Format<Event> format) {
    HandlerSpec spec;
    spec.node = node_;
    spec.source = source.index;
    spec.match = match;
    spec.event_types = std::move(types);
    const std::string topic = graph_->SourceTopic(source.builder, source.index);
    if (format != nullptr) {
      spec.value_type = format->TypeName();
      spec.value_json = JsonFormOf<Event>(format, topic);
    } else if constexpr (HasCodec<Event>) {
      spec.value_type = Codec<Event>::TypeName();
      spec.value_json = internal::JsonFormOf<Event>();
    }
    using Runner = TypedRunner<Event, typename Derived::Context, Handler, ValueDecoder<Event>>;
    auto make = std::make_shared<const LateRunner::Maker>([prototype = std::move(handler),
                                                           node = graph_->node_info(node_), format = std::move(format),
                                                           topic]() -> std::unique_ptr<HandlerRunner> {
      return std::make_unique<Runner>(prototype, node, format == nullptr ? nullptr : format->NewDecoder(topic));
    });
    spec.make_runner = [make = std::move(make)] { return LateRunner::MakeNow(make); };
    graph_->AddHandler(std::move(spec), source.builder);
  }

  // For people, who see what the format decodes. Nobody types such values in.
  template <typename Event>
  static JsonForm JsonFormOf(const Format<Event>& format, const std::string& topic) {
    return {.of_bytes = [format, topic](std::string_view bytes) -> absl::StatusOr<std::string> {
              absl::StatusOr<std::string> json = std::string();
              const absl::Status told = Guarded(absl::StatusCode::kDataLoss, "the format", [&]() -> absl::Status {
                RecordView record;
                record.value = bytes;
                Event value{};
                if (absl::Status decoded = format->NewDecoder(topic)->Decode(record, &value); !decoded.ok()) {
                  return decoded;
                }
                json = format->ToJson(value);
                return json.status();
              });
              if (!told.ok()) return told;
              return json;
            },
            .to_bytes = {}};
  }

  GraphBuilder* graph_;
  NodeIndex node_;
};

}  // namespace internal

// `State` and `Key` need a Codec; `Key` is that of every source the aggregate hears.
template <typename State, typename Key>
class AggregateBuilder : public internal::NodeBuilder<AggregateBuilder<State, Key>, Key> {
 public:
  using internal::NodeBuilder<AggregateBuilder, Key>::NodeBuilder;
  using Context = AggregateContext<State, Key>;
  static constexpr bool kHasCodecs = internal::HasCodec<State> && internal::HasCodec<Key>;
};

template <typename Key>
class TransformBuilder : public internal::NodeBuilder<TransformBuilder<Key>, Key> {
 public:
  using internal::NodeBuilder<TransformBuilder, Key>::NodeBuilder;
  using Context = TransformContext<Key>;
  static constexpr bool kHasCodecs = internal::HasCodec<Key>;
};

// Not thread-safe. Handles and node builders belong to the builder that made them.
class TopologyBuilder {
 public:
  // `application_id` is the default of the option of that name: the consumer group, and the prefix of internal topics
  // and transactional ids.
  explicit TopologyBuilder(std::string application_id)
      : graph_(std::make_unique<internal::GraphBuilder>(std::move(application_id))) {}

  template <typename Key = std::string>
  Source<Key> AddSource(std::string name, SourceOptions options) {
    SourceSpec spec;
    spec.name = std::move(name);
    spec.topic = std::move(options.topic);
    spec.start_from = options.start_from;
    spec.ignore_unknown_types = options.ignore_unknown_types;
    spec.default_type = std::move(options.default_type);
    spec.group = std::move(options.group);
    spec.partitioner = options.partitioner;
    spec.identify = std::move(options.identify);
    spec.key_type = KeyTypeName<Key>();
    if constexpr (internal::HasCodec<Key>) {
      spec.check_key = &internal::CheckBytes<Key>;
      spec.key_to_text = &internal::TextOfBytes<Key>;
      spec.text_to_key = &internal::BytesOfText<Key>;
    }
    return {graph_->id(), graph_->AddSource(std::move(spec))};
  }

  template <typename Value = internal::Unnamed, typename Key = std::string>
  Sink<Value, Key> AddSink(std::string name, SinkOptions options) {
    constexpr bool kIsNamed = !std::is_same_v<Value, internal::Unnamed>;
    static_assert(kIsNamed, "AddSink names the type of its values: AddSink<CustomerTotal>(name, {.topic = ...})");
    constexpr bool kEncodes = internal::HasCodec<Value> || !kIsNamed;
    static_assert(kEncodes,
                  "there is no once::Codec for this type of value: name a protobuf message, or see once/codec.h");
    SinkSpec spec;
    spec.name = std::move(name);
    spec.topic = std::move(options.topic);
    spec.key_type = KeyTypeName<Key>();
    if constexpr (internal::HasCodec<Value>) spec.value_type = Codec<Value>::TypeName();
    return {graph_->id(), graph_->AddSink(std::move(spec))};
  }

  // The same with values that are encoded by a format, see once/value_format.h.
  template <typename Value, typename Key = std::string>
  Sink<Value, Key> AddSink(std::string name, SinkOptions options, const Format<Value>& format) {
    SinkSpec spec;
    spec.name = std::move(name);
    spec.topic = std::move(options.topic);
    spec.key_type = KeyTypeName<Key>();
    spec.value_type = format->TypeName();
    spec.shape = format->Shape();
    auto encoder = format->NewEncoder(spec.topic);
    graph_->AddStartCheck({.what = absl::StrCat("sink \"", spec.name, "\""), .run = [encoder] {
                             return Guarded(absl::StatusCode::kInternal, "the format",
                                            [&] { return encoder->CheckAtStart(); });
                           }});
    return {graph_->id(), graph_->AddSink(std::move(spec)), std::move(encoder)};
  }

  // Where events go that fail for good, are blocked or are rejected.
  void DeadLetterTo(std::string topic) { graph_->SetDeadLetterTopic(std::move(topic)); }

  // Where the values of events lie that a changelog or the dead-letter topic has no room for, as KeepIn of
  // once/claim_check.h; without it such an event is kept by its place alone (docs/failures.md). Shared by all workers.
  void KeepLargeEvents(std::shared_ptr<LargeValues> values) { graph_->SetLargeValues(std::move(values)); }

  // A keyed, stateful node. The name is also its store's, so renaming it loses the state.
  template <typename State = internal::Unnamed, typename Key = std::string>
  AggregateBuilder<State, Key> AddAggregate(std::string name) {
    constexpr bool kIsNamed = !std::is_same_v<State, internal::Unnamed>;
    static_assert(kIsNamed, "AddAggregate names the type of its state: AddAggregate<CustomerTotal>(name)");
    constexpr bool kStores = internal::HasCodec<State> || !kIsNamed;
    static_assert(kStores,
                  "there is no once::Codec for this type of state: name a protobuf message, or see once/codec.h");
    KeyTypeName<Key>();
    NodeSpec spec;
    spec.name = std::move(name);
    spec.kind = NodeKind::kAggregate;
    if constexpr (internal::HasCodec<State>) {
      spec.state_type = Codec<State>::TypeName();
      spec.state_json = internal::JsonFormOf<State>();
    }
    return AggregateBuilder<State, Key>(graph_.get(), graph_->AddNode(std::move(spec)));
  }

  // A stateless node: map, filter, branch, re-key.
  template <typename Key = std::string>
  TransformBuilder<Key> AddTransform(std::string name) {
    KeyTypeName<Key>();
    NodeSpec spec;
    spec.name = std::move(name);
    spec.kind = NodeKind::kTransform;
    return TransformBuilder<Key>(graph_.get(), graph_->AddNode(std::move(spec)));
  }

  // Checks everything that can be checked without a network. InvalidArgument names all mistakes, each with a fix.
  absl::StatusOr<Topology> Build() && {
    absl::StatusOr<std::shared_ptr<const Graph>> graph = graph_->Build();
    if (!graph.ok()) return graph.status();
    return Topology(*std::move(graph));
  }
  template <typename T = void>
  absl::StatusOr<Topology> Build() & {
    static_assert(internal::kNever<T>, "Build ends the builder: write std::move(builder).Build()");
    return absl::InternalError("");
  }

 private:
  template <typename Key>
  static std::string KeyTypeName() {
    static_assert(internal::HasCodec<Key>,
                  "there is no once::Codec for this type of key: take std::string or once::Bytes, or see once/codec.h");
    if constexpr (internal::HasCodec<Key>) return Codec<Key>::TypeName();
    return std::string();
  }

  std::unique_ptr<internal::GraphBuilder> graph_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_H_
