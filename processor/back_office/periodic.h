// Does something now and then, on a thread of its own.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_PERIODIC_H_
#define ONCE_PROCESSOR_BACK_OFFICE_PERIODIC_H_

#include <functional>
#include <thread>

#include "absl/time/time.h"
#include "processor/base/mutex.h"

namespace once {

class Periodic {
 public:
  // `work` is called each `every` from now on, and not any more when this is destroyed.
  Periodic(absl::Duration every, std::function<void()> work);
  ~Periodic();

 private:
  void Run();

  const absl::Duration every_;
  const std::function<void()> work_;
  Mutex mutex_;
  CondVar news_;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_PERIODIC_H_
