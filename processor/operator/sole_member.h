// Holds an application's group while something is done to its offsets.
#ifndef ONCE_PROCESSOR_OPERATOR_SOLE_MEMBER_H_
#define ONCE_PROCESSOR_OPERATOR_SOLE_MEMBER_H_

#include <memory>
#include <set>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/engine/plan.h"
#include "processor/kafka/kafka.h"

namespace once {

// FailedPrecondition, with who is in it, if the application's group has members.
absl::Status CheckInactive(const Plan& plan, kafka::Admin* admin, absl::Duration timeout);

// The group's only member, which holds all partitions of all lead sources. An instance that starts meanwhile joins it,
// and what is sent under the membership from before is refused (T6); one that was a member earlier, and does not know
// that it is none any more, can commit nothing since its own membership is over. Leaves the group when it is destroyed.
class SoleMember final : public kafka::RebalanceListener {
 public:
  // Joins, which may take the brokers' group.initial.rebalance.delay.ms. FailedPrecondition if others are, or come to
  // be, members; DeadlineExceeded if it takes longer than `timeout`. `plan` outlives this.
  static absl::StatusOr<std::unique_ptr<SoleMember>> Join(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                                          absl::Duration timeout);
  ~SoleMember() override;

  // What offsets are to be sent with. FailedPrecondition if it is not alone any more.
  absl::StatusOr<kafka::GroupMetadata> Metadata();

  void OnAssigned(std::span<const TopicPartition> partitions) override;
  void OnRevoked(std::span<const TopicPartition> partitions) override;
  void OnLost(std::span<const TopicPartition> partitions) override;

 private:
  SoleMember(const Plan& plan, std::unique_ptr<kafka::GroupConsumer> consumer);
  bool HoldsAll() const { return held_.size() == all_; }

  const std::string group_;
  const std::unique_ptr<kafka::GroupConsumer> consumer_;
  size_t all_ = 0;
  std::set<TopicPartition> held_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_SOLE_MEMBER_H_
