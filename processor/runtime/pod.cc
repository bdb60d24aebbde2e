// One instance: its workers and their threads, from the producers' start to the last flush.
#include "processor/runtime/pod.h"

#include <algorithm>
#include <chrono>
#include <cstdlib>
#include <random>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/allocator.h"
#include "processor/base/clock.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"
#include "processor/runtime/handler_monitor.h"
#include "processor/runtime/start_wait.h"
#include "processor/runtime/topic_watch.h"

namespace once {

namespace {

// How long the last line of a process may take.
constexpr absl::Duration kLastWords = absl::Seconds(1);
// What the disk has at the least, however long the workers took to end.
constexpr absl::Duration kLeastPatience = absl::Seconds(2);

// While it lives, the end of all else does not wait for the disk beyond `until` (F5: nothing is lost by that but a
// shorter replay). A pod that was told to stop must not wait for a disk that has gone away.
class DiskPatience {
 public:
  DiskPatience(absl::Time until, int exit_code, LogSink* log)
      : begun_at_(SteadyNow()),
        until_(std::max(until, begun_at_ + kLeastPatience)),
        exit_code_(exit_code),
        log_(log),
        thread_([this] { Watch(); }) {}
  ~DiskPatience() {
    {
      MutexLock lock(&mutex_);
      is_over_ = true;
      over_.NotifyAll();
    }
    thread_.join();
  }
  DiskPatience(const DiskPatience&) = delete;
  DiskPatience& operator=(const DiskPatience&) = delete;

 private:
  void Watch() {
    MutexLock lock(&mutex_);
    for (absl::Time now = SteadyNow(); !is_over_ && now < until_; now = SteadyNow()) {
      over_.WaitFor(&mutex_, until_ - now);
    }
    if (is_over_) return;
    log_->Log(
        LogLevel::kError,
        absl::StrCat("the disk of the state directory has not answered for ", absl::FormatDuration(until_ - begun_at_),
                     ": ending without the last checkpoint. Nothing is lost, and the next start reads more of the"
                     " changelog; see what is wrong with the disk"));
    log_->Flush(kLastWords);
    // Neither destructors nor handlers of exit: they would wait for the disk.
    std::_Exit(exit_code_);
  }

  const absl::Time begun_at_;
  const absl::Time until_;
  const int exit_code_;
  LogSink* const log_;
  Mutex mutex_;
  CondVar over_;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;  // Last: it uses all others.
};

// The task that reads the partition: named after its first input. Empty: none does.
std::string TaskNameOf(const Plan& plan, const TopicPartition& where) {
  for (size_t source = 0; source < plan.input_topics.size(); ++source) {
    if (plan.input_topics[source] != where.topic) continue;
    const SourceIndex lead = plan.group(plan.group_of_source[source]).sources.front();
    return ToString(TopicPartition{plan.input_topics[lead], where.partition});
  }
  return "";
}

}  // namespace

Pod::Pod(const Plan* plan, const PodOptions& options, const PodDeps& deps)
    : plan_(plan), options_(options), deps_(deps) {}

void Pod::Stop() {
  int64_t never = kNotStopped;
  stopped_at_.compare_exchange_strong(never, absl::ToUnixNanos(SteadyNow()));
}

absl::Time Pod::StoppedAt() const {
  const int64_t nanos = stopped_at_.load();
  return nanos == kNotStopped ? SteadyNow() : absl::FromUnixNanos(nanos);
}

void Pod::Fail(const absl::Status& status) {
  {
    MutexLock lock(&mutex_);
    // The others end because of it.
    if (first_failure_.ok()) first_failure_ = status;
  }
  Stop();
}

// All ids are taken over before any worker joins the group: a predecessor's transaction is ended by then.
absl::Status Pod::StartProducers(std::vector<std::unique_ptr<Worker>>* workers) {
  const StartWait wait{
      .timeout = options_.start_timeout,
      .clock = deps_.clock,
      .log = deps_.log,
      .sleep = [](absl::Duration pause) { std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause)); },
      .is_stopping = [this] { return stopping(); }};
  for (const std::unique_ptr<Worker>& worker : *workers) {
    const absl::Status started = AwaitBrokers(wait, [&] { return worker->InitProducer(); });
    // Who stops it knows why it had not started.
    if (absl::IsUnavailable(started) && stopping()) return absl::CancelledError(started.message());
    if (!started.ok()) return started;
  }
  return absl::OkStatus();
}

void Pod::RunWorker(Worker* worker) {
  if (absl::Status joined = worker->Join(); !joined.ok()) return Fail(joined);
  absl::Time give_up_at = absl::InfiniteFuture();
  while (!worker->done()) {
    if (stopping()) {
      worker->RequestStop();
      const absl::Time now = deps_.clock->Steady();
      // By then the brokers have ended the transaction themselves.
      if (give_up_at == absl::InfiniteFuture()) give_up_at = now + options_.engine.transaction_timeout;
      if (now >= give_up_at) {
        // The broker aborts what is open, and a restart continues from the last commit.
        deps_.log->Log(LogLevel::kWarning,
                       worker->idle() ? "the local disk did not take the last state in time; stopping without it"
                                      : "the open transaction could not be ended in time; stopping without it");
        break;
      }
    }
    worker->RunOnce();
  }
  if (!worker->status().ok()) Fail(worker->status());
  if (absl::Status left = worker->Leave(); !left.ok()) {
    deps_.log->Log(LogLevel::kWarning, absl::StrCat("leaving the group: ", left.ToString()));
  }
}

// Until the workers have ended (X8). Tasks that use a topic that has changed fail. Old copies of tasks are looked for
// by the way, and at memory that nobody uses.
void Pod::WatchTopics(const std::vector<std::unique_ptr<Worker>>& workers, BackgroundCheckpointWriter* checkpoints) {
  const auto wait = [this] {
    MutexLock lock(&mutex_);
    if (!have_workers_ended_) workers_ended_.WaitFor(&mutex_, options_.topic_check_interval);
    return !have_workers_ended_;
  };
  TopicWatch(plan_, deps_.admin).Run(wait, [&](const std::vector<TopicProblem>& problems) {
    for (const std::unique_ptr<Worker>& worker : workers) worker->SetTopicProblems(problems);
    checkpoints->DropOldCopies(*plan_, options_.local_copy_retention, [this](const TopicPartition& changelog) {
      return deps_.admin->BeginningOffset(changelog, absl::Seconds(2));
    });
    // X7: what one large event has needed goes back to the machine.
    ReleaseFreeMemory(options_.engine.memory_bytes / 4);
  });
}

// Until the workers have ended.
void Pod::WatchHandlers(const std::vector<std::unique_ptr<Worker>>& workers) {
  std::vector<HandlerWatch*> watches;
  for (const std::unique_ptr<Worker>& worker : workers) watches.push_back(&worker->handler_watch());
  HandlerMonitor monitor(watches, options_.handler_timeout, deps_.log);
  MutexLock lock(&mutex_);
  while (!have_workers_ended_) {
    workers_ended_.WaitFor(&mutex_, monitor.period());
    if (absl::Status stuck = monitor.Check(SteadyNow()); !stuck.ok()) {
      const HandlerWatch::Seen& event = monitor.told();
      const std::string task = TaskNameOf(*plan_, event.where);
      const std::string key = Printable(event.key);
      deps_.log->LogAbout(LogLevel::kError, stuck.ToString(),
                          {.task = task,
                           .topic = event.where.topic,
                           .partition = event.where.partition.value(),
                           .offset = event.offset.value(),
                           .aggregate = key});
      deps_.log->Flush(kLastWords);
      // Neither destructors nor handlers of exit: they would wait for the thread that does not return.
      std::_Exit(1);
    }
  }
}

WorkerConfig Pod::ConfigOf(int worker) const {
  // The engine has no randomness of its own (E8); incarnations are drawn from this.
  std::random_device random;
  WorkerConfig config;
  config.index = worker;
  config.transactional_id = TransactionalId(plan_->application_id, options_.instance_id, worker, /*slot=*/0);
  if (options_.static_membership) config.member_name = absl::StrCat(options_.instance_id, "-", worker);
  config.seed = (uint64_t{random()} << 32) | random();
  return config;
}

// Their threads, and those that watch them: from joining the group until all have left it.
absl::Status Pod::RunWorkers(const std::vector<std::unique_ptr<Worker>>& workers,
                             BackgroundCheckpointWriter* checkpoints, std::thread* topics) {
  if (deps_.status != nullptr) deps_.status->SetPhase(PodPhase::kRunning);
  checkpoints->NoteCopies(*plan_);
  std::vector<std::thread> threads;
  for (const std::unique_ptr<Worker>& worker : workers) {
    threads.emplace_back([this, &worker] { RunWorker(worker.get()); });
  }
  std::thread monitor([this, &workers] { WatchHandlers(workers); });
  *topics = std::thread([this, &workers, checkpoints] { WatchTopics(workers, checkpoints); });
  for (std::thread& thread : threads) thread.join();
  absl::Status status;
  {
    MutexLock lock(&mutex_);
    status = first_failure_;
    have_workers_ended_ = true;
    workers_ended_.NotifyAll();
  }
  // The monitor lives as long as a worker may be stuck.
  monitor.join();
  return status;
}

absl::Status Pod::Run() {
  BackgroundCheckpointWriter checkpoints(deps_.store, options_.checkpoint_flush_interval, deps_.clock, deps_.log);
  BackgroundOffsetReader offsets(plan_, deps_.admin);
  EngineOptions engine = options_.engine;
  MemoryBudget memory(engine.memory_bytes, options_.workers);
  engine.memory_bytes /= static_cast<size_t>(options_.workers);
  if (deps_.journal != nullptr) engine.crash_suspects = deps_.journal->suspects();
  std::vector<std::unique_ptr<kafka::Client>> clients;  // They outlive the workers.
  Solitude solitude;
  std::vector<std::unique_ptr<Worker>> workers;
  for (int i = 0; i < options_.workers; ++i) {
    clients.push_back(deps_.client->Named(
        absl::StrCat(plan_->application_id, "-", options_.instance_id, options_.client_mark, "-", i)));
    WorkerDeps deps{
        .client = clients[i] != nullptr ? clients[i].get() : deps_.client,
        .admin = deps_.admin,
        .store = deps_.store,
        .checkpoints = &checkpoints,
        .offsets = &offsets,
        .clock = deps_.clock,
        .log = deps_.log,
        .memory = &memory,
        .sleep = [](absl::Duration pause) { std::this_thread::sleep_for(absl::ToChronoNanoseconds(pause)); },
        .solitude = &solitude,
        .status = deps_.status};
    workers.push_back(std::make_unique<Worker>(plan_, engine, ConfigOf(i), deps));
    workers.back()->handler_watch().set_journal(deps_.journal, i);
    if (deps_.status != nullptr) deps_.status->SetWatch(i, &workers.back()->handler_watch());
  }
  // T12: all producers before any consumer.
  absl::Status status = StartProducers(&workers);
  std::thread topics;
  if (status.ok()) {
    status = RunWorkers(workers, &checkpoints, &topics);
  } else if (absl::IsCancelled(status)) {
    deps_.log->Log(LogLevel::kInfo,
                   absl::StrCat("told to stop before it had started: ", std::string(status.message())));
    status = absl::OkStatus();
  }
  const DiskPatience patience(StoppedAt() + options_.last_flush_timeout, status.ok() ? 0 : 1, deps_.log);
  if (topics.joinable()) topics.join();
  for (int i = 0; i < options_.workers && deps_.status != nullptr; ++i) deps_.status->SetWatch(i, nullptr);
  // Before the flush: what they write as they end is part of it.
  workers.clear();
  if (absl::Status flushed = checkpoints.Flush(); !flushed.ok()) {
    deps_.log->Log(LogLevel::kError, absl::StrCat("the last checkpoint could not be flushed: ", flushed.ToString()));
  }
  return status;
}

}  // namespace once
