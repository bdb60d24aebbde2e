// librdkafka's waits (X6). What a clock that steps makes of them is tests/integration/clock_steps_test.cc.
#include "processor/kafka/librdkafka/steady_waits.h"

#include <dlfcn.h>
#include <threads.h>

#include <chrono>
#include <ctime>
#include <functional>
#include <string>
#include <thread>

#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "gtest/gtest.h"

namespace once {
namespace {

class SteadyWaitsTest : public ::testing::Test {
 protected:
  SteadyWaitsTest() {
    cnd_init(&condition_);
    mtx_init(&mutex_, mtx_plain);
  }
  ~SteadyWaitsTest() override {
    mtx_destroy(&mutex_);
    cnd_destroy(&condition_);
  }
  // Until the condition is signalled, or `patience` is over.
  int Wait(absl::Duration patience) { return WaitUntil(absl::ToTimespec(absl::Now() + patience)); }
  int WaitUntil(const timespec& until) {
    mtx_lock(&mutex_);
    int result = thrd_success;
    while (!is_signalled_ && result == thrd_success) result = cnd_timedwait(&condition_, &mutex_, &until);
    mtx_unlock(&mutex_);
    return result;
  }
  void Signal() {
    mtx_lock(&mutex_);
    is_signalled_ = true;
    cnd_signal(&condition_);
    mtx_unlock(&mutex_);
  }
  static absl::Duration Elapsed(const std::function<void()>& function) {
    const std::chrono::steady_clock::time_point start = std::chrono::steady_clock::now();
    function();
    return absl::FromChrono(std::chrono::steady_clock::now() - start);
  }

 private:
  cnd_t condition_;
  mtx_t mutex_;
  bool is_signalled_ = false;
};

// What librdkafka's call finds, being a library of the program's, is not the C library's.
TEST_F(SteadyWaitsTest, TheseAreTheProgramsOwn) {
  EXPECT_TRUE(kafka::WaitsAreSteady());
  void* const found = dlsym(RTLD_DEFAULT, "cnd_timedwait");
  Dl_info where{};
  ASSERT_NE(dladdr(found, &where), 0);
  EXPECT_EQ(std::string(where.dli_fname).find("libc.so"), std::string::npos) << where.dli_fname;
}

TEST_F(SteadyWaitsTest, X6AWaitTakesAsLongAsItsCallerMeant) {
  EXPECT_GE(Elapsed([this] { EXPECT_EQ(Wait(absl::Milliseconds(30)), thrd_timedout); }), absl::Milliseconds(29));
  // Nothing of the last wait is left for the next.
  EXPECT_GE(Elapsed([this] { EXPECT_EQ(Wait(absl::Milliseconds(60)), thrd_timedout); }), absl::Milliseconds(59));
}

TEST_F(SteadyWaitsTest, WhatIsOverIsNotWaitedFor) {
  EXPECT_EQ(Wait(-absl::Hours(1)), thrd_timedout);
  // Before the machine was started, by the steady clock.
  EXPECT_EQ(Wait(-absl::Hours(24 * 365 * 40)), thrd_timedout);
  EXPECT_EQ(WaitUntil({.tv_sec = 0, .tv_nsec = 0}), thrd_timedout);
}

TEST_F(SteadyWaitsTest, ASignalEndsAWait) {
  std::thread signaller([this] { Signal(); });
  EXPECT_EQ(Wait(absl::Hours(1)), thrd_success);
  signaller.join();
}

}  // namespace
}  // namespace once
