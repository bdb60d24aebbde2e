// The pieces of an asynchronous call of librdkafka's admin interface.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ADMIN_CALL_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ADMIN_CALL_H_

#include <functional>
#include <string_view>

#include "absl/status/statusor.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/handles.h"

namespace once::kafka {

inline constexpr absl::Duration kAdminRetryPause = absl::Milliseconds(20);

// Repeats `attempt`, which is given the time left, while its error may pass by itself: leaders and coordinators move,
// pending offsets settle.
template <typename T>
absl::StatusOr<T> RetryAdminCall(absl::Duration timeout,
                                 const std::function<absl::StatusOr<T>(absl::Duration)>& attempt) {
  const absl::Time deadline = SteadyNow() + timeout;
  while (true) {
    absl::StatusOr<T> answer = attempt(deadline - SteadyNow());
    if (!absl::IsUnavailable(answer.status()) || SteadyNow() + kAdminRetryPause >= deadline) return answer;
    absl::SleepFor(kAdminRetryPause);
  }
}

class AdminCall {
 public:
  AdminCall(rd_kafka_t* rk, rd_kafka_admin_op_t operation, absl::Duration timeout);

  rd_kafka_AdminOptions_t* options() const { return options_.get(); }
  rd_kafka_queue_t* queue() const { return queue_.get(); }

  // The answer to the request that was sent with the options and queue above, unless it failed as a whole.
  absl::StatusOr<EventPtr> Wait(std::string_view what);

 private:
  const AdminOptionsPtr options_;
  const QueuePtr queue_;
  const absl::Duration timeout_;
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ADMIN_CALL_H_
