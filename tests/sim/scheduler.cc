#include "tests/sim/scheduler.h"

#include <algorithm>
#include <utility>

namespace once::sim {

void Scheduler::At(absl::Time when, std::function<void()> what) {
  entries_.push({absl::ToUnixNanos(std::max(when, now())), next_number_++, nullptr,
                 std::make_shared<std::function<void()>>(std::move(what))});
}

void Scheduler::Spawn(Process* process, std::function<void()> body) {
  auto thread = std::make_unique<Thread>();
  thread->process = process;
  thread->fiber = std::make_unique<Fiber>([process, body = std::move(body)] {
    if (process->dead) return;
    try {
      body();
    } catch (const Crashed&) {
    }
  });
  Wake(thread.get(), now());
  threads_.push_back(std::move(thread));
}

void Scheduler::Wake(Thread* thread, absl::Time when) {
  thread->wake = next_number_;
  entries_.push({absl::ToUnixNanos(when), next_number_++, thread, nullptr});
}

void Scheduler::Resume(Process* process) {
  if (process->paused_until <= now()) return;
  process->paused_until = absl::InfinitePast();
  for (const auto& thread : threads_) {
    if (thread->process == process && !thread->fiber->done()) Wake(thread.get(), now());
  }
}

void Scheduler::Kill(Process* process) {
  process->dead = true;
  process->paused_until = absl::InfinitePast();
  for (const auto& thread : threads_) {
    if (thread->process == process && !thread->fiber->done()) Wake(thread.get(), now());
  }
}

void Scheduler::Pass(absl::Duration pause) {
  Thread* const self = current_;
  if (self->process->dead) return;
  Wake(self, now() + pause);
  Fiber::Suspend();
}

void Scheduler::Sleep(absl::Duration pause) {
  const Process* const process = current_->process;
  Pass(pause);
  if (process->dead) throw Crashed();
}

void Scheduler::Run(Thread* thread) {
  current_ = thread;
  thread->fiber->Resume();
  current_ = nullptr;
  if (!thread->fiber->done()) return;
  std::erase_if(threads_, [&](const auto& each) { return each.get() == thread; });
}

void Scheduler::RunUntil(absl::Time until) {
  stopped_ = false;
  const int64_t until_ns = absl::ToUnixNanos(until);
  while (!stopped_ && !entries_.empty() && entries_.top().at_ns <= until_ns) {
    const Entry entry = entries_.top();
    entries_.pop();
    if (entry.thread != nullptr) {
      // Threads that have ended are forgotten, and so are waits that a kill cut short.
      const auto found =
          std::find_if(threads_.begin(), threads_.end(), [&](const auto& each) { return each.get() == entry.thread; });
      if (found == threads_.end() || entry.thread->wake != entry.number) continue;
      if (!entry.thread->process->dead && absl::FromUnixNanos(entry.at_ns) < entry.thread->process->paused_until) {
        Wake(entry.thread, entry.thread->process->paused_until);
        continue;
      }
    }
    clock_.Set(std::max(now(), absl::FromUnixNanos(entry.at_ns)));
    ++steps_;
    if (entry.thread != nullptr) {
      Run(entry.thread);
    } else {
      (*entry.call)();
    }
  }
  if (!stopped_) clock_.Set(std::max(now(), until));
}

}  // namespace once::sim
