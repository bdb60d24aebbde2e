#include "tests/sim/offset_reader.h"

#include <utility>

namespace once::sim {

void SimOffsetReader::Read(int worker, const action::FetchTaskOffsets& request) {
  scheduler_->Spawn(process_, [this, worker, request] {
    ReadTaskOffsets(*plan_, admin_, request, [this, worker](event::TaskOffsetsFetched fetched) {
      results_[worker].push_back(std::move(fetched));
    });
  });
}

std::vector<event::TaskOffsetsFetched> SimOffsetReader::TakeResults(int worker) {
  return std::exchange(results_[worker], {});
}

}  // namespace once::sim
