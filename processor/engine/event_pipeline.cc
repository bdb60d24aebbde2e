// One event: known before? parked? which handlers? Then they run, and what they did is merged into the epoch.
#include "processor/engine/event_pipeline.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "state/changelog.h"

namespace once {

EventPipeline::EventPipeline(const Plan* plan, const EngineOptions* options, Epoch* epoch, LogSink* log,
                             HandlerObserver* observer)
    : plan_(plan),
      options_(options),
      epoch_(epoch),
      log_(log),
      observer_(observer),
      failures_(plan, options, epoch, log, observer),
      dispatcher_(*plan->graph),
      identifier_(plan->graph.get()),
      output_builder_(plan, epoch->stamps),
      context_(this, epoch->arena, log),
      opened_(plan->graph->nodes.size(), nullptr),
      duplicates_(LogLevel::kInfo, "duplicates, events whose ID was processed before", ""),
      duplicate_redrives_(LogLevel::kWarning, "dead letters sent back more than once", ""),
      duplicate_notices_(LogLevel::kWarning,
                         "dead letters sent back of events that are parked, or were, which changes nothing",
                         "the FAILED notice of the event that blocks its aggregate, sent back, releases that"),
      misdirected_notices_(
          LogLevel::kWarning,
          "dead letters without a key sent back to another partition than their event's, which changes "
          "nothing",
          "send them to the partition that once.origin names: topic-partition-offset"),
      hollow_(LogLevel::kWarning,
              "dead letters sent back that had no room for the event's value, which changes nothing",
              "send back the event itself, from the place that once.origin names, with the letter's headers "
              "once.application, once.disposition, once.origin and once.round, and raise max.message.bytes of the "
              "dead-letter topic"),
      misplaced_(LogLevel::kWarning, "records in another partition than their key belongs to",
                 "their producer uses another partitioner; see SourceOptions.partitioner") {
  for (const NodeSpec& node : plan->graph->nodes) store_prefixes_.push_back(StateKeyPrefix(node.name));
  // What fails before a node is chosen goes by the policy of the source's aggregate, else of its first node.
  policy_nodes_.assign(plan->graph->sources.size(), 0);
  for (size_t source = 0; source < policy_nodes_.size(); ++source) {
    const auto& handlers = plan->graph->handlers;
    const auto hears = [&](const HandlerSpec& h) { return h.source == source; };
    const auto aggregate = [&](const HandlerSpec& h) {
      return hears(h) && plan->graph->nodes[h.node].kind == NodeKind::kAggregate;
    };
    auto chosen = std::find_if(handlers.begin(), handlers.end(), aggregate);
    if (chosen == handlers.end()) chosen = std::find_if(handlers.begin(), handlers.end(), hears);
    if (chosen != handlers.end()) policy_nodes_[source] = chosen->node;
  }
}

void EventPipeline::LookAhead(const Task& task, SourceIndex source, const RecordView& record, WindowKey* result) {
  WindowKey& key = *result;
  key = {};
  // For the caches alone: of several aggregates that hear the source, the state of the first is fetched.
  const NodeIndex node = policy_nodes_[source];
  if (record.key.has_value() && plan_->graph->nodes[node].kind == NodeKind::kAggregate) {
    ahead_scratch_.assign(store_prefixes_[node]).append(*record.key);
    key.has_state = true;
    key.state_node = node;
    key.state_hash = TaskState::HashOf(ahead_scratch_);
    task.state.PrefetchSlot(key.state_hash);
  }
  const std::string& topic = plan_->input_topics[source];
  EventIdentifier::Identity& identity = key.identity;
  bool may_be_letter = false;
  EventIdentifier::ReadHeaders(record.headers, &identity, &may_be_letter);
  if (may_be_letter) key.redrive = ReadRedrive(record.headers, plan_->application_id, topic);
  // The window is switched off.
  if (options_->idempotency_retention <= absl::ZeroDuration()) return;
  identifier_.Complete(source, record, &identity);
  key.has_identity = !plan_->graph->sources[source].identify;
  std::string_view id = identity.id;
  // Sent back twice it takes effect once, also without an ID of its own.
  if (id.empty() && key.redrive.kind == Redrive::Kind::kRound) id = key.redrive.origin;
  // E3: without an ID its offset alone tells it apart.
  if (id.empty()) return;
  // E3, R6: the round is part of it, so a copy sent back is an event of its own, once.
  key.hash = HashEventId(topic, identity.source, id, task.frontier.idempotency_generation(), key.redrive.round);
  key.present = true;
  // By the time the event has its turn the window's line is in the cache.
  task.window.Prefetch(key.hash);
}

void EventPipeline::ReleaseStep() {
  context_.End();
  context_.Clear();
  failures_.ReleaseStep();
  for (Tally* tally :
       {&duplicates_, &duplicate_redrives_, &duplicate_notices_, &misdirected_notices_, &hollow_, &misplaced_}) {
    tally->Tell(epoch_->opened_at, log_);
  }
}

void EventPipeline::CountDuplicate(const Attempt& attempt, const Redrive& redrive) {
  const auto example = [&] {
    return absl::StrCat("event \"", Printable(EventIdOf(*attempt.record, *attempt.topic)), "\" at ",
                        OriginOf(*attempt.record, *attempt.topic));
  };
  ++epoch_->counters.duplicates;
  if (redrive.is_notice()) {
    ++epoch_->counters.duplicate_notices;
    // R6: without its key it is looked for in the partition that it was sent to, and its queue is in another one.
    const bool is_astray = redrive.has_no_key && redrive.partition != attempt.record->partition;
    (is_astray ? misdirected_notices_ : duplicate_notices_).Count(example);
  } else if (redrive.kind == Redrive::Kind::kRound) {
    ++epoch_->counters.duplicate_redrives;
    duplicate_redrives_.Count(example);
  } else {
    duplicates_.Count(example);
  }
}

// It has no value to be processed, or an empty one that is not the event's: taken for an event it would do harm (X8).
void EventPipeline::CountHollow(const Attempt& attempt, const Redrive& redrive) {
  ++epoch_->counters.duplicates;
  ++epoch_->counters.duplicate_redrives;
  hollow_.Count([&] {
    return absl::StrCat("that of event ", OneLine(redrive.origin), ", at ", OriginOf(*attempt.record, *attempt.topic));
  });
}

Outcome EventPipeline::Process(Task* task, SourceIndex source, const RecordView& record, const WindowKey& key) {
  const Attempt attempt{
      .task = task, .source = source, .record = &record, .topic = &plan_->input_topics[source], .key = &key};
  epoch_->NoteEvent([&] { return PlaceOf(attempt); });
  // Before the window: its ID is that of an event that is known (R6).
  if (key.redrive.is_notice()) return NoticeCameBack(attempt, key.redrive);
  if (key.redrive.kind == Redrive::Kind::kHollow) {
    CountHollow(attempt, key.redrive);
    return {};
  }
  // E1: now, not when the epoch commits, or of two copies in one epoch both would pass.
  if (key.present && !task->window.Reserve(key.hash)) {
    CountDuplicate(attempt, key.redrive);
    return {};
  }
  // R7: behind the window, since a second copy of an event that was processed is a duplicate, whatever the rules say
  // now; before all else, since a rule may be for an event that must not be touched.
  if (task->control_state.has_rules()) {
    if (const v1::NeverRuleAdded* rule = task->control_state.FindRule(record, *attempt.topic); rule != nullptr) {
      failures_.NeverProcess(attempt, *rule);
      return {};
    }
  }
  const Outcome outcome = Resolve(attempt);
  const bool is_done = outcome.kind == Outcome::Kind::kDone;
  if (is_done && key.redrive.kind == Redrive::Kind::kRound) ++epoch_->counters.redrives;
  // E1: it will come again.
  if (!is_done && key.present) task->window.Release(key.hash);
  return outcome;
}

Outcome EventPipeline::NoticeCameBack(const Attempt& attempt, const Redrive& redrive) {
  bool released = false;
  const Outcome outcome = failures_.NoticeCameBack(attempt, redrive, &released);
  if (outcome.kind != Outcome::Kind::kDone) return outcome;
  if (released) {
    ++epoch_->counters.released;
  } else {
    CountDuplicate(attempt, redrive);
  }
  return outcome;
}

Outcome EventPipeline::Resolve(const Attempt& attempt) {
  const RecordView& record = *attempt.record;
  if (record.key.has_value()) {
    // E2: asked now, when the key's event before has finished.
    if (const v1::AggregateStatus* status = attempt.task->parking.Find(*record.key); status != nullptr) {
      return failures_.ParkBehind(attempt, *status);
    }
  }
  const Verdict verdict = Run(attempt);
  // X3: an error of the local disk is none of the event's, whatever its code and whatever the handler made of it.
  if (!store_error_.ok()) return FromStore(store_error_);
  if (verdict.status.ok()) {
    if (verdict.ignored) {
      ++epoch_->counters.ignored;
    } else {
      epoch_->NoteProcessed(record.timestamp_ms);
    }
    return {};
  }
  Outcome outcome = failures_.Fail(attempt, verdict);
  // X3: one that has ended without being run is over like any.
  const auto is_parked = [&] { return attempt.task->parking.FindQueue(Parking::QueueOf(record, *attempt.topic)); };
  outcome.is_unrun = verdict.is_unrun && is_parked() != nullptr;
  return outcome;
}

Outcome EventPipeline::RunParked(Task* task, const std::string& queue) {
  const v1::AggregateStatus* found = task->parking.FindQueue(queue);
  if (found == nullptr) return {};
  // R2: all that is left to do there is to tell its followers.
  if (found->state() == v1::AggregateStatus::PARKED) return failures_.Notice(task, queue, *found);
  v1::AggregateStatus status = *found;
  const uint64_t sequence = status.head_sequence();
  const absl::StatusOr<Attempt> head = failures_.Head(task, queue, status);
  if (!head.ok()) return FromStore(head.status());
  epoch_->NoteEvent([&] { return PlaceOf(*head); });
  if (Outcome ended; failures_.EndUnrun(*head, status, &ended)) return ended;
  const Verdict verdict = Run(*head);
  if (!store_error_.ok()) return FromStore(store_error_);
  Outcome outcome = verdict.status.ok() ? failures_.HeadProcessed(*head, std::move(status))
                                        : failures_.HeadFailed(*head, verdict, std::move(status));
  // As in Resolve.
  const v1::AggregateStatus* const after = task->parking.FindQueue(queue);
  outcome.is_unrun = verdict.is_unrun && after != nullptr && after->head_sequence() == sequence;
  if (outcome.kind != Outcome::Kind::kDone) return outcome;
  if (head->number > 1) ++epoch_->counters.retries;
  if (verdict.status.ok()) epoch_->NoteProcessed(head->record->timestamp_ms);
  return outcome;
}

Verdict EventPipeline::Run(const Attempt& attempt) {
  const RecordView& record = *attempt.record;
  task_ = attempt.task;
  key_ = attempt.key;
  store_error_ = absl::OkStatus();
  // X3: what the changelog had no room for cannot be run; its place is told instead.
  if (attempt.omitted) {
    return {.status = absl::OutOfRangeError(absl::StrCat(
                "the event was too large to be parked in ", attempt.task->changelog.topic, "; it is still at ",
                OriginOf(record, *attempt.topic), ", as long as that topic keeps it")),
            .node = policy_nodes_[attempt.source]};
  }
  if (!failures_.kept_values().IsKept(record)) return RunWhole(attempt);
  absl::StatusOr<RecordView> whole;
  {
    // R8: a store that does not answer is seen like a handler that does not.
    const Observed observed(observer_, *attempt.topic, record);
    whole = failures_.kept_values().Fetch(record, epoch_->arena);
  }
  if (!whole.ok()) {
    // Of one that is not to be run the reason is known without its value.
    if (absl::Status blame = Blame(attempt); !blame.ok())
      return {.status = blame, .node = policy_nodes_[attempt.source]};
    return {.status = whole.status(), .node = policy_nodes_[attempt.source], .is_unrun = true};
  }
  Attempt attempt_at_whole = attempt;
  attempt_at_whole.record = &*whole;
  // What was worked out ahead is of the record without it.
  attempt_at_whole.key = key_ = nullptr;
  return RunWhole(attempt_at_whole);
}

Verdict EventPipeline::RunWhole(const Attempt& attempt) {
  const RecordView& record = *attempt.record;
  if (attempt.key != nullptr && attempt.key->has_identity) {
    identity_ = attempt.key->identity;
  } else {
    identifier_.Read(attempt.source, record, &identity_);
  }
  const Dispatcher::Choice choice = dispatcher_.Choose(attempt.source, identity_.type, record.value.has_value());
  Verdict verdict{.node = policy_nodes_[attempt.source]};
  if (choice.verdict == Dispatcher::Verdict::kIgnored) {
    verdict.ignored = true;
    return verdict;
  }
  // Before any blame: what no handler can take is rejected and blocks nothing, whatever is known of it.
  verdict.status = CheckShape(attempt, choice);
  if (!verdict.status.ok()) {
    verdict.rejected = true;
    return verdict;
  }
  // Before any of the user's code: whatever ended the process would end it again (X3).
  if (verdict.status = Blame(attempt); !verdict.status.ok()) return verdict;
  RunUserCode(attempt, choice, &verdict);
  if (verdict.status.ok()) verdict.status = Merge(attempt);
  if (verdict.status.ok()) epoch_->NoteFlows(attempt.source, choice.steps, context_.outputs());
  return verdict;
}

void EventPipeline::RunUserCode(const Attempt& attempt, const Dispatcher::Choice& choice, Verdict* verdict) {
  // R8, X3: as long as this lives, the monitor and the crash journal know which event runs.
  const Observed observed(observer_, *attempt.topic, *attempt.record);
  if (verdict->status = CheckKey(attempt, choice); !verdict->status.ok()) {
    verdict->rejected = true;
    return;
  }
  if (verdict->status = CheckPartition(attempt); !verdict->status.ok()) return;
  if (choice.verdict == Dispatcher::Verdict::kUnknownType) {
    verdict->status = absl::UnimplementedError(absl::StrCat(
        "no handler for event type \"", Printable(choice.type), "\" on source \"",
        plan_->graph->sources[attempt.source].name, "\"; register one, or let the source ignore unknown types"));
    return;
  }
  verdict->status = RunHandlers(attempt, choice, &verdict->node);
}

absl::Status EventPipeline::Blame(const Attempt& attempt) {
  const Suspects& suspects = attempt.task->suspects;
  if (suspects.empty()) return absl::OkStatus();
  const std::string* const reason = suspects.BlamedFor(PlaceOf(attempt));
  return reason == nullptr ? absl::OkStatus() : absl::Status(suspects.BlameCode(PlaceOf(attempt)), *reason);
}

absl::Status EventPipeline::RunHandlers(const Attempt& attempt, const Dispatcher::Choice& choice, NodeIndex* node) {
  EventInfo info;
  info.topic = attempt.topic;
  info.lead = &attempt.task->inputs.front().where.topic;
  info.id = identity_.id;
  info.source = identity_.source;
  info.type = choice.type;
  info.attempt = attempt.number;
  // E8: the epoch's reading of the clock, since a handler that asked by itself would give other outputs on replay.
  info.now = epoch_->opened_wall;
  context_.Start(*attempt.record, info);
  // Entries are found once per event and node, for the read and for the write.
  std::fill(opened_.begin(), opened_.end(), nullptr);
  absl::Status status;
  for (const Dispatcher::Step& step : choice.steps) {
    *node = step.node;
    context_.set_node(step.node);
    // All handlers or none: the first that fails ends the event, and nothing of it is merged (I5).
    if (status = step.runner->Run(context_); !status.ok()) break;
  }
  context_.End();
  return status;
}

absl::StatusOr<OptionalBytes> EventPipeline::Read(uint16_t node, std::string_view record_key) {
  key_scratch_.assign(store_prefixes_[node]);
  key_scratch_.append(record_key);
  const bool is_hashed = key_ != nullptr && key_->has_state && node == key_->state_node;
  absl::StatusOr<TaskState::Entry*> entry =
      task_->state.Open(key_scratch_, is_hashed ? key_->state_hash : TaskState::HashOf(key_scratch_));
  if (!entry.ok()) {
    // Kept, since the handler may pass over what it is given; the pipeline asks for it afterwards.
    store_error_ = entry.status();
    return entry.status();
  }
  opened_[node] = *entry;
  return (*entry)->value();
}

absl::Status EventPipeline::Merge(const Attempt& attempt) {
  // E7: all sizes are looked at before anything is changed, so an event that is too large leaves nothing.
  const size_t changelog_limit = plan_->max_record_bytes[plan_->changelog_index(attempt.task->id.group)];
  for (const EventContext::StateWrite& write : context_.writes()) {
    const size_t size =
        EstimatedSize({.key = attempt.record->key, .value = write.value}) + store_prefixes_[write.node].size();
    if (size > changelog_limit) {
      return absl::OutOfRangeError(absl::StrCat("the state of ", size, " bytes exceeds the ", changelog_limit,
                                                " bytes that ", attempt.task->changelog.topic, " takes"));
    }
  }
  const size_t first_output = epoch_->outputs->size();
  const int64_t bytes_before = epoch_->bytes;
  // R3b: by this a refused output is traced to its event.
  const uint64_t token =
      context_.outputs().empty()
          ? 0
          : epoch_->AddCause(attempt.task, *attempt.topic, attempt.record->partition, attempt.record->offset);
  const Redrive redrive = attempt.key != nullptr
                              ? attempt.key->redrive
                              : ReadRedrive(attempt.record->headers, plan_->application_id, *attempt.topic);
  const OutputBuilder::Cause cause{.source = attempt.source,
                                   .generation = attempt.task->frontier.idempotency_generation(),
                                   .round = redrive.round,
                                   .is_letter = redrive.is_letter,
                                   .token = token,
                                   .now_ms = absl::ToUnixMillis(epoch_->opened_wall)};
  const absl::Status built = output_builder_.Build(context_, cause, epoch_->arena, epoch_->outputs);
  if (!built.ok()) return built;
  for (const EventContext::StateWrite& write : context_.writes()) {
    // It is kept until the epoch ends, and goes to the changelog then.
    epoch_->bytes += static_cast<int64_t>(write.value.value_or("").size());
    // Written without being read. If that fails now, the epoch is dropped with what was put before (store_error_).
    if (opened_[write.node] == nullptr) {
      const absl::StatusOr<OptionalBytes> read = Read(write.node, attempt.record->key.value_or(std::string_view()));
      if (!read.ok()) {
        epoch_->outputs->resize(first_output);
        return read.status();
      }
    }
    if (write.value.has_value()) {
      attempt.task->state.Put(opened_[write.node], *write.value);
    } else {
      attempt.task->state.Delete(opened_[write.node]);
    }
  }
  epoch_->Account(first_output);
  epoch_->NoteSize(attempt.task, bytes_before, static_cast<int64_t>(epoch_->outputs->size() - first_output),
                   [&] { return PlaceOf(attempt); });
  return absl::OkStatus();
}

}  // namespace once
