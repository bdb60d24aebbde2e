// An application that has run on a Kafka in memory, is stopped, and is looked at as operators do.
#ifndef ONCE_TESTS_OPERATOR_SCENE_H_
#define ONCE_TESTS_OPERATOR_SCENE_H_

#include <memory>
#include <optional>
#include <string>

#include "processor/operator/layout.h"
#include "processor/operator/offsets.h"
#include "tests/driver/scripted.h"

namespace once {

// The topology is `scripted`: source and topic "orders", aggregate "customer", two partitions.
class OperatorTest : public testing::Test {
 protected:
  // An order of `cents` to a partition, to a customer of that number.
  void Send(int partition, int64_t cents, const std::string& event_id = "") {
    driver_.Send("orders", Customer(partition), Order(cents), {.event_id = event_id, .partition = partition});
  }
  static std::string Customer(int partition) { return "customer" + std::to_string(partition); }
  int64_t Cents(int partition) {
    const auto total = driver_.State<CustomerTotal>("customer", Customer(partition));
    return total.has_value() ? total->cents() : 0;
  }
  static TopicPartition Input(int partition) { return {"orders", Partition(partition)}; }
  std::optional<Offset> Committed(int partition) { return driver_.cluster().CommittedOffset(kGroup, Input(partition)); }
  Offset End(int partition) { return driver_.cluster().HighWatermark(Input(partition)); }

  // In order, so that the group is empty.
  void Stop() {
    plan_ = MakePlan(driver_.plan().graph, driver_.plan().application_id);
    driver_.Restart([](const Config&) -> absl::StatusOr<Topology> { return absl::CancelledError("it is stopped"); });
    client_ = driver_.cluster().NewClient();
    admin_ = *client_->NewAdmin();
    ASSERT_TRUE(DescribeLayout(admin_.get(), absl::Seconds(1), &plan_).ok());
  }
  void Start() {
    driver_.Restart(Scripted(script_));
    driver_.RunUntilIdle();
  }

  absl::StatusOr<OffsetPlan> Planned(const std::string& to, const OffsetSelection& selection = {}) {
    const absl::StatusOr<OffsetTarget> target = ParseOffsetTarget(to);
    if (!target.ok()) return target.status();
    return PlanOffsets(plan_, client_.get(), admin_.get(), selection, *target, options_);
  }
  absl::Status Move(const std::string& to, const OffsetSelection& selection = {}) {
    const absl::StatusOr<OffsetPlan> planned = Planned(to, selection);
    if (!planned.ok()) return planned.status();
    return MoveOffsets(plan_, client_.get(), admin_.get(), *planned, options_);
  }

  static constexpr char kGroup[] = "scripted";
  std::shared_ptr<Script> script_ = NewScript();
  TopologyTestDriver driver_{Scripted(script_), {.partitions = 2}};
  OffsetOptions options_{.timeout = absl::Seconds(5)};
  Plan plan_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
};

}  // namespace once

#endif  // ONCE_TESTS_OPERATOR_SCENE_H_
