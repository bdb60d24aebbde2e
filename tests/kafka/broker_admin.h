// What the contract suite does to a real broker behind the ports' back, as an operator would.
#ifndef ONCE_TESTS_KAFKA_BROKER_ADMIN_H_
#define ONCE_TESTS_KAFKA_BROKER_ADMIN_H_

#include <librdkafka/rdkafka.h>

#include <functional>
#include <set>
#include <string>

#include "processor/base/types.h"

namespace once::kafka {

// One connection. Not thread-safe; each call waits for its answer and fails the running test without one.
class BrokerAdmin {
 public:
  explicit BrokerAdmin(const std::string& bootstrap_servers);
  ~BrokerAdmin();

  // Waits for nothing but the answer: leaders may still come up.
  void CreateTopic(const std::string& name, int partitions);
  void DeleteTopic(const std::string& name);
  void GrowTopic(const std::string& name, int partitions);
  void SetTopicSetting(const std::string& name, const std::string& setting, const std::string& value);
  void DeleteRecordsBefore(const TopicPartitionOffset& first_kept);

  // Denies one operation on the topic or group to everybody, and takes that back. False if the broker has no
  // authorizer.
  bool Deny(rd_kafka_ResourceType_t resource, const std::string& name, rd_kafka_AclOperation_t operation);
  void Allow(rd_kafka_ResourceType_t resource, const std::string& name);

  // What the members of a consumer group call themselves to the brokers (client.id).
  std::set<std::string> ClientIdsOf(const std::string& group);

 private:
  using Request = std::function<void(rd_kafka_AdminOptions_t*, rd_kafka_queue_t*)>;
  // Makes the request and returns its answer's error, with that of the first result `error_of` finds in it.
  rd_kafka_resp_err_t Call(rd_kafka_admin_op_t operation, const Request& request,
                           const std::function<rd_kafka_resp_err_t(const rd_kafka_event_t*)>& error_of);

  rd_kafka_t* rk_ = nullptr;
};

}  // namespace once::kafka

#endif  // ONCE_TESTS_KAFKA_BROKER_ADMIN_H_
