// A few threads that do what takes longer than a look, so many things at most, one after the other.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_HELPERS_H_
#define ONCE_PROCESSOR_BACK_OFFICE_HELPERS_H_

#include <cstddef>
#include <deque>
#include <functional>
#include <thread>
#include <vector>

#include "processor/base/mutex.h"

namespace once {

// Thread-safe.
class Helpers {
 public:
  // `max_waiting` beside those under way.
  Helpers(int threads, size_t max_waiting);
  // What waits is done, too: whoever ends them sees to it that it takes no time.
  ~Helpers();

  // False: there is too much already.
  bool Submit(std::function<void()> work);

 private:
  void Run();

  const size_t max_waiting_;
  Mutex mutex_;
  CondVar news_;
  bool is_ending_ ABSL_GUARDED_BY(mutex_) = false;
  std::deque<std::function<void()>> waiting_ ABSL_GUARDED_BY(mutex_);
  std::vector<std::thread> threads_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_HELPERS_H_
