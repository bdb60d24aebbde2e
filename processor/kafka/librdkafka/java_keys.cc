// Settings that Java's clients have and librdkafka has not, each with what to write instead.
#include "processor/kafka/librdkafka/java_keys.h"

#include <stdio.h>

#include <string_view>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/kafka/librdkafka/properties.h"

namespace once::kafka {
namespace {

// What to do about a setting of Java's only; one that ends with '*' stands for all that begin so.
struct JavaOnly {
  std::string_view name;
  std::string_view fix;
};

constexpr std::string_view kCodecs =
    "remove it: the topology's codecs say how keys and values are read and written (once/codec.h)";
constexpr std::string_view kNoCounterpart = "remove it: librdkafka has nothing of the kind";
constexpr std::string_view kOfOpenSsl = "remove it: TLS is OpenSSL's here, which chooses by itself";
constexpr std::string_view kOfBrokers = "remove it: it is the brokers' to check tokens";
constexpr std::string_view kOfListeners = "remove it: it is about the brokers' own certificates";
constexpr std::string_view kMetrics = "remove it: Java's reporters cannot run here";
constexpr std::string_view kOauth =
    "write sasl.oauthbearer.method=oidc with sasl.oauthbearer.client.id, sasl.oauthbearer.client.secret.file and "
    "sasl.oauthbearer.token.endpoint.url, or let the program bring tokens (ApplicationDeps::oauth_token)";

constexpr JavaOnly kJavaOnly[] = {
    {"ssl.truststore.location",
     "write ssl.ca.location=ca.pem, made by: keytool -list -rfc -keystore THE_STORE > ca.pem"},
    {"ssl.truststore.password", "remove it: the file of ssl.ca.location is PEM, which has no password"},
    {"ssl.truststore.type", "remove it: the file of ssl.ca.location is PEM"},
    {"ssl.truststore.certificates", "write the certificates into a file and ssl.ca.location=FILE"},
    {"ssl.keystore.type", "remove it: the file of ssl.keystore.location is PKCS#12"},
    {"ssl.keystore.key", "write the key into a file and ssl.key.location=FILE"},
    {"ssl.keystore.certificate.chain", "write the certificates into a file and ssl.certificate.location=FILE"},
    {"ssl.protocol", kOfOpenSsl},
    {"ssl.provider", kOfOpenSsl},
    {"ssl.enabled.protocols", kOfOpenSsl},
    {"ssl.keymanager.algorithm", kOfOpenSsl},
    {"ssl.trustmanager.algorithm", kOfOpenSsl},
    {"ssl.secure.random.implementation", kOfOpenSsl},
    {"ssl.engine.factory.class", kOfOpenSsl},
    {"security.providers", kOfOpenSsl},
    {"sasl.login.callback.handler.class", kOauth},
    {"sasl.client.callback.handler.class", kOauth},
    {"sasl.login.class", kOauth},
    {"sasl.login.*", "remove it: librdkafka renews tokens and tickets by its own rules"},
    {"sasl.oauthbearer.jwks.*", kOfBrokers},
    {"sasl.oauthbearer.jwt.validator.class", kOfBrokers},
    {"sasl.oauthbearer.jwt.*", kOauth},
    {"sasl.oauthbearer.iss", "write sasl.oauthbearer.assertion.claim.iss"},
    // Which older librdkafkas have under the other name only.
    {"sasl.oauthbearer.client.credentials.client.id", "write sasl.oauthbearer.client.id"},
    {"sasl.oauthbearer.client.credentials.client.secret", "write sasl.oauthbearer.client.secret.file=FILE"},
    {"ssl.allow.dn.changes", kOfListeners},
    {"ssl.allow.san.changes", kOfListeners},
    {"sasl.oauthbearer.expected.*", kOfBrokers},
    {"sasl.oauthbearer.clock.skew.seconds", kOfBrokers},
    {"sasl.oauthbearer.scope.claim.name", kOfBrokers},
    {"sasl.oauthbearer.header.urlencode", kNoCounterpart},
    {"sasl.kerberos.*", "write sasl.kerberos.principal, sasl.kerberos.keytab or sasl.kerberos.kinit.cmd"},
    {"config.providers*", "write the values, or name files of secrets: sasl.password.file=FILE"},
    {"key.serializer", kCodecs},
    {"value.serializer", kCodecs},
    {"key.deserializer", kCodecs},
    {"value.deserializer", kCodecs},
    {"default.key.serde", kCodecs},
    {"default.value.serde", kCodecs},
    {"partitioner.*", "remove it: records go where Java's default partitioner puts them"},
    {"interceptor.classes", kNoCounterpart},
    {"max.poll.records", "remove it: how much is taken at a time is max_epoch_records"},
    {"max.block.ms", kNoCounterpart},
    {"max.request.size", "write message.max.bytes"},
    {"fetch.max.wait.ms", "write fetch.wait.max.ms"},
    {"buffer.memory", "remove it: --memory_bytes is for the whole process"},
    {"default.api.timeout.ms", kNoCounterpart},
    {"group.remote.assignor", kNoCounterpart},
    {"exclude.internal.topics", kNoCounterpart},
    {"send.buffer.bytes", "write socket.send.buffer.bytes"},
    {"receive.buffer.bytes", "write socket.receive.buffer.bytes"},
    {"socket.connection.setup.timeout.max.ms", "write socket.connection.setup.timeout.ms"},
    {"compression.gzip.level", "write compression.level"},
    {"compression.lz4.level", "write compression.level"},
    {"compression.zstd.level", "write compression.level"},
    {"client.dns.lookup", kNoCounterpart},
    {"enable.metrics.push", kNoCounterpart},
    {"metadata.max.idle.ms", kNoCounterpart},
    {"metadata.recovery.*", kNoCounterpart},
    {"retry.backoff.max.ms", kNoCounterpart},
    {"share.*", kNoCounterpart},
    {"transaction.two.phase.commit.enable", kNoCounterpart},
    {"metric.reporters", kMetrics},
    {"metrics.*", kMetrics},
    {"auto.include.jmx.reporter", kMetrics},
    // Kafka Streams'.
    {"application.id", "give it as --application_id"},
    {"application.server", kNoCounterpart},
    {"state.dir", "give it as --state_dir"},
    {"num.stream.threads", "give it as --workers"},
    {"num.standby.replicas", kNoCounterpart},
    {"commit.interval.ms", "give it as --commit_interval, with a unit"},
    {"processing.guarantee", "remove it: every event takes effect exactly once"},
    {"replication.factor", "remove it: internal topics are made with the brokers' default"},
    {"topology.optimization", "remove it: a topology is run as it was built"},
    {"upgrade.from", kNoCounterpart},
    {"max.task.idle.ms", kNoCounterpart},
    {"acceptable.recovery.lag", kNoCounterpart},
    {"poll.ms", kNoCounterpart},
    {"state.cleanup.delay.ms", "give it as --local_copy_retention, with a unit"},
    {"cache.max.bytes.buffering", "remove it: --memory_bytes is for the whole process"},
    {"statestore.cache.max.bytes", "remove it: --memory_bytes is for the whole process"},
    {"rocksdb.config.setter", kNoCounterpart},
    {"default.*", kNoCounterpart},
    {"deserialization.exception.handler", "remove it: what fails is dead-lettered (WithPolicy, DeadLetterTo)"},
    {"production.exception.handler", "remove it: what fails is dead-lettered (WithPolicy, DeadLetterTo)"},
    {"once.*", "write it into the file that --config names"},
};

const JavaOnly* FindJavaOnly(std::string_view name) {
  for (const JavaOnly& each : kJavaOnly) {
    const bool is_prefix = each.name.ends_with('*');
    if (is_prefix ? name.starts_with(each.name.substr(0, each.name.size() - 1)) : name == each.name) return &each;
  }
  return nullptr;
}

// By the login module that it names.
std::string_view FixOfJaas(const std::string& value) {
  if (absl::StrContains(value, "Krb5")) {
    return "write sasl.kerberos.principal and sasl.kerberos.keytab";
  }
  if (absl::StrContains(value, "OAuthBearer") || absl::StrContains(value, "IAMLogin")) return kOauth;
  return "write sasl.username=NAME and sasl.password.file=FILE, a file with the password only";
}

// Java's own format of key stores begins with these bytes.
bool IsJks(const std::string& path) {
  FILE* stream = fopen(path.c_str(), "re");
  if (stream == nullptr) return false;
  char magic[4] = {};
  const bool is_read = fread(magic, 1, sizeof(magic), stream) == sizeof(magic);
  fclose(stream);
  return is_read && std::string_view(magic, sizeof(magic)) == "\xFE\xED\xFE\xED";
}

absl::Status Refused(const std::string& name, std::string_view why, std::string_view fix) {
  return absl::InvalidArgumentError(absl::StrCat("Kafka property ", name, " ", ToAbsl(why), "; ", ToAbsl(fix)));
}

absl::Status CheckJavaValue(const std::string& name, const std::string& value) {
  if (absl::StrContains(value, "${")) {
    return Refused(name, "has a value that one of Java's config.providers is to give",
                   TakesFile(name) ? absl::StrCat("write ", name, ToAbsl(kFileSuffix), "=FILE") : "write the value");
  }
  if (name == "ssl.keystore.location" && IsJks(value)) {
    return Refused(name, "names a key store in Java's own format",
                   absl::StrCat("convert it: keytool -importkeystore -srckeystore ", Printable(value, 4096),
                                " -destkeystore keystore.p12 -deststoretype PKCS12"));
  }
  if (name == "ssl.cipher.suites" && absl::StrContains(value, "_WITH_")) {
    return Refused(name, "has Java's names of ciphers",
                   "use OpenSSL's, as `openssl ciphers -v` lists them, or remove it");
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<std::string> FromJava(const std::string& name, const std::string& value) {
  if (name == "sasl.jaas.config") return Refused(name, "is only for Java's clients", FixOfJaas(value));
  // What the linked library has is taken, whether or not others lack it.
  const bool is_known = KnownProperties().contains(name) || !PropertyOfFile(name).empty();
  if (const JavaOnly* only = is_known ? nullptr : FindJavaOnly(name); only != nullptr) {
    return Refused(name, "is only for Java's clients", only->fix);
  }
  if (absl::Status status = CheckJavaValue(name, value); !status.ok()) return status;
  // Java turns the check of host names off by an empty value.
  if (name == "ssl.endpoint.identification.algorithm" && value.empty()) return std::string("none");
  return value;
}

}  // namespace once::kafka
