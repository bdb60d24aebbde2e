// Which properties users may set, and why the others are refused.
#include "processor/kafka/librdkafka/properties.h"

#include <stdio.h>
#include <stdlib.h>

#include <algorithm>
#include <initializer_list>
#include <iterator>
#include <string_view>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/strip.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/handles.h"
#include "processor/kafka/librdkafka/secrets.h"

namespace once::kafka {
namespace {

// A property whose other values would break a guarantee, or that only we can set sensibly.
struct Rule {
  std::string_view name;
  std::string_view allowed;  // The only value that may be given, or two separated by a comma; empty: none.
  std::string_view reason;
};

constexpr std::string_view kOwn = "Once sets it itself";

constexpr Rule kRules[] = {
    {"metadata.broker.list", "", "give the brokers as bootstrap_servers"},
    {"group.id", "", "the group is the application_id"},
    {"group.instance.id", "", "each worker has its own, made of instance and worker: use --static_membership"},
    {"transactional.id", "", "each producer has its own, made of application, instance and worker"},
    {"enable.idempotence", "true", "without it a retry duplicates or reorders records"},
    // T1: offsets that are committed outside of transactions would pass events without their effects.
    {"enable.auto.commit", "false", "offsets are committed by the transactions only"},
    {"auto.commit.enable", "false", "offsets are committed by the transactions only"},
    {"enable.auto.offset.store", "false", "offsets are committed by the transactions only"},
    {"isolation.level", "read_committed", "records of aborted transactions would be processed"},
    {"auto.offset.reset", "error", "lost or expired offsets must halt, not skip or repeat records"},
    // T7, T8: a rebalance is answered partition by partition.
    {"partition.assignment.strategy", "cooperative-sticky", "rebalancing relies on incremental assignment"},
    {"group.protocol", "classic", "Once supports the classic group protocol only, for now"},
    {"enable.partition.eof", "true", "restoring and idle commits rely on it"},
    {"enable.gapless.guarantee", "false", "transactions already exclude gaps, and it turns timeouts into fatal errors"},
    {"partitioner", "murmur2_random,murmur2",
     "keys would land elsewhere than with Java's clients and Once's own routing"},
    {"delivery.report.only.error", "false", "checkpoints rely on the offsets in delivery reports"},
    {"request.required.acks", "all,-1", "a committed record could be lost with one broker"},
    {"allow.auto.create.topics", "false", "a misspelt topic must be an error"},
    {"log.queue", "false", kOwn},
    {"enabled_events", "", kOwn},
    {"test.mock.num.brokers", "", "its mock cluster ignores aborts and never fences"},
    {"topic.blacklist", "", "topics that it hides would be waited for in silence"},
    {"internal.termination.signal", "",
     "librdkafka would take that signal for itself, and one that stops the pod would not be heard"},
    {"api.version.request", "true", "brokers would be taken for ones of version 0.10, which have no transactions"},
    {"offset.store.method", "broker", "offsets are committed by the transactions only"},
    {"queuing.strategy", "fifo", "outputs of one key would change places"},
};

// X2: numbers that other values than these make a pod that is idle, or says nothing, for no reason that anybody sees.
struct Bound {
  std::string_view name;
  int64_t least;
  int64_t most;
  std::string_view reason;
};

constexpr Bound kBounds[] = {
    {"fetch.wait.max.ms", 0, 5'000, "restores and the ends of partitions would wait for so long"},
    {"fetch.error.backoff.ms", 0, 60'000, "a partition would not be read for so long after each passing error"},
    {"log_level", 3, 7, "the reasons of some failures stand only in librdkafka's errors"},
};

// X10: what is never shown, nor taken from a command line, which others on the machine can read.
constexpr std::string_view kSecrets[] = {
    "sasl.password",
    "sasl.oauthbearer.client.secret",
    "sasl.oauthbearer.client.credentials.client.secret",
    "sasl.oauthbearer.config",
    "sasl.oauthbearer.assertion.private.key.passphrase",
    "sasl.oauthbearer.assertion.private.key.pem",
    "ssl.key.password",
    "ssl.key.pem",
    "ssl.keystore.password",
    // Java's, which is refused.
    "sasl.jaas.config",
    "ssl.keystore.key",
};
constexpr std::string_view kSecretWords[] = {"password", "passphrase", "secret", "credential"};

// Not secret, but given out and changed together with secrets.
constexpr std::string_view kWithSecrets[] = {"sasl.username", "sasl.oauthbearer.client.id"};

std::string_view CutColumn(std::string_view line, size_t column) {
  const std::vector<absl::string_view> columns = absl::StrSplit(ToAbsl(line), " | ");
  return column < columns.size() ? ToStd(absl::StripAsciiWhitespace(columns[column])) : std::string_view();
}

// librdkafka names its properties only in a table made for people, one property a line:
// name | C, P or * | range | default | importance | description.
std::map<std::string, Property> ParseTable(std::string_view table) {
  constexpr std::string_view kAlias = "Alias for `";
  std::map<std::string, Property> properties;
  for (absl::string_view raw : absl::StrSplit(ToAbsl(table), '\n')) {
    const std::string_view line = ToStd(raw);
    const std::string name(CutColumn(line, 0));
    const std::string_view scope = CutColumn(line, 1);
    // The table's head, or a line between.
    if (scope != "C" && scope != "P" && scope != "*") continue;
    // Callbacks: no text can say them.
    if (absl::StrContains(raw, "see dedicated API")) continue;
    Property& property = properties[name];
    property.canonical = name;
    property.for_producers = scope != "C";
    property.for_consumers = scope != "P";
    if (const size_t alias = line.find(kAlias); alias != std::string_view::npos) {
      const std::string_view rest = line.substr(alias + kAlias.size());
      property.canonical = std::string(rest.substr(0, rest.find('`')));
    }
  }
  return properties;
}

std::map<std::string, Property> LoadProperties() {
  char* text = nullptr;
  size_t size = 0;
  FILE* stream = open_memstream(&text, &size);
  // No memory: nothing is known, so each property will be refused.
  if (stream == nullptr) return {};
  rd_kafka_conf_properties_show(stream);
  fclose(stream);
  std::map<std::string, Property> properties = ParseTable(std::string_view(text, size));
  free(text);
  return properties;
}

absl::Status CheckRule(const Rule& rule, const std::string& name, const std::string& value) {
  if (rule.allowed.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("Kafka property ", name, " cannot be set: ", ToAbsl(rule.reason), "; remove it"));
  }
  const std::vector<absl::string_view> allowed = absl::StrSplit(ToAbsl(rule.allowed), ',');
  for (absl::string_view each : allowed) {
    if (absl::string_view(value) == each) return absl::OkStatus();
  }
  return absl::InvalidArgumentError(absl::StrCat("Kafka property ", name, "=", Printable(value), " is refused: ",
                                                 ToAbsl(rule.reason), "; leave it out or set it to ", allowed[0]));
}

absl::Status CheckBound(const Bound& bound, const std::string& name, const std::string& value) {
  int64_t given = 0;
  // librdkafka refuses what is no number.
  if (!absl::SimpleAtoi(value, &given) || (given >= bound.least && given <= bound.most)) return absl::OkStatus();
  return absl::InvalidArgumentError(absl::StrCat(
      "Kafka property ", name, "=", given, " is refused: ", ToAbsl(bound.reason), "; leave it out or set it to ",
      given > bound.most ? "at most " : "at least ", given > bound.most ? bound.most : bound.least));
}

}  // namespace

const std::map<std::string, Property>& KnownProperties() {
  // Never destroyed: who runs at the process's end may ask still.
  static const auto* properties = new std::map<std::string, Property>(LoadProperties());
  return *properties;
}

bool IsOwn(const std::string& canonical_name) {
  for (const Rule& rule : kRules) {
    // X5q: where two values will do, the user's choice counts.
    if (rule.name == canonical_name) return !absl::StrContains(ToAbsl(rule.allowed), ",");
  }
  return false;
}

bool IsSecret(std::string_view name) {
  if (std::find(std::begin(kSecrets), std::end(kSecrets), name) != std::end(kSecrets)) return true;
  const std::map<std::string, Property>& known = KnownProperties();
  // One that does not hold the secret itself.
  if (!PropertyOfFile(name).empty()) return false;
  for (std::string_view word : kSecretWords) {
    if (absl::StrContains(ToAbsl(name), ToAbsl(word))) return true;
  }
  // A slip of the pen.
  return !known.contains(std::string(name)) && !ClosestMatch(name, kSecrets).empty();
}

bool TakesFile(std::string_view name) {
  const std::map<std::string, Property>& known = KnownProperties();
  if (!known.contains(std::string(name)) || known.contains(absl::StrCat(ToAbsl(name), ToAbsl(kFileSuffix))))
    return false;
  return std::find(std::begin(kWithSecrets), std::end(kWithSecrets), name) != std::end(kWithSecrets) || IsSecret(name);
}

std::string PropertyOfFile(std::string_view name) {
  if (!name.ends_with(kFileSuffix)) return "";
  const std::string_view base = name.substr(0, name.size() - kFileSuffix.size());
  return TakesFile(base) ? std::string(base) : "";
}

std::string CanonicalName(const std::string& name) {
  const std::string base = PropertyOfFile(name);
  const auto known = KnownProperties().find(base.empty() ? name : base);
  return known == KnownProperties().end() ? name : known->second.canonical;
}

absl::Status CheckUserProperty(const std::string& name, const std::string& value) {
  if (const std::string base = PropertyOfFile(name); !base.empty()) {
    const absl::StatusOr<std::string> text = ReadSecretFile(base, value);
    return text.ok() ? CheckUserProperty(base, *text) : text.status();
  }
  const std::map<std::string, Property>& known = KnownProperties();
  const auto property = known.find(name);
  if (property == known.end()) {
    std::vector<std::string> names;
    for (const auto& [each, unused] : known) names.push_back(each);
    const std::string closest = ClosestMatch(name, names);
    return absl::InvalidArgumentError(
        absl::StrCat("librdkafka ", rd_kafka_version_str(), " has no property \"", Printable(name), "\"",
                     closest.empty() ? "; remove it" : absl::StrCat("; did you mean \"", closest, "\"?")));
  }
  for (const Rule& rule : kRules) {
    // By either of its names, if it has two.
    if (rule.name != property->second.canonical && rule.name != name) continue;
    if (absl::Status status = CheckRule(rule, name, value); !status.ok()) return status;
  }
  for (const Bound& bound : kBounds) {
    if (bound.name != property->second.canonical) continue;
    if (absl::Status status = CheckBound(bound, name, value); !status.ok()) return status;
  }
  // librdkafka itself knows the ranges.
  const ConfPtr scratch(rd_kafka_conf_new());
  char reason[512];
  if (rd_kafka_conf_set(scratch.get(), name.c_str(), value.c_str(), reason, sizeof(reason)) != RD_KAFKA_CONF_OK) {
    // librdkafka's reason may quote a secret.
    return absl::InvalidArgumentError(
        IsSecret(name) ? absl::StrCat("Kafka property ", name, ": librdkafka does not take its value; correct it")
                       : absl::StrCat("Kafka property ", name, "=", Printable(value), ": ", reason));
  }
  return absl::OkStatus();
}

}  // namespace once::kafka
