// The assignment of a member: what it is told to take and to give up, and where what it keeps is read on.
#include <string.h>

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/kafka/librdkafka/consumer.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/seek.h"

namespace once::kafka {
namespace {

// The group waits meanwhile.
constexpr absl::Duration kSeekPatience = absl::Milliseconds(500);
constexpr absl::Duration kEndsPatience = absl::Milliseconds(300);

PartitionListPtr ToList(std::span<const TopicPartition> partitions, int64_t offset) {
  PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& each : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), each.topic.c_str(), each.partition.value())->offset = offset;
  }
  return list;
}

std::vector<TopicPartition> FromList(const rd_kafka_topic_partition_list_t* list) {
  std::vector<TopicPartition> partitions;
  for (int i = 0; list != nullptr && i < list->cnt; ++i) {
    partitions.push_back({list->elems[i].topic, Partition(list->elems[i].partition)});
  }
  return partitions;
}

std::string Names(std::span<const TopicPartition> partitions) {
  std::string names;
  for (const TopicPartition& each : partitions) absl::StrAppend(&names, names.empty() ? "" : ", ", ToString(each));
  return names;
}

}  // namespace

void RdKafkaGroupConsumer::RebalanceCallback(rd_kafka_t*, rd_kafka_resp_err_t code,
                                             rd_kafka_topic_partition_list_t* partitions, void* opaque) {
  Handle* const handle = Of(opaque);
  if (handle != nullptr) static_cast<RdKafkaGroupConsumer*>(handle)->OnRebalance(code, FromList(partitions));
}

void RdKafkaGroupConsumer::OnRebalance(rd_kafka_resp_err_t code, std::vector<TopicPartition> partitions) {
  if (has_left_) return;
  in_callback_ = true;
  answered_ = false;
  has_joined_ = true;
  // Of a consumer that closes librdkafka takes any answer as giving all up. What it would still be given is not taken.
  const bool is_assign = !is_closing_ && code == RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS;
  const bool is_revoke = is_closing_ || code == RD_KAFKA_RESP_ERR__REVOKE_PARTITIONS;
  if (is_closing_) partitions = Held();
  // A revocation that was still unserved when the member was thrown out is not marked as lost, but it is.
  const bool is_lost = is_revoke && (rd_kafka_assignment_lost(rk()) || !IsMember());
  RebalanceListener* const listener = is_closing_ && partitions.empty() ? nullptr : listener_;
  if (listener != nullptr && is_assign) {
    listener->OnAssigned(partitions);
  } else if (listener != nullptr && is_lost) {
    listener->OnLost(partitions);
  } else if (listener != nullptr && is_revoke) {
    listener->OnRevoked(partitions);
  }
  // Without an answer librdkafka would wait for ever.
  if (!answered_) {
    const absl::Status status = is_assign ? Assign(partitions) : Unassign(partitions);
    if (!status.ok()) Log(LogLevel::kError, absl::StrCat(name(), ": answering a rebalance: ", status.ToString()));
  }
  in_callback_ = false;
  has_left_ = is_closing_;
}

std::vector<TopicPartition> RdKafkaGroupConsumer::Held() const {
  std::vector<TopicPartition> held;
  for (const TopicPartition& each : assigned_) {
    if (std::find(subscribed_.begin(), subscribed_.end(), each.topic) != subscribed_.end()) held.push_back(each);
  }
  return held;
}

absl::Status RdKafkaGroupConsumer::CheckInCallback(const char* call) const {
  if (in_callback_) return absl::OkStatus();
  return absl::FailedPreconditionError(
      absl::StrCat(call, " of ", name(),
                   " outside a rebalance callback; librdkafka would take it for the answer to a "
                   "pending revocation"));
}

bool RdKafkaGroupConsumer::IsCooperative() const {
  const char* protocol = rd_kafka_rebalance_protocol(rk());
  return protocol != nullptr && strcmp(protocol, "COOPERATIVE") == 0;
}

bool RdKafkaGroupConsumer::IsMember() {
  const GroupMetadata group = group_metadata();
  return group.generation >= 0 && !group.member_id.empty();
}

// Before they are assigned: librdkafka leaves a queue that the application has forwarded as it is. It takes the
// forwarding back when it stops fetching, which is over before a partition can be assigned anew, since it joins the
// group again only after that.
absl::Status RdKafkaGroupConsumer::ForwardToRecords(std::span<const TopicPartition> partitions) {
  for (const TopicPartition& each : partitions) {
    const QueuePtr queue(rd_kafka_queue_get_partition(rk(), each.topic.c_str(), each.partition.value()));
    if (queue == nullptr) {
      return absl::InternalError(absl::StrCat("assigning ", ToString(each), " to ", name(), ": it has no queue"));
    }
    rd_kafka_queue_forward(queue.get(), records_.get());
  }
  return absl::OkStatus();
}

// librdkafka pauses all partitions until a rebalance is answered, drops what it fetched, and reads on from what it
// thinks was polled. A seek while they are paused replaces that before anything is fetched by it.
void RdKafkaGroupConsumer::ContinueWherePolled(const std::set<TopicPartition>& kept) {
  std::vector<TopicPartitionOffset> positions;
  for (const TopicPartition& each : kept) {
    const int64_t offset = PolledTo(TopicIndex(each.topic), each.partition);
    if (offset == kUnknown || broken_.contains(each) || unsettled_.contains(each)) continue;
    positions.push_back({each, Offset(offset)});
  }
  std::vector<TopicPartition> failed;
  const absl::Status status = SeekPartitions(rk(), positions, kSeekPatience, &failed);
  if (status.ok()) return;
  // Some of these ended with an error that is still to be polled.
  Log(LogLevel::kWarning, absl::StrCat(name(), ": reading on after a rebalance: ", status.ToString()));
  for (const TopicPartition& each : failed) {
    PolledTo(TopicIndex(each.topic), each.partition) = kUnknown;
    deferred_errors_.push_back({TopicIndex(each.topic), each.partition,
                                absl::UnavailableError(absl::StrCat(
                                    "reading on ", ToString(each),
                                    " after a rebalance: ", std::string(status.message()), "; seek it again"))});
  }
}

absl::Status RdKafkaGroupConsumer::Assign(std::span<const TopicPartition> partitions) {
  if (absl::Status status = CheckInCallback("Assign"); !status.ok()) return status;
  for (const TopicPartition& each : partitions) {
    if (TopicIndex(each.topic) < topic_names_.size() && !assigned_.contains(each)) continue;
    return absl::FailedPreconditionError(
        absl::StrCat("assigning ", ToString(each), " to ", name(),
                     ": it is assigned already, or the consumer was not created for its topic"));
  }
  const PartitionListPtr list = ToList(partitions, RD_KAFKA_OFFSET_END);
  // A seek that overtakes the look-up of a logical offset is undone by it: librdkafka takes the answer for outdated and
  // looks the end up again half a second later, from where it then reads on. So the end is looked up here. Partitions
  // whose leader does not answer now are not sought before they have shown that their look-up is over.
  const absl::Status resolved = ResolveEnds(rk(), list.get(), kEndsPatience);
  for (int i = 0; i < list->cnt; ++i) {
    const TopicPartition where{list->elems[i].topic, Partition(list->elems[i].partition)};
    const bool is_known = list->elems[i].offset != RD_KAFKA_OFFSET_END;
    if (!is_known) unsettled_.insert(where);
    SetPolledTo(where, is_known ? list->elems[i].offset : kUnknown);
  }
  if (!resolved.ok()) Log(LogLevel::kWarning, absl::StrCat(name(), ": ", resolved.ToString()));
  if (absl::Status status = ForwardToRecords(partitions); !status.ok()) return status;
  // X5p: before the answer, while everything is paused.
  ContinueWherePolled(assigned_);
  const ErrorPtr error(rd_kafka_incremental_assign(rk(), list.get()));
  if (error != nullptr) return ToStatus(error.get(), absl::StrCat("assigning ", Names(partitions), " to ", name()));
  answered_ = true;
  assigned_.insert(partitions.begin(), partitions.end());
  return absl::OkStatus();
}

absl::Status RdKafkaGroupConsumer::Unassign(std::span<const TopicPartition> partitions) {
  if (absl::Status status = CheckInCallback("Unassign"); !status.ok()) return status;
  std::set<TopicPartition> rest = assigned_;
  for (const TopicPartition& each : partitions) {
    rest.erase(each);
    broken_.erase(each);
    unsettled_.erase(each);
  }
  ErrorPtr error;
  if (!IsCooperative()) {
    // Out of the group there is no rebalance protocol, and all is given up at once.
    const rd_kafka_resp_err_t code = rd_kafka_assign(rk(), nullptr);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR) error.reset(rd_kafka_error_new(code, "%s", rd_kafka_err2str(code)));
    rest.clear();
  } else {
    ContinueWherePolled(rest);
    const PartitionListPtr list = ToList(partitions, RD_KAFKA_OFFSET_INVALID);
    error.reset(rd_kafka_incremental_unassign(rk(), list.get()));
  }
  if (error != nullptr) return ToStatus(error.get(), absl::StrCat("unassigning ", Names(partitions), " from ", name()));
  answered_ = true;
  // What is given up is not sought any more, and its errors concern its next owner.
  std::erase_if(deferred_seeks_, [&](const TopicPartitionOffset& each) { return !rest.contains(each.where); });
  std::erase_if(deferred_errors_, [&](const PartitionError& each) {
    return !rest.contains({topic_names_[each.topic_index], each.partition});
  });
  assigned_ = std::move(rest);
  return absl::OkStatus();
}

}  // namespace once::kafka
