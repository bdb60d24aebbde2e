// Where the workers of a pod put what they say of themselves, and others look it up.
//
// A worker hands a finished snapshot over by swapping a pointer; if somebody is just taking the one before, it does not
// wait but tries again in its next turn. So readers, however many and however slow, cost workers nothing.
#ifndef ONCE_PROCESSOR_RUNTIME_STATUS_BOARD_H_
#define ONCE_PROCESSOR_RUNTIME_STATUS_BOARD_H_

#include <deque>
#include <memory>
#include <string>

#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/base/mutex.h"
#include "processor/base/status.h"
#include "processor/runtime/handler_watch.h"

namespace once {

// Thread-safe.
class StatusBoard final : public StatusProvider {
 public:
  // `pod` has what does not change; `clock` must outlive this.
  StatusBoard(PodStatus pod, int workers, Clock* clock);

  // By the application.
  void SetInstance(const std::string& instance_id);
  // Never back from kStopping.
  void SetPhase(PodPhase phase);
  // By the pod: `watch` is looked at until it is replaced, by null before its worker is destroyed.
  void SetWatch(int worker, HandlerWatch* watch);

  // By the worker. False, with `status` left as it is, if it has to be tried again later.
  bool Publish(int worker, std::shared_ptr<const WorkerStatus>* status);

  PodStatus Look() override;

 private:
  struct Slot {
    Mutex mutex;
    std::shared_ptr<const WorkerStatus> status ABSL_GUARDED_BY(mutex);
  };

  Clock* const clock_;
  std::deque<Slot> slots_;  // By worker; they cannot be moved.
  // Of what no worker waits for.
  Mutex mutex_;
  PodStatus pod_ ABSL_GUARDED_BY(mutex_);
  std::vector<HandlerWatch*> watches_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_STATUS_BOARD_H_
