// What operators ask for: groups and their members, the cluster, rights, deletions, offsets by time.
#include <algorithm>
#include <memory>
#include <set>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/admin.h"
#include "processor/kafka/librdkafka/admin_call.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {
namespace {

using DeleteTopicPtr = std::unique_ptr<rd_kafka_DeleteTopic_t, RdDeleter<rd_kafka_DeleteTopic_destroy>>;
using DeleteGroupPtr = std::unique_ptr<rd_kafka_DeleteGroup_t, RdDeleter<rd_kafka_DeleteGroup_destroy>>;

std::string Text(const char* text) { return text == nullptr ? "" : text; }

// Clients before 2.3 do not know how to ask for rights.
#if RD_KAFKA_VERSION >= 0x020300ff
void AskForRights(const AdminCall& call) {
  const ErrorPtr ignored(rd_kafka_AdminOptions_set_include_authorized_operations(call.options(), 1));
}

std::set<std::string> RightsOf(const rd_kafka_AclOperation_t* operations, size_t count) {
  std::set<std::string> rights;
  for (size_t i = 0; i < count; ++i) rights.insert(rd_kafka_AclOperation_name(operations[i]));
  return rights;
}

std::optional<std::set<std::string>> RightsOf(const rd_kafka_ConsumerGroupDescription_t* group) {
  size_t count = 0;
  const rd_kafka_AclOperation_t* operations = rd_kafka_ConsumerGroupDescription_authorized_operations(group, &count);
  if (operations == nullptr) return std::nullopt;
  return RightsOf(operations, count);
}
#else
void AskForRights(const AdminCall&) {}
std::optional<std::set<std::string>> RightsOf(const rd_kafka_ConsumerGroupDescription_t*) { return std::nullopt; }
#endif

GroupDescription ToDescription(const rd_kafka_ConsumerGroupDescription_t* found) {
  GroupDescription group;
  group.state = rd_kafka_consumer_group_state_name(rd_kafka_ConsumerGroupDescription_state(found));
  group.rights = RightsOf(found);
  for (size_t i = 0; i < rd_kafka_ConsumerGroupDescription_member_count(found); ++i) {
    const rd_kafka_MemberDescription_t* member = rd_kafka_ConsumerGroupDescription_member(found, i);
    group.members.push_back({.id = Text(rd_kafka_MemberDescription_consumer_id(member)),
                             .static_name = Text(rd_kafka_MemberDescription_group_instance_id(member)),
                             .client_id = Text(rd_kafka_MemberDescription_client_id(member)),
                             .host = Text(rd_kafka_MemberDescription_host(member))});
  }
  return group;
}

}  // namespace

absl::StatusOr<GroupDescription> RdKafkaAdmin::DescribeGroupOnce(const std::string& group, absl::Duration timeout) {
  const std::string what = absl::StrCat("describing group \"", group, "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DESCRIBECONSUMERGROUPS, timeout);
  AskForRights(call);
  const char* asked[] = {group.c_str()};
  rd_kafka_DescribeConsumerGroups(main_.rk(), asked, 1, call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return event.status();
  size_t count = 0;
  const rd_kafka_ConsumerGroupDescription_t** answers =
      rd_kafka_DescribeConsumerGroups_result_groups(rd_kafka_event_DescribeConsumerGroups_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  const rd_kafka_error_t* error = rd_kafka_ConsumerGroupDescription_error(answers[0]);
  // Brokers since 4.0 answer so, earlier ones with the state "Dead".
  if (error != nullptr && rd_kafka_error_code(error) == RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND) {
    return GroupDescription{.state = "Dead"};
  }
  if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(error, what);
  return ToDescription(answers[0]);
}

absl::StatusOr<GroupDescription> RdKafkaAdmin::DescribeGroup(const std::string& group, absl::Duration timeout) {
  absl::StatusOr<GroupDescription> found =
      RetryAdminCall<GroupDescription>(timeout, [&](absl::Duration left) { return DescribeGroupOnce(group, left); });
  if (!found.ok()) return Explain(main_, found.status(), timeout);
  return found;
}

absl::StatusOr<ClusterDescription> RdKafkaAdmin::DescribeCluster(absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  const rd_kafka_metadata_t* raw = nullptr;
  // Brokers are told with any topic's metadata, and of one that is not there least is told.
  const TopicPtr none(rd_kafka_topic_new(main_.rk(), "__consumer_offsets", nullptr));
  const rd_kafka_resp_err_t code = rd_kafka_metadata(main_.rk(), 0, none.get(), &raw, ToMillis(timeout));
  const MetadataPtr metadata(raw);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return Explain(main_, ToStatus(code, "describing the cluster"), timeout);
  ClusterDescription cluster;
  cluster.brokers = metadata->broker_cnt;
  if (metadata->broker_cnt == 0) return absl::UnavailableError("describing the cluster: no broker is known; try again");
  absl::StatusOr<std::map<std::string, std::string>> settings =
      Settings(RD_KAFKA_RESOURCE_BROKER, absl::StrCat(metadata->brokers[0].id), deadline - SteadyNow());
  if (settings.ok()) {
    cluster.settings = *std::move(settings);
  } else {
    cluster.settings_error = settings.status();
  }
  return cluster;
}

absl::Status RdKafkaAdmin::DeleteTopic(const std::string& topic, absl::Duration timeout) {
  const std::string what = absl::StrCat("deleting topic \"", topic, "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DELETETOPICS, timeout);
  char reason[512];
  // Until the brokers know it.
  rd_kafka_AdminOptions_set_operation_timeout(call.options(), std::max(ToMillis(timeout), 1), reason, sizeof(reason));
  const DeleteTopicPtr wanted(rd_kafka_DeleteTopic_new(topic.c_str()));
  rd_kafka_DeleteTopic_t* asked[] = {wanted.get()};
  rd_kafka_DeleteTopics(main_.rk(), asked, 1, call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return Explain(main_, event.status(), timeout);
  size_t count = 0;
  const rd_kafka_topic_result_t** answers =
      rd_kafka_DeleteTopics_result_topics(rd_kafka_event_DeleteTopics_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  if (rd_kafka_topic_result_error(answers[0]) == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return absl::NotFoundError(absl::StrCat(what, ": there is no such topic"));
  }
  return ToStatus(rd_kafka_topic_result_error(answers[0]), what, Text(rd_kafka_topic_result_error_string(answers[0])));
}

absl::Status RdKafkaAdmin::DeleteGroup(const std::string& group, absl::Duration timeout) {
  const std::string what = absl::StrCat("deleting group \"", group, "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DELETEGROUPS, timeout);
  const DeleteGroupPtr wanted(rd_kafka_DeleteGroup_new(group.c_str()));
  rd_kafka_DeleteGroup_t* asked[] = {wanted.get()};
  rd_kafka_DeleteGroups(main_.rk(), asked, 1, call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return Explain(main_, event.status(), timeout);
  size_t count = 0;
  const rd_kafka_group_result_t** answers =
      rd_kafka_DeleteGroups_result_groups(rd_kafka_event_DeleteGroups_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  const rd_kafka_error_t* error = rd_kafka_group_result_error(answers[0]);
  if (error == nullptr) return absl::OkStatus();
  switch (rd_kafka_error_code(error)) {
    case RD_KAFKA_RESP_ERR_NO_ERROR:
      return absl::OkStatus();
    case RD_KAFKA_RESP_ERR_GROUP_ID_NOT_FOUND:
      return absl::NotFoundError(absl::StrCat(what, ": there is no such group"));
    case RD_KAFKA_RESP_ERR_NON_EMPTY_GROUP:
      return absl::FailedPreconditionError(absl::StrCat(what, ": it has members; stop all instances"));
    default:
      return ToStatus(error, what);
  }
}

LogOffsets RdKafkaAdmin::ReadOffsetsAt(absl::Time time, std::span<const TopicPartition> partitions,
                                       absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  LogOffsets answers;
  // First those without a leader, which would keep the call from answering.
  for (auto& [leader, asked] : ByLeader(partitions, timeout, &answers)) {
    const PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(asked.size())));
    for (const TopicPartition& each : asked) {
      rd_kafka_topic_partition_list_add(list.get(), each.topic.c_str(), each.partition.value())->offset =
          std::max<int64_t>(absl::ToUnixMillis(time), 0);
    }
    const rd_kafka_resp_err_t code =
        rd_kafka_offsets_for_times(main_.rk(), list.get(), ToMillis(deadline - SteadyNow()));
    std::vector<TopicPartition> at_end;
    for (int i = 0; i < list->cnt; ++i) {
      const rd_kafka_topic_partition_t& answer = list->elems[i];
      const TopicPartition where{answer.topic, Partition(answer.partition)};
      const rd_kafka_resp_err_t error = code != RD_KAFKA_RESP_ERR_NO_ERROR ? code : answer.err;
      if (error != RD_KAFKA_RESP_ERR_NO_ERROR) {
        answers.insert_or_assign(where, ToStatus(error, absl::StrCat("looking up a time in ", ToString(where))));
      } else if (answer.offset < 0) {
        at_end.push_back(where);
      } else {
        answers.insert_or_assign(where, Offset(answer.offset));
      }
    }
    if (at_end.empty()) continue;
    answers.merge(ReadLogOffsets(LogPoint::kHighWatermark, at_end, deadline - SteadyNow()));
  }
  return answers;
}

#if RD_KAFKA_VERSION >= 0x020300ff
absl::StatusOr<std::map<std::string, std::set<std::string>>> RdKafkaAdmin::ReadTopicRights(
    std::span<const std::string> topics, absl::Duration timeout) {
  using Topics = std::unique_ptr<rd_kafka_TopicCollection_t, RdDeleter<rd_kafka_TopicCollection_destroy>>;
  std::map<std::string, std::set<std::string>> rights;
  if (topics.empty()) return rights;
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
  AskForRights(call);
  std::vector<const char*> names;
  for (const std::string& topic : topics) names.push_back(topic.c_str());
  const Topics asked(rd_kafka_TopicCollection_of_topic_names(names.data(), names.size()));
  rd_kafka_DescribeTopics(main_.rk(), asked.get(), call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait("reading the rights on topics");
  if (!event.ok()) return Explain(main_, event.status(), timeout);
  size_t count = 0;
  const rd_kafka_TopicDescription_t** answers =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event->get()), &count);
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(answers[i]);
    if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) continue;
    size_t operation_count = 0;
    const rd_kafka_AclOperation_t* operations =
        rd_kafka_TopicDescription_authorized_operations(answers[i], &operation_count);
    if (operations == nullptr) continue;
    rights[rd_kafka_TopicDescription_name(answers[i])] = RightsOf(operations, operation_count);
  }
  return rights;
}
#else
absl::StatusOr<std::map<std::string, std::set<std::string>>> RdKafkaAdmin::ReadTopicRights(std::span<const std::string>,
                                                                                           absl::Duration) {
  return std::map<std::string, std::set<std::string>>();
}
#endif

}  // namespace once::kafka
