// Topics: described with id and settings, and created.
#include "processor/kafka/librdkafka/admin.h"

#include <algorithm>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/admin_call.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"

namespace once::kafka {
RdKafkaAdmin::RdKafkaAdmin(std::shared_ptr<const ClientContext> context) : context_(context), main_(context, "admin") {}

absl::StatusOr<std::unique_ptr<Admin>> RdKafkaAdmin::Make(std::shared_ptr<const ClientContext> context) {
  std::unique_ptr<RdKafkaAdmin> admin(new RdKafkaAdmin(std::move(context)));
  if (absl::Status status = admin->main_.Start(RD_KAFKA_CONSUMER, AdminProperties(admin->main_.config())); !status.ok())
    return status;
  return admin;
}

absl::Status RdKafkaAdmin::Explain(AdminHandle& handle, absl::Status status, absl::Duration timeout) {
  // Else the last connection error is another story.
  if (!absl::IsUnavailable(status)) return status;
  rd_kafka_poll(handle.rk(), 0);  // Brings the connection errors.
  handle.SeekBrokers();
  if (handle.LastConnectionError().empty()) return status;
  const absl::Status unreachable = handle.Unreachable(timeout);
  return absl::Status(unreachable.code(), absl::StrCat(status.message(), ": ", unreachable.message()));
}

absl::StatusOr<TopicDescription> RdKafkaAdmin::Layout(const std::string& topic, absl::Duration timeout) {
  const std::string what = absl::StrCat("describing topic \"", topic, "\"");
  // By a handle, since metadata that is asked for without one is that of all topics.
  const TopicPtr handle(rd_kafka_topic_new(main_.rk(), topic.c_str(), nullptr));
  if (handle == nullptr) return ToStatus(rd_kafka_last_error(), what);
  const rd_kafka_metadata_t* raw = nullptr;
  const rd_kafka_resp_err_t code = rd_kafka_metadata(main_.rk(), 0, handle.get(), &raw, ToMillis(timeout));
  const MetadataPtr metadata(raw);
  if (code != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(code, what);
  if (metadata->topic_cnt != 1) return absl::NotFoundError(absl::StrCat(what, ": there is no such topic; create it"));
  const rd_kafka_metadata_topic_t& found = metadata->topics[0];
  // Asking makes none (allow.auto.create.topics).
  if (found.err == RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART) {
    return absl::NotFoundError(absl::StrCat(what, ": there is no such topic; create it or correct its name"));
  }
  if (found.err != RD_KAFKA_RESP_ERR_NO_ERROR) return ToStatus(found.err, what);
  TopicDescription layout;
  layout.partition_count = found.partition_cnt;
  for (int i = 0; i < found.partition_cnt; ++i) {
    const rd_kafka_metadata_partition_t& each = found.partitions[i];
    layout.replicas = i == 0 ? each.replica_cnt : std::min(layout.replicas, each.replica_cnt);
    layout.in_sync = i == 0 ? each.isr_cnt : std::min(layout.in_sync, each.isr_cnt);
  }
  return layout;
}

absl::StatusOr<std::map<std::string, std::string>> RdKafkaAdmin::Settings(rd_kafka_ResourceType_t kind,
                                                                          const std::string& name,
                                                                          absl::Duration timeout) {
  const std::string what = absl::StrCat("reading the settings of ",
                                        kind == RD_KAFKA_RESOURCE_BROKER ? "broker" : "topic", " \"", name, "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DESCRIBECONFIGS, timeout);
  const ConfigResourcePtr resource(rd_kafka_ConfigResource_new(kind, name.c_str()));
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
    // Secrets are told without their value.
    const char* value = rd_kafka_ConfigEntry_value(entries[i]);
    settings[rd_kafka_ConfigEntry_name(entries[i])] = value == nullptr ? "" : value;
  }
  return settings;
}

// X5c: from 2.3 on the client tells a topic's id, by which one that was made anew is known.
#if RD_KAFKA_VERSION >= 0x020300ff
absl::StatusOr<std::vector<absl::StatusOr<std::string>>> RdKafkaAdmin::DescribeIds(std::span<const std::string> topics,
                                                                                   absl::Duration timeout) {
  using Topics = std::unique_ptr<rd_kafka_TopicCollection_t, RdDeleter<rd_kafka_TopicCollection_destroy>>;
  constexpr std::string_view kNone = "AAAAAAAAAAAAAAAAAAAAAA";  // Zero, from brokers that know no ids.
  const std::string what = absl::StrCat("reading the id of topic \"", topics.front(), "\"");
  AdminCall call(main_.rk(), RD_KAFKA_ADMIN_OP_DESCRIBETOPICS, timeout);
  std::vector<const char*> names;
  for (const std::string& topic : topics) names.push_back(topic.c_str());
  const Topics asked(rd_kafka_TopicCollection_of_topic_names(names.data(), names.size()));
  rd_kafka_DescribeTopics(main_.rk(), asked.get(), call.options(), call.queue());
  absl::StatusOr<EventPtr> event = call.Wait(what);
  if (!event.ok()) return event.status();
  size_t count = 0;
  const rd_kafka_TopicDescription_t** answers =
      rd_kafka_DescribeTopics_result_topics(rd_kafka_event_DescribeTopics_result(event->get()), &count);
  if (count != topics.size()) return absl::InternalError(absl::StrCat(what, ": ", count, " answers"));
  std::vector<absl::StatusOr<std::string>> ids;
  for (size_t i = 0; i < count; ++i) {
    const rd_kafka_error_t* error = rd_kafka_TopicDescription_error(answers[i]);
    if (error != nullptr && rd_kafka_error_code(error) != RD_KAFKA_RESP_ERR_NO_ERROR) {
      ids.emplace_back(ToStatus(error, what));
      continue;
    }
    const rd_kafka_Uuid_t* id = rd_kafka_TopicDescription_topic_id(answers[i]);
    const char* text = id == nullptr ? nullptr : rd_kafka_Uuid_base64str(id);
    ids.emplace_back(text == nullptr || text == kNone ? std::string() : std::string(text));
  }
  return ids;
}
#else
// Not known: what goes by ids is not checked.
absl::StatusOr<std::vector<absl::StatusOr<std::string>>> RdKafkaAdmin::DescribeIds(std::span<const std::string>,
                                                                                   absl::Duration) {
  return std::vector<absl::StatusOr<std::string>>();
}
#endif

absl::StatusOr<std::map<std::string, std::string>> RdKafkaAdmin::ReadTopicIds(std::span<const std::string> topics,
                                                                              absl::Duration timeout) {
  std::map<std::string, std::string> ids;
  if (topics.empty()) return ids;
  const absl::StatusOr<std::vector<absl::StatusOr<std::string>>> found = DescribeIds(topics, timeout);
  if (!found.ok()) return Explain(main_, found.status(), timeout);
  for (size_t i = 0; i < found->size(); ++i) {
    const absl::StatusOr<std::string>& id = (*found)[i];
    // One that is gone, or may not be described, is left out, and the others are told.
    if (id.ok() && !id->empty()) ids[topics[i]] = *id;
  }
  return ids;
}

absl::StatusOr<TopicDescription> RdKafkaAdmin::DescribeOnce(const std::string& topic, absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  absl::StatusOr<TopicDescription> layout = Layout(topic, timeout);
  if (!layout.ok()) return layout.status();
  TopicDescription description = *std::move(layout);
  absl::StatusOr<std::vector<absl::StatusOr<std::string>>> ids = DescribeIds({&topic, 1}, deadline - SteadyNow());
  // X5c: without the ids that it could have, a topic is not described: asked for again, or told.
  if (!ids.ok()) return ids.status();
  for (absl::StatusOr<std::string>& id : *ids) {
    if (!id.ok()) return id.status();
    description.id = *std::move(id);
  }
  absl::StatusOr<std::map<std::string, std::string>> settings =
      Settings(RD_KAFKA_RESOURCE_TOPIC, topic, deadline - SteadyNow());
  // Either may pass: it is asked for again (RetryAdminCall).
  if (absl::IsUnavailable(settings.status()) || absl::IsNotFound(settings.status())) return settings.status();
  // X2b: a topic whose settings may not be read is described all the same.
  if (settings.ok()) {
    description.settings = *std::move(settings);
  } else {
    description.settings_error = settings.status();
  }
  return description;
}

absl::StatusOr<TopicDescription> RdKafkaAdmin::DescribeTopic(const std::string& topic, absl::Duration timeout) {
  absl::StatusOr<TopicDescription> description =
      RetryAdminCall<TopicDescription>(timeout, [&](absl::Duration left) { return DescribeOnce(topic, left); });
  if (!description.ok()) return Explain(main_, description.status(), timeout);
  return description;
}

absl::Status RdKafkaAdmin::CreateTopic(const NewTopic& topic, absl::Duration timeout) {
  const std::string what = absl::StrCat("creating topic \"", topic.name, "\"");
  // As many replicas as the cluster makes by itself; brokers take that from 2.4 on.
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
  // Another pod may have been quicker by a moment.
  if (created.ok() || absl::IsAlreadyExists(created)) AwaitReady(topic.name, timeout);
  return created;
}

// The controller's answer comes before the brokers know the topic, and before its leaders take records.
void RdKafkaAdmin::AwaitReady(const std::string& topic, absl::Duration timeout) {
  const absl::Time deadline = SteadyNow() + timeout;
  absl::StatusOr<TopicDescription> layout = Layout(topic, timeout);
  while (!layout.ok() && SteadyNow() < deadline) {
    absl::SleepFor(kAdminRetryPause);
    layout = Layout(topic, deadline - SteadyNow());
  }
  // Records for a leader that is just coming up can be lost, though reported as delivered (docs/librdkafka.md).
  for (int32_t i = 0; layout.ok() && i < layout->partition_count; ++i) {
    while (!QueryOffset({topic, Partition(i)}, RD_KAFKA_OFFSET_END, timeout).ok() && SteadyNow() < deadline) {
      absl::SleepFor(kAdminRetryPause);
    }
  }
}

}  // namespace once::kafka
