#include "tests/sim/pod.h"

#include <algorithm>
#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/runtime/preflight.h"
#include "processor/runtime/topic_watch.h"
#include "tests/sim/memory_checker.h"
#include "tests/sim/ports.h"

namespace once::sim {
namespace {

// Below it the memory is worth watching at each turn.
constexpr size_t kTightMemory = size_t{1} << 20;
// Between looks at whether topics are still what they were.
const absl::Duration kTopicCheckInterval = absl::Milliseconds(200);

}  // namespace

SimPod::SimPod(const PodConfig& config, const Plan* plan, kafka::Client* cluster, Disk* disk, Network* network,
               Random* random, LogSink* log)
    : config_(config),
      plan_(plan),
      cluster_(cluster),
      disk_(disk),
      network_(network),
      random_(random),
      log_(log),
      clock_(&network->scheduler().clock()) {}

SimPod::~SimPod() = default;

void SimPod::Start() {
  if (running() || held_) return;
  Clear();
  ++starts_;
  failure_ = absl::OkStatus();
  stopping_ = false;
  ended_workers_ = 0;
  process_ = std::make_unique<Process>(Process{.id = config_.index});
  client_ = MakeSimClient(process_.get(), network_, cluster_);
  network_->scheduler().Spawn(process_.get(), [this] { Boot(); });
}

// Threads of a process that was killed run on to their next wait; what they find then, nobody hears.
void SimPod::Fail(const absl::Status& status) {
  if (!running()) return;
  log_->Log(LogLevel::kError, absl::StrCat("pod ", config_.index, " ends: ", status.ToString()));
  if (failure_.ok()) failure_ = status;
  stopping_ = true;
}

void SimPod::End() {
  network_->scheduler().Kill(process_.get());
  dead_.push_back(std::move(process_));
}

bool SimPod::AreTopicsThere() const {
  const auto is_there = [this](const std::string& topic) { return topic.empty() || network_->HasTopic(topic); };
  const Graph& graph = *plan_->graph;
  return std::all_of(graph.sources.begin(), graph.sources.end(), [&](const auto& s) { return is_there(s.topic); }) &&
         std::all_of(graph.sinks.begin(), graph.sinks.end(), [&](const auto& s) { return is_there(s.topic); }) &&
         is_there(graph.dead_letter_topic);
}

// Topics that are not there are waited for here, by the clock of the simulation: the preflight waits by the wall's.
absl::Status SimPod::Prepare() {
  // Deletions are kept for less than a second in some scenarios.
  const PreflightOptions options{
      .bootstrap_servers = "sim", .patience = absl::ZeroDuration(), .least_delete_retention = absl::ZeroDuration()};
  while (true) {
    while (!AreTopicsThere()) network_->Wait(absl::Milliseconds(50));
    checked_plan_ = *plan_;
    absl::Status checked = Preflight(options, admin_.get(), log_, &checked_plan_);
    if (config_.limits_are_stale) checked_plan_.max_record_bytes = plan_->max_record_bytes;
    // One that went meanwhile: who runs it would start it again.
    const bool lacks_one = checked.message().find("does not exist") != absl::string_view::npos;
    if (!absl::IsUnavailable(checked) && !lacks_one) return checked;
    network_->Wait(absl::Milliseconds(100));
  }
}

// As the pod does it: all ids are taken over before any worker joins the group.
absl::Status SimPod::StartWorkers() {
  if (absl::Status mounted = disk_->Mount(); !mounted.ok()) return mounted;
  admin_ = *client_->NewAdmin();
  solitude_ = std::make_unique<Solitude>();
  if (absl::Status checked = Prepare(); !checked.ok()) return checked;
  checkpoints_ = std::make_unique<SimCheckpointWriter>(disk_->store(), config_.flush_interval, process_.get(),
                                                       &network_->scheduler(), random_);
  EngineOptions engine = config_.engine;
  engine.application_id = plan_->application_id;
  offsets_ = std::make_unique<SimOffsetReader>(&checked_plan_, admin_.get(), process_.get(), &network_->scheduler(),
                                               config_.slow_answers, random_);
  for (int i = 0; i < config_.workers; ++i) {
    WorkerConfig worker;
    worker.index = i;
    worker.transactional_id = absl::StrCat(plan_->application_id, "-i", config_.index, "-", i, "-0");
    worker.seed = Mix(starts_ * 1000 + static_cast<uint64_t>(config_.index * 10 + i));
    worker.poll_wait = absl::Milliseconds(25);
    WorkerDeps deps{.client = client_.get(),
                    .admin = admin_.get(),
                    .store = disk_->store(),
                    .checkpoints = checkpoints_.get(),
                    .offsets = offsets_.get(),
                    .clock = &clock_,
                    .log = log_,
                    .sleep = [this](absl::Duration pause) { network_->Wait(pause); },
                    .solitude = solitude_.get()};
    workers_.push_back(std::make_unique<Worker>(&checked_plan_, engine, worker, deps));
  }
  for (const auto& worker : workers_) {
    absl::Status started = worker->InitProducer();
    while (absl::IsUnavailable(started)) {
      network_->Wait(absl::Milliseconds(100));
      started = worker->InitProducer();
    }
    if (!started.ok()) return started;
  }
  return absl::OkStatus();
}

void SimPod::Boot() {
  if (absl::Status started = StartWorkers(); !started.ok()) {
    Fail(started);
    return End();
  }
  network_->scheduler().Spawn(process_.get(), [this] { WatchTopics(); });
  for (size_t i = 1; i < workers_.size(); ++i) {
    network_->scheduler().Spawn(process_.get(), [this, i] { RunWorker(i); });
  }
  RunWorker(0);
}

// Until the process ends.
void SimPod::WatchTopics() {
  const auto wait = [this] {
    network_->Wait(kTopicCheckInterval);
    return true;
  };
  TopicWatch(&checked_plan_, admin_.get()).Run(wait, [this](const std::vector<TopicProblem>& problems) {
    // What a fault says of the topics stays until it heals.
    if (problems.empty()) return;
    for (const auto& worker : workers_) worker->SetTopicProblems(problems);
  });
}

void SimPod::RunWorker(size_t index) {
  try {
    RunToItsEnd(index);
  } catch (const std::exception& thrown) {
    // Nothing catches it: the process is terminated.
    Fail(absl::InternalError(absl::StrCat("terminated by an exception: ", thrown.what())));
    Crash(false);
  }
}

void SimPod::RunToItsEnd(size_t index) {
  network_->handling() = absl::ZeroDuration();
  Worker& worker = *workers_[index];
  MemoryChecker memory(config_.engine.memory_bytes < kTightMemory);
  absl::Status status = worker.Join();
  while (status.ok() && !worker.done()) {
    if (stopping_) worker.RequestStop();
    worker.RunOnce();
    if (memory_violation_.empty()) memory_violation_ = memory.AfterTurn(worker.engine(), network_->scheduler().now());
    if (!worker.status().ok()) status = worker.status();
  }
  if (status.ok()) status = worker.status();
  if (!status.ok()) Fail(status);
  worker.Leave().IgnoreError();
  if (++ended_workers_ < workers_.size()) return;
  checkpoints_->Flush().IgnoreError();
  offsets_->Finish();
  End();
}

void SimPod::Crash(bool lose_disk) {
  if (!running()) return;
  network_->scheduler().Kill(process_.get());
  dead_.push_back(std::move(process_));
  disk_->Crash(random_);
  if (lose_disk) disk_->Lose();
}

// Only once the threads of the process have ended.
void SimPod::Clear() {
  workers_.clear();
  checkpoints_.reset();
  offsets_.reset();
  admin_.reset();
  client_.reset();
}

void SimPod::Pause(absl::Duration duration) {
  if (running()) network_->scheduler().Pause(process_.get(), network_->scheduler().now() + duration);
}

void SimPod::Resume() {
  if (running()) network_->scheduler().Resume(process_.get());
}

void SimPod::RequestStop() { stopping_ = true; }

}  // namespace once::sim
