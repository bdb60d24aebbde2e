// Epochs that end without a commit, again and again: whom it concerns, for how long, and what is told (X2).
#include "processor/engine/failing_epochs.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"

namespace once {

namespace {

std::string Text(absl::Duration duration) {
  return absl::FormatDuration(absl::Trunc(duration, absl::Milliseconds(duration < absl::Seconds(1) ? 1 : 100)));
}

std::string Fenced(const Epoch& epoch, absl::Duration age, absl::Duration timeout) {
  // X1: a transaction that outlasted its timeout was fenced by the coordinator, not by anybody.
  if (age < timeout) {
    return "another instance took the transactional id over: does one run under the same instance_id? Give each its "
           "own, or stop one of the two";
  }
  // Whose time most of it was says whom to look at.
  const bool were_brokers = 2 * epoch.in_calls > age;
  return absl::StrCat("the transaction timed out because ", were_brokers ? "the brokers" : "handlers",
                      " were slow (the epoch was open for ", Text(age), ", of which ", Text(age - epoch.in_calls),
                      " were handlers and ", Text(epoch.in_calls), " calls to the brokers; its events made ",
                      epoch.bytes, " bytes; transaction_timeout is ", Text(timeout),
                      were_brokers ? "): see to the brokers, or raise transaction_timeout"
                                   : "): make them quicker, or raise transaction_timeout");
}

}  // namespace

std::string FailingEpochs::TopicsOf(const EpochFailure& failure) const {
  if (failure.topic_index.has_value()) return absl::StrCat("topic ", plan_->output_topics[*failure.topic_index]);
  // Offsets are added for what it reads, commands included.
  std::vector<std::string> names;
  for (const auto* topics : {&plan_->output_topics, &plan_->input_topics, &plan_->control_topics}) {
    for (const std::string& topic : *topics) {
      if (!topic.empty() && std::find(names.begin(), names.end(), topic) == names.end()) names.push_back(topic);
    }
  }
  return absl::StrCat("all topics that it writes or reads (", absl::StrJoin(names, ", "), ")");
}

std::string FailingEpochs::Describe(const EpochFailure& failure, const Epoch& epoch, bool is_of_topic) const {
  std::string text = failure.what;
  std::string todo;
  if (is_of_topic || !failure.result.has_value()) {
    text = absl::StrCat("records for ", TopicsOf(failure), " are not written: ", failure.error);
    todo = WhatToDo(AdviceFor(failure.code), TopicsOf(failure));
  } else if (failure.result->fenced) {
    todo = Fenced(epoch, step_->now - epoch.opened_at, options_->transaction_timeout);
  } else {
    todo = WhatToDo(AdviceFor(failure.result->code), TopicsOf(failure));
  }
  return todo.empty() ? text : absl::StrCat(text, "; ", todo);
}

void FailingEpochs::OnDrop(const EpochFailure& failure, const Epoch& epoch) {
  if (!failure.happened()) return;
  // R3b: the next try is another one, so there is nothing to wait for.
  if (failure.refusal.has_value()) {
    refusals_.Fail(step_->now, absl::ZeroDuration());
    refusals_.Tell(step_->now, LogLevel::kWarning, /*kind=*/"", *failure.refusal, log_);
    return;
  }
  // What ends the producer concerns all that it writes.
  const bool is_of_producer = failure.result.has_value() && failure.result->error == kafka::ErrorClass::kFatal;
  const bool is_of_topic = failure.topic_index.has_value() && !failure.tasks.empty() && !is_of_producer;
  const std::string& code = is_of_topic || !failure.result.has_value() ? failure.code : failure.result->code;
  const Advice advice = AdviceFor(code);
  const std::string text = Describe(failure, epoch, is_of_topic);
  // X4: only what another start mends ends the worker.
  if (advice.remedy == Remedy::kProgram) return step_->Halt(absl::FailedPreconditionError(text));
  Scope& scope = scopes_[is_of_topic ? *failure.topic_index : kWorker];
  scope.trouble.Fail(step_->now, options_->retry_interval);
  // The first time may be chance: nobody waits then (RecurringFailure::Fail).
  const bool is_held = scope.trouble.until() > step_->now;
  std::string held;
  for (const auto& [id, task] : tasks_->all()) {
    // I10: tasks that do not write there run on.
    if (is_of_topic && !failure.tasks.contains(id)) continue;
    if (is_of_topic) scope.tasks.insert(id);
    if (!is_held) continue;
    tasks_->Hold(task.get(), scope.trouble.until());
    if (is_of_topic) absl::StrAppend(&held, held.empty() ? "" : ", ", ToString(task->inputs.front().where));
  }
  std::string then = "the transaction is given up, and its events run again";
  if (is_held) {
    then = absl::StrCat(is_of_topic ? absl::StrCat("the tasks of ", held, " wait ") : "all tasks wait ",
                        Text(scope.trouble.until() - step_->now), " before their events run again");
  }
  const bool is_fenced = failure.result.has_value() && failure.result->fenced;
  const bool is_lasting = failure.lasting || advice.remedy == Remedy::kPeople ||
                          (is_fenced && step_->now - epoch.opened_at < options_->transaction_timeout);
  scope.trouble.Tell(step_->now, is_lasting ? LogLevel::kError : LogLevel::kWarning, code,
                     absl::StrCat(text, "; ", then), log_);
}

void FailingEpochs::OnCommit(const Epoch& epoch) {
  // What only says that an event is about to be run says nothing of how that goes.
  if (scopes_.empty() || (epoch.is_note && epoch.records == 0)) return;
  for (auto scope = scopes_.begin(); scope != scopes_.end();) {
    const auto topic = scope->first;
    auto& state = scope->second;
    // A commit of others says nothing of the tasks that are held.
    const bool is_over = topic == kWorker || std::any_of(epoch.touched.begin(), epoch.touched.end(),
                                                         [&](const Task* t) { return state.tasks.contains(t->id); });
    if (is_over) {
      const std::string what = topic == kWorker
                                   ? "transactions commit"
                                   : absl::StrCat("records for topic ", plan_->output_topics[topic], " are written");
      state.trouble.End(step_->now, absl::StrCat(what, " again"), log_);
      state.tasks.clear();
    }
    scope = state.trouble.over(step_->now) ? scopes_.erase(scope) : std::next(scope);
  }
}

}  // namespace once
