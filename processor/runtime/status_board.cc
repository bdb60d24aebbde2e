// What is known of a pod, put together for whoever looks.
#include "processor/runtime/status_board.h"

#include <utility>

#include "processor/base/allocator.h"
#include "processor/base/strings.h"

namespace once {

StatusBoard::StatusBoard(PodStatus pod, int workers, Clock* clock)
    : clock_(clock), slots_(static_cast<size_t>(workers)), pod_(std::move(pod)), watches_(slots_.size(), nullptr) {
  MutexLock lock(&mutex_);
  pod_.started_at = clock_->Wall();
}

void StatusBoard::SetInstance(const std::string& instance_id) {
  MutexLock lock(&mutex_);
  pod_.instance_id = instance_id;
}

void StatusBoard::SetPhase(PodPhase phase) {
  MutexLock lock(&mutex_);
  if (pod_.phase != PodPhase::kStopping) pod_.phase = phase;
}

void StatusBoard::SetWatch(int worker, HandlerWatch* watch) {
  MutexLock lock(&mutex_);
  watches_[static_cast<size_t>(worker)] = watch;
}

bool StatusBoard::Publish(int worker, std::shared_ptr<const WorkerStatus>* status) {
  Slot& slot = slots_[static_cast<size_t>(worker)];
  if (!slot.mutex.TryLock()) return false;
  slot.status.swap(*status);
  slot.mutex.Unlock();
  // The last owner of the one before frees it: here, without the lock.
  status->reset();
  return true;
}

PodStatus StatusBoard::Look() {
  PodStatus pod;
  {
    MutexLock lock(&mutex_);
    pod = pod_;
    pod.now = clock_->Wall();
    pod.resident_bytes = ResidentBytes();
    for (HandlerWatch* const watch : watches_) {
      StepStatus& step = pod.steps.emplace_back();
      if (watch == nullptr) continue;
      step.lasts = watch->StepLasts(clock_);
      const auto seen = watch->Look();
      if (!seen.has_value()) continue;
      step.event = ToString(seen->where, seen->offset);
      step.key = Printable(seen->key);
    }
  }
  for (Slot& slot : slots_) {
    MutexLock lock(&slot.mutex);
    pod.workers.push_back(slot.status);
  }
  return pod;
}

}  // namespace once
