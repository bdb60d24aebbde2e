// The pod's threads that ask for offsets, on simulated ones: calls take their time, and other tasks run on.
#ifndef ONCE_TESTS_SIM_OFFSET_READER_H_
#define ONCE_TESTS_SIM_OFFSET_READER_H_

#include <map>
#include <vector>

#include "processor/runtime/offset_reader.h"
#include "tests/sim/scheduler.h"

namespace once::sim {

class SimOffsetReader final : public OffsetReader {
 public:
  // All must outlive this; its threads belong to `process`.
  SimOffsetReader(const Plan* plan, kafka::Admin* admin, Process* process, Scheduler* scheduler)
      : plan_(plan), admin_(admin), process_(process), scheduler_(scheduler) {}

  void Read(int worker, const action::FetchTaskOffsets& request) override;
  std::vector<event::TaskOffsetsFetched> TakeResults(int worker) override;

 private:
  const Plan* const plan_;
  kafka::Admin* const admin_;
  Process* const process_;
  Scheduler* const scheduler_;
  std::map<int, std::vector<event::TaskOffsetsFetched>> results_;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_OFFSET_READER_H_
