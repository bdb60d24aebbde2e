// What a run's events come from: some plainly, some in transactions of an upstream producer, which aborts a few.
#ifndef ONCE_TESTS_SIM_INPUT_H_
#define ONCE_TESTS_SIM_INPUT_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "absl/time/time.h"
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
  Input(const Scenario& scenario, Scheduler* scheduler, testkit::MemoryCluster* cluster, kafka::Client* client,
        Random* random);

  // By number; they stay where they are.
  std::vector<SimEvent>* events() { return &events_; }
  // Calls `observer` with each event that is in its log, if it is not aborted.
  void OnSent(std::function<void(const SimEvent&)> observer) { observer_ = std::move(observer); }

  void Schedule(absl::Time start);
  // Sends an event that is not scheduled; false if none is left.
  bool SendSpare();
  // Somebody copies a dead letter back to where its event came from, with all its headers (R6). Nothing if it says too
  // little for that.
  void SendBack(const testkit::StoredRecord& letter);

  // Events go to so many partitions from now on; those of an upstream in transactions stay where it knows of.
  void set_partitions(int32_t partitions) { partitions_ = partitions; }
  // What the application knows: how many partitions, and whether events of several sources must meet.
  void set_known(int32_t partitions, bool is_joined);
  // The source's topic is deleted, with all that it held.
  void ForgetLog(int source) { in_log_[source].clear(); }
  // All that readers find in the logs, in their order.
  const std::deque<SimEvent*>& in_log(int source) const { return in_log_[source]; }

  // Upstream's transactions wait meanwhile: their producer does not deal with coordinators that are not there.
  void HoldUntil(absl::Time end) { held_until_ = std::max(held_until_, end); }
  void set_markers_are_held(bool held) { markers_are_held_ = held; }

 private:
  void Place(SimEvent* event) const;
  void Judge(SimEvent* event) const;
  void Note(SimEvent* event);
  void SendPlain(SimEvent* event);
  void SendTransaction(size_t first, size_t count, bool is_commit);

  const Scenario& scenario_;
  Scheduler* const scheduler_;
  testkit::MemoryCluster* const cluster_;
  kafka::Client* const client_;
  Random* const random_;
  std::function<void(const SimEvent&)> observer_;
  std::vector<SimEvent> events_;
  std::deque<SimEvent> copies_;
  std::deque<SimEvent*> in_log_[2];
  int32_t partitions_;
  int32_t known_partitions_;
  bool is_joined_ = false;
  const size_t scheduled_;
  size_t next_spare_ = 0;
  std::unique_ptr<kafka::TransactionalProducer> upstream_;
  bool markers_are_held_ = false;
  absl::Time held_until_ = absl::InfinitePast();
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_INPUT_H_
