// The typed ends of a topology's handlers: decode, call, store. Included by topology.h; not for direct use.
#ifndef ONCE_PROCESSOR_RUNNERS_H_
#define ONCE_PROCESSOR_RUNNERS_H_

#include <exception>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/codec.h"
#include "processor/contexts.h"
#include "processor/topology/graph.h"

namespace once::internal {

// No exception crosses the engine: it becomes the event's failure.
template <typename Call>
absl::Status Guarded(const Call& call) {
  try {
    return call();
  } catch (const std::exception& e) {
    return absl::InternalError(absl::StrCat("the handler threw: ", e.what()));
  } catch (...) {
    return absl::InternalError("the handler threw something that is no std::exception");
  }
}

// Stands for the event type of handlers that get no decoded value.
struct NoValue {};

// Whether the engine can call it: as const, with what its registration promises, for a status.
template <typename Handler, typename Event, typename Context>
concept HandlerOf = std::is_invocable_r_v<absl::Status, const Handler&, const Event&, Context&>;
template <typename Handler, typename Context>
concept TombstoneHandlerOf = std::is_invocable_r_v<absl::Status, const Handler&, Context&>;

// Calls `handler` as (event, context), or as (context) for tombstones. Scratch values are kept between events.
template <typename Event, typename Handler, typename Context>
class EventCaller {
 public:
  absl::Status Call(const Handler& handler, EventContext& raw, Context& context) {
    if constexpr (std::is_same_v<Event, NoValue>) {
      return Guarded([&]() -> absl::Status { return handler(context); });
    } else {
      const absl::Status decoded = Codec<Event>::Decode(raw.record().value.value_or(std::string_view()), &event_);
      if (!decoded.ok()) {
        return absl::DataLossError(absl::StrCat("the value cannot be decoded: ", decoded.message()));
      }
      return Guarded([&]() -> absl::Status { return handler(event_, context); });
    }
  }

 private:
  Event event_;
};

template <typename Event, typename Key, typename Handler>
class TransformRunner final : public HandlerRunner {
 public:
  TransformRunner(const Handler& handler, std::shared_ptr<const NodeInfo> node)
      : handler_(handler), node_(std::move(node)) {}

  absl::Status Run(EventContext& raw) override {
    TransformContext<Key> context(&raw, node_.get(), &key_);
    absl::Status status = caller_.Call(handler_, raw, context);
    return context.error().ok() ? status : context.error();
  }

 private:
  const Handler handler_;  // The worker's own copy.
  const std::shared_ptr<const NodeInfo> node_;
  EventCaller<Event, Handler, TransformContext<Key>> caller_;
  Key key_{};
};

template <typename Event, typename State, typename Key, typename Handler>
class AggregateRunner final : public HandlerRunner {
 public:
  AggregateRunner(const Handler& handler, std::shared_ptr<const NodeInfo> node)
      : handler_(handler), node_(std::move(node)) {}

  absl::Status Run(EventContext& raw) override {
    AggregateContext<State, Key> context(&raw, node_.get(), &key_, &state_);
    absl::Status status = caller_.Call(handler_, raw, context);
    if (status.ok() && context.error().ok()) context.Store();
    return context.error().ok() ? status : context.error();
  }

 private:
  const Handler handler_;  // The worker's own copy.
  const std::shared_ptr<const NodeInfo> node_;
  EventCaller<Event, Handler, AggregateContext<State, Key>> caller_;
  Key key_{};
  State state_{};
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_RUNNERS_H_
