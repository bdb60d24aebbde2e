// What comes with each outcome of a call: delivery reports, refusals, suspicion. Heard once, on every way out of an
// epoch (X2), before it is decided what follows.
#include <algorithm>
#include <map>
#include <set>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/engine/epochs.h"
#include "processor/engine/frontier.h"

namespace once {

namespace {

// The only refusal that is told apart by its name.
constexpr std::string_view kRefusedStamp = "INVALID_TIMESTAMP";

}  // namespace

Task* Epochs::TaskOf(const kafka::Delivery& delivery) const {
  if (delivery.token > 0 && delivery.token <= epoch_.causes.size()) {
    return tasks_->Find(epoch_.causes[delivery.token - 1].task);
  }
  // A record of the engine's own.
  if (delivery.topic_index < plan_->changelog_index(0)) return nullptr;
  const uint32_t audit = plan_->audit_index(0);
  const uint32_t first = delivery.topic_index < audit ? plan_->changelog_index(0) : audit;
  return tasks_->Find({static_cast<uint16_t>(delivery.topic_index - first), delivery.partition});
}

void Epochs::Hear(const event::ProducerOutcome& outcome) {
  // X6: a call may have taken seconds, and what follows is judged by the clock as it is now.
  step_->PassTo(outcome.at);
  epoch_.in_calls += outcome.took;
  if (outcome.suspicious) committer_.NoteSuspicion();
  for (const kafka::Delivery& delivery : outcome.deliveries) {
    if (!delivery.failed) {
      NoteDelivered(delivery);
    } else if (delivery.refusal == kafka::Refusal::kNone) {
      NoteFailure(delivery);
    }
  }
  NoteRefusals(outcome.deliveries);
}

void Epochs::NoteDelivered(const kafka::Delivery& delivery) {
  if (!epoch_.open || delivery.token < kFrontierToken || !delivery.offset.has_value()) return;
  const uint64_t index = delivery.token - kFrontierToken;
  if (index >= epoch_.touched.size()) return;
  // X5f: a frontier that lands before what the state stands for is in another log.
  if (absl::Status same = CheckDelivered(*epoch_.touched[index], *delivery.offset); !same.ok()) {
    tasks_->Fail(epoch_.touched[index], same);
    same_log_.Update(same);
  }
  epoch_.touched[index]->pending_changelog_position = *delivery.offset + 1;
}

void Epochs::NoteFailure(const kafka::Delivery& delivery) {
  const std::string code = CodeOf(delivery);
  // Followers of a failure, which say nothing of its cause.
  if (code == "_STATE" || code == "_PURGE_QUEUE" || code == "_PURGE_INFLIGHT") return;
  if (!failure_.topic_index.has_value()) {
    failure_.topic_index = delivery.topic_index;
    failure_.code = code;
    failure_.error = delivery.error;
    failure_.lasting = failure_.lasting || delivery.lasting;
  }
  // I10: tasks that write other topics are not held back for this one.
  if (failure_.topic_index != delivery.topic_index) return;
  if (const Task* task = TaskOf(delivery); task != nullptr) failure_.tasks.insert(task->id);
}

Suspects::Ran Epochs::WhatRan(const Task& task) const {
  // Reports of a producer that is replaced come when its epoch has been dropped.
  if (const auto dropped = ran_.find(task.id); dropped != ran_.end()) return dropped->second;
  Suspects::Ran ran;
  ran.events = task.epoch_records;
  if (epoch_.records == 1 && task.epoch_records == 1) ran.only = epoch_.last_event;
  ran.is_unrun = epoch_.has_unrun;
  for (const auto& [of, place] : epoch_.ended) {
    if (of == &task) ran.ended.push_back(place);
  }
  ran.read_to = task.ReadTo();
  return ran;
}

// A record that the broker refuses would abort its epoch for ever: its task finds out whose fault it is (R3b).
void Epochs::NoteRefusals(const std::vector<kafka::Delivery>& deliveries) {
  std::map<Task*, std::vector<Suspects::Refused>> by_task;
  for (const kafka::Delivery& delivery : deliveries) {
    if (delivery.refusal == kafka::Refusal::kNone) continue;
    if (delivery.code == kRefusedStamp) {
      NoteRefusedStamp(delivery);
      continue;
    }
    Task* const task = TaskOf(delivery);
    if (task == nullptr) continue;
    Suspects::Refused refused{.refusal = delivery.refusal,
                              .likeliest = delivery.record_refused,
                              .topic = plan_->output_topics[delivery.topic_index],
                              .code = CodeOf(delivery),
                              .error = delivery.error};
    if (delivery.token == 0 || delivery.token > epoch_.causes.size()) {
      refused.what = Suspects::Refused::What::kOwn;
    } else {
      const Cause& cause = epoch_.causes[delivery.token - 1];
      const bool is_letter = delivery.topic_index == plan_->dead_letter_index();
      refused.what = is_letter ? Suspects::Refused::What::kDeadLetter : Suspects::Refused::What::kOutput;
      refused.cause = {{*cause.topic, cause.partition}, cause.offset};
    }
    by_task[task].push_back(std::move(refused));
  }
  for (const auto& [task, refused] : by_task) {
    const absl::Status judged = task->suspects.OnRefused(WhatRan(*task), refused);
    if (!judged.ok()) tasks_->Fail(task, judged);
    // Progress: the next try is another one.
    const Suspects::Refused& first = refused.front();
    const bool is_own = first.what == Suspects::Refused::What::kOwn;
    const std::string fix = WhatToDo(AdviceFor(first.code), absl::StrCat("topic ", first.topic));
    failure_.refusal =
        absl::StrCat("topic ", first.topic, " refuses ",
                     is_own ? "what the engine writes of state, event IDs and commands"
                            : absl::StrCat("an output of event ", ToString(first.cause.where, first.cause.offset)),
                     refused.size() > 1 ? absl::StrCat(" and ", refused.size() - 1, " more") : "", ": ", first.error,
                     "; the transaction is aborted, and ",
                     is_own ? "its events run again, fewer at a time" : "the event fails when it runs again",
                     is_own && !fix.empty() ? absl::StrCat("; ", fix) : "");
  }
}

}  // namespace once
