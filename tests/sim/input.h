// What a run's events come from: some plainly, some in transactions of an upstream producer, which aborts a few.
#ifndef ONCE_TESTS_SIM_INPUT_H_
#define ONCE_TESTS_SIM_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"
#include "tests/sim/scheduler.h"
#include "tests/sim/workload.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

class Input {
 public:
  // All must outlive this.
  Input(const Scenario& scenario, const Plan* plan, Scheduler* scheduler, testkit::MemoryCluster* cluster,
        kafka::Client* client, Random* random);

  // By number; they stay where they are.
  std::vector<SimEvent>* events() { return &events_; }
  // Calls `observer` with each event that is in its log, if it is not aborted.
  void OnSent(std::function<void(const SimEvent&)> observer) { observer_ = std::move(observer); }

  void Schedule(absl::Time start);
  // Sends an event that is not scheduled; false if none is left.
  bool SendSpare();

  // Upstream's transactions wait meanwhile: their producer does not deal with coordinators that are not there.
  void HoldUntil(absl::Time end) { held_until_ = std::max(held_until_, end); }
  void set_markers_are_held(bool held) { markers_are_held_ = held; }

 private:
  void SendPlain(SimEvent* event);
  void SendTransaction(size_t first, size_t count, bool is_commit);

  const Scenario& scenario_;
  const Plan* const plan_;
  Scheduler* const scheduler_;
  testkit::MemoryCluster* const cluster_;
  kafka::Client* const client_;
  Random* const random_;
  std::function<void(const SimEvent&)> observer_;
  std::vector<SimEvent> events_;
  const size_t scheduled_;
  size_t next_spare_ = 0;
  std::unique_ptr<kafka::TransactionalProducer> upstream_;
  bool markers_are_held_ = false;
  absl::Time held_until_ = absl::InfinitePast();
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_INPUT_H_
