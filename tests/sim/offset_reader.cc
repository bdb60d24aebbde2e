#include "tests/sim/offset_reader.h"

#include <utility>

namespace once::sim {

void SimOffsetReader::Read(int worker, const action::FetchTaskOffsets& request) {
  ++under_way_;
  scheduler_->Spawn(process_, [this, worker, request] {
    ReadTaskOffsets(*plan_, admin_, request, [this, worker](event::TaskOffsetsFetched fetched) {
      if (delay_ > absl::ZeroDuration()) scheduler_->Sleep(random_->Between(absl::ZeroDuration(), delay_));
      results_[worker].push_back(std::move(fetched));
    });
    --under_way_;
  });
}

void SimOffsetReader::Finish() {
  while (under_way_ > 0) scheduler_->Sleep(absl::Milliseconds(1));
}

std::vector<event::TaskOffsetsFetched> SimOffsetReader::TakeResults(int worker) {
  return std::exchange(results_[worker], {});
}

}  // namespace once::sim
