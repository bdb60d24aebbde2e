// Threads for what blocks, with a queue that ends.
#ifndef ONCE_TOOLS_GATEWAY_WORK_POOL_H_
#define ONCE_TOOLS_GATEWAY_WORK_POOL_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "processor/base/mutex.h"

namespace once::gateway {

// Thread-safe. Its end waits for what runs, and drops what has not begun.
class WorkPool {
 public:
  WorkPool(int threads, size_t max_queued) : max_queued_(max_queued) {
    for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  }
  ~WorkPool() {
    {
      MutexLock lock(&mutex_);
      is_stopping_ = true;
      arrived_.NotifyAll();
    }
    for (std::thread& thread : threads_) thread.join();
  }
  WorkPool(const WorkPool&) = delete;
  WorkPool& operator=(const WorkPool&) = delete;

  // False if the queue is full.
  bool Post(std::function<void()> work) {
    MutexLock lock(&mutex_);
    if (is_stopping_ || queue_.size() >= max_queued_) return false;
    queue_.push_back(std::move(work));
    arrived_.NotifyOne();
    return true;
  }

 private:
  void Run() {
    while (true) {
      std::function<void()> work;
      {
        MutexLock lock(&mutex_);
        while (queue_.empty() && !is_stopping_) arrived_.Wait(&mutex_);
        if (is_stopping_) return;
        work = std::move(queue_.front());
        queue_.pop_front();
      }
      work();
    }
  }

  const size_t max_queued_;
  Mutex mutex_;
  CondVar arrived_;
  bool is_stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> queue_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_WORK_POOL_H_
