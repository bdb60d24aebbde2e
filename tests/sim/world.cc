#include "tests/sim/world.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/engine/recurring_failure.h"
#include "tests/sim/pod_faults.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

// A run has at least so many epochs. Where they do not come about by themselves, further events are sent.
constexpr int64_t kMinEpochs = 5;
// And one while something else is being found out.
constexpr int kDeathsOfADeadlyEvent = 6;

// What strict outputs keep, by the timestamps of their records.
const absl::Duration kRetention = absl::Hours(36);
const absl::Duration kRetryInterval = absl::Milliseconds(100);

// Less than a kHuge.
constexpr char kNarrow[] = "500000";

}  // namespace

std::map<std::string, std::string> World::SettingsOf(const std::string& topic) const {
  std::map<std::string, std::string> settings;
  const bool is_output = topic == kMainSink || topic == kSecondSink || topic == kDeadLetters;
  if (!is_output || !scenario_.is_strict_on_time) {
    settings["message.timestamp.after.max.ms"] = testkit::Topics::kUnlimited;
  }
  if (is_output && topic != kDeadLetters && scenario_.is_strict_on_time) {
    settings["retention.ms"] = absl::StrCat(absl::ToInt64Milliseconds(kRetention));
  }
  if (topic == kDeadLetters && scenario_.keeps_values) settings["max.message.bytes"] = kNarrow;
  if (topic == kMainSink && scenario_.with_large && !scenario_.limit_is_lowered) {
    settings["max.message.bytes"] = absl::StrCat(kSinkLimit);
  }
  return settings;
}

absl::StatusOr<const Plan*> World::Lay(Version version) {
  if (scenario_.handler_time > absl::ZeroDuration() || scenario_.with_deadly_events)
    version.topology.hook = [this](int64_t number) { Handle(number); };
  version.topology.is_mended = &is_handler_mended_;
  if (scenario_.keeps_values) version.topology.large_values = large_values_;
  absl::StatusOr<Topology> topology = BuildSimTopology(version.topology);
  if (!topology.ok()) return topology.status();
  plans_.push_back(MakePlan(topology->shared_graph(), version.application));
  if (scenario_.commands_from > absl::ZeroDuration()) AddCommands(&plans_.back());
  return &plans_.back();
}

absl::Status World::SetUp() {
  // What is given up after a second failure would be up to the store.
  large_values_->set_away_each(scenario_.gives_up() ? 0 : 3 + scenario_.events % 3);
  const TopologyOptions usual = scenario_.topology_options();
  const Change change = scenario_.change;
  mending_ = MendingOf(change, &redrives_);
  const Version before = Before(change, usual);
  mended_version_ = Mended(change, mending_, usual);
  absl::StatusOr<const Plan*> plan = Lay(before);
  if (!plan.ok()) return plan.status();
  absl::StatusOr<const Plan*> after = Lay(After(change, usual));
  if (!after.ok()) return after.status();
  absl::StatusOr<const Plan*> mended = Lay(mended_version_);
  if (!mended.ok()) return mended.status();
  after_plan_ = *after;
  mended_plan_ = *mended;
  for (int source = 0; source < 3; ++source) {
    cluster_.CreateTopic(SourceTopic(source), scenario_.partitions, SettingsOf(SourceTopic(source)));
  }
  for (const char* topic : {kMainSink, kSecondSink, kDeadLetters}) {
    cluster_.CreateTopic(topic, scenario_.partitions, SettingsOf(topic));
  }
  // Made before any pod is, so that it has the settings that the scenario wants.
  std::map<std::string, std::string> compacted = {{"cleanup.policy", "compact"},
                                                  {"max.message.bytes", scenario_.keeps_values ? kNarrow : "3145728"},
                                                  {"message.timestamp.after.max.ms", testkit::Topics::kUnlimited}};
  // Where partitions lose their leaders reading takes longer, and a rebuild must have a chance.
  const char* const kept_ms = scenario_.slow_answers > absl::ZeroDuration() ? "3000" : "700";
  if (scenario_.short_deletions) compacted["delete.retention.ms"] = kept_ms;
  for (const std::string& topic : (*plan)->changelog_topics)
    cluster_.CreateTopic(topic, scenario_.partitions, compacted);
  for (size_t group = 0; group < (*plan)->control_topics.size(); ++group) {
    const std::map<std::string, std::string> settings = {
        {"message.timestamp.after.max.ms", testkit::Topics::kUnlimited}};
    cluster_.CreateTopic((*plan)->control_topics[group], scenario_.partitions, settings);
    cluster_.CreateTopic((*plan)->output_topics[(*plan)->audit_index(static_cast<uint16_t>(group))],
                         scenario_.partitions, settings);
  }
  LowerLimit(kMainSink);
  input_ = std::make_unique<Input>(scenario_, &scheduler_, &cluster_, client_.get(), &random_);
  input_->OnSent([this](const SimEvent& event) { checker_->OnSent(event); });
  cluster_.OnCommit([this](const testkit::CommittedTransaction& transaction) { Observe(transaction); });
  BeginLife(before, *plan);
  return absl::OkStatus();
}

void World::BeginLife(const Version& version, const Plan* plan) {
  plan_ = plan;
  network_.set_application(plan->application_id);
  // A source that is added later belongs to the model from the beginning.
  const bool grows = scenario_.change == Change::kAddSource;
  CheckerOptions options{.topology = grows ? scenario_.topology : version.topology.kind,
                         .slow_retries = scenario_.is_burst,
                         .clocks_wrong_by = scenario_.clocks_wrong_by()};
  options.min_inputs = grows ? 1 : static_cast<int>(SourceTopics(version.topology.kind).size());
  if (scenario_.is_strict_on_time) {
    options.farthest_ahead = kDefaultTimestampAfterMax;
    options.longest_kept = kRetention;
  }
  input_->set_known(PartitionCount(SourceTopic(0)), version.topology.kind == TopologyKind::kJoin);
  const int64_t commits = checker_ == nullptr ? 0 : checker_->commits();
  checker_ = std::make_unique<Checker>(options, plan, &cluster_, &scheduler_.clock(), input_->events());
  former_commits_ += commits;
  for (const int source : {0, 1}) {
    for (const SimEvent* event : input_->in_log(source)) checker_->OnSent(*event);
  }
}

void World::Observe(const testkit::CommittedTransaction& transaction) {
  checker_->OnCommit(transaction);
  for (const auto& [where, record] : transaction.records) {
    const bool wants_letters = scenario_.redrives_from + scenario_.commands_from > absl::ZeroDuration();
    if (wants_letters && where.topic == kDeadLetters) letters_.push_back(record);
  }
  trace_.Add(transaction.records.size());
  if (trace_.is_printed()) {
    trace_.Print(
        absl::StrCat("COMMITTED ", transaction.transactional_id, ", ", transaction.records.size(), " records"));
  }
  if (!checker_->violation().empty()) scheduler_.Stop();
}

void World::MakePods() {
  PodConfig config;
  config.workers = scenario_.workers;
  config.limits_are_stale = scenario_.limit_is_lowered;
  config.engine.commit_interval = scenario_.commit_interval;
  config.engine.transaction_timeout = kTransactionTimeout;
  config.engine.retry_interval = kRetryInterval;
  config.engine.checkpoint_interval = kCheckpointInterval;
  config.engine.max_epoch_records = 40;
  config.engine.misfit_patience = 2 * kSessionTimeout;
  // No task is to fail for any other reason than a fault that says so.
  config.engine.exit_on_task_failure = !scenario_.fails_tasks;
  config.engine.first_task_rest = absl::Milliseconds(100);
  config.engine.longest_task_rest = absl::Milliseconds(400);
  // So that slow tasks leave some of theirs at the broker.
  if (scenario_.handler_time > absl::ZeroDuration()) config.engine.max_backlog_records = 30;
  if (scenario_.memory_bytes > 0) config.engine.memory_bytes = scenario_.memory_bytes;
  config.slow_answers = scenario_.slow_answers;
  config.engine.breaker_min_failures = scenario_.has_breaker ? 6 : 1'000'000;
  config.engine.breaker_failure_ratio = 0.05;
  config.engine.breaker_window = absl::Seconds(1);
  config.engine.breaker_backoff = absl::Milliseconds(4);
  // What dead letters carry besides changes nothing when they come back.
  const uint64_t seed = scenario_.seed;
  config.engine.letter_families = {.kafka_streams = seed % 2 == 0, .spring = seed % 3 == 0, .connect = seed % 5 == 0};
  if (scenario_.max_parked > 0) config.engine.max_parked_per_aggregate = scenario_.max_parked;
  for (int i = 0; i < scenario_.pods; ++i) {
    disks_.push_back(scenario_.on_rocksdb
                         ? MakeRocksDbDisk(options_.temp_dir, &log_)
                         : MakeMemoryDisk(&scheduler_, Mix(scenario_.seed + static_cast<uint64_t>(i))));
    config.index = i;
    pods_.push_back(
        std::make_unique<SimPod>(config, plan_, pods_client_.get(), disks_.back().get(), &network_, &random_, &log_));
    scheduler_.At(start_ + absl::Milliseconds(random_.Below(200)), [pod = pods_.back().get()] { pod->Start(); });
  }
}

void World::KeepRunning() {
  if (scenario_.fails_tasks) CheckTaskFailures();
  for (const auto& pod : pods_) {
    if (!pod->memory_violation().empty()) Fail(absl::StrCat(pod->memory_violation(), " (pod ", pod->process_id(), ")"));
    // A disk that is corrupt again while its checkpoint is rebuilt ends the process, loudly.
    const bool is_excused = absl::IsDataLoss(pod->failure()) || IsRefusalDue();
    if (!pod->failure().ok() && !is_excused)
      Fail(absl::StrCat("pod ", pod->process_id(), " halted: ", pod->failure().ToString()));
    pod->Start();
  }
}

void World::Heal() {
  is_healed_ = true;
  MakeMissing();
  EndTaskFailures();
  for (const char* topic : {kMainSink, kSecondSink, kDeadLetters}) cluster_.Allow(testkit::Right::kWriteTopic, topic);
  network_.Heal();
  ReleaseMarkers();
  for (const auto& pod : pods_) {
    pod->Resume();
    pod->disk().SetFull(false);
  }
  if (trace_.is_printed()) trace_.Print("HEALED");
}

// I8: nothing lags, nothing is open.
std::string World::Unsettled() {
  if (std::string waiting = checker_->Unsettled(); !waiting.empty()) return waiting;
  return FindUnsettled(*plan_, cluster_);
}

// A pause of the engine's back-off is at most as long as all the trouble before it, and the first one. A handler that
// outlasts its transaction is trouble once more, also when all is healed.
absl::Duration World::HealingBound() const {
  absl::Duration handlers;
  int64_t troubles = 1;
  int64_t deadly_runs = deadly_releases_;
  for (const SimEvent& event : *input_->events()) {
    if (event.kind == EventKind::kDeadly) ++deadly_runs;
    if (scenario_.handler_time == absl::ZeroDuration()) continue;
    const absl::Duration time = HandlerTime(event.number, 0);
    handlers += 2 * time;
    if (time >= kTransactionTimeout) ++troubles;
  }
  absl::Duration pauses;
  for (; troubles > 0; --troubles) pauses += std::min(kLongestPause, scenario_.span + pauses + kRetryInterval);
  absl::Duration deaths = deadly_runs * kDeathsOfADeadlyEvent * (kSessionTimeout + kTransactionTimeout);
  // By a change pods were killed as well: another version followed, or somebody mended what was refused.
  const bool has_crashes = scenario_.EndsTasksWithoutAWord() || (scenario_.change != Change::kNone && IsChangeOver());
  // After a death a task's events are announced and run in transactions of a few, all of them at the worst (X3).
  if (deaths > absl::ZeroDuration() || has_crashes) {
    deaths += absl::Milliseconds(100) * static_cast<int64_t>(input_->events()->size());
  }
  // A worker joins its group anew for a partition that its client has given up, and for the next one ten seconds later.
  absl::Duration rejoins;
  for (const ScheduledFault& fault : scenario_.faults) {
    if (fault.kind == FaultKind::kEndReadings) rejoins += absl::Seconds(10);
  }
  // With hardly any memory an epoch holds a few records.
  const absl::Duration small_epochs = scenario_.memory_bytes > 0 ? kHealingBound : absl::ZeroDuration();
  return kHealingBound + handlers + deaths + pauses + small_epochs + rejoins;
}

void World::Settle() {
  const absl::Duration bound = HealingBound();
  const absl::Time begin = scheduler_.now();
  std::string unsettled = "not started";
  while (violation_.empty() && checker_->violation().empty() && !unsettled.empty() &&
         scheduler_.now() - begin <= bound) {
    KeepRunning();
    scheduler_.RunUntil(scheduler_.now() + absl::Milliseconds(100));
    unsettled = Unsettled();
  }
  if (!checker_->violation().empty()) Fail(checker_->violation());
  if (!unsettled.empty()) {
    Fail(absl::StrCat("I8: ", absl::FormatDuration(bound), " after the last fault healed: ", unsettled));
  }
}

bool World::IsRight() { return violation_.empty() && checker_->violation().empty(); }

RunResult World::Run() {
  if (absl::Status ready = SetUp(); !ready.ok()) return {.violation = ready.ToString()};
  network_.set_handlers_take_time(scenario_.handler_time > absl::ZeroDuration());
  MakePods();
  input_->Schedule(start_);
  ScheduleFaults();
  ScheduleRedrives();
  ScheduleCommands();
  if (scenario_.change != Change::kNone) scheduler_.At(start_ + scenario_.change_at, [this] { BeginChange(); });
  scheduler_.RunUntil(start_ + scenario_.span);
  Heal();
  const absl::Time end = start_ + scenario_.load;
  while (IsRight() && (scheduler_.now() < end || (!IsChangeOver() && scheduler_.now() < end + 3 * HealingBound()))) {
    KeepRunning();
    scheduler_.RunUntil(scheduler_.now() + absl::Milliseconds(100));
  }
  const absl::Time healed = scheduler_.now();
  if (IsRight()) Settle();
  const absl::Duration healing = scheduler_.now() - healed;
  // What was mended must work.
  if (is_mended_ && IsRight() && input_->SendSpare()) Settle();
  while (IsRight() && former_commits_ + checker_->commits() < kMinEpochs && input_->SendSpare()) Settle();
  if (!checker_->violation().empty()) Fail(checker_->violation());
  if (violation_.empty()) CheckEnd();
  for (const auto& pod : pods_) pod->Crash(false);
  scheduler_.RunUntil(scheduler_.now());
  return {.violation = violation_,
          .trace_hash = trace_.hash(),
          .commits = former_commits_ + checker_->commits(),
          .events = scenario_.events,
          .faults = faults_ + network_.faults(),
          .steps = scheduler_.steps(),
          .healing = healing};
}

RunResult Run(const Scenario& scenario, const RunOptions& options) { return World(scenario, options).Run(); }

}  // namespace once::sim
