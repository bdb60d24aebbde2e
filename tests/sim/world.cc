#include "tests/sim/world.h"

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/strings.h"
#include "processor/runtime/preflight.h"
#include "state/changelog.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

// A run has at least so many epochs. Where they do not come about by themselves, further events are sent.
constexpr int64_t kMinEpochs = 5;

}  // namespace

std::map<std::string, std::string> World::SettingsOf(const std::string& topic) const {
  std::map<std::string, std::string> settings;
  const auto& outputs = plan_.output_topics;
  const bool is_output = std::find(outputs.begin(), outputs.end(), topic) != outputs.end();
  if (!is_output || !scenario_.is_strict_on_time) {
    settings["message.timestamp.after.max.ms"] = testkit::Topics::kUnlimited;
  }
  if (topic == plan_.changelog_topics[0]) {
    settings["cleanup.policy"] = "compact";
    if (scenario_.short_deletions) settings["delete.retention.ms"] = "700";
  }
  if (topic == kMainSink && scenario_.with_large && !scenario_.limit_is_lowered) {
    settings["max.message.bytes"] = absl::StrCat(kSinkLimit);
  }
  return settings;
}

absl::Status World::SetUp() {
  const HandlerHook hook =
      scenario_.handler_time > absl::ZeroDuration() ? [this](int64_t number) { Handle(number); } : HandlerHook();
  absl::StatusOr<Topology> topology = BuildSimTopology(scenario_.topology, scenario_.is_burst, hook);
  if (!topology.ok()) return topology.status();
  plan_ = MakePlan(topology->shared_graph(), kApplication);
  for (const std::string& topic : plan_.input_topics) {
    cluster_.CreateTopic(topic, scenario_.partitions, SettingsOf(topic));
  }
  for (const std::string& topic : plan_.output_topics) {
    cluster_.CreateTopic(topic, scenario_.partitions, SettingsOf(topic));
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> admin = client_->NewAdmin();
  if (!admin.ok()) return admin.status();
  absl::Status checked = Preflight({.bootstrap_servers = "sim"}, admin->get(), &log_, &plan_);
  if (!checked.ok()) return checked;
  LowerLimit(kMainSink);
  if (scenario_.second_source_at > absl::ZeroDuration()) {
    absl::StatusOr<Topology> former = BuildSimTopology(TopologyKind::kCount, scenario_.is_burst, hook);
    if (!former.ok()) return former.status();
    former_plan_ = MakePlan(former->shared_graph(), kApplication);
    checked = Preflight({.bootstrap_servers = "sim"}, admin->get(), &log_, &former_plan_);
    if (!checked.ok()) return checked;
  }
  input_ = std::make_unique<Input>(scenario_, &plan_, &scheduler_, &cluster_, client_.get(), &random_);
  checker_ = std::make_unique<Checker>(scenario_.topology, &plan_, &cluster_, input_->events());
  if (scenario_.second_source_at > absl::ZeroDuration()) checker_->set_min_inputs(1);
  input_->OnSent([this](const SimEvent& event) { checker_->OnSent(event); });
  cluster_.OnCommit([this](const testkit::CommittedTransaction& transaction) {
    checker_->OnCommit(transaction);
    trace_.Add(transaction.records.size());
    if (trace_.is_printed()) {
      trace_.Print(
          absl::StrCat("COMMITTED ", transaction.transactional_id, ", ", transaction.records.size(), " records"));
    }
    if (!checker_->violation().empty()) scheduler_.Stop();
  });
  return absl::OkStatus();
}

void World::MakePods() {
  PodConfig config;
  config.workers = scenario_.workers;
  config.engine.application_id = kApplication;
  config.engine.commit_interval = scenario_.commit_interval;
  config.engine.transaction_timeout = kTransactionTimeout;
  config.engine.retry_interval = absl::Milliseconds(100);
  config.engine.checkpoint_interval = absl::Milliseconds(200);
  config.engine.max_epoch_records = 40;
  // So that slow tasks leave some of theirs at the broker.
  if (scenario_.handler_time > absl::ZeroDuration()) config.engine.max_backlog_records = 30;
  if (scenario_.state_cache_bytes > 0) config.engine.state_cache_bytes = scenario_.state_cache_bytes;
  config.engine.breaker_min_failures = scenario_.has_breaker ? 6 : 1'000'000;
  config.engine.breaker_failure_ratio = 0.05;
  config.engine.breaker_window = absl::Seconds(1);
  config.engine.breaker_backoff = absl::Milliseconds(4);
  if (scenario_.max_parked > 0) config.engine.max_parked_per_aggregate = scenario_.max_parked;
  const bool grows = scenario_.second_source_at > absl::ZeroDuration();
  for (int i = 0; i < scenario_.pods; ++i) {
    disks_.push_back(scenario_.on_rocksdb ? MakeRocksDbDisk(options_.temp_dir, &log_) : MakeMemoryDisk());
    config.index = i;
    pods_.push_back(std::make_unique<SimPod>(config, grows ? &former_plan_ : &plan_, pods_client_.get(),
                                             disks_.back().get(), &network_, &random_, &log_));
    scheduler_.At(start_ + absl::Milliseconds(random_.Below(200)), [pod = pods_.back().get()] { pod->Start(); });
  }
}

void World::KeepRunning() {
  // Whoever says so may stand still.
  if (scenario_.remakes_source && log_.errors().find(plan_.input_topics[0]) != std::string::npos) is_told_ = true;
  for (const auto& pod : pods_) {
    // A disk that is corrupt again while its checkpoint is rebuilt ends the process, loudly.
    // So does a full disk when there is no memory to wait in.
    const bool is_excused = absl::IsDataLoss(pod->failure()) ||
                            (absl::IsResourceExhausted(pod->failure()) && scenario_.state_cache_bytes > 0);
    if (!pod->failure().ok() && scenario_.remakes_source) is_told_ = true;
    if (!pod->failure().ok() && !is_excused && !scenario_.remakes_source)
      Fail(absl::StrCat("pod ", pod->process_id(), " halted: ", pod->failure().ToString()));
    pod->Start();
  }
}

void World::Heal() {
  is_healed_ = true;
  MakeMissing();
  for (const std::string& topic : plan_.output_topics) cluster_.Allow(testkit::Right::kWriteTopic, topic);
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
  for (const std::string& topic : cluster_.TopicNames()) {
    for (int32_t p = 0; p < scenario_.partitions; ++p) {
      const TopicPartition where{topic, Partition(p)};
      if (cluster_.LastStableOffset(where) != cluster_.HighWatermark(where)) {
        return absl::StrCat("a transaction is open in ", once::ToString(where));
      }
    }
  }
  for (const std::string& topic : plan_.input_topics) {
    for (int32_t p = 0; p < scenario_.partitions; ++p) {
      const TopicPartition where{topic, Partition(p)};
      const Offset committed = cluster_.PeekCommittedOffset(kApplication, where).value_or(Offset(-1));
      const Offset end = cluster_.HighWatermark(where);
      if (committed != end) {
        return absl::StrCat(once::ToString(where), " is committed up to ", committed.value(), " of ", end.value());
      }
    }
  }
  return "";
}

// False of a task that another worker has gone on with, and this one does not know it yet.
bool World::IsCurrent(const Task& task) {
  // Its offsets may be the same: retries move none.
  v1::Frontier frontier;
  const auto& fold = checker_->Fold(task.id.partition.value());
  const auto found = fold.find(FrontierKey());
  if (found != fold.end() && (!frontier.ParseFromString(found->second) || frontier.epoch() != task.frontier.epoch())) {
    return false;
  }
  return std::all_of(task.inputs.begin(), task.inputs.end(), [&](const InputPosition& input) {
    return cluster_.PeekCommittedOffset(kApplication, input.where) == input.committed;
  });
}

// I4: what live workers read through their caches is what the committed changelog says.
void World::CheckStores() {
  for (const auto& pod : pods_) {
    for (const auto& worker : pod->workers()) {
      for (const auto& [id, task] : worker->engine().tasks()) {
        if (task->phase != TaskPhase::kRunning || !IsCurrent(*task)) continue;
        for (const auto& [key, value] : checker_->Fold(id.partition.value())) {
          const absl::StatusOr<TaskState::Entry*> entry = task->state.Open(key);
          // Reading a checkpoint that a fault has corrupted makes the engine rebuild it.
          if (absl::IsDataLoss(entry.status())) continue;
          if (!entry.ok() || (*entry)->value() != OptionalBytes(value)) {
            Fail(absl::StrCat("I4: pod ", pod->process_id(), " reads another value than the changelog's of partition ",
                              id.partition.value(), ", key \"", Printable(key), "\": ",
                              entry.ok() ? Printable((*entry)->value().value_or("nothing")) : entry.status().ToString(),
                              ", not ", Printable(value)));
          }
        }
      }
    }
  }
}

void World::CheckEnd() {
  if (const std::string broken = cluster_.Check(); !broken.empty())
    Fail(absl::StrCat("the simulated log is broken: ", broken));
  CheckStores();
}

absl::Duration World::HealingBound() const {
  absl::Duration bound = kHealingBound;
  if (scenario_.handler_time == absl::ZeroDuration()) return bound;
  for (const SimEvent& event : *input_->events()) bound += 2 * HandlerTime(event.number, 0);
  return bound;
}

void World::Settle() {
  const absl::Duration bound = HealingBound();
  const absl::Time begin = scheduler_.now();
  std::string unsettled = "not started";
  while (violation_.empty() && checker_->violation().empty() && !unsettled.empty() && !is_told_ &&
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

RunResult World::Run() {
  if (absl::Status ready = SetUp(); !ready.ok()) return {.violation = ready.ToString()};
  network_.set_handlers_take_time(scenario_.handler_time > absl::ZeroDuration());
  MakePods();
  if (scenario_.second_source_at > absl::ZeroDuration()) {
    scheduler_.At(start_ + scenario_.second_source_at, [this] { SwitchPlan(); });
  }
  input_->Schedule(start_);
  ScheduleFaults();
  scheduler_.RunUntil(start_ + scenario_.span);
  Heal();
  while (violation_.empty() && checker_->violation().empty() && scheduler_.now() < start_ + scenario_.load) {
    KeepRunning();
    scheduler_.RunUntil(std::min(start_ + scenario_.load, scheduler_.now() + absl::Milliseconds(100)));
  }
  const absl::Time healed = scheduler_.now();
  Settle();
  if (is_told_) violation_.clear();
  if (!is_told_ && !checker_->passed_over().empty()) {
    Fail(absl::StrCat("X4: nobody reads ", checker_->passed_over(), " of the source made anew, and nobody says so"));
  }
  const absl::Duration healing = scheduler_.now() - healed;
  while (!is_told_ && violation_.empty() && checker_->commits() < kMinEpochs && input_->SendSpare()) Settle();
  if (violation_.empty() && !is_told_) CheckEnd();
  for (const auto& pod : pods_) pod->Crash(false);
  scheduler_.RunUntil(scheduler_.now());
  return {.violation = violation_,
          .trace_hash = trace_.hash(),
          .commits = checker_->commits(),
          .events = scenario_.events,
          .faults = faults_ + network_.faults(),
          .steps = scheduler_.steps(),
          .healing = healing};
}

RunResult Run(const Scenario& scenario, const RunOptions& options) { return World(scenario, options).Run(); }

}  // namespace once::sim
