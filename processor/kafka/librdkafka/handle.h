// One librdkafka instance with its configuration and callbacks.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_HANDLE_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_HANDLE_H_

#include <netdb.h>

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/functional/any_invocable.h"
#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/broker_keeper.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/handles.h"
#include "processor/kafka/librdkafka/secrets.h"
#include "processor/kafka/librdkafka/statistics.h"
#include "processor/kafka/librdkafka/token_source.h"

namespace once::kafka {

// What all handles of a client share. Thread-safe: configuration and log never change.
struct ClientContext {
  // `its_tokens` is null if the program brings none.
  ClientContext(RdKafkaConfig its_config, LogSink* its_log, std::shared_ptr<Secrets> its_secrets,
                std::shared_ptr<TokenSource> its_tokens = nullptr)
      : config(std::move(its_config)), log(its_log), secrets(std::move(its_secrets)), tokens(std::move(its_tokens)) {}

  const RdKafkaConfig config;
  LogSink* const log;
  const std::shared_ptr<Secrets> secrets;
  const std::shared_ptr<TokenSource> tokens;
  mutable std::atomic<int> left_behind{0};  // Producers that wait to be ended for a call of theirs.
};

using Properties = std::map<std::string, std::string>;

// Owns a rd_kafka_t and receives its callbacks. Derived classes add theirs in Configure and override OnError; their
// destructors call Shutdown, so that no callback finds them half destroyed.
class Handle {
 public:
  Handle(std::shared_ptr<const ClientContext> context, std::string name)
      : context_(std::move(context)), name_(std::move(name)) {}
  virtual ~Handle();
  Handle(const Handle&) = delete;
  Handle& operator=(const Handle&) = delete;

  // Creates the instance. `own` are our properties for its kind; the user's `extra` ones are applied after them, and
  // after those the ones of ours on which the guarantees rest (IsOwn).
  absl::Status Start(rd_kafka_type_t type, const Properties& own);

  rd_kafka_t* rk() const { return rk_; }
  const std::string& name() const { return name_; }
  const RdKafkaConfig& config() const { return context_->config; }
  const ClientContext& context() const { return *context_; }
  std::shared_ptr<const ClientContext> shared_context() const { return context_; }

  // What the client last said about a broker that it could not reach, or empty. Thread-safe.
  std::string LastConnectionError();
  // "no Kafka broker answered at …", with the last reason and what to do; Unauthenticated if one answered and refused
  // us, or nobody gives us a token.
  absl::Status Unreachable(absl::Duration timeout);

  // What the instance says of itself, as of the last poll; null if its properties ask for nothing.
  std::shared_ptr<StatisticsBox> said() const { return said_; }

  void Log(LogLevel level, const std::string& message) const;

  // After a call that may have reached nobody: see BrokerKeeper. Thread-safe.
  void SeekBrokers() {
    brokers_.NoteTrouble();
    KeepBrokers();
  }

 protected:
  // To be called with each poll. Thread-safe.
  void KeepBrokers() {
    if (brokers_.IsDue()) brokers_.Look(rk_, bootstrap_servers_, probe_topic_);
  }
  // Called during polls, on the thread that polls.
  virtual void OnError(rd_kafka_resp_err_t code, const char* reason);
  // Called on librdkafka's own threads with each line that it logs as an error: some errors name what they are about
  // only there.
  virtual void OnErrorLine(std::string_view facility, std::string_view text);
  // Sets callbacks of derived classes, which find their object with Of.
  virtual void Configure(rd_kafka_conf_t*) {}
  // Whether an error says that the brokers, or an issuer of tokens, do not want us, and not only that there is no token
  // yet.
  bool IsRefusal(rd_kafka_resp_err_t code, std::string_view reason) const;
  // It, with what to do.
  std::string TextOfRefusal(rd_kafka_resp_err_t code, const std::string& reason) const;
  // Why calls may take longer than they should, with one fix: a quota, if a broker has told so within a minute, else a
  // coordinator that is away; to stand behind "while". Polls.
  std::string WhyCallsLast();
  // Called during polls, and when a quota of the broker's holds a request's answer back, or no longer does (0 ms).
  void OnThrottle(const char* broker, int millis);
  // Errors come back as statuses, so librdkafka's own log lines about them are only of interest when debugging.
  virtual bool quiet() const { return false; }

  // Ends the instance, after `prepare` has released what depends on it; what `prepare` holds lives as long as the
  // instance. There are no callbacks any more. librdkafka has no limits for these waits, so what is not done in time,
  // or within a second if it waits for the program to bring a token, goes on, or hangs, on a thread of its own; that is
  // told, unless no patience was asked for.
  void Shutdown(absl::AnyInvocable<void() &&> prepare = nullptr, absl::Duration patience = absl::Seconds(10));
  // The Handle of a callback's opaque; null from Shutdown on.
  static Handle* Of(void* opaque) { return static_cast<CallbackTarget*>(opaque)->handle; }

  // A topic handle whose opaque is `index` + 1.
  absl::StatusOr<TopicPtr> MakeTopic(const std::string& topic, size_t index);
  absl::StatusOr<std::vector<TopicPtr>> MakeTopics(const std::vector<std::string>& topics);

 private:
  static int CertificateCallback(rd_kafka_t*, const char*, int32_t, int* x509_error, int, const char*, size_t, char*,
                                 size_t, void* opaque);
  // What an error says that does not pass by itself, and one fix; empty if it may.
  std::string RefusalOf(rd_kafka_resp_err_t code, const std::string& reason) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_);
  static void TokenCallback(rd_kafka_t* rk, const char*, void* opaque);
  static int ResolveCallback(const char* host, const char* port, const addrinfo* hints, addrinfo** found, void* opaque);
  static int ConnectCallback(int socket, const sockaddr* address, int size, const char* broker, void* opaque);

  // What librdkafka's callbacks are given; lives as long as the instance, which may outlive the Handle.
  struct CallbackTarget {
    Mutex mutex;
    Handle* handle;  // Guarded by the mutex in callbacks that run on librdkafka's own threads.
    bool awaits_token ABSL_GUARDED_BY(mutex) = false;    // From the program, which may take its time.
    const std::shared_ptr<const ClientContext> context;  // Its configuration does not change.
  };

  static void LogCallback(const rd_kafka_t* rk, int level, const char* facility, const char* text);
  static void ErrorCallback(rd_kafka_t* rk, int code, const char* reason, void* opaque);
  static int StatisticsCallback(rd_kafka_t* rk, char* json, size_t size, void* opaque);
  static void ThrottleCallback(rd_kafka_t* rk, const char* broker, int32_t id, int millis, void* opaque);
  void SetCallbacks(rd_kafka_conf_t* conf, const Properties& properties, const Properties& own);
  absl::Status Set(rd_kafka_conf_t* conf, const std::string& name, const std::string& value);
  // Whether a log line of this kind was let through so recently that this one is dropped.
  bool IsRepeated(const std::string& facility);

  const std::shared_ptr<const ClientContext> context_;
  const std::string name_;
  std::string bootstrap_servers_;  // As librdkafka was given them.
  std::string probe_topic_;        // One of the instance's, or empty.
  bool has_certificate_ = false;   // Of this client's own, for TLS.
  bool brings_tokens_ = false;     // The program does, for this handle.
  BrokerKeeper brokers_;
  bool quiet_ = false;  // As of Start: librdkafka's threads still log while the derived object ends.
  std::unique_ptr<CallbackTarget> target_;
  std::shared_ptr<StatisticsBox> said_;
  rd_kafka_t* rk_ = nullptr;
  Mutex mutex_;
  std::string connection_error_ ABSL_GUARDED_BY(mutex_);
  std::string refusal_ ABSL_GUARDED_BY(mutex_);  // Why the brokers, or we, do not want the connection, and a fix.
  absl::Time refused_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  int x509_error_ ABSL_GUARDED_BY(mutex_) = 0;    // What the last certificate was found to be.
  std::string throttle_ ABSL_GUARDED_BY(mutex_);  // What a quota did last, in words.
  absl::Time throttled_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::Time throttle_told_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  std::map<std::string, absl::Time> last_logged_ ABSL_GUARDED_BY(mutex_);
};

// The index that MakeTopic gave to the topic of a message, or -1 if it is not one of ours.
inline int64_t TopicIndexOf(const rd_kafka_topic_t* topic) {
  return static_cast<int64_t>(reinterpret_cast<uintptr_t>(rd_kafka_topic_opaque(topic))) - 1;
}

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_HANDLE_H_
