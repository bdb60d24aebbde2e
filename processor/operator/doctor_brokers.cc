// What brokers say of themselves, and whether they let the application do what it must.
#include <algorithm>
#include <memory>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/names.h"
#include "processor/operator/doctor_checks.h"

namespace once {

namespace {

std::optional<int64_t> NumberOf(const kafka::ClusterDescription& cluster, const std::string& name) {
  const auto found = cluster.settings.find(name);
  int64_t value = 0;
  if (found == cluster.settings.end() || !absl::SimpleAtoi(found->second, &value)) return std::nullopt;
  return value;
}

std::optional<absl::Duration> MillisOf(const kafka::ClusterDescription& cluster, const std::string& name) {
  const std::optional<int64_t> value = NumberOf(cluster, name);
  if (!value.has_value()) return std::nullopt;
  return absl::Milliseconds(*value);
}

// A broker does not tell its version, but which settings it knows. Newest first.
struct Release {
  const char* setting;  // Known since then.
  const char* name;
  const char* problem;  // Of these releases; null if none is known.
};
constexpr Release kReleases[] = {
    {"cordoned.log.dirs", "4.3 or later",
     "4.3 ends a transaction without the marker of a partition that has no leader just then (KAFKA-20734), so that "
     "committed records of it can be missing for readers"},
    {"group.streams.session.timeout.ms", "4.1 or 4.2",
     "4.1 can report offsets as pending for ever after a coordinator has moved; a restart of that broker ends it"},
    {"group.share.session.timeout.ms", "about 4.0", nullptr},
    {"log.message.timestamp.after.max.ms", "3.6 or later", nullptr},
    {"process.roles", "2.8 or later", nullptr},
};

const Release* ReleaseOf(const kafka::ClusterDescription& cluster) {
  for (const Release& release : kReleases) {
    if (cluster.settings.contains(release.setting)) return &release;
  }
  return nullptr;
}

void CheckRelease(const kafka::ClusterDescription& cluster, Findings* findings) {
  if (!cluster.settings_error.ok()) {
    return findings->Warn(
        "version",
        absl::StrCat("the brokers' own settings cannot be read (", std::string(cluster.settings_error.message()),
                     "): their version, and limits on timeouts, stay unchecked"),
        "give whoever runs `doctor` the right DescribeConfigs on the cluster");
  }
  if (cluster.settings.empty()) return;
  const Release* release = ReleaseOf(cluster);
  if (release == nullptr) {
    return findings->Warn("version", "by the settings that they know the brokers are older than Kafka 2.8",
                          "use Kafka 2.8 or later: older brokers cannot tell when a topic was made anew");
  }
  const std::string what = absl::StrCat("Kafka ", release->name, ", by the settings that the brokers know");
  if (release->problem == nullptr) return findings->Ok("version", what);
  findings->Warn("version", absl::StrCat(what, ": ", release->problem), "look for a release that mends it");
}

void CheckProtocols(const kafka::ClusterDescription& cluster, Findings* findings) {
  const auto protocols = cluster.settings.find("group.coordinator.rebalance.protocols");
  if (protocols == cluster.settings.end()) return;
  if (protocols->second.find("classic") == std::string::npos) {
    return findings->Fail("group protocol",
                          absl::StrCat("the brokers take the group protocols ", protocols->second,
                                       " and not the classic one, which the application needs"),
                          "add classic to the brokers' group.coordinator.rebalance.protocols");
  }
  findings->Ok("group protocol",
               absl::StrCat("classic, which the application uses; the brokers take ", protocols->second));
}

}  // namespace

void CheckClient(const Patient& patient, Findings* findings) {
  if (patient.options.client_version.empty()) return;
  if (patient.options.client_problem.has_value()) {
    return findings->Warn("client", *patient.options.client_problem, "link another release of librdkafka");
  }
  findings->Ok("client", absl::StrCat("librdkafka ", patient.options.client_version, "; nothing is known against it"));
}

bool CheckBrokers(Patient* patient, Findings* findings) {
  absl::StatusOr<kafka::ClusterDescription> cluster = patient->admin->DescribeCluster(patient->options.timeout);
  const std::string& servers = patient->options.preflight.bootstrap_servers;
  if (!cluster.ok()) {
    findings->Fail("brokers",
                   absl::StrCat("no broker answers at ", servers, ": ", std::string(cluster.status().message())),
                   "start the brokers, or correct --bootstrap_servers and the kafka.* settings of security");
    return false;
  }
  patient->cluster = *std::move(cluster);
  findings->Ok("brokers", absl::StrCat(patient->cluster.brokers, " broker(s) reachable by ", servers));
  CheckRelease(patient->cluster, findings);
  CheckProtocols(patient->cluster, findings);
  return true;
}

void CheckTimeouts(const Patient& patient, Findings* findings) {
  const kafka::ClusterDescription& cluster = patient.cluster;
  if (cluster.settings.empty()) return;
  const size_t before = findings->size();
  const DoctorOptions& options = patient.options;
  const auto longest = MillisOf(cluster, "transaction.max.timeout.ms");
  if (longest.has_value() && *longest < options.transaction_timeout) {
    findings->Fail("timeouts",
                   absl::StrCat("transaction_timeout is ", absl::FormatDuration(options.transaction_timeout),
                                ", and the brokers allow ", absl::FormatDuration(*longest),
                                " (transaction.max.timeout.ms): no transaction can begin"),
                   absl::StrCat("set --transaction_timeout=", absl::FormatDuration(*longest), " or less"));
  }
  const auto shortest_session = MillisOf(cluster, "group.min.session.timeout.ms");
  const auto longest_session = MillisOf(cluster, "group.max.session.timeout.ms");
  if (shortest_session.has_value() && longest_session.has_value() &&
      (options.session_timeout < *shortest_session || options.session_timeout > *longest_session)) {
    findings->Fail("timeouts",
                   absl::StrCat("session_timeout is ", absl::FormatDuration(options.session_timeout),
                                ", and the brokers take ", absl::FormatDuration(*shortest_session), " to ",
                                absl::FormatDuration(*longest_session), ": nobody can join the group"),
                   "set --session_timeout within that");
  }
  // T9: idle tasks commit again within the hour.
  constexpr int64_t kLeastOffsetMinutes = 24 * 60;
  const auto kept = NumberOf(cluster, "offsets.retention.minutes");
  if (kept.has_value() && *kept < kLeastOffsetMinutes) {
    findings->Warn("timeouts",
                   absl::StrCat("brokers forget the offsets of a stopped application after ", *kept,
                                " minutes (offsets.retention.minutes); its tasks fail then until their offsets are set "
                                "to what the state stands for"),
                   "raise the brokers' offsets.retention.minutes to some days, or `offsets reset --to=state` then");
  }
  findings->OkUnlessFound(
      before, "timeouts",
      absl::StrCat("transaction_timeout ", absl::FormatDuration(options.transaction_timeout), " and session_timeout ",
                   absl::FormatDuration(options.session_timeout), " are within what the brokers take"));
}

void CheckTransactions(const Patient& patient, Findings* findings) {
  // Of its own, so that it fences nobody.
  const std::string id = ToolTransactionalId(patient.plan->application_id, "doctor");
  const absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> producer =
      patient.client->NewProducer(id, patient.plan->output_topics);
  if (!producer.ok()) {
    return findings->Fail("transactions", std::string(producer.status().message()), "correct the producer's settings");
  }
  const absl::Time deadline = SteadyNow() + patient.options.timeout;
  kafka::Result result = (*producer)->InitTransactions(patient.options.timeout);
  while (result.error == kafka::ErrorClass::kRetriable && SteadyNow() < deadline) {
    absl::SleepFor(absl::Milliseconds(50));
    result = (*producer)->InitTransactions(deadline - SteadyNow());
  }
  if (result.ok()) return findings->Ok("transactions", absl::StrCat("transactional id ", id, " can be used"));
  findings->Fail("transactions", absl::StrCat("transactional id ", id, " cannot be used: ", kafka::ToString(result)),
                 absl::StrCat("give the application the right Write on transactional ids that begin with ",
                              patient.plan->application_id,
                              "-, and see that the brokers' __transaction_state has enough "
                              "replicas in sync"));
}

bool CheckGroup(Patient* patient, Findings* findings) {
  const std::string& name = patient->plan->application_id;
  absl::StatusOr<kafka::GroupDescription> group = patient->admin->DescribeGroup(name, patient->options.timeout);
  if (!group.ok()) {
    findings->Fail("group",
                   absl::StrCat("group ", name, " cannot be described: ", std::string(group.status().message())),
                   absl::StrCat("give the application the rights Read and Describe on group ", name));
    return false;
  }
  patient->group = *std::move(group);
  if (patient->group.rights.has_value() && !patient->group.rights->contains("READ")) {
    findings->Fail("group", absl::StrCat("there is no right Read on group ", name, ": nobody can join it"),
                   absl::StrCat("give the application the right Read on group ", name));
    return true;
  }
  findings->Ok("group", absl::StrCat("group ", name, ": ", patient->group.members.size(), " member(s)"));
  return true;
}

}  // namespace once
