// Which event a worker's handlers are at, for another thread to see: a handler that never returns is found this way.
//
// The worker pays a few stores per event and an uncontended lock per step; the other thread copies what it sees.
//
// It also measures the worker's slices (X1): a step ends when its handlers have run for kSlice.
#ifndef ONCE_PROCESSOR_RUNTIME_HANDLER_WATCH_H_
#define ONCE_PROCESSOR_RUNTIME_HANDLER_WATCH_H_

#include <algorithm>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/base/record.h"
#include "processor/base/types.h"
#include "processor/engine/handler_observer.h"
#include "processor/runtime/crash_journal.h"
#include "processor/runtime/solitude.h"

namespace once {

class HandlerWatch final : public HandlerObserver {
 public:
  static constexpr absl::Duration kSlice = absl::Milliseconds(5);
  // Whoever looks holds the worker up meanwhile, so no more is copied of a key.
  static constexpr size_t kKeyBytesSeen = 80;

  // An event whose handlers run.
  struct Seen {
    uint64_t number = 0;  // Tells attempts apart.
    TopicPartition where;
    Offset offset;
    std::string key;  // Its first bytes; empty if it has none.
  };

  // By the worker.
  void Enter(const std::string& topic, const RecordView& record) override {
    // Readers that see any of the later stores see this one too, and take nothing for whole that changes meanwhile.
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_relaxed);
    topic_.store(&topic, std::memory_order_release);
    partition_.store(record.partition.value(), std::memory_order_release);
    offset_.store(record.offset.value(), std::memory_order_release);
    key_.store(record.key.has_value() ? record.key->data() : nullptr, std::memory_order_release);
    key_size_.store(record.key.has_value() ? record.key->size() : 0, std::memory_order_release);
    sequence_.store(sequence_.load(std::memory_order_relaxed) + 1, std::memory_order_release);
    is_running_.store(true, std::memory_order_release);
    if (note_ == nullptr) return;
    note_->input.store(static_cast<uint16_t>(record.topic_index), std::memory_order_relaxed);
    note_->partition.store(record.partition.value(), std::memory_order_relaxed);
    note_->offset.store(record.offset.value(), std::memory_order_relaxed);
    note_->is_running.store(1, std::memory_order_release);
  }
  void Leave() override {
    is_running_.store(false, std::memory_order_release);
    if (note_ != nullptr) note_->is_running.store(0, std::memory_order_release);
  }

  void Settled(const TopicPartitionOffset& place) override {
    if (journal_ != nullptr) journal_->Settle(place);
  }

  // By the worker, before its first step: where it notes what it is at, for the process that follows (X3). Must outlive
  // this; null: nowhere.
  void set_journal(CrashJournal* journal, int worker) {
    journal_ = journal;
    note_ = journal == nullptr ? nullptr : journal->note(worker);
  }

  // By the worker, before a step that runs events. `clock` must outlive the step.
  void BeginSlice(Clock* clock) {
    waits_to_be_alone_ = false;
    clock_ = clock;
    slice_end_ = clock->CoarseNanos() + absl::ToInt64Nanoseconds(kSlice);
  }
  // By the worker, before its first step: what it shares with the process's others. Must outlive this; null: it is
  // alone.
  void set_solitude(Solitude* solitude, int worker) {
    solitude_ = solitude;
    worker_ = worker;
  }
  bool IsAlone() override {
    const bool is_alone = solitude_ == nullptr || solitude_->TryBeAlone(worker_);
    waits_to_be_alone_ = !is_alone;
    return is_alone;
  }
  // In the last slice it was not, though it was to be.
  bool waits_to_be_alone() const { return waits_to_be_alone_; }
  bool IsSliceOver() override { return clock_ != nullptr && clock_->CoarseNanos() >= slice_end_; }

  // By the worker, before each step, and after it: when Release returns, nobody looks any more at what Enter was given.
  void BeginStep(Clock* clock) { step_began_.store(clock->CoarseNanos(), std::memory_order_relaxed); }
  void Release() {
    step_began_.store(kNoStep, std::memory_order_relaxed);
    MutexLock lock(&looking_);
  }

  // By any thread: how long the step under way has lasted; zero between two. What a worker asks of brokers is no part
  // of its steps.
  absl::Duration StepLasts(Clock* clock) const {
    const int64_t began = step_began_.load(std::memory_order_relaxed);
    if (began == kNoStep) return absl::ZeroDuration();
    return absl::Nanoseconds(std::max<int64_t>(clock->CoarseNanos() - began, 0));
  }

  // By any thread: the event under way, if there is one.
  std::optional<Seen> Look() {
    MutexLock lock(&looking_);
    if (!is_running_.load(std::memory_order_acquire)) return std::nullopt;
    const uint64_t before = sequence_.load(std::memory_order_acquire);
    const std::string* topic = topic_.load(std::memory_order_acquire);
    const int32_t partition = partition_.load(std::memory_order_acquire);
    const int64_t offset = offset_.load(std::memory_order_acquire);
    const char* key = key_.load(std::memory_order_acquire);
    const size_t key_size = key_size_.load(std::memory_order_acquire);
    // Another event has come meanwhile, so this one is not stuck.
    if (before % 2 != 0 || sequence_.load(std::memory_order_relaxed) != before) return std::nullopt;
    return Seen{before,
                {*topic, Partition(partition)},
                Offset(offset),
                std::string(key == nullptr ? "" : key, std::min(key_size, kKeyBytesSeen))};
  }

 private:
  static constexpr int64_t kNoStep = std::numeric_limits<int64_t>::min();

  std::atomic<uint64_t> sequence_{0};  // Odd while the fields change.
  std::atomic<bool> is_running_{false};
  std::atomic<int64_t> step_began_{kNoStep};  // By the coarse clock.
  std::atomic<const std::string*> topic_{nullptr};
  std::atomic<int32_t> partition_{0};
  std::atomic<int64_t> offset_{0};
  std::atomic<const char*> key_{nullptr};
  std::atomic<size_t> key_size_{0};
  Mutex looking_;
  Clock* clock_ = nullptr;
  int64_t slice_end_ = 0;
  CrashJournal* journal_ = nullptr;
  HandlingNote* note_ = nullptr;
  Solitude* solitude_ = nullptr;
  int worker_ = 0;
  bool waits_to_be_alone_ = false;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_HANDLER_WATCH_H_
