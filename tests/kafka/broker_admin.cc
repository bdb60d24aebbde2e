#include "tests/kafka/broker_admin.h"

#include "gtest/gtest.h"

namespace once::kafka {
namespace {

using Event = const rd_kafka_event_t*;

// Of results that are about topics.
template <typename Result>
rd_kafka_resp_err_t FirstTopicError(const Result* result,
                                    const rd_kafka_topic_result_t** (*topics)(const Result*, size_t*)) {
  size_t count = 0;
  const rd_kafka_topic_result_t** const results = topics(result, &count);
  return count == 0 ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_topic_result_error(results[0]);
}

rd_kafka_resp_err_t NoError(Event) { return RD_KAFKA_RESP_ERR_NO_ERROR; }

}  // namespace

BrokerAdmin::BrokerAdmin(const std::string& bootstrap_servers) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  EXPECT_EQ(rd_kafka_conf_set(conf, "bootstrap.servers", bootstrap_servers.c_str(), nullptr, 0), RD_KAFKA_CONF_OK);
  rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, nullptr, 0);
  EXPECT_NE(rk_, nullptr);
}

BrokerAdmin::~BrokerAdmin() { rd_kafka_destroy(rk_); }

rd_kafka_resp_err_t BrokerAdmin::Call(rd_kafka_admin_op_t operation, const Request& request,
                                      const std::function<rd_kafka_resp_err_t(Event)>& error_of) {
  rd_kafka_AdminOptions_t* const options = rd_kafka_AdminOptions_new(rk_, operation);
  rd_kafka_queue_t* const queue = rd_kafka_queue_new(rk_);
  request(options, queue);
  rd_kafka_event_t* const event = rd_kafka_queue_poll(queue, 30'000);
  EXPECT_NE(event, nullptr) << "the broker does not answer";
  rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR__TIMED_OUT;
  if (event != nullptr) {
    error = rd_kafka_event_error(event);
    if (error == RD_KAFKA_RESP_ERR_NO_ERROR) error = error_of(event);
    rd_kafka_event_destroy(event);
  }
  rd_kafka_queue_destroy(queue);
  rd_kafka_AdminOptions_destroy(options);
  return error;
}

void BrokerAdmin::CreateTopic(const std::string& name, int partitions) {
  rd_kafka_NewTopic_t* topic = rd_kafka_NewTopic_new(name.c_str(), partitions, -1, nullptr, 0);
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_CREATETOPICS,
      [&](auto* options, auto* queue) { rd_kafka_CreateTopics(rk_, &topic, 1, options, queue); },
      [](Event event) {
        return FirstTopicError(rd_kafka_event_CreateTopics_result(const_cast<rd_kafka_event_t*>(event)),
                               rd_kafka_CreateTopics_result_topics);
      });
  rd_kafka_NewTopic_destroy(topic);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
}

void BrokerAdmin::DeleteTopic(const std::string& name) {
  rd_kafka_DeleteTopic_t* topic = rd_kafka_DeleteTopic_new(name.c_str());
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_DELETETOPICS,
      [&](auto* options, auto* queue) { rd_kafka_DeleteTopics(rk_, &topic, 1, options, queue); },
      [](Event event) {
        return FirstTopicError(rd_kafka_event_DeleteTopics_result(const_cast<rd_kafka_event_t*>(event)),
                               rd_kafka_DeleteTopics_result_topics);
      });
  rd_kafka_DeleteTopic_destroy(topic);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
}

void BrokerAdmin::GrowTopic(const std::string& name, int partitions) {
  char reason[512];
  rd_kafka_NewPartitions_t* more =
      rd_kafka_NewPartitions_new(name.c_str(), static_cast<size_t>(partitions), reason, sizeof(reason));
  ASSERT_NE(more, nullptr) << reason;
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_CREATEPARTITIONS,
      [&](auto* options, auto* queue) { rd_kafka_CreatePartitions(rk_, &more, 1, options, queue); },
      [](Event event) {
        return FirstTopicError(rd_kafka_event_CreatePartitions_result(const_cast<rd_kafka_event_t*>(event)),
                               rd_kafka_CreatePartitions_result_topics);
      });
  rd_kafka_NewPartitions_destroy(more);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
}

void BrokerAdmin::SetTopicSetting(const std::string& name, const std::string& setting, const std::string& value) {
  rd_kafka_ConfigResource_t* resource = rd_kafka_ConfigResource_new(RD_KAFKA_RESOURCE_TOPIC, name.c_str());
  rd_kafka_ConfigResource_set_config(resource, setting.c_str(), value.c_str());
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_ALTERCONFIGS,
      [&](auto* options, auto* queue) { rd_kafka_AlterConfigs(rk_, &resource, 1, options, queue); }, NoError);
  rd_kafka_ConfigResource_destroy(resource);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
}

void BrokerAdmin::DeleteRecordsBefore(const TopicPartitionOffset& first_kept) {
  rd_kafka_topic_partition_list_t* list = rd_kafka_topic_partition_list_new(1);
  rd_kafka_topic_partition_list_add(list, first_kept.where.topic.c_str(), first_kept.where.partition.value())->offset =
      first_kept.offset.value();
  rd_kafka_DeleteRecords_t* request = rd_kafka_DeleteRecords_new(list);
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_DELETERECORDS,
      [&](auto* options, auto* queue) { rd_kafka_DeleteRecords(rk_, &request, 1, options, queue); }, NoError);
  rd_kafka_DeleteRecords_destroy(request);
  rd_kafka_topic_partition_list_destroy(list);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
}

// A resource that has any rule allows only what its rules allow, so one that allows all goes along.
bool BrokerAdmin::Deny(rd_kafka_ResourceType_t resource, const std::string& name, rd_kafka_AclOperation_t operation) {
  char reason[512];
  rd_kafka_AclBinding_t* rules[] = {
      rd_kafka_AclBinding_new(resource, name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*", "*",
                              RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, reason, sizeof(reason)),
      rd_kafka_AclBinding_new(resource, name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*", "*", operation,
                              RD_KAFKA_ACL_PERMISSION_TYPE_DENY, reason, sizeof(reason))};
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_CREATEACLS,
      [&](auto* options, auto* queue) { rd_kafka_CreateAcls(rk_, rules, 2, options, queue); },
      [](Event event) {
        size_t count = 0;
        const rd_kafka_acl_result_t** const results = rd_kafka_CreateAcls_result_acls(
            rd_kafka_event_CreateAcls_result(const_cast<rd_kafka_event_t*>(event)), &count);
        const rd_kafka_error_t* const refused = count == 0 ? nullptr : rd_kafka_acl_result_error(results[0]);
        return refused == nullptr ? RD_KAFKA_RESP_ERR_NO_ERROR : rd_kafka_error_code(refused);
      });
  for (rd_kafka_AclBinding_t* rule : rules) rd_kafka_AclBinding_destroy(rule);
  if (error == RD_KAFKA_RESP_ERR_SECURITY_DISABLED) return false;
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
  return true;
}

void BrokerAdmin::Allow(rd_kafka_ResourceType_t resource, const std::string& name) {
  char reason[512];
  rd_kafka_AclBindingFilter_t* filter = rd_kafka_AclBindingFilter_new(
      resource, name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, nullptr, nullptr, RD_KAFKA_ACL_OPERATION_ANY,
      RD_KAFKA_ACL_PERMISSION_TYPE_ANY, reason, sizeof(reason));
  ASSERT_NE(filter, nullptr) << reason;
  const rd_kafka_resp_err_t error = Call(
      RD_KAFKA_ADMIN_OP_DELETEACLS,
      [&](auto* options, auto* queue) { rd_kafka_DeleteAcls(rk_, &filter, 1, options, queue); }, NoError);
  rd_kafka_AclBinding_destroy(filter);
  EXPECT_EQ(error, RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_err2str(error);
}

std::set<std::string> BrokerAdmin::ClientIdsOf(const std::string& group) {
  const struct rd_kafka_group_list* groups = nullptr;
  std::set<std::string> ids;
  const rd_kafka_resp_err_t error = rd_kafka_list_groups(rk_, group.c_str(), &groups, 10'000);
  if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return ids;
  for (int i = 0; i < groups->group_cnt; ++i) {
    for (int j = 0; j < groups->groups[i].member_cnt; ++j) ids.insert(groups->groups[i].members[j].client_id);
  }
  rd_kafka_group_list_destroy(groups);
  return ids;
}

}  // namespace once::kafka
