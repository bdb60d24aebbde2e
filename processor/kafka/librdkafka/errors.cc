// X2a: what each error of the client or of a broker means: it passes, it ends the transaction, it ends the producer, it
// is a record's fault.
#include "processor/kafka/librdkafka/errors.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::kafka {

// The coordinator fences a transaction that has timed out as well, so this need not be another instance's doing.
bool IsFenced(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
      return true;
    default:
      return false;
  }
}

namespace {

// Names that librdkafka 2.0 does not have yet.
constexpr int kUnknownTopicId = 100;
constexpr int kInconsistentTopicId = 103;
constexpr int kTransactionAbortable = 120;
constexpr int kRebootstrapRequired = 129;
constexpr int kInvalidDifferentRecord = -138;

// What a new producer, or the next transaction, has behind it.
bool IsOfProducerState(rd_kafka_resp_err_t code) {
  switch (static_cast<int>(code)) {
    case RD_KAFKA_RESP_ERR__FENCED:
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__CONFLICT:
    case RD_KAFKA_RESP_ERR__DESTROY:
    case RD_KAFKA_RESP_ERR__INCONSISTENT:
    case RD_KAFKA_RESP_ERR__GAPLESS_GUARANTEE:
    // Dropped by an abort, or at its end.
    case RD_KAFKA_RESP_ERR__PURGE_QUEUE:
    case RD_KAFKA_RESP_ERR__PURGE_INFLIGHT:
    case RD_KAFKA_RESP_ERR_PRODUCER_FENCED:
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH:
    // Its sequence numbers are out of step; those of a new one begin anew.
    case RD_KAFKA_RESP_ERR_INVALID_PRODUCER_ID_MAPPING:
    case RD_KAFKA_RESP_ERR_UNKNOWN_PRODUCER_ID:
    case RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_DUPLICATE_SEQUENCE_NUMBER:
    case RD_KAFKA_RESP_ERR_INVALID_TXN_STATE:
    case RD_KAFKA_RESP_ERR_TRANSACTION_COORDINATOR_FENCED:
    case kTransactionAbortable:
      return true;
    default:
      return false;
  }
}

// What holds for every record of the topic, or for all that the client does.
bool IsOfTopic(rd_kafka_resp_err_t code) {
  switch (static_cast<int>(code)) {
    // A topic that is not there: made again, it takes the records as they are.
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
    case RD_KAFKA_RESP_ERR__CRIT_SYS_RESOURCE:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR_SECURITY_DISABLED:
    // Settings of ours or of the brokers', which every record meets.
    case RD_KAFKA_RESP_ERR_INVALID_REQUIRED_ACKS:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_FOR_MESSAGE_FORMAT:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_COMPRESSION_TYPE:
    case RD_KAFKA_RESP_ERR_LOG_DIR_NOT_FOUND:
    case kUnknownTopicId:
    case kInconsistentTopicId:
      return true;
    default:
      return false;
  }
}

// Transactions that end, groups that change.
bool IsOfTransactionOrGroup(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS:
    case RD_KAFKA_RESP_ERR_UNSTABLE_OFFSET_COMMIT:
    case RD_KAFKA_RESP_ERR__MAX_POLL_EXCEEDED:
    case RD_KAFKA_RESP_ERR__ASSIGNMENT_LOST:
    // T6: the group has gone on without this member; its epoch is aborted.
    case RD_KAFKA_RESP_ERR_REBALANCE_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_ILLEGAL_GENERATION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_MEMBER_ID:
    case RD_KAFKA_RESP_ERR_MEMBER_ID_REQUIRED:
      return true;
    default:
      return false;
  }
}

}  // namespace

bool IsPassing(rd_kafka_resp_err_t code) {
  switch (static_cast<int>(code)) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
    // The network, and requests that were not answered in time.
    case RD_KAFKA_RESP_ERR__TRANSPORT:
    case RD_KAFKA_RESP_ERR__RESOLVE:
    case RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN:
    case RD_KAFKA_RESP_ERR__TIMED_OUT:
    case RD_KAFKA_RESP_ERR__TIMED_OUT_QUEUE:
    case RD_KAFKA_RESP_ERR__MSG_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_REQUEST_TIMED_OUT:
    case RD_KAFKA_RESP_ERR_NETWORK_EXCEPTION:
    case RD_KAFKA_RESP_ERR_THROTTLING_QUOTA_EXCEEDED:
    // What the client does meanwhile.
    case RD_KAFKA_RESP_ERR__QUEUE_FULL:
    case RD_KAFKA_RESP_ERR__WAIT_COORD:
    case RD_KAFKA_RESP_ERR__WAIT_CACHE:
    case RD_KAFKA_RESP_ERR__NODE_UPDATE:
    case RD_KAFKA_RESP_ERR__RETRY:
    case RD_KAFKA_RESP_ERR__IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR__INTR:
    case RD_KAFKA_RESP_ERR__OUTDATED:
    case RD_KAFKA_RESP_ERR__NOOP:
    // Leaders, coordinators and replicas that move or start.
    case RD_KAFKA_RESP_ERR__ISR_INSUFF:
    case RD_KAFKA_RESP_ERR_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION:
    case RD_KAFKA_RESP_ERR_BROKER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_REPLICA_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_STALE_CTRL_EPOCH:
    case RD_KAFKA_RESP_ERR_STALE_BROKER_EPOCH:
    case RD_KAFKA_RESP_ERR_COORDINATOR_LOAD_IN_PROGRESS:
    case RD_KAFKA_RESP_ERR_COORDINATOR_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_NOT_COORDINATOR:
    case RD_KAFKA_RESP_ERR_NOT_CONTROLLER:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS:
    case RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS_AFTER_APPEND:
    case RD_KAFKA_RESP_ERR_KAFKA_STORAGE_ERROR:
    case RD_KAFKA_RESP_ERR_LISTENER_NOT_FOUND:
    case RD_KAFKA_RESP_ERR_FENCED_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_UNKNOWN_LEADER_EPOCH:
    case RD_KAFKA_RESP_ERR_OFFSET_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_PREFERRED_LEADER_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_ELIGIBLE_LEADERS_NOT_AVAILABLE:
    case RD_KAFKA_RESP_ERR_FETCH_SESSION_ID_NOT_FOUND:
    case RD_KAFKA_RESP_ERR_INVALID_FETCH_SESSION_EPOCH:
    case kRebootstrapRequired:
    // Another record of the batch was refused.
    case kInvalidDifferentRecord:
      return true;
    default:
      return IsOfTransactionOrGroup(code);
  }
}

bool IsLasting(rd_kafka_resp_err_t code) { return !IsPassing(code) && !IsOfProducerState(code); }

bool IsOfAnotherRecord(rd_kafka_resp_err_t code) { return static_cast<int>(code) == kInvalidDifferentRecord; }

bool IsRecordRefusal(rd_kafka_resp_err_t code) { return IsLasting(code) && !IsOfTopic(code); }

bool IsPassingInGroup(rd_kafka_resp_err_t code) {
  switch (static_cast<int>(code)) {
    // A subscribed topic that is not there yet, or not everywhere.
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case kUnknownTopicId:
      return true;
    default:
      return IsPassing(code);
  }
}

std::string FixOf(rd_kafka_resp_err_t code) {
  switch (code) {
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
      return "give the application the right Read on its group";
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
      return "give the application its rights on the topic: Read and Describe on what it reads, Write on what it "
             "writes";
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return "give the application the right Write on its transactional ids, which begin with its application_id";
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
      return "give the application the right on the cluster that the broker's authorizer logs as denied";
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
      return "correct the credentials (sasl.username and sasl.password, or what sasl.mechanism needs; "
             "docs/security.md)";
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
      return "set session_timeout between the broker's group.min.session.timeout.ms and group.max.session.timeout.ms";
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
      return "choose an application_id that the broker takes for the name of a group";
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
      return "another program is in the group, with another protocol or assignment strategy: stop it, or choose "
             "another "
             "application_id";
    case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
      return "raise the broker's group.max.size, or run fewer workers";
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
    case RD_KAFKA_RESP_ERR__UNSUPPORTED_FEATURE:
      return "upgrade the brokers: they lack a request that is needed";
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
      return "create the topic as it was, or correct its name";
    case RD_KAFKA_RESP_ERR_INVALID_TRANSACTION_TIMEOUT:
      return "set transaction_timeout to at most the broker's transaction.max.timeout.ms";
    default:
      return "";
  }
}

Result MakeResult(ErrorClass error, rd_kafka_resp_err_t code, std::string message) {
  Result result;
  result.error = error;
  result.fenced = error == ErrorClass::kFatal && IsFenced(code);
  // librdkafka knows more of what may be repeated than the code says.
  result.lasting = error != ErrorClass::kRetriable && IsLasting(code);
  result.code = rd_kafka_err2name(code);
  result.message = std::move(message);
  if (const std::string fix = result.lasting ? FixOf(code) : ""; !fix.empty()) {
    absl::StrAppend(&result.message, "; ", fix);
  }
  return result;
}

Result ToResult(const rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return Result::Ok();
  // What librdkafka does not say to be anything else is not known to be harmless (T5).
  ErrorClass error_class = ErrorClass::kFatal;
  // Asked in this order, since one error may be several of these; the gravest counts.
  if (rd_kafka_error_is_fatal(error)) {
    error_class = ErrorClass::kFatal;
  } else if (rd_kafka_error_txn_requires_abort(error)) {
    error_class = ErrorClass::kAbortable;
  } else if (rd_kafka_error_is_retriable(error)) {
    error_class = ErrorClass::kRetriable;
  }
  return MakeResult(error_class, rd_kafka_error_code(error),
                    absl::StrCat(ToAbsl(what), ": ", rd_kafka_error_string(error)));
}

Result FatalResult(rd_kafka_t* rk, std::string_view what) {
  char reason[512];
  const rd_kafka_resp_err_t code = rd_kafka_fatal_error(rk, reason, sizeof(reason));
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return Result::Ok();
  return MakeResult(ErrorClass::kFatal, code, absl::StrCat(ToAbsl(what), ": ", reason));
}

namespace {

absl::StatusCode CodeOf(rd_kafka_resp_err_t code) {
  if (IsPassing(code)) return absl::StatusCode::kUnavailable;
  switch (code) {
    // One broker of several may be set up wrongly, and the others answer.
    case RD_KAFKA_RESP_ERR__AUTHENTICATION:
    case RD_KAFKA_RESP_ERR__SSL:
      return absl::StatusCode::kUnavailable;
    case RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC:
    case RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION:
    case RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART:
    case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND:
      return absl::StatusCode::kNotFound;
    case RD_KAFKA_RESP_ERR_TOPIC_ALREADY_EXISTS:
      return absl::StatusCode::kAlreadyExists;
    // I9: what is next is not in the log any more (CheckLogs says what to do).
    case RD_KAFKA_RESP_ERR_OFFSET_OUT_OF_RANGE:
    case RD_KAFKA_RESP_ERR__AUTO_OFFSET_RESET:
      return absl::StatusCode::kOutOfRange;
    case RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_GROUP_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_CLUSTER_AUTHORIZATION_FAILED:
    case RD_KAFKA_RESP_ERR_TRANSACTIONAL_ID_AUTHORIZATION_FAILED:
      return absl::StatusCode::kPermissionDenied;
    case RD_KAFKA_RESP_ERR_SASL_AUTHENTICATION_FAILED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_SASL_MECHANISM:
    case RD_KAFKA_RESP_ERR_ILLEGAL_SASL_STATE:
      return absl::StatusCode::kUnauthenticated;
    case RD_KAFKA_RESP_ERR__INVALID_ARG:
    case RD_KAFKA_RESP_ERR_TOPIC_EXCEPTION:
    case RD_KAFKA_RESP_ERR_INVALID_PARTITIONS:
    case RD_KAFKA_RESP_ERR_INVALID_REPLICATION_FACTOR:
    case RD_KAFKA_RESP_ERR_INVALID_CONFIG:
    case RD_KAFKA_RESP_ERR_INVALID_REQUEST:
    case RD_KAFKA_RESP_ERR_POLICY_VIOLATION:
      return absl::StatusCode::kInvalidArgument;
    case RD_KAFKA_RESP_ERR__FATAL:
    case RD_KAFKA_RESP_ERR__STATE:
    case RD_KAFKA_RESP_ERR__FENCED:
    // The group takes this member under no circumstances as they are.
    case RD_KAFKA_RESP_ERR_FENCED_INSTANCE_ID:
    case RD_KAFKA_RESP_ERR_INVALID_SESSION_TIMEOUT:
    case RD_KAFKA_RESP_ERR_INVALID_GROUP_ID:
    case RD_KAFKA_RESP_ERR_INCONSISTENT_GROUP_PROTOCOL:
    case RD_KAFKA_RESP_ERR_GROUP_MAX_SIZE_REACHED:
    case RD_KAFKA_RESP_ERR_UNSUPPORTED_VERSION:
      return absl::StatusCode::kFailedPrecondition;
    default:
      return absl::StatusCode::kInternal;
  }
}

}  // namespace

absl::Status ToStatus(rd_kafka_resp_err_t code, std::string_view what, std::string_view why) {
  if (code == RD_KAFKA_RESP_ERR_NO_ERROR) return absl::OkStatus();
  const std::string reason = why.empty() ? std::string(rd_kafka_err2str(code)) : std::string(why);
  return absl::Status(CodeOf(code), absl::StrCat(ToAbsl(what), ": ", reason, " (", rd_kafka_err2name(code), ")"));
}

absl::Status ToStatus(const rd_kafka_error_t* error, std::string_view what) {
  if (error == nullptr) return absl::OkStatus();
  return ToStatus(rd_kafka_error_code(error), what, rd_kafka_error_string(error));
}

int ToMillis(absl::Duration timeout) {
  if (timeout <= absl::ZeroDuration()) return 0;
  // librdkafka takes an int, and nobody waits for longer.
  timeout = std::min(timeout, absl::Hours(1));
  // Rounded up, or a short wait would be none at all.
  return static_cast<int>(absl::ToInt64Milliseconds(absl::Ceil(timeout, absl::Milliseconds(1))));
}

}  // namespace once::kafka
