#include "tests/sim/pod.h"

#include <exception>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tests/sim/ports.h"

namespace once::sim {

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
  if (running()) return;
  Clear();
  ++starts_;
  failure_ = absl::OkStatus();
  stopping_ = false;
  ended_workers_ = 0;
  process_ = std::make_unique<Process>(Process{.id = config_.index});
  client_ = MakeSimClient(process_.get(), network_, cluster_);
  network_->scheduler().Spawn(process_.get(), [this] { Boot(); });
}

// As the pod does it: all ids are taken over before any worker joins the group.
void SimPod::Boot() {
  if (absl::Status mounted = disk_->Mount(); !mounted.ok()) {
    failure_ = mounted;
    return;
  }
  admin_ = *client_->NewAdmin();
  checkpoints_ = std::make_unique<SimCheckpointWriter>(disk_->store(), config_.flush_interval, process_.get(),
                                                       &network_->scheduler(), random_);
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
                    .clock = &clock_,
                    .log = log_,
                    .sleep = [this](absl::Duration pause) { network_->Wait(pause); }};
    workers_.push_back(std::make_unique<Worker>(plan_, config_.engine, worker, deps));
  }
  for (const auto& worker : workers_) {
    absl::Status started = worker->InitProducer();
    while (absl::IsUnavailable(started)) {
      network_->Wait(absl::Milliseconds(100));
      started = worker->InitProducer();
    }
    if (!started.ok()) {
      failure_ = started;
      return;
    }
  }
  for (size_t i = 1; i < workers_.size(); ++i) {
    network_->scheduler().Spawn(process_.get(), [this, i] { RunWorker(i); });
  }
  RunWorker(0);
}

void SimPod::RunWorker(size_t index) {
  try {
    RunToItsEnd(index);
  } catch (const std::exception& thrown) {
    // Nothing catches it: the process is terminated.
    failure_ = absl::InternalError(absl::StrCat("terminated by an exception: ", thrown.what()));
    stopping_ = true;
    Crash(false);
  }
}

void SimPod::RunToItsEnd(size_t index) {
  network_->handling() = absl::ZeroDuration();
  Worker& worker = *workers_[index];
  absl::Status status = worker.Join();
  while (status.ok() && !worker.done()) {
    if (stopping_) worker.RequestStop();
    worker.RunOnce();
    if (!worker.status().ok()) status = worker.status();
  }
  if (status.ok()) status = worker.status();
  if (!status.ok()) failure_ = status;
  worker.Leave().IgnoreError();
  if (!status.ok()) stopping_ = true;
  if (++ended_workers_ < workers_.size()) return;
  checkpoints_->Flush().IgnoreError();
  // The process ends here; what it was is cleared away by the next start.
  dead_.push_back(std::move(process_));
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
