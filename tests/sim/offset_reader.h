// The pod's threads that ask for offsets, on simulated ones: calls take their time, and other tasks run on.
#ifndef ONCE_TESTS_SIM_OFFSET_READER_H_
#define ONCE_TESTS_SIM_OFFSET_READER_H_

#include <map>
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
  // Waits for the calls that are under way.
  void Finish();

 private:
  const Plan* const plan_;
  kafka::Admin* const admin_;
  Process* const process_;
  Scheduler* const scheduler_;
  const absl::Duration delay_;
  Random* const random_;
  std::map<int, std::vector<event::TaskOffsetsFetched>> results_;
  int under_way_ = 0;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_OFFSET_READER_H_
