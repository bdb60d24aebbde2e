// X7: one budget in bytes: what tasks use, what can be dropped, and when intake has to wait for the disk.
#include "processor/engine/memory.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "state/idempotency_window.h"

namespace once {
namespace {

constexpr absl::Duration kMeasureInterval = absl::Milliseconds(50);
// An intake that waits for less is nothing to talk of.
constexpr absl::Duration kTellAfter = absl::Seconds(5);
constexpr absl::Duration kTellInterval = absl::Minutes(1);
// Of a value on its way to the disk: see the header.
constexpr size_t kCopies = 3;
// Beside its bytes, an output that waits for the brokers is an object of ours and one of the client's.
constexpr size_t kOutputObjects = 300;
// Less than this is of no use to a task, whatever it is short of.
constexpr size_t kLeastIds = 1'024;
constexpr size_t kLeastParkingBytes = size_t{64} << 10;
constexpr size_t kLeastBacklogBytes = size_t{64} << 10;

std::string MiB(size_t bytes) { return absl::StrCat((bytes + (size_t{1} << 19)) >> 20, " MiB"); }

}  // namespace

size_t FairLimit(size_t total, std::vector<size_t>* sizes) {
  std::sort(sizes->begin(), sizes->end());
  size_t left = total;
  for (size_t i = 0; i < sizes->size(); ++i) {
    // One more than there are shares what is left.
    const size_t equal = left / (sizes->size() - i + 1);
    if ((*sizes)[i] > equal) return equal;
    left -= (*sizes)[i];
  }
  return left;
}

void Memory::Add(const Task& task) {
  const size_t dirty = task.state.dirty_bytes();
  use_.dirty += dirty;
  use_.clean += task.state.memory_bytes() - dirty;
  use_.copies += kCopies * std::max(dirty, task.state.frozen_bytes());
  use_.window += task.window.memory_bytes();
  use_.parking += task.parking.memory_bytes();
  use_.backlog += task.backlog.bytes();
  if (task.control.has_value()) use_.backlog += task.control->backlog.bytes();
  if (dirty > 0) ++dirty_tasks_;
}

void Memory::Measure(bool now) {
  const bool is_due = full_ || (changed_ && step_->now - measured_at_ >= kMeasureInterval);
  if (!now && !is_due) return;
  measured_at_ = step_->now;
  changed_ = false;
  use_ = {};
  dirty_tasks_ = 0;
  for (const auto& [id, task] : tasks_->all()) Add(*task);
  if (epochs_->open()) {
    const Epoch& epoch = epochs_->current();
    use_.epoch = static_cast<size_t>(epoch.bytes) + kOutputObjects * static_cast<size_t>(epoch.counters.outputs);
  }
  ShareOut();
  Trim();
  Judge();
  MarkTasks();
}

// Those whose checkpoint is wanted are looked at, though their time has not come.
void Memory::MarkTasks() {
  if (use_.dirty <= share_ / 8 && !full_) return;
  for (const auto& [id, task] : tasks_->all()) {
    if (WantsCheckpoint(*task) && !task->state.checkpoint_under_way()) tasks_->Mark(task.get());
  }
}

// By need: who takes little leaves the rest to others.
void Memory::ShareOut() {
  const auto limit_of = [&](size_t part, auto bytes_of) {
    sizes_.clear();
    for (const auto& [id, task] : tasks_->all()) sizes_.push_back(bytes_of(*task));
    return FairLimit(part, &sizes_);
  };
  const size_t window = limit_of(share_ / 4, [](const Task& task) { return task.window.memory_bytes(); });
  const size_t parking = limit_of(share_ / 4, [](const Task& task) { return task.parking.memory_bytes(); });
  const size_t backlog = limit_of(share_ / 8, [](const Task& task) { return task.backlog.bytes(); });
  const auto ids = static_cast<int64_t>(std::max(window / IdempotencyWindow::kBytesPerId, kLeastIds));
  for (const auto& [id, task] : tasks_->all()) {
    task->window.SetMaxIds(std::min(options_->idempotency_max_ids, ids));
    // One to which no event comes forgets nothing by itself, and none gives memory back by itself.
    if (!task->touched && task->window.memory_bytes() > window) task->window.Trim();
    task->max_parking_bytes = std::max(parking, kLeastParkingBytes);
    task->max_backlog_bytes = std::max(backlog, kLeastBacklogBytes);
  }
}

// Of what tasks have beyond what they must keep, each gives up the same share.
void Memory::Trim() {
  const size_t wanted = share_ / 4 * 3;
  if (use_.total() <= wanted || use_.clean == 0) return;
  const size_t kept = wanted > use_.fixed() ? wanted - use_.fixed() : 0;
  const double share = static_cast<double>(kept) / static_cast<double>(use_.clean);
  for (const auto& [id, task] : tasks_->all()) {
    if (task->phase == TaskPhase::kOpening || !task->state_is_loaded || task->touched) continue;
    const size_t before = task->state.memory_bytes();
    const size_t dirty = task->state.dirty_bytes();
    task->state.TrimTo(dirty + static_cast<size_t>(static_cast<double>(before - dirty) * share));
    use_.clean -= std::min(use_.clean, before - task->state.memory_bytes());
  }
}

void Memory::Judge() {
  const bool passes = use_.dirty + use_.copies > 0 || epochs_->open();
  const bool was_full = std::exchange(full_, use_.total() > share_ && passes);
  if (!full_) return;
  if (!was_full) {
    ++times_full_;
    full_since_ = step_->now;
  }
  if (step_->now - full_since_ < kTellAfter || step_->now - told_at_ < kTellInterval) return;
  told_at_ = step_->now;
  log_->Log(LogLevel::kWarning,
            absl::StrCat("no events are taken in for ", absl::FormatDuration(step_->now - full_since_),
                         ": the tasks use ", MiB(use_.total()), " of the ", MiB(share_),
                         " that they may (state that waits for the disk ", MiB(use_.dirty), ", event IDs ",
                         MiB(use_.window), ", parked queues ", MiB(use_.parking), ", fetched ", MiB(use_.backlog),
                         "); it goes on when the checkpoint is written: see whether the disk under "
                         "state_dir is slow or full, or raise memory_bytes"));
}

int64_t Memory::max_epoch_bytes() const {
  // Less than this makes more transactions, and saves nothing that counts.
  constexpr int64_t kLeast = int64_t{1} << 20;
  return std::min(options_->max_epoch_bytes, std::max(static_cast<int64_t>(share_ / 8), kLeast));
}

bool Memory::WantsCheckpoint(const Task& task) const {
  if ((use_.dirty <= share_ / 8 && !full_) || dirty_tasks_ == 0) return false;
  // Those with the most to write: few large batches cost less than many small ones.
  return task.state.dirty_bytes() >= use_.dirty / dirty_tasks_;
}

}  // namespace once
