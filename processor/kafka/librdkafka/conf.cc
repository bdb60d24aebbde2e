// What each kind of handle is configured with. Its own settings count, whatever a user gives (X5q).
#include "processor/kafka/librdkafka/conf.h"

#include <algorithm>
#include <cstdint>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once::kafka {
namespace {

constexpr int kVersion_2_2 = 0x02020000;

// What the client makes of a record that it has fetched, beside the record's bytes.
constexpr int64_t kRecordObjects = 450;

// Room for whatever a producer may have written: librdkafka's takes records of up to 1,000,000,000 bytes. Nothing is
// allocated by it but what a response takes; it bounds what is believed of a peer that is no broker, whose first bytes
// are taken for a size ("HTTP" is 1,213,486,160).
constexpr int64_t kLargestResponse = int64_t{1} << 30;

std::string Millis(absl::Duration duration) { return absl::StrCat(absl::ToInt64Milliseconds(duration)); }

// A broker that comes back is found within a second.
void AddConnection(Properties* properties) {
  (*properties)["reconnect.backoff.ms"] = "50";
  (*properties)["reconnect.backoff.max.ms"] = "1000";
  (*properties)["socket.nagle.disable"] = "true";  // Nagle delays small requests by up to 40 ms.
}

// librdkafka wants a response to have room for the largest message.
int64_t LeastFetchBytes(const RdKafkaConfig& config) {
  int64_t largest = 1'000'000;  // Its default.
  if (const auto entry = config.extra.find("message.max.bytes"); entry != config.extra.end()) {
    int64_t given = 0;
    if (absl::SimpleAtoi(entry->second, &given)) largest = std::max(largest, given);
  }
  return largest;
}

// librdkafka counts more, and more exactly, of an instance that tells.
void AddStatistics(const RdKafkaConfig& config, Properties* properties) {
  if (config.statistics_interval <= absl::ZeroDuration()) return;
  (*properties)[kStatisticsInterval] = Millis(config.statistics_interval);
}

// What every reader of records needs.
void AddReading(const RdKafkaConfig& config, Properties* properties) {
  Properties& set = *properties;
  set["isolation.level"] = "read_committed";
  set["enable.auto.commit"] = "false";
  set["enable.auto.offset.store"] = "false";
  // I9: an offset that is gone is told, never replaced.
  set["auto.offset.reset"] = "error";
  // T10 and the ends of replays go by it.
  set["enable.partition.eof"] = "true";
  set["allow.auto.create.topics"] = "false";
  set["fetch.error.backoff.ms"] = "100";
  // E7: a response that is larger is dropped, and the same asked for again, for ever; by default it is 100,000,000.
  set["receive.message.max.bytes"] = absl::StrCat(kLargestResponse);
  // Records are sent as they come; this is how long a request in vain keeps a seek or a new partition waiting.
  set["fetch.wait.max.ms"] = Millis(config.fetch_wait);
  // A quarter is for the records' bytes. The client does not count its own objects, so what remains is a number of
  // records: small ones would take many times what is counted (X7).
  const int64_t bytes = config.fetch_queue_bytes / 4;
  const int64_t least_fetch = LeastFetchBytes(config);
  const int64_t records = (config.fetch_queue_bytes - bytes) / kRecordObjects;
  if (rd_kafka_version() < kVersion_2_2) {
    // A full fetch queue stalls its partition for a whole second, so it must never be full by count.
    set["queued.min.messages"] = "10000000";
    set["queued.max.messages.kbytes"] = absl::StrCat(std::max<int64_t>(bytes / 1024 * 8, 1024));
    set["fetch.max.bytes"] = absl::StrCat(std::max(least_fetch, std::min<int64_t>(bytes, 52'428'800)));
  } else {
    // A full queue costs two milliseconds, so it can be small, whatever the size of records: a tenth of a second of
    // small ones.
    set["fetch.queue.backoff.ms"] = "2";
    set["queued.min.messages"] = absl::StrCat(std::clamp<int64_t>(records, 1'000, 100'000));
    set["queued.max.messages.kbytes"] = absl::StrCat(std::max<int64_t>(bytes / 1024, 1024));
    // One response comes on top, of all partitions together, and what is compressed there is not so here.
    set["fetch.max.bytes"] = absl::StrCat(std::max(least_fetch, std::min<int64_t>(bytes / 8, 52'428'800)));
  }
}

// The last part of a transactional id: the worker's producers are told apart by it.
std::string SlotOf(std::string_view transactional_id) {
  const size_t dash = transactional_id.rfind('-');
  const std::string slot(dash == std::string_view::npos ? "" : transactional_id.substr(dash));
  return slot.size() > 1 && slot.find_first_not_of("0123456789", 1) == std::string::npos ? slot : "";
}

}  // namespace

std::string ClientId(const RdKafkaConfig& config, std::string_view what) {
  return config.is_client_id_given ? config.client_id : absl::StrCat(config.client_id, "-", ToAbsl(what));
}

Properties ProducerProperties(const RdKafkaConfig& config, const std::string& transactional_id) {
  Properties set;
  AddConnection(&set);
  if (config.has_producer_statistics) AddStatistics(config, &set);
  set["client.id"] = ClientId(config, absl::StrCat("producer", SlotOf(transactional_id)));
  set["transactional.id"] = transactional_id;
  set["enable.idempotence"] = "true";
  // Documented for consumers only, it is true in producers by default. A changelog that was deleted would be made anew
  // as any topic: with another number of partitions, and retention.
  set["allow.auto.create.topics"] = "false";
  set["transaction.timeout.ms"] = Millis(config.transaction_timeout);
  set["partitioner"] = "murmur2_random";  // What Java's clients use.
  // Short, since Flush and Commit do not wait for it; long enough to fill batches under load.
  set["queue.buffering.max.ms"] = "5";
  // Above the largest epoch: a full queue would make Send wait for the broker.
  set["queue.buffering.max.messages"] = "10000000";
  set["batch.size"] = absl::StrCat(config.max_batch_bytes);
  // The topic's own limit decides what is too large, not this one.
  set["message.max.bytes"] = "1000000000";
  // Delays AddOffsetsToTxn while the previous transaction's markers are being written.
  set["retry.backoff.ms"] = "10";
  // A call that takes half of this is taken for one whose request may have been sent twice (TakeSuspicion).
  // librdkafka wants it within the transaction's timeout.
  set["socket.timeout.ms"] = Millis(std::min(config.transaction_timeout, absl::Seconds(10)));
  // How long a record for an unknown topic is kept before it fails: within a transaction's timeout.
  set["topic.metadata.propagation.max.ms"] = "5000";
  return set;
}

Properties GroupConsumerProperties(const RdKafkaConfig& config, const std::string& group,
                                   const std::string& member_name) {
  Properties set;
  AddConnection(&set);
  AddReading(config, &set);
  AddStatistics(config, &set);
  set["client.id"] = ClientId(config, "consumer");
  set["group.id"] = group;
  if (!member_name.empty()) set["group.instance.id"] = member_name;
  // T8.
  set["partition.assignment.strategy"] = "cooperative-sticky";
  set["session.timeout.ms"] = Millis(config.session_timeout);
  // A rebalance is heard of with a heartbeat.
  set["heartbeat.interval.ms"] = Millis(std::min(config.session_timeout / 4, absl::Seconds(1)));
  set["max.poll.interval.ms"] = Millis(config.max_poll_interval);
  return set;
}

// No group: nobody is to commit, or to be rebalanced, for a replay.
Properties LogReaderProperties(const RdKafkaConfig& config) {
  Properties set;
  AddConnection(&set);
  AddReading(config, &set);
  set["client.id"] = ClientId(config, "reader");
  return set;
}

Properties AdminProperties(const RdKafkaConfig& config) {
  Properties set;
  AddConnection(&set);
  set["client.id"] = ClientId(config, "admin");
  // Makes HighWatermark answer with the high watermark; a read_committed handle answers with the last stable offset.
  set["isolation.level"] = "read_uncommitted";
  set["allow.auto.create.topics"] = "false";
  set["enable.auto.commit"] = "false";
  return set;
}

Properties GroupAdminProperties(const RdKafkaConfig& config, const std::string& group) {
  Properties set = AdminProperties(config);
  set["group.id"] = group;
  // Makes committed offsets those that no pending transaction can change.
  set["isolation.level"] = "read_committed";
  // Between the tries at offsets that are pending.
  set["retry.backoff.ms"] = "50";
  return set;
}

absl::Status AbsorbExtra(RdKafkaConfig* config) {
  Properties& extra = config->extra;
  const auto take_millis = [&](const std::string& name, absl::Duration* field) {
    const auto entry = extra.find(name);
    if (entry == extra.end()) return absl::OkStatus();
    int64_t millis = 0;
    if (!absl::SimpleAtoi(entry->second, &millis) || millis <= 0) {
      return absl::InvalidArgumentError(absl::StrCat("Kafka property ", name, "=", Printable(entry->second),
                                                     ": not a positive number of milliseconds"));
    }
    *field = absl::Milliseconds(millis);
    extra.erase(entry);
    return absl::OkStatus();
  };
  if (absl::Status s = take_millis("transaction.timeout.ms", &config->transaction_timeout); !s.ok()) return s;
  if (absl::Status s = take_millis("session.timeout.ms", &config->session_timeout); !s.ok()) return s;
  if (absl::Status s = take_millis("max.poll.interval.ms", &config->max_poll_interval); !s.ok()) return s;
  if (const auto entry = extra.find("client.id"); entry != extra.end()) {
    config->client_id = entry->second;
    config->is_client_id_given = true;
    extra.erase(entry);
  }
  if (const auto entry = extra.find("batch.size"); entry != extra.end()) {
    if (!absl::SimpleAtoi(entry->second, &config->max_batch_bytes) || config->max_batch_bytes <= 0) {
      return absl::InvalidArgumentError(
          absl::StrCat("Kafka property batch.size=", Printable(entry->second), ": not a positive number of bytes"));
    }
    extra.erase(entry);
  }
  return absl::OkStatus();
}

absl::Status CheckConfig(const RdKafkaConfig& config) {
  if (config.bootstrap_servers.empty()) {
    return absl::InvalidArgumentError("bootstrap_servers is empty; give at least one broker as host:port");
  }
  if (config.max_batch_records < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_batch_records is ", config.max_batch_records, "; it must be at least 1"));
  }
  if (config.max_batch_bytes < 1) {
    return absl::InvalidArgumentError(
        absl::StrCat("max_batch_bytes is ", config.max_batch_bytes, "; it must be at least 1"));
  }
  if (const auto entry = config.extra.find("heartbeat.interval.ms"); entry != config.extra.end()) {
    int64_t millis = 0;
    // A member that is heard of more rarely is thrown out each time, in silence.
    if (absl::SimpleAtoi(entry->second, &millis) && absl::Milliseconds(millis) >= config.session_timeout) {
      return absl::InvalidArgumentError(
          absl::StrCat("heartbeat.interval.ms (", millis, " ms) is not below session.timeout.ms (",
                       absl::FormatDuration(config.session_timeout), "); lower the former"));
    }
  }
  if (config.max_poll_interval < config.session_timeout) {
    return absl::InvalidArgumentError(absl::StrCat(
        "max.poll.interval.ms (", absl::FormatDuration(config.max_poll_interval), ") is below session.timeout.ms (",
        absl::FormatDuration(config.session_timeout), "); raise the former"));
  }
  std::map<std::string, std::string> names;
  for (const auto& [name, value] : config.extra) {
    if (absl::Status status = CheckUserProperty(name, value); !status.ok()) return status;
    if (const auto [first, is_new] = names.emplace(CanonicalName(name), name); !is_new) {
      return absl::InvalidArgumentError(
          absl::StrCat("Kafka properties ", first->second, " and ", name, " are one; remove one of the two"));
    }
  }
  return absl::OkStatus();
}

}  // namespace once::kafka
