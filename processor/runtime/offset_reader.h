// Who asks the brokers what tasks need to know when they open, and what is told of those that stand still: a few
// threads of the pod, or, in tests and simulation, the caller itself. All other tasks run on meanwhile (rule X5).
#ifndef ONCE_PROCESSOR_RUNTIME_OFFSET_READER_H_
#define ONCE_PROCESSOR_RUNTIME_OFFSET_READER_H_

#include <cstddef>
#include <functional>
#include <map>
#include <optional>
#include <thread>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/time/time.h"
#include "processor/base/mutex.h"
#include "processor/engine/messages.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

// Reads the offsets of all tasks of the request in a handful of calls and passes each task's answer on as soon as it is
// known. The high watermarks come after the committed offsets (F3). Blocks, for about three times the request's
// patience.
void ReadTaskOffsets(const Plan& plan, kafka::Admin* admin, const action::FetchTaskOffsets& request,
                     const std::function<void(event::TaskOffsetsFetched)>& answer);

// Thread-safe. `worker` numbers the workers of the pod.
class OffsetReader {
 public:
  // Of a question for stable offsets: longer than that of the first for a task's, so that none of these waits for it.
  static constexpr absl::Duration kStablePatience = absl::Seconds(1);

  virtual ~OffsetReader() = default;
  // The answers come through TakeResults, one for each task, in any order.
  virtual void Read(int worker, const action::FetchTaskOffsets& request) = 0;
  virtual std::vector<event::TaskOffsetsFetched> TakeResults(int worker) = 0;
  // The last stable offsets of these partitions, for reports. The answers come through TakeStable.
  virtual void ReadStable(int worker, const std::vector<TopicPartition>& places) = 0;
  virtual kafka::LogOffsets TakeStable(int worker) = 0;
};

// Reads at once, in the caller's thread.
class InlineOffsetReader final : public OffsetReader {
 public:
  // Both must outlive this.
  InlineOffsetReader(const Plan* plan, kafka::Admin* admin) : plan_(plan), admin_(admin) {}
  void Read(int worker, const action::FetchTaskOffsets& request) override;
  std::vector<event::TaskOffsetsFetched> TakeResults(int worker) override;
  void ReadStable(int worker, const std::vector<TopicPartition>& places) override;
  kafka::LogOffsets TakeStable(int worker) override;

 private:
  const Plan* const plan_;
  kafka::Admin* const admin_;
  Mutex mutex_;
  std::map<int, std::vector<event::TaskOffsetsFetched>> results_ ABSL_GUARDED_BY(mutex_);
  std::map<int, kafka::LogOffsets> stable_ ABSL_GUARDED_BY(mutex_);
};

// Reads on threads of its own. Those requests with the least patience come first, and one thread is kept for them: what
// is asked again because a broker is silent does not hold up what is asked for the first time.
class BackgroundOffsetReader final : public OffsetReader {
 public:
  // Both must outlive this.
  BackgroundOffsetReader(const Plan* plan, kafka::Admin* admin);
  // Waits for the calls that are under way.
  ~BackgroundOffsetReader() override;
  void Read(int worker, const action::FetchTaskOffsets& request) override;
  std::vector<event::TaskOffsetsFetched> TakeResults(int worker) override;
  void ReadStable(int worker, const std::vector<TopicPartition>& places) override;
  kafka::LogOffsets TakeStable(int worker) override;

 private:
  static constexpr size_t kThreads = 3;
  struct Job {
    int worker = 0;
    action::FetchTaskOffsets request = {};
    std::vector<TopicPartition> stable = {};  // Not empty: their last stable offsets, instead.
  };

  void Run(bool quick_only);
  void Carry(const Job& job);

  const Plan* const plan_;
  kafka::Admin* const admin_;
  Mutex mutex_;
  CondVar changed_;
  std::multimap<absl::Duration, Job> jobs_ ABSL_GUARDED_BY(mutex_);
  std::map<int, std::vector<event::TaskOffsetsFetched>> results_ ABSL_GUARDED_BY(mutex_);
  std::map<int, kafka::LogOffsets> stable_ ABSL_GUARDED_BY(mutex_);
  bool stopping_ ABSL_GUARDED_BY(mutex_) = false;
  std::vector<std::thread> threads_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_OFFSET_READER_H_
