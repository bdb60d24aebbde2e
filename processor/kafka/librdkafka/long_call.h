// A call of librdkafka's that may ignore its timeout, made on a thread of its own: its caller is held no longer than it
// asked to be, and may come back for the answer.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_LONG_CALL_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_LONG_CALL_H_

#include <chrono>
#include <future>
#include <optional>
#include <thread>
#include <utility>

#include "absl/functional/any_invocable.h"
#include "absl/time/time.h"
#include "processor/kafka/librdkafka/handles.h"

namespace once::kafka {

// Used by one thread. Whoever destroys the librdkafka instance that the call uses waits for it first (ended).
class LongCall {
 public:
  bool under_way() const { return ended_.valid(); }

  // Only when none is under way. `call` owns all that it needs.
  void Start(absl::AnyInvocable<ErrorPtr() &&> call) {
    std::promise<void> ending;
    ended_ = ending.get_future().share();
    answer_ = std::make_shared<ErrorPtr>();
    std::thread([call = std::move(call), answer = answer_, ending = std::move(ending)]() mutable {
      *answer = std::move(call)();
      call = nullptr;
      ending.set_value();
    }).detach();
  }

  // The answer, once; nothing while there is none after `timeout`.
  std::optional<ErrorPtr> Await(absl::Duration timeout) {
    if (ended_.wait_for(absl::ToChronoMilliseconds(timeout)) != std::future_status::ready) return std::nullopt;
    ended_ = {};
    return std::move(*std::exchange(answer_, nullptr));
  }

  // Ready when the call has ended; invalid if none is under way.
  std::shared_future<void> ended() const { return ended_; }

 private:
  std::shared_future<void> ended_;
  std::shared_ptr<ErrorPtr> answer_;
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_LONG_CALL_H_
