// The typed ends of a topology's handlers: decode, call, store. Included by topology.h; not for direct use.
//
// All of the user's code that runs for an event is called from here or from contexts.h, and guarded there: what it
// throws fails the event (rule X3).
#ifndef ONCE_PROCESSOR_RUNNERS_H_
#define ONCE_PROCESSOR_RUNNERS_H_

#include <functional>
#include <memory>
#include <string>
#include <type_traits>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/base/guarded.h"
#include "processor/codec.h"
#include "processor/contexts.h"
#include "processor/topology/graph.h"

namespace once::internal {

// Stands for the event type of handlers that get no decoded value.
struct NoValue {};

// Whether the engine can call it: as const, with what its registration promises, for a status.
template <typename Handler, typename Event, typename Context>
concept HandlerOf = std::is_invocable_r_v<absl::Status, const Handler&, const Event&, Context&>;
template <typename Handler, typename Context>
concept TombstoneHandlerOf = std::is_invocable_r_v<absl::Status, const Handler&, Context&>;

// Stand for a context that could be copied: one where the handler's parameter is `auto`, one where it is the type.
template <typename Context>
struct CopyableContext : Context {
  CopyableContext(const CopyableContext&);
};
template <typename Context>
struct ContextByValue {
  operator Context() const;
};

// Whether the handler cannot be called only because it wants a context of its own, whose writes would be lost.
template <typename Handler, typename Context, typename... Event>
constexpr bool TakesContextByValue() {
  if constexpr (std::is_invocable_v<const Handler&, const Event&..., Context&>) {
    return false;
  } else if constexpr (std::is_invocable_v<const Handler&, const Event&..., CopyableContext<Context>&>) {
    return true;
  } else {
    return std::is_invocable_v<const Handler&, const Event&..., ContextByValue<Context>&>;
  }
}

// Calls `handler` as (event, context), or as (context) for tombstones. The value is kept between events for the memory
// that it holds; DecodeBytes leaves nothing else of it.
template <typename Event, typename Handler, typename Context>
class EventCaller {
 public:
  absl::Status Call(const Handler& handler, EventContext& raw, Context& context) {
    if constexpr (std::is_same_v<Event, NoValue>) {
      return Guarded(absl::StatusCode::kInternal, "the handler", [&]() -> absl::Status { return handler(context); });
    } else {
      const absl::Status decoded = DecodeBytes(raw.record().value.value_or(std::string_view()), &event_);
      if (!decoded.ok()) {
        return absl::DataLossError(absl::StrCat("the value cannot be decoded: ", decoded.message()));
      }
      return Guarded(absl::StatusCode::kInternal, "the handler",
                     [&]() -> absl::Status { return handler(event_, context); });
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

// Stands in for a runner that could not be made, since copying the handler threw: each event tries again, and fails
// until that works.
class LateRunner final : public HandlerRunner {
 public:
  using Maker = std::function<std::unique_ptr<HandlerRunner>()>;

  // The runner that `maker` makes, or one that makes it later.
  static std::unique_ptr<HandlerRunner> MakeNow(std::shared_ptr<const Maker> maker) {
    auto late = std::make_unique<LateRunner>(std::move(maker));
    if (late->Make().ok()) return std::move(late->runner_);
    return late;
  }

  explicit LateRunner(std::shared_ptr<const Maker> maker) : maker_(std::move(maker)) {}

  absl::Status Run(EventContext& context) override {
    const absl::Status made = Make();
    return made.ok() ? runner_->Run(context) : made;
  }

 private:
  absl::Status Make() {
    if (runner_ != nullptr) return absl::OkStatus();
    return Guarded(absl::StatusCode::kInternal, "copying the handler for a worker", [this] {
      runner_ = (*maker_)();
      return absl::OkStatus();
    });
  }

  const std::shared_ptr<const Maker> maker_;
  std::unique_ptr<HandlerRunner> runner_;
};

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_RUNNERS_H_
