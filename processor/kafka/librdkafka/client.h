// The Kafka ports on librdkafka.
//
//   once::kafka::RdKafkaConfig config;
//   config.bootstrap_servers = "127.0.0.1:9092";
//   absl::StatusOr<std::unique_ptr<once::kafka::Client>> client = once::kafka::MakeRdKafkaClient(config, &log);
//
// Nothing is connected until the client makes its first object. Beyond the ports' own promises:
//  - The memory behind a Batch lives as long as the consumer or reader that filled it: destroying that ends its views.
//  - Destroying anything but an open consumer takes well under a second whether or not the broker can be reached.
//    Closing or destroying a consumer that is a member leaves the group, for which a broker that hangs may take
//    seconds. What librdkafka does not end within ten seconds is left behind, with an error in the log.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CLIENT_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CLIENT_H_

#include <sys/socket.h>

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/kafka/kafka.h"
#include "processor/kafka/oauth_token.h"

namespace once::kafka {

struct RdKafkaConfig {
  std::string bootstrap_servers = "";  // "host:port[,host:port…]"; required.
  // What the brokers' logs, metrics and quotas call the client's handles: "<client_id>-<what it is>".
  std::string client_id = "once";
  bool is_client_id_given = false;  // By the user: then all handles are called that and nothing else.

  // After this the broker aborts an open transaction and fences its producer. 1 s to what the broker allows (15 min).
  absl::Duration transaction_timeout = absl::Seconds(15);
  // After this without a heartbeat the group gives the member's partitions to others.
  absl::Duration session_timeout = absl::Seconds(10);
  // The same, without a Poll. Must exceed the session timeout.
  absl::Duration max_poll_interval = absl::Minutes(5);

  // Most records that one Poll returns; at least 1. A batch of this size is still in the processor's cache when its
  // records are handled.
  int max_batch_records = 1'000;
  // Largest batch of records that a producer sends. The broker refuses a batch larger than the topic's
  // max.message.bytes, with all its records, so keep this at or below the smallest of the topics written to. A single
  // record may be larger: it is sent alone.
  int64_t max_batch_bytes = 1'000'000;

  // What a consumer or log reader may take for records that it fetches ahead, in bytes, its own objects included and
  // beyond one response; at least 1 MiB, and at most a quarter of it for the records' bytes. Twice that, and objects
  // without a bound, before librdkafka 2.2, which stalls a partition for a second when its queue is full.
  int64_t fetch_queue_bytes = 64 << 20;

  // How long a broker keeps a request that finds nothing new, and so about how long the end of a partition is waited
  // for. Short ones are asked again at once for as long as something is read.
  absl::Duration fetch_wait = absl::Milliseconds(150);

  // librdkafka's own properties, verbatim, applied after our defaults: {"compression.type", "lz4"}. Those that would
  // break the guarantees are refused. {"sasl.password.file", PATH} takes a secret from a file (secrets.h).
  std::map<std::string, std::string> extra = {};

  // So often a group consumer says of itself what GroupConsumer::statistics has; zero: it does not. `extra` may say
  // otherwise of how often (statistics.interval.ms), but not that it does.
  absl::Duration statistics_interval = absl::ZeroDuration();
  // Producers do so as well. Then librdkafka measures how long each single record waits: about 0.07 us of processor
  // time.
  bool has_producer_statistics = false;

  // As those of ApplicationDeps (processor/application.h).
  std::function<void(std::string* host, std::string* port)> resolve = {};
  std::function<int(int socket, const sockaddr* address, socklen_t size, const std::string& broker)> connect = {};

  // Brings tokens, where sasl.mechanism is OAUTHBEARER and sasl.oauthbearer.method is not oidc.
  OauthTokenFunction oauth_token = {};
};

// Moves what `extra` says about fields of `config` (such as "session.timeout.ms") into these fields, so that they hold
// what is in force. InvalidArgument if such a value is not a number.
absl::Status AbsorbExtra(RdKafkaConfig* config);

// Thread-safe client. `log` must outlive the client and all that it made. InvalidArgument for an unknown property (with
// the closest known one), for a value that librdkafka does not take, and for properties that would break exactly-once.
// Touches no network.
absl::StatusOr<std::unique_ptr<Client>> MakeRdKafkaClient(const RdKafkaConfig& config, LogSink* log);

// The version of the librdkafka that is linked, such as "2.0.2".
std::string LibrdkafkaVersion();

// What is wrong with the linked version, and which to take instead; nothing if nothing is known.
std::optional<std::string> KnownBadVersion();
// The same of any version, given as librdkafka numbers it (0x020002ff is 2.0.2).
std::optional<std::string> KnownBadVersion(int version);

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_CLIENT_H_
