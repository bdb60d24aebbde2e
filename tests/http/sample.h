// A pod that has something to say of everything.
#ifndef ONCE_TESTS_HTTP_SAMPLE_H_
#define ONCE_TESTS_HTTP_SAMPLE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/status.h"

namespace once::http {

inline absl::Time SampleTime() { return absl::FromUnixSeconds(1'700'000'000); }

inline TaskStatus SampleTask(int partition, TaskPhaseStatus phase) {
  TaskStatus task;
  task.name = "orders-" + std::to_string(partition);
  task.group = "orders";
  task.partition = partition;
  task.phase = phase;
  task.owner_since = SampleTime() - absl::Minutes(5);
  InputStatus input;
  input.where = {"orders", Partition(partition)};
  input.next_offset = 100;
  input.end_offset = 130;
  input.last_stable_offset = 120;
  task.behind = absl::Seconds(3);
  task.inputs.push_back(input);
  return task;
}

class FixedStatistics final : public ClientStatisticsSource {
 public:
  explicit FixedStatistics(ClientStatistics statistics)
      : said_(std::make_shared<const ClientStatistics>(std::move(statistics))) {}
  std::shared_ptr<const ClientStatistics> Look() override { return said_; }

 private:
  const std::shared_ptr<const ClientStatistics> said_;
};

// A client of a cluster of three, of which one is connected, one away, and one never asked.
inline ClientStatistics SampleClient() {
  BrokerStatistics up;
  up.broker = "1";
  up.state = BrokerStatistics::State::kUp;
  up.requests = up.responses = 10;
  up.timeouts = 2;
  up.round_trip = BrokerStatistics::RoundTrip{absl::Milliseconds(2), absl::Milliseconds(8)};
  up.throttle_longest = absl::Milliseconds(250);
  BrokerStatistics away;
  away.broker = "2";
  away.state = BrokerStatistics::State::kDown;
  BrokerStatistics idle;
  idle.broker = "3";
  return {.at = SampleTime() - absl::Seconds(4),
          .brokers = {up, away, idle},
          .queued_records = 5,
          .fetched_records = 7,
          .rebalances = 3};
}

// With a running task of partition 0, and what else is given.
inline PodStatus SamplePod(std::vector<TaskStatus> more = {}) {
  auto worker = std::make_shared<WorkerStatus>();
  worker->at = SampleTime();
  worker->tasks = std::move(more);
  worker->tasks.push_back(SampleTask(0, TaskPhaseStatus::kRunning));
  worker->events.processed = 1000;
  worker->events.failed = 2;
  worker->events.duplicates = 7;
  worker->events.duplicate_notices = 3;
  worker->events.dead_letters.Count(Disposition::kFailed, absl::StatusCode::kInvalidArgument);
  worker->epochs.committed = 12;
  worker->epochs.aborted[static_cast<size_t>(AbortCause::kFenced)] = 1;
  worker->epochs.commit_seconds.Count(0.02);
  worker->epochs.event_seconds.Count(0.2);
  worker->flows = FlowCounts(1, 1, 1);
  worker->flows.CountIn(0, 0);
  worker->flows.CountOut(0, 0);
  worker->flows.CountFailed(0);
  worker->memory.clean_state = 1 << 20;
  worker->memory.share = 1 << 28;
  worker->producer = std::make_shared<FixedStatistics>(SampleClient());
  worker->consumer = std::make_shared<FixedStatistics>(SampleClient());
  PodStatus pod;
  pod.application_id = "order-totals";
  pod.instance_id = "a";
  pod.version = "1.2.3";
  pod.phase = PodPhase::kRunning;
  pod.started_at = SampleTime() - absl::Hours(1);
  pod.now = SampleTime() + absl::Milliseconds(100);
  pod.handler_timeout = absl::Seconds(10);
  pod.memory_bytes = 1 << 30;
  pod.resident_bytes = 1 << 29;
  TopologyStatus topology;
  topology.sources.push_back({"orders", "orders", "orders"});
  topology.nodes.push_back({"customer", "aggregate", "CustomerTotal", {"orders"}, {"totals"}});
  topology.sinks.push_back({"totals", "customer-totals", "CustomerTotal"});
  topology.dead_letter_topic = "orders.dlq";
  topology.changelog_topics = {"order-totals-orders-changelog"};
  pod.topology = std::make_shared<const TopologyStatus>(std::move(topology));
  pod.workers = {worker, nullptr};
  pod.steps.resize(2);
  return pod;
}

// Shows the pod that it holds.
class FixedStatus final : public StatusProvider {
 public:
  explicit FixedStatus(PodStatus its_pod) : pod(std::move(its_pod)) {}
  PodStatus Look() override { return pod; }

  PodStatus pod;
};

}  // namespace once::http

#endif  // ONCE_TESTS_HTTP_SAMPLE_H_
