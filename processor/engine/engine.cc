// Steps of the engine that concern tasks and input; transactions are in engine_epoch.cc.
#include "processor/engine/engine.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

Engine::Engine(const Plan* plan, const EngineOptions& options, CheckpointStore* store, LogSink* log, uint64_t seed,
               HandlerObserver* observer)
    : plan_(plan),
      options_(options),
      log_(log),
      random_(seed),
      epoch_{.arena = &arena_},
      pipeline_(plan, &options_, &epoch_, log, observer),
      committer_(options.transaction_timeout, options.retry_interval, log),
      opener_(plan, &options_, store, log, [this] { return random_() | 1; }),
      inputs_(plan->input_topics.size()) {}

void Engine::Step(const Event& event, Actions* actions) {
  arena_.Reset();
  pipeline_.ReleaseStep();
  actions_ = actions;
  epoch_.outputs = &actions->outputs;
  if (halted_) return;
  std::visit([this](const auto& e) { On(e); }, event);
  UnassignLeaving();
}

Task* Engine::FindTask(const TaskId& id) const {
  const auto found = tasks_.find(id);
  return found == tasks_.end() ? nullptr : found->second.get();
}

Engine::InputRef Engine::FindInput(uint32_t source, Partition partition) const {
  if (source >= inputs_.size()) return {};
  const auto index = static_cast<size_t>(partition.value());
  return index < inputs_[source].size() ? inputs_[source][index] : InputRef{};
}

void Engine::Halt(const absl::Status& status) {
  if (halted_) return;
  halted_ = true;
  actions_->control.emplace_back(action::Halt{status});
}

void Engine::On(const event::Tick& tick) {
  now_ = std::max(now_, tick.now);
  committer_.OnTick(now_, actions_);
  // A producer under replacement has fenced nothing yet, so what is committed may still change.
  if (committer_.phase() == CommitPhase::kRebuilding) return;
  for (const auto& [id, task] : tasks_) opener_.Request(task.get(), now_, actions_);
  CheckpointTasks(/*all=*/false);
  if (!committer_.idle()) return;
  if (!stopping_ && leaving_.empty()) {
    ResumePausedTasks();
    TouchOverdueTasks();
    RunParked();
  }
  if (epoch_.open && MustSeal()) SealEpoch();
  // Not with records of other tasks at hand: a seek makes the rest of a batch void.
  if (committer_.idle() && batch_ == nullptr && !SeekTargets().empty()) actions_->control.emplace_back(action::Seek{});
}

absl::Time Engine::NextDeadline() const {
  absl::Time next = absl::InfiniteFuture();
  if (epoch_.open) next = epoch_.opened_at + options_.commit_interval;
  for (const auto& [id, task] : tasks_) {
    if (task->awaiting_seek || task->phase == TaskPhase::kReplaying) return now_;
    if (task->phase == TaskPhase::kOpening) next = std::min(next, now_ + options_.retry_interval);
    if (task->phase == TaskPhase::kPaused) next = std::min(next, task->resume_at);
    const std::optional<int64_t> retry = task->parking.NextRetryMs();
    if (retry.has_value()) next = std::min(next, absl::FromUnixMillis(*retry));
  }
  return next;
}

void Engine::On(const event::Assigned& assigned) {
  for (const TaskId& id : assigned.tasks) {
    auto task = std::make_unique<Task>(id, *plan_, options_, opener_.store());
    task->opening_at = now_;
    for (InputPosition& input : task->inputs) {
      auto& by_partition = inputs_[input.source];
      const auto index = static_cast<size_t>(id.partition.value());
      if (by_partition.size() <= index) by_partition.resize(index + 1);
      by_partition[index] = {task.get(), &input};
    }
    tasks_[id] = std::move(task);
  }
}

void Engine::On(const event::Revoked& revoked) {
  leaving_.insert(leaving_.end(), revoked.tasks.begin(), revoked.tasks.end());
  if (epoch_.open && committer_.idle()) SealEpoch();
}

void Engine::On(const event::Lost& lost) {
  leaving_.insert(leaving_.end(), lost.tasks.begin(), lost.tasks.end());
  if (epoch_.open && committer_.idle()) AbortEpoch();
}

// A task leaves when no transaction speaks for it any more.
void Engine::UnassignLeaving() {
  if (leaving_.empty() || epoch_.open) return;
  if (!committer_.idle() && committer_.phase() != CommitPhase::kRebuilding) return;
  for (const TaskId& id : leaving_) {
    Task* task = FindTask(id);
    if (task == nullptr) continue;
    if (task->phase == TaskPhase::kReplaying) actions_->control.emplace_back(action::StopReplay{task->changelog});
    for (const InputPosition& input : task->inputs) {
      inputs_[input.source][static_cast<size_t>(id.partition.value())] = InputRef{};
    }
    tasks_.erase(id);
  }
  actions_->control.emplace_back(action::Unassign{std::exchange(leaving_, {})});
}

void Engine::On(const event::Records& records) {
  batch_ = records.batch;
  batch_cursor_ = 0;
  window_keys_.clear();
  ProcessBacklog();
}

void Engine::On(const event::Continue&) { ProcessBacklog(); }

void Engine::ProcessBacklog() {
  if (batch_ == nullptr) return;
  const auto& records = batch_->records;
  while (batch_cursor_ < records.size()) {
    if (!committer_.idle() || !ProcessRecord(records[batch_cursor_], WindowKeyOf(batch_cursor_))) return;
    ++batch_cursor_;
    if (epoch_.open && (epoch_.records >= options_.max_epoch_records || epoch_.bytes >= options_.max_epoch_bytes)) {
      SealEpoch();
    }
  }
  // The ends come once only: they wait for the epoch that the last record sealed.
  if (!committer_.idle()) return;
  const kafka::Batch* batch = std::exchange(batch_, nullptr);
  ProcessErrors(*batch);
  ProcessEnds(*batch);
  if (epoch_.open && committer_.idle() && MustSeal()) SealEpoch();
}

const EventPipeline::WindowKey& Engine::WindowKeyOf(size_t index) {
  constexpr size_t kAhead = 12;
  const auto& records = batch_->records;
  for (size_t i = window_keys_.size(); i < std::min(index + kAhead, records.size()); ++i) {
    const InputRef ref = FindInput(records[i].topic_index, records[i].partition);
    window_keys_.push_back(ref.task == nullptr ? EventPipeline::WindowKey{}
                                               : pipeline_.LookAhead(*ref.task, ref.input->source, records[i]));
  }
  return window_keys_[index];
}

// False if the record must wait: the epoch is being ended before it.
bool Engine::ProcessRecord(const RecordView& record, const EventPipeline::WindowKey& key) {
  const InputRef ref = FindInput(record.topic_index, record.partition);
  if (ref.task == nullptr || ref.task->phase != TaskPhase::kRunning || ref.task->awaiting_seek ||
      record.offset < ref.input->next || stopping_) {
    return true;
  }
  if (!epoch_.open) OpenEpoch();
  epoch_.Touch(ref.task);
  const Outcome outcome = pipeline_.Process(ref.task, ref.input->source, record, key);
  if (outcome.kind != Outcome::Kind::kDone) return HandleOutcome(ref.task, outcome);
  ref.input->next = record.offset + 1;
  ++epoch_.records;
  ++ref.task->epoch_breaker.finished;
  CountForBreaker(ref.task);
  return true;
}

// Whether the batch goes on. What was not processed is read again by a later seek.
bool Engine::HandleOutcome(Task* task, const Outcome& outcome) {
  switch (outcome.kind) {
    case Outcome::Kind::kDone:
      return true;
    case Outcome::Kind::kPauseTask:
      task->awaiting_seek = true;  // Discards the rest of the task's records.
      pause_after_commit_.emplace_back(task, outcome.status);
      SealEpoch();
      return true;
    case Outcome::Kind::kHalt:
      halt_after_commit_ = outcome.status;
      SealEpoch();
      return false;
    case Outcome::Kind::kStoreFailed:
      store_failure_.emplace(task, outcome.status);
      AbortEpoch();
      return false;
  }
  return false;
}

void Engine::ProcessErrors(const kafka::Batch& batch) {
  for (const kafka::PartitionError& error : batch.errors) {
    const InputRef ref = FindInput(error.topic_index, error.partition);
    if (ref.task == nullptr || ref.task->phase != TaskPhase::kRunning || ref.task->awaiting_seek) continue;
    if (!absl::IsOutOfRange(error.status)) {
      log_->Log(LogLevel::kWarning, absl::StrCat(ToString(ref.input->where), ": ", error.status.ToString()));
      continue;
    }
    Halt(absl::OutOfRangeError(absl::StrCat(
        "offset ", ToString(ref.input->where, ref.input->next),
        ", the next to process, is not in the log: ", std::string(error.status.message()),
        ". Events between it and the log's beginning are gone (retention too short for the time the application stood"
        " still?); decide where to go on and set the group's offset")));
  }
}

// All that was fetched of these partitions is done, so the position may pass trailing control markers.
void Engine::ProcessEnds(const kafka::Batch& batch) {
  if (!committer_.idle() || stopping_) return;
  for (const kafka::EndOfPartition& end : batch.ends) {
    const InputRef ref = FindInput(end.topic_index, end.partition);
    if (ref.task == nullptr || ref.task->phase != TaskPhase::kRunning || ref.task->awaiting_seek) continue;
    if (end.position <= ref.input->next) continue;
    if (!epoch_.open) OpenEpoch();
    epoch_.Touch(ref.task);
    ref.input->next = end.position;
  }
}

void Engine::RunParked() {
  if (!committer_.idle()) return;
  const int64_t now_ms = absl::ToUnixMillis(now_);
  int64_t budget = options_.max_drained_per_step;
  for (const auto& [id, task] : tasks_) {
    if (task->phase != TaskPhase::kRunning) continue;
    while (budget > 0) {
      const std::optional<std::string> key = task->parking.NextRunnable(now_ms);
      if (!key.has_value()) break;
      if (!epoch_.open) OpenEpoch();
      epoch_.Touch(task.get());
      --budget;
      const Outcome outcome = pipeline_.RunParked(task.get(), *key);
      ++epoch_.records;
      if (outcome.kind != Outcome::Kind::kDone) {
        HandleOutcome(task.get(), outcome);
        return;
      }
    }
  }
}

void Engine::On(const event::TaskOffsetsFetched& fetched) {
  Task* task = FindTask(fetched.task);
  if (task == nullptr) return;
  const absl::Status opened = opener_.OnOffsets(task, fetched, now_, actions_);
  if (!opened.ok()) StoreFailed(task, opened);
}

void Engine::On(const event::Replayed& replayed) {
  const auto find = [&](uint32_t group, Partition partition) {
    return FindTask({static_cast<uint16_t>(group), partition});
  };
  for (const RecordView& record : replayed.batch->records) {
    Task* task = find(record.topic_index, record.partition);
    if (task == nullptr) continue;
    const absl::Status applied = opener_.OnReplayed(task, record);
    if (!applied.ok()) return Halt(applied);
  }
  for (const kafka::PartitionError& error : replayed.batch->errors) {
    if (find(error.topic_index, error.partition) == nullptr) continue;
    return Halt(absl::Status(error.status.code(),
                             absl::StrCat("reading changelog ", plan_->changelog_topics[error.topic_index], "-",
                                          error.partition.value(), " failed: ", std::string(error.status.message()))));
  }
  for (const kafka::EndOfPartition& end : replayed.batch->ends) {
    Task* task = find(end.topic_index, end.partition);
    if (task == nullptr) continue;
    const absl::Status finished = opener_.OnReplayEnd(task, end.position, now_, actions_);
    if (!finished.ok()) StoreFailed(task, finished);
  }
  CheckpointTasks(/*all=*/false);
}

void Engine::StoreFailed(Task* task, const absl::Status& status) {
  if (!absl::IsDataLoss(status) || task->rebuilding) return Halt(status);
  Reopen(task);
  task->rebuild_why = status;
  if (absl::Status rebuilt = opener_.RebuildIfFree(task); !rebuilt.ok()) Halt(rebuilt);
}

namespace {

// Where the task's inputs are to be read next; nothing if they are read from where they should be.
std::vector<TopicPartitionOffset> SeekTargetsOf(const Task& task) {
  std::vector<TopicPartitionOffset> targets;
  if (!task.awaiting_seek) return targets;
  if (task.phase != TaskPhase::kRunning && task.phase != TaskPhase::kPaused) return targets;
  for (const InputPosition& input : task.inputs) {
    targets.push_back({input.where, task.phase == TaskPhase::kPaused ? kafka::kEndOffset : input.next});
  }
  return targets;
}

}  // namespace

std::vector<TopicPartitionOffset> Engine::SeekTargets() const {
  std::vector<TopicPartitionOffset> targets;
  for (const auto& [id, task] : tasks_) {
    for (TopicPartitionOffset& target : SeekTargetsOf(*task)) targets.push_back(std::move(target));
  }
  return targets;
}

void Engine::On(const event::SeekDone& done) {
  if (!done.status.ok()) {
    const LogLevel level = absl::IsUnavailable(done.status) ? LogLevel::kDebug : LogLevel::kWarning;
    log_->Log(level, absl::StrCat("seeking failed, trying again: ", done.status.ToString()));
    return;
  }
  // Nothing may be processed before a producer under replacement is back; the seek comes again then.
  if (!committer_.idle() || batch_ != nullptr) return;
  const auto was_sought = [&](const TopicPartitionOffset& target) {
    return std::any_of(done.targets.begin(), done.targets.end(), [&](const TopicPartitionOffset& sought) {
      return sought.where == target.where && sought.offset == target.offset;
    });
  };
  // A task that has come to wait since, or for another place, still does.
  for (const auto& [id, task] : tasks_) {
    const std::vector<TopicPartitionOffset> wanted = SeekTargetsOf(*task);
    if (!wanted.empty() && std::all_of(wanted.begin(), wanted.end(), was_sought)) task->awaiting_seek = false;
  }
}

void Engine::Pause(Task* task, const absl::Status& why) {
  log_->Log(LogLevel::kError,
            absl::StrCat("task ", ToString(task->inputs.front().where), " pauses for ",
                         absl::FormatDuration(options_.breaker_backoff), ": ", std::string(why.message())));
  task->phase = TaskPhase::kPaused;
  task->awaiting_seek = true;
  task->resume_at = now_ + options_.breaker_backoff;
}

void Engine::ResumePausedTasks() {
  for (const auto& [id, task] : tasks_) {
    if (task->phase != TaskPhase::kPaused || now_ < task->resume_at) continue;
    task->phase = TaskPhase::kRunning;
    task->awaiting_seek = true;
  }
}

// Trips when too large a share of what the task finished, committed or about to be, failed for good.
void Engine::CountForBreaker(Task* task) {
  const int64_t failed = task->breaker.failed + task->epoch_breaker.failed;
  if (task->epoch_breaker.failed == 0 || failed < options_.breaker_min_failures) return;
  const int64_t finished = task->breaker.finished + task->epoch_breaker.finished;
  if (static_cast<double>(failed) < options_.breaker_failure_ratio * static_cast<double>(finished)) return;
  task->awaiting_seek = true;
  pause_after_commit_.emplace_back(task, absl::ResourceExhaustedError(absl::StrCat(
                                             failed, " of the last ", finished,
                                             " events failed for good (breaker_min_failures, "
                                             "breaker_failure_ratio); see the dead-letter topic for their reasons")));
  SealEpoch();
}

void Engine::TouchOverdueTasks() {
  for (const auto& [id, task] : tasks_) {
    if (task->phase != TaskPhase::kRunning || task->touched) continue;
    const bool first = std::any_of(task->inputs.begin(), task->inputs.end(),
                                   [](const InputPosition& input) { return !input.committed.has_value(); });
    if (!first && now_ - task->last_commit < options_.recommit_interval) continue;
    if (!first && task->last_commit == absl::InfinitePast()) {
      task->last_commit = now_;
      continue;
    }
    if (!epoch_.open) OpenEpoch();
    epoch_.Touch(task.get());
  }
}

}  // namespace once
