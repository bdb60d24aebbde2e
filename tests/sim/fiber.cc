#include "tests/sim/fiber.h"

#include <sys/mman.h>

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <utility>
#include <vector>

namespace once::sim {
namespace {

constexpr size_t kStackBytes = 512 << 10;  // RocksDB's calls need some.
constexpr size_t kGuardBytes = 4096;

thread_local Fiber* current = nullptr;

// Stacks are kept for the next fibers of this thread.
struct StackPool {
  std::vector<void*> free;
  ~StackPool() {
    for (void* stack : free) munmap(stack, kStackBytes);
  }
};
thread_local StackPool pool;

void* TakeStack() {
  if (!pool.free.empty()) {
    void* stack = pool.free.back();
    pool.free.pop_back();
    return stack;
  }
  void* stack = mmap(nullptr, kStackBytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (stack == MAP_FAILED || mprotect(stack, kGuardBytes, PROT_NONE) != 0) {
    perror("no memory for a fiber's stack");
    abort();
  }
  return stack;
}

}  // namespace

Fiber::Fiber(std::function<void()> body) : body_(std::move(body)), stack_(TakeStack()) {
  getcontext(&context_);
  context_.uc_stack.ss_sp = stack_;
  context_.uc_stack.ss_size = kStackBytes;
  context_.uc_link = nullptr;
  const auto self = reinterpret_cast<uintptr_t>(this);
  makecontext(&context_, reinterpret_cast<void (*)()>(&Fiber::Enter), 2, static_cast<unsigned>(self >> 32),
              static_cast<unsigned>(self));
}

Fiber::~Fiber() {
  if (started_ && !done_) {
    fprintf(stderr, "a fiber is destroyed before it ended\n");
    abort();
  }
  pool.free.push_back(stack_);
}

Fiber* Fiber::Current() { return current; }

void Fiber::Enter(unsigned high, unsigned low) {
  auto* self = reinterpret_cast<Fiber*>(static_cast<uintptr_t>(high) << 32 | low);
  self->body_();
  self->done_ = true;
  _longjmp(self->outside_, 1);
}

void Fiber::Resume() {
  Fiber* const before = std::exchange(current, this);
  if (_setjmp(outside_) == 0) {
    if (started_) _longjmp(inside_, 1);
    started_ = true;
    setcontext(&context_);
  }
  current = before;
}

void Fiber::Suspend() {
  Fiber* const self = current;
  if (_setjmp(self->inside_) == 0) _longjmp(self->outside_, 1);
}

}  // namespace once::sim
