// A function with a stack of its own that can be left in the middle and gone on with: a thread of the simulated world.
//
//   Fiber fiber([] { ...; Fiber::Suspend(); ... });
//   while (!fiber.done()) fiber.Resume();
//
// A fiber runs on the thread that resumes it, always the same one. Exceptions must not leave its body.
#ifndef ONCE_TESTS_SIM_FIBER_H_
#define ONCE_TESTS_SIM_FIBER_H_

#include <setjmp.h>
#include <ucontext.h>

#include <functional>

namespace once::sim {

class Fiber {
 public:
  explicit Fiber(std::function<void()> body);
  // It must be done, or never have been resumed: what lies on its stack is not destroyed.
  ~Fiber();

  Fiber(const Fiber&) = delete;
  Fiber& operator=(const Fiber&) = delete;

  // Runs it until it suspends or ends. Not from inside a fiber.
  void Resume();
  bool done() const { return done_; }

  // From inside: back to whoever resumed it.
  static void Suspend();
  // Null outside of fibers.
  static Fiber* Current();

 private:
  static void Enter(unsigned high, unsigned low);

  std::function<void()> body_;
  void* stack_;
  ucontext_t context_;
  // After its first entry switches go by these: no system call, unlike swapcontext.
  jmp_buf inside_;
  jmp_buf outside_;
  bool started_ = false;
  bool done_ = false;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_FIBER_H_
