// What producer, consumers and admin have in common: configuration, log lines, errors, and an end that does not hang.
#include "processor/kafka/librdkafka/handle.h"

#include <syslog.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once::kafka {
namespace {

// A broker that is down is retried several times a second, with a line in the log each time.
constexpr absl::Duration kRepeatInterval = absl::Seconds(10);

LogLevel LevelOf(int syslog_level) {
  if (syslog_level <= LOG_ERR) return LogLevel::kError;
  if (syslog_level == LOG_WARNING) return LogLevel::kWarning;
  return syslog_level == LOG_DEBUG ? LogLevel::kDebug : LogLevel::kInfo;
}

// It comes back as the call's result as well, which says what to do; here it would be three lines each time.
bool IsOfFencing(std::string_view text) {
  constexpr std::string_view kWords[] = {"fenced by a newer instance", "fenced by newer producer instance",
                                         "attempted an operation with an old epoch",
                                         "concurrent operation on the same transaction"};
  return std::any_of(std::begin(kWords), std::end(kWords),
                     [&](std::string_view words) { return text.find(words) != std::string_view::npos; });
}

}  // namespace

Handle::~Handle() { Shutdown(); }

void Handle::Shutdown(absl::AnyInvocable<void() &&> prepare, absl::Duration patience) {
  if (rk_ == nullptr) return;
  {
    MutexLock lock(&target_->mutex);
    // Callbacks on librdkafka's threads find nobody from here on.
    target_->handle = nullptr;
  }
  std::promise<void> ending;
  const std::future<void> ended = ending.get_future();
  // Destroying can hang on a broker; it is left to a thread that nobody waits for longer than is patient.
  std::thread([rk = std::exchange(rk_, nullptr), prepare = std::move(prepare), target = std::move(target_),
               ending = std::move(ending)]() mutable {
    if (prepare) std::move(prepare)();
    // Leaving a group properly is Close's business; here nothing may wait for a broker.
    rd_kafka_destroy_flags(rk, RD_KAFKA_DESTROY_F_NO_CONSUMER_CLOSE);
    target.reset();
    prepare = nullptr;
    ending.set_value();
  }).detach();
  if (patience <= absl::ZeroDuration()) return;
  if (ended.wait_for(absl::ToChronoMilliseconds(patience)) == std::future_status::ready) return;
  Log(LogLevel::kError, absl::StrCat("librdkafka did not end ", name_, " within ", absl::FormatDuration(patience),
                                     "; its threads are left behind"));
}

absl::Status Handle::Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value) {
  char reason[512];
  if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), reason, sizeof(reason)) == RD_KAFKA_CONF_OK) {
    return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("Kafka property ", name, "=", value, ": ", reason));
}

absl::Status Handle::Start(rd_kafka_type_t type, const Properties& own) {
  ConfPtr conf(rd_kafka_conf_new());
  Properties properties = own;
  // Only where the kind's own properties have none.
  properties.insert({"bootstrap.servers", config().bootstrap_servers});
  properties.insert({"client.id", ClientId(config(), type == RD_KAFKA_PRODUCER ? "producer" : "consumer")});
  for (const auto& [name, value] : config().extra) {
    const auto known = KnownProperties().find(name);
    if (known == KnownProperties().end()) continue;
    const bool fits = type == RD_KAFKA_PRODUCER ? known->second.for_producers : known->second.for_consumers;
    // X5q: our own properties count, whatever a user gives.
    if (!fits || (own.contains(known->second.canonical) && IsOwn(known->second.canonical))) continue;
    // An alias beside our own value would leave it to chance which is applied last.
    properties[known->second.canonical] = value;
  }
  bootstrap_servers_ = properties["bootstrap.servers"];
  for (const auto& [name, value] : properties) {
    if (absl::Status status = Set(conf.get(), name, value); !status.ok()) return status;
  }
  quiet_ = quiet();
  target_ = std::make_unique<CallbackTarget>();
  target_->handle = this;
  rd_kafka_conf_set_opaque(conf.get(), target_.get());
  rd_kafka_conf_set_log_cb(conf.get(), &Handle::LogCallback);
  rd_kafka_conf_set_error_cb(conf.get(), &Handle::ErrorCallback);
  Configure(conf.get());

  char reason[512];
  rk_ = rd_kafka_new(type, conf.get(), reason, sizeof(reason));
  if (rk_ == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("librdkafka refuses the configuration of ", name_, ": ", reason, "; change that property"));
  }
  // rd_kafka_new owns it now; when it fails it does not.
  conf.release();
  return absl::OkStatus();
}

absl::StatusOr<TopicPtr> Handle::MakeTopic(const std::string& topic, size_t index) {
  rd_kafka_topic_conf_t* conf = rd_kafka_default_topic_conf_dup(rk_);
  // Plus one: null is the topic of nobody here (TopicIndexOf).
  rd_kafka_topic_conf_set_opaque(conf, reinterpret_cast<void*>(static_cast<uintptr_t>(index + 1)));
  TopicPtr handle(rd_kafka_topic_new(rk_, topic.c_str(), conf));
  if (handle == nullptr) {
    return absl::InvalidArgumentError(
        absl::StrCat("topic \"", topic, "\" of ", name_, ": ", rd_kafka_err2str(rd_kafka_last_error())));
  }
  if (probe_topic_.empty()) probe_topic_ = topic;
  return handle;
}

absl::StatusOr<std::vector<TopicPtr>> Handle::MakeTopics(const std::vector<std::string>& topics) {
  std::vector<TopicPtr> handles;
  for (size_t i = 0; i < topics.size(); ++i) {
    absl::StatusOr<TopicPtr> handle = MakeTopic(topics[i], i);
    if (!handle.ok()) return handle.status();
    handles.push_back(*std::move(handle));
  }
  return handles;
}

void Handle::Log(LogLevel level, const std::string& message) const {
  // What brokers and the client say is text of others.
  if (context_->log != nullptr) context_->log->Log(level, OneLine(message));
}

bool Handle::IsRepeated(const std::string& facility) {
  const absl::Time now = SteadyNow();
  MutexLock lock(&mutex_);
  // By kind of line: the first of each is shown at once.
  const auto [entry, is_new] = last_logged_.insert({facility, now});
  if (is_new) return false;
  if (now - entry->second < kRepeatInterval) return true;
  entry->second = now;
  return false;
}

void Handle::LogCallback(const rd_kafka_t* rk, int level, const char* facility, const char* text) {
  auto* target = static_cast<CallbackTarget*>(rd_kafka_opaque(rk));
  // While the handle is being made.
  if (target == nullptr) return;
  MutexLock lock(&target->mutex);
  Handle* const handle = target->handle;
  if (handle == nullptr) return;
  LogLevel log_level = LevelOf(level);
  // X2d: some reasons are told nowhere else.
  if (log_level == LogLevel::kError) handle->OnErrorLine(facility, text);
  if (log_level != LogLevel::kDebug) {
    handle->brokers_.NoteTrouble();
    if (handle->quiet_ || IsOfFencing(text)) log_level = LogLevel::kDebug;
    if (handle->IsRepeated(facility)) return;
  }
  handle->Log(log_level, absl::StrCat("librdkafka ", handle->name_, " ", facility, ": ", text));
}

void Handle::ErrorCallback(rd_kafka_t*, int code, const char* reason, void* opaque) {
  Handle* const handle = Of(opaque);
  if (handle != nullptr) handle->OnError(static_cast<rd_kafka_resp_err_t>(code), reason == nullptr ? "" : reason);
}

void Handle::OnError(rd_kafka_resp_err_t code, const char* reason) {
  brokers_.NoteTrouble();
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;  // Says less than the errors before it.
  MutexLock lock(&mutex_);
  // For who says later that nobody has answered (Unreachable).
  connection_error_ = reason;
  is_authentication_refused_ = code == RD_KAFKA_RESP_ERR__AUTHENTICATION;
}

void Handle::OnErrorLine(std::string_view, std::string_view) {}

std::string Handle::LastConnectionError() {
  MutexLock lock(&mutex_);
  return connection_error_;
}

absl::Status Handle::Unreachable(absl::Duration timeout) {
  const std::string reason = LastConnectionError();
  {
    MutexLock lock(&mutex_);
    if (is_authentication_refused_) {
      return absl::UnauthenticatedError(absl::StrCat("the Kafka brokers at ", config().bootstrap_servers,
                                                     " refuse the credentials: ", reason, "; ",
                                                     FixOf(RD_KAFKA_RESP_ERR__AUTHENTICATION)));
    }
  }
  return absl::UnavailableError(absl::StrCat(
      "no Kafka broker answered at ", config().bootstrap_servers, " within ", absl::FormatDuration(timeout),
      reason.empty() ? "" : absl::StrCat(" (", reason, ")"), "; start the broker or correct bootstrap_servers"));
}

}  // namespace once::kafka
