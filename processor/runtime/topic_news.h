// What the topics' watch has found, on its way to a worker. Thread-safe.
#ifndef ONCE_PROCESSOR_RUNTIME_TOPIC_NEWS_H_
#define ONCE_PROCESSOR_RUNTIME_TOPIC_NEWS_H_

#include <optional>
#include <utility>
#include <vector>

#include "processor/base/mutex.h"
#include "processor/engine/messages.h"

namespace once {

class TopicNews {
 public:
  // All there is by now; it replaces what was not taken yet.
  void Put(std::vector<TopicProblem> problems) {
    MutexLock lock(&mutex_);
    problems_ = std::move(problems);
  }
  // What was put since the last call, if anything was.
  std::optional<std::vector<TopicProblem>> Take() {
    MutexLock lock(&mutex_);
    return std::exchange(problems_, std::nullopt);
  }

 private:
  Mutex mutex_;
  std::optional<std::vector<TopicProblem>> problems_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_TOPIC_NEWS_H_
