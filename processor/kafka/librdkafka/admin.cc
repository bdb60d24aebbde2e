#include "processor/kafka/librdkafka/admin.h"

#include <algorithm>
#include <functional>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/kafka/librdkafka/admin_call.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {
namespace {

using MetadataPtr = std::unique_ptr<const rd_kafka_metadata_t, RdDeleter<rd_kafka_metadata_destroy>>;

constexpr absl::Duration kRetryPause = absl::Milliseconds(20);

// Repeats `attempt`, which is given the time left, while its error may pass by itself: leaders and coordinators move,
// pending offsets settle.
template <typename T>
absl::StatusOr<T> Retry(absl::Duration timeout, const std::function<absl::StatusOr<T>(absl::Duration)>& attempt) {
  const absl::Time deadline = absl::Now() + timeout;
  while (true) {
    absl::StatusOr<T> answer = attempt(deadline - absl::Now());
    if (!absl::IsUnavailable(answer.status()) || absl::Now() + kRetryPause >= deadline) return answer;
    absl::SleepFor(kRetryPause);
  }
}

}  // namespace

RdKafkaAdmin::RdKafkaAdmin(std::shared_ptr<const ClientContext> context) : context_(context), main_(context, "admin") {}

absl::StatusOr<std::unique_ptr<Admin>> RdKafkaAdmin::Make(std::shared_ptr<const ClientContext> context) {
  std::unique_ptr<RdKafkaAdmin> admin(new RdKafkaAdmin(std::move(context)));
  if (absl::Status status = admin->main_.Start(RD_KAFKA_CONSUMER, AdminProperties(admin->main_.config(), ""));
      !status.ok())
    return status;
  return admin;
}

absl::Status RdKafkaAdmin::Explain(AdminHandle& handle, absl::Status status, absl::Duration timeout) {
  if (!absl::IsUnavailable(status)) return status;
  rd_kafka_poll(handle.rk(), 0);  // Brings the connection errors.
  if (handle.LastConnectionError().empty()) return status;
  const absl::Status unreachable = handle.Unreachable(timeout);
  return absl::Status(unreachable.code(), absl::StrCat(status.message(), ": ", unreachable.message()));
}

absl::StatusOr<int32_t> RdKafkaAdmin::PartitionCount(const std::string& topic, absl::Duration timeout) {
  const std::string what = absl::StrCat("describing topic \"", topic, "\"");
  const TopicPtr handle(rd_kafka_topic_new(main_.rk(), topic.c_str(), nullptr));
  if (handle == nullptr) return ToStatus(rd_kafka_last_error(), what);
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(main_.rk(), 0, handle.get(), &raw, ToMillis(timeout));
  const MetadataPtr metadata(raw);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(code, what);
  if (metadata->topic_cnt != 1) return absl::NotFoundError(absl::StrCat(what, ": there is no such topic; create it"));
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return absl::NotFoundError(absl::StrCat(what, ": there is no such topic; create it or correct its name"));
  }
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(found.err, what);
  return found.partition_cnt;
}

absl::StatusOr<std::map<std::string, std::string>> RdKafkaAdmin::Settings(const std::string& topic,
                                                                          absl::Duration timeout) {
  const std::string what = absl::StrCat("reading the settings of topic \"", topic, "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout);
  const ConfigResourcePtr resource(rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, topic.c_str()));
  rd_kafka_ConfigResource_t* asked[] = {resource.get()};
  rd_kafka_DescribeConfigs(main_.rk(), asked, 1, call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return event.status();

  size_t count = 0;
  const rd_kafka_ConfigResource_t** answers =
      rd_kafka_DescribeConfigs_result_resources(rd_kafka_event_DescribeConfigs_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  if (const rd_kafka_resp_err_t code = rd_kafka_ConfigResource_error(answers[0]); code != 0) {
    const char* reason = rd_kafka_ConfigResource_error_string(answers[0]);
    return ToStatus(code, what, reason == nullptr ? "" : reason);
  }
  std::map<std::string, std::string> settings;
  const rd_kafka_ConfigEntry_t** entries = rd_kafka_ConfigResource_configs(answers[0], &count);
  for (size_t i = 0; i < count; ++i) {
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    settings[rd_kafka_ConfigEntry_name(entries[i])] = value == nullptr ? "" : value;
  }
  return settings;
}

#if RD_KAFKA_VERSION >= 0x020300ff
absl::StatusOr<std::string> RdKafkaAdmin::TopicId(const std::string& topic, absl::Duration timeout) {
  using Topics = std::unique_ptr<rd_kafka_TopicCollection_t, RdDeleter<rd_kafka_TopicCollection_destroy>>;
  constexpr std::string_view kNone = "AAAAAAAAAAAAAAAAAAAAAA";  // Zero, from brokers that know no ids.
  const std::string what = absl::StrCat("reading the id of topic \"", topic, "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
  const char* names[] = {topic.c_str()};
  const Topics asked(rd_kafka_TopicCollection_of_topic_names(names, 1));
  rd_kafka_DescribeTopics(main_.rk(), asked.get(), call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return event.status();
  size_t count = 0;
  const rd_kafka_TopicDescription_t** answers =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(answers[0]);
  if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(error, what);
  const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(answers[0]);
  const char* text = id == nullptr ? nullptr : rd_kafka_Uuid_base64str(id);
  return text == nullptr || text == kNone ? std::string() : std::string(text);
}
#else
absl::StatusOr<std::string> RdKafkaAdmin::TopicId(const std::string&, absl::Duration) { return std::string(); }
#endif

absl::StatusOr<TopicDescription> RdKafkaAdmin::DescribeOnce(const std::string& topic, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  TopicDescription description;
  absl::StatusOr<int32_t> partitions = PartitionCount(topic, timeout);
  if (!partitions.ok()) return partitions.status();
  description.partition_count = *partitions;
  absl::StatusOr<std::string> id = TopicId(topic, deadline - absl::Now());
  if (!id.ok()) return id.status();
  description.id = *std::move(id);
  absl::StatusOr<std::map<std::string, std::string>> settings = Settings(topic, deadline - absl::Now());
  if (absl::IsUnavailable(settings.status()) || absl::IsNotFound(settings.status())) return settings.status();
  if (settings.ok()) {
    description.settings = *std::move(settings);
  } else {
    description.settings_error = settings.status();
  }
  return description;
}

absl::StatusOr<TopicDescription> RdKafkaAdmin::DescribeTopic(const std::string& topic, absl::Duration timeout) {
  absl::StatusOr<TopicDescription> description =
      Retry<TopicDescription>(timeout, [&](absl::Duration left) { return DescribeOnce(topic, left); });
  if (!description.ok()) return Explain(main_, description.status(), timeout);
  return description;
}

absl::Status RdKafkaAdmin::CreateTopic(const NewTopic& topic, absl::Duration timeout) {
  const std::string what = absl::StrCat("creating topic \"", topic.name, "\"");
  constexpr int kBrokersDefault = -1;
  char reason[512];
  const NewTopicPtr wanted(
      rd_kafka_NewTopic_new(topic.name.c_str(), topic.partition_count, kBrokersDefault, reason, sizeof(reason)));
  if (wanted == nullptr) return absl::InvalidArgumentError(absl::StrCat(what, ": ", reason));
  for (const auto& [name, value] : topic.settings) {
    rd_kafka_NewTopic_set_config(wanted.get(), name.c_str(), value.c_str());
  }
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_CREATETOPICS, timeout);
  // Until all brokers know it.
  rd_kafka_AdminOptions_set_operation_timeout(call.options(), std::max(ToMillis(timeout), 1), reason, sizeof(reason));
  rd_kafka_NewTopic_t* asked[] = {wanted.get()};
  rd_kafka_CreateTopics(main_.rk(), asked, 1, call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return Explain(main_, event.status(), timeout);

  size_t count = 0;
  const rd_kafka_topic_result_t** answers =
      rd_kafka_CreateTopics_result_topics(rd_kafka_event_CreateTopics_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  const char* why = rd_kafka_topic_result_error_string(answers[0]);
  const absl::Status created = ToStatus(rd_kafka_topic_result_error(answers[0]), what, why == nullptr ? "" : why);
  if (created.ok() || absl::IsAlreadyExists(created)) AwaitReady(topic.name, timeout);
  return created;
}

// The controller's answer comes before the brokers know the topic, and before its leaders take records.
void RdKafkaAdmin::AwaitReady(const std::string& topic, absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  absl::StatusOr<int32_t> partitions = PartitionCount(topic, timeout);
  while (!partitions.ok() && absl::Now() < deadline) {
    absl::SleepFor(kRetryPause);
    partitions = PartitionCount(topic, deadline - absl::Now());
  }
  for (int32_t i = 0; partitions.ok() && i < *partitions; ++i) {
    while (!QueryOffset({topic, Partition(i)}, RD_KAFKA_OFFSET_END, timeout).ok() && absl::Now() < deadline) {
      absl::SleepFor(kRetryPause);
    }
  }
}

absl::StatusOr<std::shared_ptr<AdminHandle>> RdKafkaAdmin::HandleOf(const std::string& group) {
  MutexLock lock(&mutex_);
  std::shared_ptr<AdminHandle>& handle = by_group_[group];
  if (handle == nullptr) {
    auto fresh = std::make_shared<AdminHandle>(context_, absl::StrCat("admin of group ", group));
    if (absl::Status status = fresh->Start(RD_KAFKA_CONSUMER, AdminProperties(fresh->config(), group)); !status.ok())
      return status;
    handle = std::move(fresh);
  }
  return handle;
}

void RdKafkaAdmin::Discard(const std::string& group, const std::shared_ptr<AdminHandle>& handle) {
  MutexLock lock(&mutex_);
  std::shared_ptr<AdminHandle>& current = by_group_[group];
  if (current == handle) current.reset();
}

// The answer, if it is one about the group.
absl::StatusOr<EventPtr> RdKafkaAdmin::AskOffsets(AdminHandle& handle, const std::string& group,
                                                  std::span<const TopicPartition> partitions, absl::Duration timeout) {
  const std::string what = absl::StrCat("reading the committed offsets of group ", group);
  const PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(partitions.size())));
  for (const TopicPartition& each : partitions) {
    rd_kafka_topic_partition_list_add(list.get(), each.topic.c_str(), each.partition.value());
  }
  AdminCall call(handle.rk(), RD_KAFKA_ADMIN_OP_LISTCONSUMERGROUPOFFSETS, timeout);
  if (const ErrorPtr error(rd_kafka_AdminOptions_set_require_stable_offsets(call.options(), 1)); error != nullptr) {
    return ToStatus(error.get(), what);
  }
  const ListGroupOffsetsPtr request(rd_kafka_ListConsumerGroupOffsets_new(group.c_str(), list.get()));
  rd_kafka_ListConsumerGroupOffsets_t* asked[] = {request.get()};
  rd_kafka_ListConsumerGroupOffsets(handle.rk(), asked, 1, call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return event.status();

  size_t count = 0;
  const rd_kafka_group_result_t** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event->get()), &count);
  if (count != 1) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  if (const rd_kafka_error_t* error = rd_kafka_group_result_error(groups[0]); error != nullptr) {
    return ToStatus(error, what);
  }
  return event;
}

absl::StatusOr<std::map<TopicPartition, Offset>> RdKafkaAdmin::ListOffsets(const std::string& group,
                                                                           std::span<const TopicPartition> partitions,
                                                                           absl::Duration timeout) {
  absl::StatusOr<std::shared_ptr<AdminHandle>> handle = HandleOf(group);
  if (!handle.ok()) return handle.status();
  absl::StatusOr<EventPtr> event = AskOffsets(**handle, group, partitions, timeout);
  if (!event.ok()) {
    Discard(group, *handle);
    return Explain(**handle, event.status(), timeout);
  }
  size_t count = 0;
  const rd_kafka_group_result_t** groups = rd_kafka_ListConsumerGroupOffsets_result_groups(
      rd_kafka_event_ListConsumerGroupOffsets_result(event->get()), &count);
  const rd_kafka_topic_partition_list_t* answers = rd_kafka_group_result_partitions(groups[0]);
  std::map<TopicPartition, Offset> offsets;
  for (int i = 0; answers != nullptr && i < answers->cnt; ++i) {
    const rd_kafka_topic_partition_t& answer = answers->elems[i];
    const TopicPartition where{answer.topic, Partition(answer.partition)};
    if (answer.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
      return ToStatus(answer.err,
                      absl::StrCat("reading the committed offsets of group ", group, " for ", ToString(where)));
    }
    if (answer.offset >= 0) offsets[where] = Offset(answer.offset);
  }
  return offsets;
}

absl::StatusOr<std::map<TopicPartition, Offset>> RdKafkaAdmin::StableCommittedOffsets(
    const std::string& group, std::span<const TopicPartition> partitions, absl::Duration timeout) {
  if (partitions.empty()) return std::map<TopicPartition, Offset>();
  return Retry<std::map<TopicPartition, Offset>>(
      timeout, [&](absl::Duration left) { return ListOffsets(group, partitions, left); });
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
      Retry<Offset>(timeout, [&](absl::Duration left) { return QueryOffset(partition, which, left); });
  if (!offset.ok()) return Explain(main_, offset.status(), timeout);
  return offset;
}

absl::StatusOr<Offset> RdKafkaAdmin::BeginningOffset(const TopicPartition& partition, absl::Duration timeout) {
  return FindOffset(partition, RD_KAFKA_OFFSET_BEGINNING, timeout);
}

absl::StatusOr<Offset> RdKafkaAdmin::HighWatermark(const TopicPartition& partition, absl::Duration timeout) {
  return FindOffset(partition, RD_KAFKA_OFFSET_END, timeout);
}

}  // namespace once::kafka
