#include "processor/back_office/helpers.h"

#include <signal.h>

#include <utility>

namespace once {

Helpers::Helpers(int threads, size_t max_waiting) : max_waiting_(max_waiting) {
  // Signals are for the threads that expect them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  for (int i = 0; i < threads; ++i) threads_.emplace_back([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Helpers::~Helpers() {
  {
    MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  news_.NotifyAll();
  for (std::thread& thread : threads_) thread.join();
}

bool Helpers::Submit(std::function<void()> work) {
  {
    MutexLock lock(&mutex_);
    if (waiting_.size() >= max_waiting_) return false;
    waiting_.push_back(std::move(work));
  }
  news_.NotifyOne();
  return true;
}

void Helpers::Run() {
  while (true) {
    std::function<void()> work;
    {
      MutexLock lock(&mutex_);
      while (waiting_.empty() && !is_ending_) news_.Wait(&mutex_);
      if (waiting_.empty()) return;
      work = std::move(waiting_.front());
      waiting_.pop_front();
    }
    work();
  }
}

}  // namespace once
