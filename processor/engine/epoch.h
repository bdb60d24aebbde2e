// The events of one transaction, while it is open.
#ifndef ONCE_PROCESSOR_ENGINE_EPOCH_H_
#define ONCE_PROCESSOR_ENGINE_EPOCH_H_

#include <cstdint>
#include <optional>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/arena.h"
#include "processor/base/counters.h"
#include "processor/base/flow_counts.h"
#include "processor/base/record.h"
#include "processor/engine/output_stamps.h"
#include "processor/engine/task.h"

namespace once {

// An output's token names the event that caused it: the index in `causes` plus 1. Frontier records carry
// kFrontierToken plus the index in `touched`.
inline constexpr uint64_t kFrontierToken = uint64_t{1} << 60;

struct Cause {
  TaskId task;
  const std::string* topic = nullptr;  // The plan's.
  Partition partition;
  Offset offset;
};

// An event and what it made.
struct Largest {
  TaskId task = {};
  Place place = {};
  int64_t bytes = 0;
  int64_t outputs = 0;
};

struct Epoch {
  EpochNumber number = {};
  bool open = false;
  // Time that the producer's calls took, of that since `opened_at`.
  absl::Duration in_calls = {};
  absl::Time opened_at = {};
  absl::Time opened_wall = {};  // What handlers see as now(), and what its records are stamped by.
  absl::Time sealed_at = {};
  int64_t records = 0;
  int64_t bytes = 0;
  std::vector<Task*> touched = {};
  std::vector<Cause> causes = {};  // They stay until the next one opens: a report may come late.
  EventCounters counters = {};
  FlowCounts flows = {};
  std::vector<int64_t> sampled_ms = {};                   // Timestamps of a sample of the events that were processed.
  std::optional<Place> last_event = {};                   // The one that ran last; of what runs no event, none.
  bool has_unrun = false;                                 // See Outcome.
  std::vector<std::pair<const Task*, Place>> ended = {};  // Events that commands have ended.
  Largest largest = {};                                   // The one that made most of its bytes.
  bool is_note = false;                                   // It was opened, or ended, for what crash memories say (X3).
  Task* careful = nullptr;                                // Holds suspects of this task, and nothing else.
  int64_t careful_room = 0;                               // How many more of them it may hold.

  // Where a step's outputs go, and their bytes.
  std::vector<OutputRecord>* outputs = nullptr;
  Arena* arena = nullptr;
  const Stamps* stamps = nullptr;

  void Touch(Task* task) {
    if (task->touched) return;
    task->touched = true;
    touched.push_back(task);
  }

  // Whether an event that is to be treated so may join; else the epoch ends first.
  bool MayJoin(const Task* task, Suspects::Treatment treatment) const {
    if (!open || records == 0) return true;
    if (treatment == Suspects::Treatment::kFree) return careful == nullptr;
    return treatment == Suspects::Treatment::kGrouped && careful == task && careful_room > 0;
  }
  // `group`: how many of them may be together.
  void NoteTreatment(Task* task, Suspects::Treatment treatment, int64_t group) {
    if (treatment == Suspects::Treatment::kFree) return;
    if (careful == nullptr) careful_room = treatment == Suspects::Treatment::kAlone ? 1 : group;
    careful = task;
    --careful_room;
  }
  // R3b: by this an epoch of one event, or of one command, knows whose it is. Not kept of each of millions, since a
  // place has a string.
  template <typename PlaceOfEvent>
  void NoteEvent(const PlaceOfEvent& place) {
    if (records == 0 || careful != nullptr) last_event = place();
  }
  bool IsCarefulAndFull() const { return careful != nullptr && careful_room <= 0; }

  uint64_t AddCause(Task* task, const std::string& topic, Partition partition, Offset offset) {
    causes.push_back({task->id, &topic, partition, offset});
    return causes.size();
  }

  // The event has made all beyond `bytes_before`, and that many outputs.
  template <typename PlaceOfEvent>
  void NoteSize(const Task* task, int64_t bytes_before, int64_t made, const PlaceOfEvent& place) {
    if (bytes - bytes_before <= largest.bytes) return;
    largest = {.task = task->id, .place = place(), .bytes = bytes - bytes_before, .outputs = made};
  }

  // Its handlers have taken an event of this timestamp. Latency is that of one in kSampled, and of each epoch's first.
  void NoteProcessed(int64_t timestamp_ms) {
    constexpr int64_t kSampled = 64;
    // Records may have no timestamp.
    if (counters.processed++ % kSampled == 0 && timestamp_ms >= 0) sampled_ms.push_back(timestamp_ms);
  }

  // The handlers of `steps` have taken an event of the source, and what they emitted is merged.
  template <typename Steps, typename Emitted>
  void NoteFlows(size_t source, const Steps& steps, const Emitted& emitted) {
    for (const auto& step : steps) flows.CountIn(step.node, source);
    for (const auto& output : emitted) flows.CountOut(output.node, output.sink);
  }

  // Adds outputs[from..] to the epoch's size.
  void Account(size_t from) {
    for (size_t i = from; i < outputs->size(); ++i) bytes += static_cast<int64_t>(EstimatedSize((*outputs)[i]));
    counters.outputs += static_cast<int64_t>(outputs->size() - from);
  }
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_EPOCH_H_
