// Why a handler cannot be called, in one sentence of the compiler's.
//
// Without this a wrong handler brings pages about the templates that were to call it. Each probe is made only after
// those before it have failed, since calling a generic lambda, even to ask for its type, compiles its body.
#ifndef ONCE_PROCESSOR_TYPED_HANDLER_CHECKS_H_
#define ONCE_PROCESSOR_TYPED_HANDLER_CHECKS_H_

#include <concepts>
#include <type_traits>

#include "absl/status/status.h"
#include "processor/topology/event_context.h"

namespace once::internal {

// Stands for the event type of handlers that get no decoded value, those of tombstones.
struct NoValue {};
// Stands for a type that the user should have named, and has not.
struct Unnamed {};

// For assertions in code that is always wrong: false, but not before it is instantiated.
template <typename...>
inline constexpr bool kNever = false;

enum class HandlerMistake {
  kNone,
  kReturnsNothing,
  kReturnsNoStatus,
  kContextByValue,
  kIsMutable,
  kEventByReference,
  kNoContext,
  kContextFirst,
  kOtherEvent,
  kNotCallable,
};

// Stand for a context that could be copied: one where the handler's parameter is `auto`, one where it is the type.
template <typename Context>
struct CopyableContext : Context {
  CopyableContext(const CopyableContext&);
};
template <typename Context>
struct ContextByValue {
  operator Context() const;
};
// Stands for an event of whatever type the handler's parameter has.
struct AnyEvent {
  template <typename T>
  operator const T&() const;
};

// What is wrong with calling it as const, with (const Event&, Context&), or with (Context&) alone for tombstones.
template <typename Handler, typename Context, typename... Event>
constexpr HandlerMistake MistakeOf() {
  if constexpr (std::is_invocable_v<const Handler&, const Event&..., Context&>) {
    using Result = std::invoke_result_t<const Handler&, const Event&..., Context&>;
    if (std::is_convertible_v<Result, absl::Status>) return HandlerMistake::kNone;
    return std::is_void_v<Result> ? HandlerMistake::kReturnsNothing : HandlerMistake::kReturnsNoStatus;
  } else if constexpr (std::is_invocable_v<const Handler&, const Event&..., CopyableContext<Context>&>) {
    return HandlerMistake::kContextByValue;
  } else if constexpr (std::is_invocable_v<const Handler&, const Event&..., ContextByValue<Context>&>) {
    return HandlerMistake::kContextByValue;
  } else if constexpr (std::is_invocable_v<Handler&, const Event&..., Context&>) {
    return HandlerMistake::kIsMutable;
  } else if constexpr (sizeof...(Event) == 0) {
    return HandlerMistake::kNotCallable;
  } else if constexpr (std::is_invocable_v<const Handler&, Event&..., Context&>) {
    return HandlerMistake::kEventByReference;
  } else if constexpr (std::is_invocable_v<const Handler&, const Event&...>) {
    return HandlerMistake::kNoContext;
  } else if constexpr (std::is_invocable_v<const Handler&, Context&, const Event&...>) {
    return HandlerMistake::kContextFirst;
  } else if constexpr (std::is_invocable_v<const Handler&, const AnyEvent&, Context&>) {
    return HandlerMistake::kOtherEvent;
  } else {
    return HandlerMistake::kNotCallable;
  }
}

// Whether the handler can be called; if not, exactly one of these says so.
template <typename Handler, typename Context, typename... Event>
constexpr bool CanCall() {
  using enum HandlerMistake;
  constexpr HandlerMistake kMistake = MistakeOf<Handler, Context, Event...>();
  constexpr bool kOfTombstones = sizeof...(Event) == 0;
  static_assert(kMistake != kReturnsNothing, "a handler returns absl::Status: end it with `return absl::OkStatus();`");
  static_assert(kMistake != kReturnsNoStatus, "a handler returns absl::Status, and this one returns something else");
  static_assert(kMistake != kContextByValue, "a handler takes its context by reference: auto& context");
  static_assert(kMistake != kIsMutable,
                "a handler is called as const: not `mutable`; what it remembers belongs into an aggregate's state");
  static_assert(kMistake != kEventByReference, "a handler takes its event as const: const Event& event");
  static_assert(kMistake != kNoContext, "a handler takes its context as well: (const Event& event, auto& context)");
  static_assert(kMistake != kContextFirst, "a handler takes its event first: (const Event& event, auto& context)");
  static_assert(kMistake != kOtherEvent,
                "the handler takes events of another type than On<Event> names (OnAny: const once::Bytes&)");
  static_assert(kMistake != kNotCallable || kOfTombstones,
                "a handler is called as absl::Status(const Event& event, auto& context)");
  static_assert(kMistake != kNotCallable || !kOfTombstones,
                "a tombstone's handler is called as absl::Status(auto& context), since there is no event to decode");
  return kMistake == kNone;
}

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TYPED_HANDLER_CHECKS_H_
