#include "processor/back_office/periodic.h"

#include <signal.h>

#include <utility>

#include "processor/base/clock.h"

namespace once {

Periodic::Periodic(absl::Duration every, std::function<void()> work) : every_(every), work_(std::move(work)) {
  // Signals are for the threads that expect them.
  sigset_t all, before;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &before);
  thread_ = std::thread([this] { Run(); });
  pthread_sigmask(SIG_SETMASK, &before, nullptr);
}

Periodic::~Periodic() {
  {
    MutexLock lock(&mutex_);
    is_ending_ = true;
  }
  news_.NotifyAll();
  thread_.join();
}

void Periodic::Run() {
  for (absl::Time next = SteadyNow() + every_;; next += every_) {
    {
      MutexLock lock(&mutex_);
      for (absl::Time now = SteadyNow(); now < next && !is_ending_; now = SteadyNow()) {
        news_.WaitFor(&mutex_, next - now);
      }
      if (is_ending_) return;
    }
    work_();
  }
}

}  // namespace once
