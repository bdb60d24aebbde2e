// Offsets: what groups have committed, and where logs begin and end. Many at once, each by itself (X5).
#include <algorithm>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/admin.h"
#include "processor/kafka/librdkafka/admin_call.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {
namespace {

PartitionListPtr ToList(std::span<const TopicPartition> partitions, int64_t offset) {
  PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& each : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), each.topic.c_str(), each.partition.value())->offset = offset;
  }
  return list;
}

// librdkafka passes this on as the timestamp to look for, and to brokers -1 is the end and -2 the beginning.
int64_t LogicalOffset(LogPoint point) {
  return point == LogPoint::kBeginning ? RD_KAFKA_OFFSET_BEGINNING : RD_KAFKA_OFFSET_END;
}

void FailAll(std::span<const TopicPartition> partitions, const absl::Status& status, LogOffsets* answers) {
  for (const TopicPartition& each : partitions) answers->insert_or_assign(each, status);
}

}  // namespace

absl::StatusOr<std::shared_ptr<AdminHandle>> RdKafkaAdmin::HandleOf(const std::string& group) {
  MutexLock lock(&mutex_);
  std::shared_ptr<AdminHandle>& handle = by_group_[group];
  if (handle == nullptr) {
    auto fresh = std::make_shared<AdminHandle>(context_, absl::StrCat("admin of group ", group));
    if (absl::Status status = fresh->Start(RD_KAFKA_CONSUMER, GroupAdminProperties(fresh->config(), group));
        !status.ok())
      return status;
    handle = std::move(fresh);
  }
  return handle;
}

void RdKafkaAdmin::Discard(const std::string& group, const std::shared_ptr<AdminHandle>& handle) {
  MutexLock lock(&mutex_);
  std::shared_ptr<AdminHandle>& current = by_group_[group];
  // Another thread may have replaced it by now.
  if (current == handle) current.reset();
}

absl::StatusOr<std::shared_ptr<AdminHandle>> RdKafkaAdmin::StableHandle() {
  MutexLock lock(&mutex_);
  if (stable_ == nullptr) {
    auto fresh = std::make_shared<AdminHandle>(context_, "admin of committed records");
    Properties properties = AdminProperties(fresh->config());
    properties["isolation.level"] = "read_committed";
    if (absl::Status status = fresh->Start(RD_KAFKA_CONSUMER, properties); !status.ok()) return status;
    stable_ = std::move(fresh);
  }
  return stable_;
}

// By the consumer's call, not ListConsumerGroupOffsets: that one ends the process by an assertion when its request
// times out while it is being repeated, as when brokers restart or a transaction is pending (2.0.2; upstream #3663,
// open in all versions). One partition that is pending keeps this call from answering for the others, until it times
// out.
bool RdKafkaAdmin::AskCommitted(AdminHandle& handle, std::span<const TopicPartition> partitions, absl::Duration timeout,
                                CommittedOffsets* answers) {
  const PartitionListPtr list = ToList(partitions, RD_KAFKA_OFFSET_INVALID);
  const rd_kafka_resp_err_t code = rd_kafka_committed(handle.rk(), list.get(), ToMillis(timeout));
  const char* const hint = code == RD_KAFKA_RESP_ERR__TIMED_OUT ? "no answer; a transaction may be pending" : "";
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& answer = list->elems[i];
    const TopicPartition where{answer.topic, Partition(answer.partition)};
    // F4: the call's own error first; an answer that failed has no offset either, and would pass for a new partition.
    const rd_kafka_resp_err_t error = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : answer.err;
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
      const absl::Status failed =
          ToStatus(error, absl::StrCat("reading the committed offset of ", ToString(where)), hint);
      answers->insert_or_assign(where, Explain(handle, failed, timeout));
    } else {
      answers->insert_or_assign(where, answer.offset < 0 ? std::nullopt : std::optional<Offset>(answer.offset));
    }
  }
  return code == RD_KAFKA_RESP_ERR_NO_ERROR;
}

// All in one call; if that does not answer in half the time, apart, at once. Where there are too many for that, those
// that share a call with a pending one are not known: who asks again for these alone learns of them.
CommittedOffsets RdKafkaAdmin::ReadCommittedOffsets(const std::string& group,
                                                    std::span<const TopicPartition> partitions,
                                                    absl::Duration timeout) {
  constexpr size_t kAtOnce = 32;
  // A call that had less time may just have been too short.
  constexpr absl::Duration kStuck = absl::Seconds(2);
  CommittedOffsets answers;
  if (partitions.empty()) return answers;
  const absl::StatusOr<std::shared_ptr<AdminHandle>> handle = HandleOf(group);
  if (!handle.ok()) {
    for (const TopicPartition& each : partitions) answers.emplace(each, handle.status());
    return answers;
  }
  const bool is_one = partitions.size() == 1;
  bool is_known = AskCommitted(**handle, partitions, is_one ? timeout : timeout / 2, &answers);
  // X5g: one that is pending keeps its call from answering, and must not keep the others.
  if (!is_known && !is_one) {
    const size_t share = (partitions.size() + kAtOnce - 1) / kAtOnce;
    std::vector<CommittedOffsets> found((partitions.size() + share - 1) / share);
    std::vector<std::thread> threads;
    for (size_t i = 0; i < found.size(); ++i) {
      const auto part = partitions.subspan(i * share, std::min(share, partitions.size() - i * share));
      threads.emplace_back([&, part, i] { AskCommitted(**handle, part, timeout / 2, &found[i]); });
    }
    for (std::thread& thread : threads) thread.join();
    for (const CommittedOffsets& each : found) {
      for (const auto& [where, answer] : each) {
        is_known = is_known || answer.ok();
        answers.insert_or_assign(where, answer);
      }
    }
  }
  // The instance may hold on to a coordinator that is gone.
  if (!is_known && timeout >= kStuck) Discard(group, *handle);
  return answers;
}

absl::StatusOr<std::map<TopicPartition, Offset>> RdKafkaAdmin::StableCommittedOffsets(
    const std::string& group, std::span<const TopicPartition> partitions, absl::Duration timeout) {
  using Found = std::map<TopicPartition, Offset>;
  return RetryAdminCall<Found>(timeout, [&](absl::Duration left) -> absl::StatusOr<Found> {
    Found found;
    for (const auto& [where, answer] : ReadCommittedOffsets(group, partitions, left)) {
      if (!answer.ok()) return answer.status();
      if (answer->has_value()) found.emplace(where, **answer);
    }
    return found;
  });
}

// Partitions that have a leader, by leader; the others are answered.
std::map<int32_t, std::vector<TopicPartition>> RdKafkaAdmin::ByLeader(std::span<const TopicPartition> partitions,
                                                                      absl::Duration timeout, LogOffsets* answers) {
  // First, since offsets_for_times waits until every partition of its call has a leader.
  const absl::Time deadline = SteadyNow() + timeout;
  std::map<std::string, std::vector<TopicPartition>> by_topic;
  for (const TopicPartition& each : partitions) by_topic[each.topic].push_back(each);
  std::map<int32_t, std::vector<TopicPartition>> by_leader;
  for (const auto& [topic, asked] : by_topic) {
    const std::string what = absl::StrCat("finding the leaders of topic \"", topic, "\"");
    const TopicPtr handle(rd_kafka_topic_new(main_.rk(), topic.c_str(), nullptr));
    const rd_kafka_metadata_t* raw = nullptr;
    const rd_kafka_resp_err_t code =
        handle == nullptr ? rd_kafka_last_error()
                          : rd_kafka_metadata(main_.rk(), 0, handle.get(), &raw, ToMillis(deadline - SteadyNow()));
    const MetadataPtr metadata(raw);
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1) {
      FailAll(asked, Explain(main_, ToStatus(code, what), deadline - SteadyNow()), answers);
      continue;
    }
    const rd_kafka_metadata_topic_t& found = metadata->topics[0];
    std::map<int32_t, int32_t> leaders;
    for (int i = 0; i < found.partition_cnt; ++i) leaders[found.partitions[i].id] = found.partitions[i].leader;
    for (const TopicPartition& each : asked) {
      const auto leader = leaders.find(each.partition.value());
      if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        answers->insert_or_assign(each, ToStatus(found.err, what));
      } else if (leader == leaders.end()) {
        answers->insert_or_assign(each,
                                  absl::NotFoundError(absl::StrCat(ToString(each), ": there is no such partition")));
      } else if (leader->second < 0) {
        answers->insert_or_assign(
            each, absl::UnavailableError(absl::StrCat(ToString(each), " has no leader; are enough brokers up?")));
      } else {
        by_leader[leader->second].push_back(each);
      }
    }
  }
  return by_leader;
}

// One request. librdkafka drops all answers if one partition fails, so then the halves are asked apart, unless it took
// too long.
void RdKafkaAdmin::AskLeader(AdminHandle& handle, LogPoint point, std::span<const TopicPartition> partitions,
                             absl::Time deadline, LogOffsets* answers) {
  const std::string what =
      absl::StrCat("reading the watermarks of ", ToString(partitions.front()),
                   partitions.size() > 1 ? absl::StrCat(" and ", partitions.size() - 1, " more") : "");
  const PartitionListPtr list = ToList(partitions, LogicalOffset(point));
  const absl::Duration left = deadline - SteadyNow();
  const rd_kafka_resp_err_t code = left <= absl::ZeroDuration()
                                       ? RD_KAFKA_RESP_ERR__TIMED_OUT
                                       : rd_kafka_offsets_for_times(handle.rk(), list.get(), ToMillis(left));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) {
    // What has timed out would only take its time again by halves.
    if (partitions.size() == 1 || code == RD_KAFKA_RESP_ERR__TIMED_OUT) {
      return FailAll(partitions, ToStatus(code, what), answers);
    }
    AskLeader(handle, point, partitions.subspan(0, partitions.size() / 2), deadline, answers);
    return AskLeader(handle, point, partitions.subspan(partitions.size() / 2), deadline, answers);
  }
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& answer = list->elems[i];
    const TopicPartition where{answer.topic, Partition(answer.partition)};
    if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      answers->insert_or_assign(where,
                                ToStatus(answer.err, absl::StrCat("reading the watermarks of ", ToString(where))));
    } else if (answer.offset < 0) {
      answers->insert_or_assign(where,
                                absl::UnavailableError(absl::StrCat("reading the watermarks of ", ToString(where),
                                                                    ": the broker named no offset; try again")));
    } else {
      answers->insert_or_assign(where, Offset(answer.offset));
    }
  }
}

// Each leader at the same time, so that one which is silent costs the partitions of others nothing but the wait.
LogOffsets RdKafkaAdmin::ReadLogOffsets(LogPoint point, std::span<const TopicPartition> partitions,
                                        absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  LogOffsets answers;
  // Brokers answer by the handle's isolation level.
  std::shared_ptr<AdminHandle> stable;
  if (point == LogPoint::kLastStable) {
    absl::StatusOr<std::shared_ptr<AdminHandle>> made = StableHandle();
    if (!made.ok()) return FailAll(partitions, made.status(), &answers), answers;
    stable = *std::move(made);
  }
  AdminHandle* const handle = stable == nullptr ? &main_ : stable.get();
  const std::map<int32_t, std::vector<TopicPartition>> by_leader = ByLeader(partitions, timeout, &answers);
  std::vector<LogOffsets> found(by_leader.size());
  std::vector<std::thread> threads;
  size_t index = 0;
  for (const auto& entry : by_leader) {
    LogOffsets* const into = &found[index];
    const std::vector<TopicPartition>* const asked = &entry.second;
    const auto ask = [this, handle, point, asked, deadline, into] {
      AskLeader(*handle, point, *asked, deadline, into);
    };
    if (++index < by_leader.size()) {
      threads.emplace_back(ask);
    } else {
      ask();
    }
  }
  for (std::thread& thread : threads) thread.join();
  for (LogOffsets& each : found) answers.merge(each);
  return answers;
}

// Not by rd_kafka_query_watermark_offsets: that of 2.0 ignores its timeout once the partition's leader is known.
absl::StatusOr<Offset> RdKafkaAdmin::QueryOffset(const TopicPartition& partition, int64_t which,
                                                 absl::Duration timeout) {
  const std::string what = absl::StrCat("reading the watermarks of ", ToString(partition));
  const PartitionListPtr list(rd_kafka_topic_partition_list_new(1));
  rd_kafka_topic_partition_t* asked =
      rd_kafka_topic_partition_list_add(list.get(), partition.topic.c_str(), partition.partition.value());
  // librdkafka passes this on as the timestamp to look for, and to brokers -1 is the end and -2 the beginning.
  asked->offset = which;
  const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(main_.rk(), list.get(), ToMillis(timeout));
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(code, what);
  const rd_kafka_topic_partition_t& answer = list->elems[0];
  if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(answer.err, what);
  if (answer.offset < 0) return absl::UnavailableError(absl::StrCat(what, ": the broker named no offset; try again"));
  return Offset(answer.offset);
}

absl::StatusOr<Offset> RdKafkaAdmin::FindOffset(const TopicPartition& partition, int64_t which,
                                                absl::Duration timeout) {
  absl::StatusOr<Offset> offset =
      RetryAdminCall<Offset>(timeout, [&](absl::Duration left) { return QueryOffset(partition, which, left); });
  if (!offset.ok()) return Explain(main_, offset.status(), timeout);
  return offset;
}

absl::StatusOr<Offset> RdKafkaAdmin::BeginningOffset(const TopicPartition& partition, absl::Duration timeout) {
  return FindOffset(partition, RD_KAFKA_OFFSET_BEGINNING, timeout);
}

// F3: main_ reads uncommitted (AdminProperties); else the answer would be the last stable offset.
absl::StatusOr<Offset> RdKafkaAdmin::HighWatermark(const TopicPartition& partition, absl::Duration timeout) {
  return FindOffset(partition, RD_KAFKA_OFFSET_END, timeout);
}

}  // namespace once::kafka
