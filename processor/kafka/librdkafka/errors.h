// librdkafka's errors as the ports' results and statuses.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ERRORS_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ERRORS_H_

#include <librdkafka/rdkafka.h>

#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/kafka/kafka.h"

namespace once::kafka {

// Whether the error says that another producer, or the transaction's timeout, ended this producer.
bool IsFenced(rd_kafka_resp_err_t code);

// Errors that pass by themselves: a list, so that an error that nobody thought of is told and not waited for.
bool IsPassing(rd_kafka_resp_err_t code);

// Whether neither waiting nor a new producer mends it.
bool IsLasting(rd_kafka_resp_err_t code);

// Whether a record was not written because another one of its batch was refused.
bool IsOfAnotherRecord(rd_kafka_resp_err_t code);

// Whether a record's failure is to be blamed on what the record is, or one beside it in its batch: all failures that do
// not pass, are not the producer's state, and do not hold for the whole topic.
bool IsRecordRefusal(rd_kafka_resp_err_t code);

// Whether a member of a group may go on after this error, since it passes: a list as well.
bool IsPassingInGroup(rd_kafka_resp_err_t code);

// What a user can do about an error that lasts; empty if nothing better than the error itself is known.
std::string FixOf(rd_kafka_resp_err_t code);

// A transactional call's error; null is success. `what` names the call. Fatal is judged first, then abortable, then
// retriable; all else is fatal.
Result ToResult(const rd_kafka_error_t* error, std::string_view what);

// A result of our own making.
Result MakeResult(ErrorClass error, rd_kafka_resp_err_t code, std::string message);

// The handle's fatal error, or success if it has none.
Result FatalResult(rd_kafka_t* rk, std::string_view what);

// An error of a consumer or administrative call, told as `what`: why.
absl::Status ToStatus(rd_kafka_resp_err_t code, std::string_view what, std::string_view why = {});
absl::Status ToStatus(const rd_kafka_error_t* error, std::string_view what);

// Milliseconds as librdkafka takes them: at least 0, at most an hour.
int ToMillis(absl::Duration timeout);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_ERRORS_H_
