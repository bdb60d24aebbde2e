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
// order of registration, as one unit: all take effect or none.
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

#include "absl/status/statusor.h"
#include "processor/base/failure_policy.h"
#include "processor/base/strings.h"
#include "processor/codec.h"
#include "processor/contexts.h"
#include "processor/runners.h"
#include "processor/topology/graph.h"

namespace once {

struct SourceOptions {
  std::string topic = {};
  StartFrom start_from = StartFrom::kEarliest;  // When the group has no committed offset.
  bool ignore_unknown_types = false;            // Events of types without a handler are passed over, not failed.
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

// Whether the bytes are a `T`; without making one, if the codec can.
template <typename T>
absl::Status CheckBytes(std::string_view bytes) {
  if constexpr (requires { Codec<T>::Check(bytes); }) {
    return Codec<T>::Check(bytes);
  } else {
    T value{};
    return Codec<T>::Decode(bytes, &value);
  }
}

// The untyped part of the builder. Not thread-safe.
class BuilderState {
 public:
  explicit BuilderState(std::string application_id);

  uint64_t id() const { return id_; }
  SourceIndex AddSource(SourceSpec source);
  SinkIndex AddSink(SinkSpec sink);
  NodeIndex AddNode(NodeSpec node);
  void AddEdge(NodeIndex node, uint64_t sink_builder, SinkIndex sink);
  void AddHandler(HandlerSpec handler, uint64_t source_builder);
  void SetPolicy(NodeIndex node, FailurePolicy policy);
  void SetDeadLetterTopic(std::string topic) { graph_.dead_letter_topic = std::move(topic); }
  std::shared_ptr<const NodeInfo> node_info(NodeIndex node) const { return infos_[node]; }
  absl::StatusOr<Topology> Build();

 private:
  const uint64_t id_;
  Graph graph_;
  std::vector<std::shared_ptr<NodeInfo>> infos_;
};

// What aggregates and transforms are built with. `Derived` is returned for chaining.
template <typename Derived, typename Key>
class NodeBuilder {
 public:
  NodeBuilder(BuilderState* state, NodeIndex node) : state_(state), node_(node) {}

  // Names the sinks that the handlers may emit to.
  template <typename... Sinks>
  Derived& EmitsTo(const Sinks&... sinks) {
    (state_->AddEdge(node_, sinks.builder, sinks.index), ...);
    return derived();
  }

  // Handles events of type `Event`: those whose ce_type is its full name, and those without ce_type if the source has
  // no other type. `handler(const Event&, auto& context)`.
  template <typename Event, typename SourceKey, typename Handler>
  Derived& On(const Source<SourceKey>& source, Handler handler) {
    return Register<Event>(source, HandlerMatch::kType, Codec<Event>::TypeName(), std::move(handler));
  }
  // Handles records without a value. `handler(auto& context)`.
  template <typename SourceKey, typename Handler>
  Derived& OnTombstone(const Source<SourceKey>& source, Handler handler) {
    return Register<NoValue>(source, HandlerMatch::kTombstone, "", std::move(handler));
  }
  // Handles records with a value, of any type, undecoded. `handler(const once::Bytes&, auto& context)`.
  template <typename SourceKey, typename Handler>
  Derived& OnAny(const Source<SourceKey>& source, Handler handler) {
    return Register<Bytes>(source, HandlerMatch::kAny, "", std::move(handler));
  }

  Derived& WithPolicy(FailurePolicy policy) {
    state_->SetPolicy(node_, std::move(policy));
    return derived();
  }

 private:
  Derived& derived() { return static_cast<Derived&>(*this); }

  template <typename Event, typename SourceKey, typename Handler>
  Derived& Register(const Source<SourceKey>& source, HandlerMatch match, std::string type, Handler handler) {
    using Context = typename Derived::Context;
    constexpr bool kSameKey = std::is_same_v<SourceKey, Key>;
    static_assert(kSameKey, "this source's keys are of another type than the node's; see AddSource and AddAggregate");
    static_assert(std::is_copy_constructible_v<Handler>,
                  "each worker gets a copy of the handler: capture a shared_ptr, or use once::PerWorker");
    if constexpr (std::is_same_v<Event, NoValue>) {
      static_assert(TombstoneHandlerOf<Handler, Context>,
                    "a tombstone's handler is called as absl::Status(auto& context), and as const: not `mutable`");
    } else {
      static_assert(HandlerOf<Handler, Event, Context>,
                    "a handler is called as absl::Status(const Event&, auto& context), and as const: not `mutable`");
    }
    HandlerSpec spec;
    spec.node = node_;
    spec.source = source.index;
    spec.match = match;
    spec.event_type = std::move(type);
    spec.make_runner = [prototype = std::move(handler),
                        node = state_->node_info(node_)]() -> std::unique_ptr<HandlerRunner> {
      return std::make_unique<typename Derived::template Runner<Event, Handler>>(prototype, node);
    };
    state_->AddHandler(std::move(spec), source.builder);
    return derived();
  }

  BuilderState* state_;
  NodeIndex node_;
};

}  // namespace internal

// `State` and `Key` need a Codec; `Key` is that of every source the aggregate hears.
template <typename State, typename Key>
class AggregateBuilder : public internal::NodeBuilder<AggregateBuilder<State, Key>, Key> {
 public:
  using internal::NodeBuilder<AggregateBuilder, Key>::NodeBuilder;
  using Context = AggregateContext<State, Key>;
  template <typename Event, typename Handler>
  using Runner = internal::AggregateRunner<Event, State, Key, Handler>;
};

template <typename Key>
class TransformBuilder : public internal::NodeBuilder<TransformBuilder<Key>, Key> {
 public:
  using internal::NodeBuilder<TransformBuilder, Key>::NodeBuilder;
  using Context = TransformContext<Key>;
  template <typename Event, typename Handler>
  using Runner = internal::TransformRunner<Event, Key, Handler>;
};

// Not thread-safe. Handles and node builders belong to the builder that made them.
class TopologyBuilder {
 public:
  // `application_id` is the default of the option of that name: the consumer group, and the prefix of internal topics
  // and transactional ids.
  explicit TopologyBuilder(std::string application_id)
      : state_(std::make_unique<internal::BuilderState>(std::move(application_id))) {}

  template <typename Key = std::string>
  Source<Key> AddSource(std::string name, SourceOptions options) {
    SourceSpec spec;
    spec.name = std::move(name);
    spec.topic = std::move(options.topic);
    spec.start_from = options.start_from;
    spec.ignore_unknown_types = options.ignore_unknown_types;
    spec.key_type = Codec<Key>::TypeName();
    spec.check_key = &internal::CheckBytes<Key>;
    spec.key_to_text = [](std::string_view bytes) {
      Key key{};
      return Codec<Key>::Decode(bytes, &key).ok() ? Codec<Key>::ToText(key) : Printable(bytes, bytes.size());
    };
    return {state_->id(), state_->AddSource(std::move(spec))};
  }

  template <typename Value, typename Key = std::string>
  Sink<Value, Key> AddSink(std::string name, SinkOptions options) {
    SinkSpec spec;
    spec.name = std::move(name);
    spec.topic = std::move(options.topic);
    spec.key_type = Codec<Key>::TypeName();
    spec.value_type = Codec<Value>::TypeName();
    return {state_->id(), state_->AddSink(std::move(spec))};
  }

  // Where events go that fail for good, are blocked or are rejected.
  void DeadLetterTo(std::string topic) { state_->SetDeadLetterTopic(std::move(topic)); }

  // A keyed, stateful node. The name is also its store's, so renaming it loses the state.
  template <typename State, typename Key = std::string>
  AggregateBuilder<State, Key> AddAggregate(std::string name) {
    NodeSpec spec;
    spec.name = std::move(name);
    spec.kind = NodeKind::kAggregate;
    spec.state_type = Codec<State>::TypeName();
    return AggregateBuilder<State, Key>(state_.get(), state_->AddNode(std::move(spec)));
  }

  // A stateless node: map, filter, branch, re-key.
  template <typename Key = std::string>
  TransformBuilder<Key> AddTransform(std::string name) {
    NodeSpec spec;
    spec.name = std::move(name);
    spec.kind = NodeKind::kTransform;
    return TransformBuilder<Key>(state_.get(), state_->AddNode(std::move(spec)));
  }

  // Checks everything that can be checked without a network. InvalidArgument names all mistakes, each with a fix.
  absl::StatusOr<Topology> Build() && { return state_->Build(); }

 private:
  std::unique_ptr<internal::BuilderState> state_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_H_
