#include "tests/sim/world.h"

#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "processor/base/strings.h"
#include "processor/runtime/preflight.h"
#include "state/changelog.h"
#include "tests/sim/checker.h"
#include "tests/sim/input.h"
#include "tests/sim/pod.h"

namespace once::sim {
namespace {

using testkit::MemoryCluster;

// A run has at least so many epochs. Where they do not come about by themselves, further events are sent.
constexpr int64_t kMinEpochs = 5;
// How much later than due a transaction may be sealed, counted in handlers' time.
const absl::Duration kSealSlack = absl::Milliseconds(50);

const std::string kOutputs[] = {kMainSink, kSecondSink, kDeadLetters};

class TraceLog final : public LogSink {
 public:
  TraceLog(Trace* trace) : trace_(trace) {}
  void Log(LogLevel, const std::string& message) override {
    if (trace_->is_printed()) trace_->Print(absl::StrCat("log: ", message));
  }

 private:
  Trace* const trace_;
};

class World {
 public:
  World(const Scenario& scenario, const RunOptions& options)
      : scenario_(scenario),
        options_(options),
        random_(scenario.seed * 2),
        trace_(options.trace == nullptr ? std::function<void(const std::string&)>()
                                        : [this](const std::string& line) { PrintLine(line); }),
        log_(&trace_),
        cluster_(&scheduler_.clock()),
        client_(cluster_.NewClient(ClientOptions())),
        pods_client_(cluster_.NewClient(PodsClientOptions())),
        network_(&scheduler_, &cluster_, &random_, &trace_),
        start_(scheduler_.now()) {}

  RunResult Run();

 private:
  static testkit::MemoryClientOptions ClientOptions() {
    return {.transaction_timeout = kTransactionTimeout,
            .session_timeout = kSessionTimeout,
            .max_poll_records = 50,
            .max_batch_records = 1};
  }
  testkit::MemoryClientOptions PodsClientOptions() const {
    testkit::MemoryClientOptions options = ClientOptions();
    options.max_batch_records = scenario_.max_batch_records;
    options.max_batch_bytes = scenario_.max_batch_bytes();
    options.delivery_seed = scenario_.delivery_seed;
    return options;
  }
  void PrintLine(const std::string& line) {
    options_.trace(absl::StrCat(absl::FormatDuration(scheduler_.now() - start_), " ", line));
  }
  void Fail(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  std::map<std::string, std::string> SettingsOf(const std::string& topic) const;
  absl::Status SetUp();
  void MakePods();
  void ScheduleFaults();
  void Hit(const ScheduledFault& fault);
  absl::Duration HandlerTime(int64_t number, int64_t run) const;
  void Handle(int64_t number);
  // I8, and what all handlers may take, twice.
  absl::Duration HealingBound() const;
  const std::string& OutputOf(const ScheduledFault& fault) const { return kOutputs[static_cast<size_t>(fault.output)]; }
  void DeleteOutput(const std::string& topic, absl::Duration gone_for);
  void MakeMissing();
  void LowerLimit(const std::string& topic) {
    if (topic != kMainSink || !scenario_.limit_is_lowered) return;
    cluster_.SetTopicSetting(topic, "max.message.bytes", absl::StrCat(kSinkLimit));
  }
  void ReleaseMarkers();
  void Heal();
  // Starts what is not running; what ended by itself with an error is a violation.
  void KeepRunning();
  // What is not settled yet; empty if all is.
  std::string Unsettled();
  // Runs until all is settled, or too much time has passed.
  void Settle();
  void CheckEnd();
  bool IsCurrent(const Task& task);
  void CheckStores();

  const Scenario& scenario_;
  const RunOptions& options_;
  Scheduler scheduler_;
  Random random_;
  Trace trace_;
  TraceLog log_;
  MemoryCluster cluster_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Client> pods_client_;
  Network network_;
  const absl::Time start_;
  Plan plan_;
  std::unique_ptr<Input> input_;
  std::unique_ptr<Checker> checker_;
  std::vector<std::unique_ptr<Disk>> disks_;
  std::vector<std::unique_ptr<SimPod>> pods_;
  std::string violation_;
  int64_t faults_ = 0;
  std::unordered_map<int64_t, int64_t> runs_;  // Of an event's handler.
  std::map<std::string, int32_t> missing_;     // Outputs that are deleted, and how many partitions they had.
  bool is_healed_ = false;
};

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
  absl::StatusOr<Topology> topology = BuildSimTopology(
      scenario_.topology, scenario_.is_burst,
      scenario_.handler_time > absl::ZeroDuration() ? [this](int64_t number) { Handle(number); } : HandlerHook());
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
  input_ = std::make_unique<Input>(scenario_, &plan_, &scheduler_, &cluster_, client_.get(), &random_);
  checker_ = std::make_unique<Checker>(scenario_.topology, &plan_, &cluster_, input_->events());
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
  if (scenario_.state_cache_bytes > 0) config.engine.state_cache_bytes = scenario_.state_cache_bytes;
  config.engine.breaker_min_failures = scenario_.has_breaker ? 3 : 1'000'000;
  config.engine.breaker_failure_ratio = 0.05;
  config.engine.breaker_window = absl::Seconds(1);
  config.engine.breaker_backoff = absl::Milliseconds(100);
  if (scenario_.max_parked > 0) config.engine.max_parked_per_aggregate = scenario_.max_parked;
  for (int i = 0; i < scenario_.pods; ++i) {
    disks_.push_back(scenario_.on_rocksdb ? MakeRocksDbDisk(options_.temp_dir, &log_) : MakeMemoryDisk());
    config.index = i;
    pods_.push_back(
        std::make_unique<SimPod>(config, &plan_, pods_client_.get(), disks_.back().get(), &network_, &random_, &log_));
    scheduler_.At(start_ + absl::Milliseconds(random_.Below(200)), [pod = pods_.back().get()] { pod->Start(); });
  }
}

void World::ScheduleFaults() {
  for (const ScheduledFault& fault : scenario_.faults) {
    scheduler_.At(start_ + fault.at, [this, &fault] { Hit(fault); });
  }
}

void World::Hit(const ScheduledFault& fault) {
  SimPod& pod = *pods_[static_cast<size_t>(fault.pod)];
  const absl::Time end = scheduler_.now() + fault.length;
  if (trace_.is_printed()) trace_.Print(absl::StrCat("FAULT ", fault.ToString()));
  ++faults_;
  switch (fault.kind) {
    case FaultKind::kCrash:
    case FaultKind::kLoseDisk:
    case FaultKind::kTorn:
      pod.Crash(fault.kind == FaultKind::kLoseDisk);
      if (fault.kind == FaultKind::kTorn && !pod.running()) pod.disk().Tear(&random_, plan_);
      return scheduler_.At(end, [&pod] { pod.Start(); });
    case FaultKind::kPause:
      return pod.Pause(fault.length);
    case FaultKind::kCut:
      return network_.Cut(pod.process_id(), end);
    case FaultKind::kCall:
      --faults_;  // Counted when it hits.
      return network_.Arm(fault.call);
    case FaultKind::kCoordinators:
      return network_.LoseCoordinators(end);
    case FaultKind::kMoveCoordinators:
      input_->HoldUntil(end);
      if (random_.Chance(70)) cluster_.MoveTransactionCoordinator(fault.length);
      if (random_.Chance(70)) cluster_.MoveGroupCoordinator(fault.length);
      return;
    case FaultKind::kLeave:
      return pod.RequestStop();
    case FaultKind::kExpireMember: {
      const std::vector<std::string> members = cluster_.Members(kApplication);
      if (!members.empty())
        cluster_.ExpireMember(members[static_cast<size_t>(random_.Below(static_cast<int64_t>(members.size())))]);
      return;
    }
    case FaultKind::kHoldMarkers:
      cluster_.HoldMarkers(random_.Chance(50));
      input_->set_markers_are_held(true);
      return scheduler_.At(end, [this] { ReleaseMarkers(); });
    case FaultKind::kDiskFull:
      pod.disk().SetFull(true);
      return scheduler_.At(end, [&pod] { pod.disk().SetFull(false); });
    case FaultKind::kCorrupt:
      return pod.disk().Corrupt(&random_, plan_);
    case FaultKind::kCompact:
      return cluster_.Compact(plan_.changelog_topics[0]);
    case FaultKind::kDenyWriting:
      cluster_.Deny(testkit::Right::kWriteTopic, OutputOf(fault));
      return scheduler_.At(end, [this, &fault] { cluster_.Allow(testkit::Right::kWriteTopic, OutputOf(fault)); });
    case FaultKind::kDeleteOutput:
      return DeleteOutput(OutputOf(fault), fault.length);
    case FaultKind::kGrowOutput:
      if (cluster_.HasPartition({OutputOf(fault), Partition(scenario_.partitions)})) return;
      if (!cluster_.TopicId(OutputOf(fault)).empty()) cluster_.GrowTopic(OutputOf(fault), scenario_.partitions + 1);
      return;
  }
}

// What its handler takes depends on the event and how often it was run, so that it ends one day.
absl::Duration World::HandlerTime(int64_t number, int64_t run) const {
  Random random(Mix(scenario_.seed) ^ static_cast<uint64_t>(number * 1000 + run));
  if (run == 0 && random.Chance(2)) return random.Between(absl::Milliseconds(50), kTransactionTimeout / 2);
  if (run == 0 && random.Below(1000) < 3) return random.Between(kTransactionTimeout, 2 * kTransactionTimeout);
  return random.Between(absl::ZeroDuration(), 2 * scenario_.handler_time);
}

void World::Handle(int64_t number) {
  const absl::Duration time = HandlerTime(number, runs_[number]++);
  const absl::Time end = scheduler_.now() + time;
  Process* const process = scheduler_.current();
  if (process == nullptr || process->dead) return;
  absl::Duration& handling = network_.handling();
  if (handling > scenario_.commit_interval + kSealSlack) {
    Fail(absl::StrCat("X1: pod ", process->id, " runs event ", number, " though its transaction has taken ",
                      absl::FormatDuration(handling), " of handlers' time and is due every ",
                      absl::FormatDuration(scenario_.commit_interval)));
  }
  handling += time;
  while (!process->dead && scheduler_.now() < end) {
    network_.KeepAlive(process);
    scheduler_.Pass(std::min(end - scheduler_.now(), kSessionTimeout / 3));
  }
}

// Not while a transaction is open in it: what was written and goes with it nobody could judge.
void World::DeleteOutput(const std::string& topic, absl::Duration gone_for) {
  if (is_healed_ || cluster_.TopicId(topic).empty()) return;
  int32_t partitions = 0;
  for (TopicPartition where{topic, Partition(0)}; cluster_.HasPartition(where);
       where.partition = Partition(++partitions)) {
    if (cluster_.LastStableOffset(where) == cluster_.HighWatermark(where)) continue;
    return scheduler_.At(scheduler_.now() + absl::Milliseconds(1),
                         [this, topic, gone_for] { DeleteOutput(topic, gone_for); });
  }
  cluster_.DeleteTopic(topic);
  missing_[topic] = partitions;
  if (gone_for == absl::ZeroDuration()) return MakeMissing();
  scheduler_.At(scheduler_.now() + gone_for, [this] { MakeMissing(); });
}

void World::MakeMissing() {
  for (const auto& [topic, partitions] : missing_) {
    cluster_.CreateTopic(topic, partitions, SettingsOf(topic));
    LowerLimit(topic);
  }
  missing_.clear();
}

void World::ReleaseMarkers() {
  cluster_.ReleaseMarkers();
  input_->set_markers_are_held(false);
}

void World::KeepRunning() {
  for (const auto& pod : pods_) {
    // A disk that is corrupt again while its checkpoint is rebuilt ends the process, loudly.
    // So does a full disk when there is no memory to wait in.
    const bool is_excused = absl::IsDataLoss(pod->failure()) ||
                            (absl::IsResourceExhausted(pod->failure()) && scenario_.state_cache_bytes > 0);
    if (!pod->failure().ok() && !is_excused)
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

RunResult World::Run() {
  if (absl::Status ready = SetUp(); !ready.ok()) return {.violation = ready.ToString()};
  network_.set_handlers_take_time(scenario_.handler_time > absl::ZeroDuration());
  MakePods();
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
  const absl::Duration healing = scheduler_.now() - healed;
  while (violation_.empty() && checker_->commits() < kMinEpochs && input_->SendSpare()) Settle();
  if (violation_.empty()) CheckEnd();
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

}  // namespace

RunResult Run(const Scenario& scenario, const RunOptions& options) { return World(scenario, options).Run(); }

}  // namespace once::sim
