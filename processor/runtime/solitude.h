// Which of a process's workers may run handlers: all at once, or one alone (X3).
//
// An event that may end the process is run while no other handlers run, so that no other is taken for the one. Workers
// enter for each slice of events; one that asks to be alone gets it when the slices under way are over, and no other is
// begun meanwhile. Nothing here waits.
#ifndef ONCE_PROCESSOR_RUNTIME_SOLITUDE_H_
#define ONCE_PROCESSOR_RUNTIME_SOLITUDE_H_

#include "processor/base/mutex.h"

namespace once {

// Thread-safe. Workers are known by their index.
class Solitude {
 public:
  // Whether `worker` may run a slice now; if so, until Leave.
  bool TryEnter(int worker) {
    MutexLock lock(&mutex_);
    if (alone_ != kNobody && alone_ != worker) return false;
    ++inside_;
    return true;
  }
  void Leave() {
    MutexLock lock(&mutex_);
    --inside_;
  }

  // By a worker in its slice: whether it is alone. If not the others begin nothing more, and it is to be asked again.
  bool TryBeAlone(int worker) {
    MutexLock lock(&mutex_);
    if (alone_ == kNobody) alone_ = worker;
    return alone_ == worker && inside_ == 1;
  }
  // It need not be alone any more; nothing if it was not.
  void EndAlone(int worker) {
    MutexLock lock(&mutex_);
    if (alone_ == worker) alone_ = kNobody;
  }

 private:
  static constexpr int kNobody = -1;

  Mutex mutex_;
  int alone_ ABSL_GUARDED_BY(mutex_) = kNobody;  // Who is alone, or is to be.
  int inside_ ABSL_GUARDED_BY(mutex_) = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_SOLITUDE_H_
