// One call of the admin API: its options, its queue, its answer.
#include "processor/kafka/librdkafka/admin_call.h"

#include <algorithm>

#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {

AdminCall::AdminCall(rd_kafka_t* rk, rd_kafka_admin_op_t operation, absl::Duration timeout)
    : options_(rd_kafka_AdminOptions_new(rk, operation)), queue_(rd_kafka_queue_new(rk)), timeout_(timeout) {
  char reason[256];
  rd_kafka_AdminOptions_set_request_timeout(options_.get(), std::max(ToMillis(timeout), 1), reason, sizeof(reason));
}

absl::StatusOr<EventPtr> AdminCall::Wait(std::string_view what) {
  // The request has the same timeout and answers by itself then; the second more is for that answer.
  EventPtr event(rd_kafka_queue_poll(queue_.get(), ToMillis(timeout_ + absl::Seconds(1))));
  if (event == nullptr) return ToStatus(RD_KAFKA_RESP_ERR__TIMED_OUT, what);
  const rd_kafka_resp_err_t code = rd_kafka_event_error(event.get());
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* reason = rd_kafka_event_error_string(event.get());
    return ToStatus(code, what, reason == nullptr ? "" : reason);
  }
  return event;
}

}  // namespace once::kafka
