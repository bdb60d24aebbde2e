// The pod's threads that ask for offsets, on simulated ones: calls take their time, and other tasks run on.
#ifndef ONCE_TESTS_SIM_OFFSET_READER_H_
#define ONCE_TESTS_SIM_OFFSET_READER_H_

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "processor/runtime/offset_reader.h"
#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"

namespace once::sim {

class SimOffsetReader final : public OffsetReader {
 public:
  // All must outlive this; its threads belong to `process`.
  // An answer may come up to `delay` late.
  SimOffsetReader(const Plan* plan, kafka::Admin* admin, Process* process, Scheduler* scheduler, absl::Duration delay,
                  Random* random)
      : plan_(plan), admin_(admin), process_(process), scheduler_(scheduler), delay_(delay), random_(random) {}

  void Read(int worker, const action::FetchTaskOffsets& request) override;
  std::vector<event::TaskOffsetsFetched> TakeResults(int worker) override;
  void ReadStable(int worker, const std::vector<TopicPartition>& places) override;
  kafka::LogOffsets TakeStable(int worker) override;
  // Waits for the calls that are under way.
  void Finish();
  // The id of its changelog that the worker's task was told last; empty: none.
  std::string ChangelogIdOf(int worker, const TaskId& task) const;

 private:
  void NoteChangelogId(int worker, const event::TaskOffsetsFetched& fetched);

  const Plan* const plan_;
  kafka::Admin* const admin_;
  Process* const process_;
  Scheduler* const scheduler_;
  const absl::Duration delay_;
  Random* const random_;
  std::map<int, std::vector<event::TaskOffsetsFetched>> results_;
  std::map<int, kafka::LogOffsets> stable_;
  std::map<std::pair<int, TaskId>, std::string> changelog_ids_;
  int under_way_ = 0;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_OFFSET_READER_H_
