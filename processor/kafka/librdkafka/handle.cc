// What producer, consumers and admin have in common: configuration, log lines, errors, and an end that does not hang.
#include "processor/kafka/librdkafka/handle.h"

#include <errno.h>
#include <syslog.h>

#include <algorithm>
#include <future>
#include <iterator>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/guarded.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/properties.h"
#include "processor/kafka/librdkafka/tls_cause.h"
#include "processor/kafka/librdkafka/token_cause.h"

namespace once::kafka {
namespace {

// A broker that is down is retried several times a second, with a line in the log each time.
constexpr absl::Duration kRepeatInterval = absl::Seconds(10);

// For longer than any pause between attempts to connect: it may have been mended since.
constexpr absl::Duration kRefusalLasts = absl::Seconds(20);

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

// With several handles these waits add up.
constexpr absl::Duration kPatienceWithToken = absl::Seconds(1);

// Of a function that brings tokens.
bool Passes(const absl::Status& failure) { return absl::IsUnavailable(failure) || absl::IsDeadlineExceeded(failure); }

bool VerifiesCertificates(const Properties& properties) {
  const auto verification = properties.find("enable.ssl.certificate.verification");
  if (verification == properties.end()) return true;
  const std::string& value = verification->second;
  return !absl::EqualsIgnoreCase(value, "false") && !absl::EqualsIgnoreCase(value, "f") && value != "0";
}

// Whether an extra property is for an instance of this type that has these of ours.
bool Fits(const Property& property, rd_kafka_type_t type, const Properties& own) {
  if (!(type == RD_KAFKA_PRODUCER ? property.for_producers : property.for_consumers)) return false;
  // X5q: our own properties count, whatever a user gives.
  if (own.contains(property.canonical)) return !IsOwn(property.canonical);
  return property.canonical != kStatisticsInterval;
}

bool AsksForTokens(const Properties& properties) {
  const auto mechanism = properties.find("sasl.mechanisms");
  const auto method = properties.find("sasl.oauthbearer.method");
  return mechanism != properties.end() && absl::EqualsIgnoreCase(mechanism->second, "OAUTHBEARER") &&
         (method == properties.end() || !absl::EqualsIgnoreCase(method->second, "oidc"));
}

}  // namespace

Handle::~Handle() { Shutdown(); }

void Handle::Shutdown(absl::AnyInvocable<void() &&> prepare, absl::Duration patience) {
  if (rk_ == nullptr) return;
  {
    MutexLock lock(&target_->mutex);
    // Callbacks on librdkafka's threads find nobody from here on.
    target_->handle = nullptr;
    if (target_->awaits_token) patience = std::min(patience, kPatienceWithToken);
  }
  context_->secrets->Remove(rk_);
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
  if (IsSecret(name)) {
    return absl::InvalidArgumentError(
        absl::StrCat("Kafka property ", name, ": librdkafka does not take its value; correct it"));
  }
  return absl::InvalidArgumentError(absl::StrCat("Kafka property ", name, "=", value, ": ", reason));
}

void Handle::SetCallbacks(rd_kafka_conf_t* conf, const Properties& properties, const Properties& own) {
  rd_kafka_conf_set_opaque(conf, target_.get());
  rd_kafka_conf_set_log_cb(conf, &Handle::LogCallback);
  rd_kafka_conf_set_error_cb(conf, &Handle::ErrorCallback);
  if (own.contains(kStatisticsInterval)) {
    said_ = std::make_shared<StatisticsBox>();
    rd_kafka_conf_set_stats_cb(conf, &Handle::StatisticsCallback);
  }
  rd_kafka_conf_set_throttle_cb(conf, &Handle::ThrottleCallback);
  // Without, librdkafka would still heed what it answers, and log it.
  if (VerifiesCertificates(properties)) {
    rd_kafka_conf_set_ssl_cert_verify_cb(conf, &Handle::CertificateCallback);
  }
  // Served by a thread of its own: not every handle is polled all the time.
  brings_tokens_ = context_->tokens != nullptr && AsksForTokens(properties);
  if (brings_tokens_) {
    rd_kafka_conf_set_oauthbearer_token_refresh_cb(conf, &Handle::TokenCallback);
    rd_kafka_conf_enable_sasl_queue(conf, 1);
  }
  if (config().resolve) rd_kafka_conf_set_resolve_cb(conf, &Handle::ResolveCallback);
  if (config().connect) rd_kafka_conf_set_connect_cb(conf, &Handle::ConnectCallback);
}

absl::Status Handle::Start(rd_kafka_type_t type, const Properties& own) {
  ConfPtr conf(rd_kafka_conf_new());
  Properties properties = own;
  // Only where the kind's own properties have none.
  properties.insert({"bootstrap.servers", config().bootstrap_servers});
  properties.insert({"client.id", ClientId(config(), type == RD_KAFKA_PRODUCER ? "producer" : "consumer")});
  // X10: what is secret as it is by now.
  Properties extra = context_->secrets->values();
  extra.insert(config().extra.begin(), config().extra.end());
  for (const auto& [name, value] : extra) {
    const auto known = KnownProperties().find(name);
    if (known == KnownProperties().end() || !Fits(known->second, type, own)) continue;
    // An alias beside our own value would leave it to chance which is applied last.
    properties[known->second.canonical] = value;
  }
  bootstrap_servers_ = properties["bootstrap.servers"];
  for (const char* own_certificate : {"ssl.certificate.location", "ssl.certificate.pem", "ssl.keystore.location"}) {
    has_certificate_ = has_certificate_ || properties.contains(own_certificate);
  }
  for (const auto& [name, value] : properties) {
    if (absl::Status status = Set(conf.get(), name, value); !status.ok()) return status;
  }
  quiet_ = quiet();
  target_.reset(new CallbackTarget{.mutex = {}, .handle = this, .context = context_});
  SetCallbacks(conf.get(), properties, own);
  Configure(conf.get());

  char reason[512];
  rk_ = rd_kafka_new(type, conf.get(), reason, sizeof(reason));
  if (rk_ == nullptr) {
    return absl::InvalidArgumentError(absl::StrCat("librdkafka refuses the configuration of ", name_, ": ",
                                                   context_->secrets->Redact(reason), "; change that property"));
  }
  // rd_kafka_new owns it now; when it fails it does not.
  conf.release();
  context_->secrets->Add(rk_);
  if (brings_tokens_) return ToStatus(ErrorPtr(rd_kafka_sasl_background_callbacks_enable(rk_)).get(), name_);
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
  if (context_->log != nullptr) context_->log->Log(level, OneLine(context_->secrets->Redact(message)));
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

void Handle::TokenCallback(rd_kafka_t* rk, const char*, void* opaque) {
  auto* target = static_cast<CallbackTarget*>(opaque);
  std::shared_ptr<TokenSource> tokens;
  {
    MutexLock lock(&target->mutex);
    if (target->handle != nullptr) tokens = target->handle->context_->tokens;
    target->awaits_token = tokens != nullptr;
  }
  if (tokens == nullptr) return;
  // Without the lock, since the program may take its time.
  tokens->Refresh(rk);
  MutexLock lock(&target->mutex);
  target->awaits_token = false;
}

// Without a name it is to free what it has found.
int Handle::ResolveCallback(const char* host, const char* port, const addrinfo* hints, addrinfo** found, void* opaque) {
  if (host == nullptr && port == nullptr) {
    freeaddrinfo(*found);
    return 0;
  }
  const RdKafkaConfig& config = static_cast<CallbackTarget*>(opaque)->context->config;
  std::string name = host == nullptr ? "" : host;
  std::string service = port == nullptr ? "" : port;
  const absl::Status done = Guarded(absl::StatusCode::kInternal, "the function that resolves", [&] {
    config.resolve(&name, &service);
    return absl::OkStatus();
  });
  return done.ok() ? getaddrinfo(name.c_str(), service.c_str(), hints, found) : EAI_FAIL;
}

int Handle::ConnectCallback(int socket, const sockaddr* address, int size, const char* broker, void* opaque) {
  const RdKafkaConfig& config = static_cast<CallbackTarget*>(opaque)->context->config;
  int error = ECONNREFUSED;
  const absl::Status done = Guarded(absl::StatusCode::kInternal, "the function that connects", [&] {
    error = config.connect(socket, address, static_cast<socklen_t>(size), broker == nullptr ? "" : broker);
    return absl::OkStatus();
  });
  // As connect(2) says that it goes on.
  return !done.ok() ? ECONNREFUSED : error == EINPROGRESS ? 0 : error;
}

bool Handle::IsRefusal(rd_kafka_resp_err_t code, std::string_view reason) const {
  if (code != RD_KAFKA_RESP_ERR__AUTHENTICATION) return false;
  if (!brings_tokens_) return !IsOfMissingToken(reason) || IsIssuersRefusal(reason);
  return !Passes(context_->tokens->failure());
}

std::string Handle::TextOfRefusal(rd_kafka_resp_err_t code, const std::string& reason) const {
  if (IsOfMissingToken(reason)) {
    return absl::StrCat("there is no OAUTHBEARER token for the Kafka brokers at ", config().bootstrap_servers, ": ",
                        reason, "; correct sasl.oauthbearer.*, or what brings tokens");
  }
  return absl::StrCat("the Kafka brokers at ", config().bootstrap_servers, " refuse the credentials: ", reason, "; ",
                      FixOf(code));
}

void Handle::ErrorCallback(rd_kafka_t*, int code, const char* reason, void* opaque) {
  Handle* const handle = Of(opaque);
  if (handle != nullptr) handle->OnError(static_cast<rd_kafka_resp_err_t>(code), reason == nullptr ? "" : reason);
}

// 1: the text is ours to free.
int Handle::StatisticsCallback(rd_kafka_t*, char* json, size_t size, void* opaque) {
  Handle* const handle = Of(opaque);
  if (handle == nullptr) return 0;
  handle->said_->Put(json, size);
  return 1;
}

void Handle::OnError(rd_kafka_resp_err_t code, const char* reason) {
  brokers_.NoteTrouble();
  if (code == RD_KAFKA_RESP_ERR__ALL_BROKERS_DOWN) return;  // Says less than the errors before it.
  const std::string text = context_->secrets->Redact(reason);
  MutexLock lock(&mutex_);
  // For who says later that nobody has answered (Unreachable).
  connection_error_ = text;
  if (std::string refusal = RefusalOf(code, text); !refusal.empty()) {
    refusal_ = std::move(refusal);
    refused_at_ = SteadyNow();
  } else if (code != RD_KAFKA_RESP_ERR__TRANSPORT) {
    // A disconnection may be the next attempt's way to fail for the same reason.
    refusal_.clear();
  }
}

std::string Handle::RefusalOf(rd_kafka_resp_err_t code, const std::string& reason) {
  if (IsRefusal(code, reason)) return TextOfRefusal(code, reason);
  const std::string cause = TlsCause(reason, x509_error_, has_certificate_);
  if (cause.empty()) return "";
  return absl::StrCat("no TLS connection to the Kafka brokers at ", config().bootstrap_servers, " (", reason,
                      "): ", cause);
}

// OpenSSL's verdict stands; it is only noted.
int Handle::CertificateCallback(rd_kafka_t*, const char*, int32_t, int* x509_error, int, const char*, size_t, char*,
                                size_t, void* opaque) {
  auto* target = static_cast<CallbackTarget*>(opaque);
  if (*x509_error == 0) return 1;
  MutexLock lock(&target->mutex);
  if (target->handle != nullptr) {
    MutexLock handle_lock(&target->handle->mutex_);
    target->handle->x509_error_ = *x509_error;
  }
  return 0;
}

void Handle::OnErrorLine(std::string_view, std::string_view) {}

std::string Handle::LastConnectionError() {
  MutexLock lock(&mutex_);
  return connection_error_;
}

absl::Status Handle::Unreachable(absl::Duration timeout) {
  const std::string reason = LastConnectionError();
  const absl::Status failure = brings_tokens_ ? context_->tokens->failure() : absl::OkStatus();
  // Only what passes by itself is worth waiting for.
  if (!failure.ok()) return Passes(failure) ? failure : absl::UnauthenticatedError(failure.message());
  if (!brings_tokens_ && IsOfMissingToken(reason)) {
    const std::string text = TextOfRefusal(RD_KAFKA_RESP_ERR__AUTHENTICATION, reason);
    return IsIssuersRefusal(reason) ? absl::UnauthenticatedError(text) : absl::UnavailableError(text);
  }
  {
    MutexLock lock(&mutex_);
    if (!refusal_.empty() && SteadyNow() - refused_at_ < kRefusalLasts) return absl::UnauthenticatedError(refusal_);
  }
  return absl::UnavailableError(absl::StrCat(
      "no Kafka broker answered at ", config().bootstrap_servers, " within ", absl::FormatDuration(timeout),
      reason.empty() ? "" : absl::StrCat(" (", reason, ")"), "; start the broker or correct bootstrap_servers"));
}

}  // namespace once::kafka
