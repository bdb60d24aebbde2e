#include "tests/sim/trial.h"

#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "state/changelog.h"
#include "tests/sim/pod.h"
#include "tests/sim/pod_faults.h"
#include "tests/sim/scenario.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

constexpr int kSecondCopyPercent = 25;
const absl::Duration kCheckpointInterval = absl::Milliseconds(200);
const absl::Duration kStep = absl::Milliseconds(100);
// Far more than any run takes that comes to an end: applications may wait for each other's sessions in turn.
const absl::Duration kPatience = 10 * kHealingBound;

class Trial {
 public:
  explicit Trial(const TrialOptions& options)
      : options_(options),
        scenario_(MakeScenario(options.seed, Dimensions())),
        random_(options.seed * 2),
        trace_(options.trace == nullptr ? std::function<void(const std::string&)>()
                                        : [this](const std::string& line) { PrintLine(line); }),
        log_(&trace_),
        cluster_(&scheduler_.clock()),
        client_(cluster_.NewClient(
            {.transaction_timeout = kTransactionTimeout, .session_timeout = kSessionTimeout, .max_poll_records = 50})),
        start_(scheduler_.now()) {}

  TrialResult Run();

 private:
  // One application: its group, its pods, and the network that they share.
  struct Member {
    Plan plan;
    std::unique_ptr<Network> network;
    std::vector<std::unique_ptr<Disk>> disks;
    std::vector<std::unique_ptr<SimPod>> pods;
  };

  void PrintLine(const std::string& line) {
    options_.trace(absl::StrCat(absl::FormatDuration(scheduler_.now() - start_), " ", line));
  }
  void Fail(const std::string& what) {
    if (result_.violation.empty()) result_.violation = what;
  }
  bool IsRight() const { return result_.violation.empty(); }
  absl::Status Lay();
  void CreateTopics(const Plan& plan);
  void CreateTopic(const std::string& name, std::map<std::string, std::string> settings);
  void MakePods();
  void ScheduleEvents();
  void Send(const TrialEvent& event);
  void Hit(const ScheduledFault& fault);
  void Heal();
  // Starts what is not running; what ended by itself with an error is a violation.
  void KeepRunning();
  // What is not settled yet; empty if all is.
  std::string Unsettled() const;
  void Settle();
  void Collect();

  const TrialOptions& options_;
  const Scenario scenario_;
  Scheduler scheduler_;
  Random random_;
  Trace trace_;
  TraceLog log_;
  testkit::MemoryCluster cluster_;
  std::unique_ptr<kafka::Client> client_;
  const absl::Time start_;
  std::vector<std::unique_ptr<Member>> members_;
  TrialResult result_;
};

absl::Status Trial::Lay() {
  for (const TrialApplication& application : options_.applications) {
    absl::StatusOr<Topology> topology = application.factory(Config::FromValues(application.config));
    if (!topology.ok()) return topology.status();
    const std::shared_ptr<const Graph> graph = topology->shared_graph();
    auto member = std::make_unique<Member>();
    member->plan =
        MakePlan(graph, application.application_id.empty() ? graph->application_id : application.application_id);
    member->network = std::make_unique<Network>(&scheduler_, &cluster_, &random_, &trace_);
    member->network->set_application(member->plan.application_id);
    members_.push_back(std::move(member));
  }
  for (const auto& member : members_) CreateTopics(member->plan);
  return absl::OkStatus();
}

void Trial::CreateTopic(const std::string& name, std::map<std::string, std::string> settings) {
  if (name.empty() || !cluster_.TopicId(name).empty()) return;
  settings["message.timestamp.after.max.ms"] = testkit::Topics::kUnlimited;
  cluster_.CreateTopic(name, scenario_.partitions, std::move(settings));
}

void Trial::CreateTopics(const Plan& plan) {
  for (const SourceSpec& source : plan.graph->sources) CreateTopic(source.topic, {});
  for (const SinkSpec& sink : plan.graph->sinks) CreateTopic(sink.topic, {});
  CreateTopic(plan.graph->dead_letter_topic, {});
  for (const std::string& topic : plan.changelog_topics) {
    CreateTopic(topic, {{"cleanup.policy", "compact"}, {"max.message.bytes", "3145728"}});
  }
}

void Trial::MakePods() {
  PodConfig config;
  config.workers = scenario_.workers;
  config.engine.commit_interval = scenario_.commit_interval;
  config.engine.transaction_timeout = kTransactionTimeout;
  config.engine.retry_interval = absl::Milliseconds(100);
  config.engine.checkpoint_interval = kCheckpointInterval;
  config.engine.max_epoch_records = 40;
  config.engine.misfit_patience = 2 * kSessionTimeout;
  config.engine.exit_on_task_failure = true;
  config.engine.breaker_min_failures = 1'000'000;
  for (const auto& member : members_) {
    for (int i = 0; i < scenario_.pods; ++i) {
      member->disks.push_back(MakeMemoryDisk(&scheduler_, Mix(scenario_.seed + static_cast<uint64_t>(i))));
      member->pods.push_back(std::make_unique<SimPod>(config, &member->plan, client_.get(), member->disks.back().get(),
                                                      member->network.get(), &random_, &log_));
      scheduler_.At(start_ + absl::Milliseconds(random_.Below(200)),
                    [pod = member->pods.back().get()] { pod->Start(); });
      ++config.index;
    }
  }
}

void Trial::Send(const TrialEvent& event) {
  testkit::MemoryHeaders headers;
  if (!event.id.empty()) headers.emplace_back("ce_id", event.id);
  if (!event.type.empty()) headers.emplace_back("ce_type", event.type);
  cluster_.Append(event.topic, kAnyPartition, event.key, event.value, std::move(headers));
}

void Trial::ScheduleEvents() {
  std::vector<absl::Duration> times;
  for (size_t i = 0; i < options_.events.size(); ++i) {
    times.push_back(random_.Between(absl::ZeroDuration(), scenario_.load));
  }
  std::sort(times.begin(), times.end());
  for (size_t i = 0; i < times.size(); ++i) {
    const TrialEvent* const event = &options_.events[i];
    const absl::Duration at = times[i];
    scheduler_.At(start_ + at, [this, event] { Send(*event); });
    if (event->id.empty() || !random_.Chance(kSecondCopyPercent)) continue;
    ++result_.duplicates;
    scheduler_.At(start_ + random_.Between(at, scenario_.load), [this, event] { Send(*event); });
  }
}

void Trial::Hit(const ScheduledFault& fault) {
  Member& member = *members_[static_cast<size_t>(random_.Below(static_cast<int64_t>(members_.size())))];
  SimPod& pod = *member.pods[static_cast<size_t>(fault.pod)];
  const absl::Time end = scheduler_.now() + fault.length;
  if (trace_.is_printed()) {
    trace_.Print(absl::StrCat("FAULT ", fault.ToString(), " of ", member.plan.application_id));
  }
  // A call is counted when it hits.
  if (fault.kind != FaultKind::kCall) ++result_.faults;
  if (HitPod(fault, member.plan, &pod, member.network.get(), &random_)) return;
  switch (fault.kind) {
    case FaultKind::kCoordinators:
      for (const auto& each : members_) each->network->LoseCoordinators(end);
      return;
    case FaultKind::kMoveCoordinators:
      if (random_.Chance(70)) cluster_.MoveTransactionCoordinator(fault.length);
      if (random_.Chance(70)) cluster_.MoveGroupCoordinator(fault.length);
      return;
    case FaultKind::kExpireMember:
      return ExpireAnyMember(member.plan.application_id, &cluster_, &random_);
    case FaultKind::kHoldMarkers:
      cluster_.HoldMarkers(random_.Chance(50));
      return scheduler_.At(end, [this] { cluster_.ReleaseMarkers(); });
    case FaultKind::kCompact:
      for (const std::string& topic : member.plan.changelog_topics) cluster_.Compact(topic);
      return;
    default:  // Those of dimensions are not drawn.
      --result_.faults;
  }
}

void Trial::Heal() {
  cluster_.ReleaseMarkers();
  for (const auto& member : members_) {
    member->network->Heal();
    for (const auto& pod : member->pods) {
      pod->Resume();
      pod->disk().SetFull(false);
    }
  }
  if (trace_.is_printed()) trace_.Print("HEALED");
}

void Trial::KeepRunning() {
  for (const auto& member : members_) {
    for (const auto& pod : member->pods) {
      // A disk that is corrupt again while its checkpoint is rebuilt ends the process, loudly.
      if (!pod->failure().ok() && !absl::IsDataLoss(pod->failure())) {
        Fail(absl::StrCat("pod ", pod->process_id(), " of ", member->plan.application_id,
                          " ended: ", pod->failure().ToString()));
      }
      pod->Start();
    }
  }
}

std::string Trial::Unsettled() const {
  for (const auto& member : members_) {
    if (std::string unsettled = FindUnsettled(member->plan, cluster_); !unsettled.empty()) return unsettled;
  }
  return "";
}

void Trial::Settle() {
  const absl::Time begin = scheduler_.now();
  std::string unsettled = "not started";
  while (IsRight() && !unsettled.empty() && scheduler_.now() - begin <= kPatience) {
    KeepRunning();
    scheduler_.RunUntil(scheduler_.now() + kStep);
    unsettled = Unsettled();
  }
  if (!unsettled.empty()) {
    Fail(absl::StrCat(absl::FormatDuration(kPatience), " after the last fault healed: ", unsettled));
  }
}

void Trial::Collect() {
  if (const std::string broken = cluster_.Check(); !broken.empty())
    Fail(absl::StrCat("the simulated log is broken: ", broken));
  std::set<std::string> changelogs;
  for (const auto& member : members_) {
    for (const std::string& topic : member->plan.changelog_topics) {
      changelogs.insert(topic);
      for (const testkit::MemoryRecord& record : cluster_.ReadCommitted(topic)) {
        const std::string bytes = record.key.value_or("");
        const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(bytes);
        if (!key.ok()) Fail(absl::StrCat("a record of ", topic, " has no key: ", key.status().ToString()));
        if (!key.ok() || key->kind != ChangelogKind::kState) continue;
        auto& states = result_.states[std::string(key->store)];
        if (record.value.has_value()) {
          states[std::string(key->record_key)] = *record.value;
        } else {
          states.erase(std::string(key->record_key));
        }
      }
    }
  }
  for (const std::string& topic : cluster_.TopicNames()) {
    if (!changelogs.contains(topic)) result_.records[topic] = cluster_.ReadCommitted(topic);
  }
}

TrialResult Trial::Run() {
  if (absl::Status laid = Lay(); !laid.ok()) return {.violation = laid.ToString()};
  cluster_.OnCommit([this](const testkit::CommittedTransaction& transaction) {
    ++result_.commits;
    trace_.Add(transaction.records.size());
    if (!trace_.is_printed()) return;
    trace_.Print(
        absl::StrCat("COMMITTED ", transaction.transactional_id, ", ", transaction.records.size(), " records"));
  });
  MakePods();
  ScheduleEvents();
  for (const ScheduledFault& fault : scenario_.faults) {
    scheduler_.At(start_ + fault.at, [this, &fault] { Hit(fault); });
  }
  scheduler_.RunUntil(start_ + scenario_.span);
  Heal();
  while (IsRight() && scheduler_.now() < start_ + scenario_.load) {
    KeepRunning();
    scheduler_.RunUntil(scheduler_.now() + kStep);
  }
  Settle();
  Collect();
  for (const auto& member : members_) {
    result_.faults += member->network->faults();
    for (const auto& pod : member->pods) pod->Crash(false);
  }
  scheduler_.RunUntil(scheduler_.now());
  result_.trace_hash = trace_.hash();
  return std::move(result_);
}

}  // namespace

TrialResult RunTrial(const TrialOptions& options) { return Trial(options).Run(); }

}  // namespace once::sim
