// Carries out what the engine asks for, and tells it what came of it. All of Kafka that a worker sees is here.
#include "processor/runtime/worker.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"

namespace once {

namespace {

// While tasks have work others are polled for so often.
constexpr absl::Duration kPollWithWork = absl::Milliseconds(50);
// Workers tell each other so often what memory they use.
constexpr absl::Duration kShareInterval = absl::Milliseconds(50);
// While another worker is alone it is asked so often whether it still is.
constexpr absl::Duration kSolitudePause = absl::Milliseconds(1);

}  // namespace

Worker::Worker(const Plan* plan, const EngineOptions& options, const WorkerConfig& config, const WorkerDeps& deps)
    : plan_(plan),
      config_(config),
      deps_(deps),
      engine_(plan, options, deps.store, deps.log, config.seed, &handler_watch_),
      own_offsets_(deps.offsets == nullptr ? std::make_unique<InlineOffsetReader>(plan, deps.admin) : nullptr),
      offsets_(deps.offsets == nullptr ? own_offsets_.get() : deps.offsets),
      summary_(config.index, deps.log, offsets_),
      status_writer_(plan, config.index, deps.status, deps.clock) {
  handler_watch_.set_solitude(deps.solitude, config.index);
  Tick();
}

Worker::~Worker() = default;

kafka::Result Worker::MakeProducer() {
  producer_.reset();
  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> made =
      deps_.client->NewProducer(config_.transactional_id, plan_->output_topics);
  if (!made.ok()) {
    return {.error = kafka::ErrorClass::kFatal,
            .code = absl::StatusCodeToString(made.status().code()),
            .message = std::string(made.status().message())};
  }
  producer_ = *std::move(made);
  return producer_->InitTransactions(config_.call_timeout);
}

absl::Status Worker::InitProducer() {
  const kafka::Result result = MakeProducer();
  if (result.ok()) return absl::OkStatus();
  const std::string message =
      absl::StrCat("initialising producer ", config_.transactional_id, " failed: ", kafka::ToString(result));
  // Fenced at the start is a former process that has not gone yet: waited for, like brokers that are away.
  return result.error == kafka::ErrorClass::kRetriable || result.fenced ? absl::UnavailableError(message)
                                                                        : absl::FailedPreconditionError(message);
}

absl::Status Worker::Join() {
  const std::vector<std::string> topics = plan_->ConsumedTopics();
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> consumer =
      config_.member_name.empty()
          ? deps_.client->NewGroupConsumer(plan_->application_id, topics)
          : deps_.client->NewStaticGroupConsumer(plan_->application_id, config_.member_name, topics);
  if (!consumer.ok()) return consumer.status();
  consumer_ = *std::move(consumer);
  return consumer_->Subscribe(plan_->LeadTopics(), this);
}

void Worker::Tick() {
  // Before the clock: a refusal that has come is heard of before it is decided whether to seal (X2).
  HearDeliveries();
  Dispatch(event::Tick{deps_.clock->Read()});
}

void Worker::ShareMemory() {
  const absl::Time now = deps_.clock->Steady();
  if (deps_.memory == nullptr || now - last_share_ < kShareInterval) return;
  // A look at the others' figures fetches their cache lines: not at every turn.
  last_share_ = now;
  Dispatch(event::MemoryShare{deps_.memory->Exchange(config_.index, engine_.memory_use().total())});
}

void Worker::RunOnce() {
  Turn();
  // X3: others wait for no longer than they must.
  const bool waits = handler_watch_.waits_to_be_alone() && engine_.accepts_work();
  if (deps_.solitude != nullptr && !(engine_.has_work() && waits) && !engine_.needs_solitude()) {
    deps_.solitude->EndAlone(config_.index);
  }
}

void Worker::Turn() {
  ShareMemory();
  Tick();
  for (event::CheckpointWritten& written : deps_.checkpoints->TakeResults(config_.index)) Dispatch(std::move(written));
  for (event::TaskOffsetsFetched& fetched : offsets_->TakeResults(config_.index)) Dispatch(std::move(fetched));
  if (stop_requested_.load(std::memory_order_relaxed) && !stop_sent_) {
    stop_sent_ = true;
    Dispatch(event::StopRequested{});
  }
  if (auto problems = topic_news_.Take(); problems.has_value()) Dispatch(event::TopicsChecked{*std::move(problems)});
  // Not in the action, which may be in a callback of the consumer that it ends.
  if (std::exchange(rejoins_, false)) Rejoin();
  if (done()) return;
  const ClockReading clock = deps_.clock->Read();
  summary_.Tell(clock.now, clock.wall, engine_, consumer_.get());
  status_writer_.Publish(clock, engine_, {.producer = producer_.get(), .consumer = consumer_.get()}, summary_);
  // With work at hand nothing is fetched in vain: RunWork polls for tasks that are hungry.
  if (!engine_.has_work()) PollRecords(config_.poll_wait);
  if (engine_.has_work() && !done()) RunWorkOrLetReplay();
  if (replays_ > 0 && engine_.accepts_replay() && !done())
    PollReplay(engine_.has_work() ? absl::ZeroDuration() : config_.poll_wait);
}

// X1: what opening tasks restore gets as much time as events do, however long each of those takes.
void Worker::RunWorkOrLetReplay() {
  if (replays_ == 0 || !engine_.accepts_replay()) work_ahead_ = absl::ZeroDuration();
  if (work_ahead_ > absl::ZeroDuration()) return ServeCallbacks();
  const absl::Time began = deps_.clock->Steady();
  RunWork();
  work_ahead_ += deps_.clock->Steady() - began;
}

void Worker::Rejoin() {
  if (absl::Status left = consumer_->Close(); !left.ok()) {
    deps_.log->Log(LogLevel::kWarning, absl::StrCat("leaving the group, to join it anew: ", left.ToString()));
  }
  batches_.clear();
  consumer_.reset();
  if (absl::Status joined = Join(); !joined.ok()) ConsumerFailed(joined);
}

// A slice of events; then, with more of them waiting, whatever may not wait for the last of them (X1).
void Worker::RunWork() {
  if (engine_.accepts_work()) RunSlice();
  if (done()) return;
  // The transaction waits for a broker.
  if (!engine_.accepts_work()) deps_.sleep(config_.retry_pause);
  // Quick tasks do not wait for those with slow handlers, nor new events for retries that are due at each turn.
  if (deps_.clock->Steady() - last_poll_ >= kPollWithWork && engine_.is_hungry())
    return PollRecords(absl::ZeroDuration());
  // Also without work: by the next turn a retry may be due again, and who is never hungry must hear of the group (T7).
  ServeCallbacks();
}

void Worker::RunSlice() {
  if (deps_.solitude != nullptr && !deps_.solitude->TryEnter(config_.index)) return deps_.sleep(kSolitudePause);
  handler_watch_.BeginSlice(deps_.clock);
  Dispatch(event::Continue{});
  if (deps_.solitude == nullptr) return;
  deps_.solitude->Leave();
  if (handler_watch_.waits_to_be_alone()) deps_.sleep(kSolitudePause);
}

std::shared_ptr<kafka::Batch> Worker::FreeBatch() {
  std::shared_ptr<kafka::Batch> free;
  // Whatever a batch holds stays until it is filled again, so one is kept and no more (X7).
  std::erase_if(batches_, [&free](const std::shared_ptr<kafka::Batch>& each) {
    if (each.use_count() > 1 || free != nullptr) return each.use_count() == 1;
    free = each;
    return false;
  });
  return free != nullptr ? free : batches_.emplace_back(std::make_shared<kafka::Batch>());
}

void Worker::PollRecords(absl::Duration longest_wait) {
  const absl::Time now = deps_.clock->Steady();
  last_poll_ = now;
  const absl::Duration wait = std::clamp(engine_.NextDeadline() - now, absl::ZeroDuration(), longest_wait);
  const std::shared_ptr<kafka::Batch> batch = FreeBatch();
  const bool replays = replays_ > 0 && engine_.accepts_replay();
  const absl::Status polled = consumer_->Poll(replays ? absl::ZeroDuration() : wait, batch.get());
  if (!polled.ok()) return ConsumerFailed(polled);
  if (!batch->records.empty() || !batch->ends.empty() || !batch->errors.empty()) Dispatch(event::Records{batch});
}

void Worker::ServeCallbacks() {
  if (absl::Status served = consumer_->ServeCallbacks(); !served.ok()) ConsumerFailed(served);
}

void Worker::ConsumerFailed(const absl::Status& status) {
  Do(action::Halt{
      absl::Status(status.code(), absl::StrCat("the consumer cannot go on: ", std::string(status.message())))});
}

void Worker::PollReplay(absl::Duration wait) {
  const absl::Time began = deps_.clock->Steady();
  const absl::Status polled = reader_->Poll(wait, &replay_batch_);
  if (!polled.ok()) {
    return Do(action::Halt{absl::Status(
        polled.code(), absl::StrCat("replaying a changelog cannot go on: ", std::string(polled.message())))});
  }
  const bool has_more = !replay_batch_.records.empty();
  Dispatch(event::Replayed{&replay_batch_});
  // Time that it has no use for is not saved up.
  const absl::Duration ahead = std::max(work_ahead_ - (deps_.clock->Steady() - began), -kPollWithWork);
  work_ahead_ = has_more ? ahead : absl::ZeroDuration();
}

absl::Status Worker::Leave() {
  if (deps_.solitude != nullptr) deps_.solitude->EndAlone(config_.index);
  absl::Status left;
  if (consumer_ != nullptr) left = consumer_->Close();
  consumer_.reset();
  reader_.reset();
  producer_.reset();
  return left;
}

void Worker::Dispatch(Event event) {
  events_.push_back(std::move(event));
  // An action's outcome is an event; it waits until the step that asked for it is carried out.
  if (dispatching_) return;
  dispatching_ = true;
  while (!events_.empty()) {
    const Event next = std::move(events_.front());
    events_.pop_front();
    handler_watch_.BeginStep(deps_.clock);
    engine_.Step(next, &actions_);
    handler_watch_.Release();
    CarryOut();
    actions_.Clear();
  }
  dispatching_ = false;
}

// X2: what does not belong to the transaction is carried out whatever became of its begin and its records.
void Worker::CarryOut() {
  const bool stands = BeginAndSend();
  for (Action& action : actions_.control) {
    std::visit(
        [&](auto& a) {
          if (stands || !a.kOfTransaction) Do(a);
        },
        action);
  }
}

bool Worker::BeginAndSend() {
  if (actions_.begin) {
    if (kafka::Result begun = producer_->BeginTransaction(); !begun.ok()) {
      Report<event::BeginFailed>([&] { return std::move(begun); });
      return false;
    }
  }
  for (const OutputRecord& record : actions_.outputs) {
    kafka::Result sent = producer_->Send(record);
    // The client's queue is full.
    if (sent.error == kafka::ErrorClass::kRetriable) sent = SendWhenThereIsRoom(record);
    if (sent.ok()) continue;
    Report<event::SendFailed>([&] { return std::move(sent); });
    return false;
  }
  return true;
}

template <typename Outcome, typename Call>
void Worker::Report(const Call& call) {
  Outcome outcome;
  // What calls take is not what handlers take (X1): the engine keeps them apart.
  const absl::Time start = deps_.clock->Steady();
  outcome.result = call();
  outcome.at = deps_.clock->Steady();
  outcome.took = outcome.at - start + std::exchange(blocked_, absl::ZeroDuration());
  // X2: what was reported meanwhile goes with the outcome, so that no way out of the epoch misses it.
  producer_->TakeDeliveries(&outcome.deliveries);
  outcome.suspicious = producer_->TakeSuspicion();
  events_.emplace_back(std::move(outcome));
}

void Worker::HearDeliveries() {
  if (producer_ == nullptr || engine_.idle()) return;
  event::Delivered delivered;
  producer_->TakeDeliveries(&delivered.deliveries);
  if (!delivered.deliveries.empty()) Dispatch(std::move(delivered));
}

// The queue is full: a flush makes room, unless the broker is gone.
kafka::Result Worker::SendWhenThereIsRoom(const OutputRecord& record) {
  constexpr int kTries = 100;
  const absl::Time start = deps_.clock->Steady();
  kafka::Result result;
  for (int i = 0; i < kTries; ++i) {
    // Only delivering makes room.
    result = producer_->Flush(config_.call_timeout);
    if (!result.ok()) break;
    result = producer_->Send(record);
    if (result.error != kafka::ErrorClass::kRetriable) break;
    deps_.sleep(config_.retry_pause);
  }
  blocked_ += deps_.clock->Steady() - start;
  return result;
}

void Worker::Do(const action::Flush&) {
  Report<event::Flushed>([&] { return producer_->Flush(config_.call_timeout); });
}

void Worker::Do(const action::SendOffsets& send) {
  Report<event::OffsetsSent>([&]() -> kafka::Result {
    // T6: afresh for each commit.
    const kafka::GroupMetadata group = consumer_->group_metadata();
    // The broker accepts a commit without a member, and one of a member that has joined anew would speak for partitions
    // that were taken away in between.
    if (group.generation < 0 || group.member_id.empty() || group.member_id != served_member_id_) {
      return {.error = kafka::ErrorClass::kAbortable,
              .code = "NOT_A_MEMBER",
              .message = absl::StrCat("the consumer is not in its group as it was when its partitions were assigned "
                                      "(generation ",
                                      group.generation, ")")};
    }
    return producer_->SendOffsets(send.offsets, group, config_.call_timeout);
  });
}

void Worker::Do(const action::Commit&) {
  Report<event::CommitDone>([&] { return producer_->Commit(config_.call_timeout); });
}

void Worker::Do(const action::Abort&) {
  Report<event::AbortDone>([&] { return producer_->Abort(config_.call_timeout); });
}

void Worker::Do(const action::RebuildProducer&) {
  event::ProducerReady ready;
  // Its last words, for it is destroyed.
  if (producer_ != nullptr) producer_->TakeDeliveries(&ready.deliveries);
  ready.result = MakeProducer();
  ready.at = deps_.clock->Steady();
  events_.emplace_back(std::move(ready));
}

// A task whose local state another worker of the instance still holds has to wait for that (F7).
void Worker::Do(action::FetchTaskOffsets& fetch) {
  std::erase_if(fetch.tasks, [&](const TaskId& task) {
    if (deps_.checkpoints->Acquire(config_.index, task)) return false;
    events_.emplace_back(event::TaskOffsetsFetched{
        .task = task,
        .offsets = absl::UnavailableError("another worker of this instance still holds its local state"),
        .request = fetch.request});
    return true;
  });
  if (fetch.tasks.empty()) return;
  offsets_->Read(config_.index, fetch);
  for (event::TaskOffsetsFetched& each : offsets_->TakeResults(config_.index)) events_.emplace_back(std::move(each));
}

void Worker::Do(const action::StartReplay& start) {
  if (reader_ == nullptr) {
    auto reader = deps_.client->NewLogReader(plan_->changelog_topics);
    if (!reader.ok()) return Do(action::Halt{reader.status()});
    reader_ = *std::move(reader);
  }
  if (absl::Status added = reader_->Add(start.from); !added.ok()) return Do(action::Halt{added});
  ++replays_;
}

void Worker::Do(const action::StopReplay& stop) {
  if (absl::Status removed = reader_->Remove(stop.changelog); !removed.ok()) {
    deps_.log->Log(LogLevel::kWarning, removed.ToString());
  }
  // It holds a connection and a thread, which nobody needs between openings.
  if (--replays_ == 0) reader_.reset();
}

void Worker::Do(const action::Seek&) {
  // In a callback what was polled before would still be returned; the tick after it asks again.
  if (in_callback_) return;
  std::vector<TopicPartitionOffset> targets = engine_.SeekTargets();
  if (targets.empty()) return;
  std::vector<kafka::SeekFailure> failures = consumer_->SeekEach(targets);
  events_.emplace_back(event::SeekDone{std::move(targets), std::move(failures)});
}

void Worker::Do(const action::Rejoin&) { rejoins_ = true; }

void Worker::Do(const action::Unassign& unassign) {
  // F7: whoever gets them next may have them once their last write has ended.
  for (const TaskId& task : unassign.tasks) deps_.checkpoints->Release(config_.index, task);
  // GiveUp waits for it, inside the callback.
  unassigned_ = true;
  if (absl::Status done = consumer_->Unassign(InputsOf(unassign.tasks)); !done.ok()) {
    deps_.log->Log(LogLevel::kWarning, absl::StrCat("giving partitions back failed: ", done.ToString()));
  }
}

void Worker::Do(action::WriteCheckpoint& write) {
  deps_.checkpoints->Write(config_.index, write.task, std::move(write.batch));
}

void Worker::Do(const action::Halt& halt) {
  halted_ = true;
  if (status_.ok()) status_ = halt.status;
}

}  // namespace once
