// Brokers that forbid, and brokers that create topics by themselves: on a broker of this test's own, which the script
// $ONCE_TEST_BROKER (docker/kafka/broker) starts.
#include <librdkafka/rdkafka.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::kafka {
namespace {

using testing::HasSubstr;

constexpr absl::Duration kPatience = absl::Seconds(60);

class OwnBroker {
 public:
  OwnBroker() : dir_(absl::StrCat(testing::TempDir(), "/once-rights-", getpid())) {
    const char* script = getenv("ONCE_TEST_BROKER");
    script_ = script == nullptr ? "docker/kafka/broker" : script;
    const std::string answer =
        Run("start --port=0 --heap=512m --set=auto.create.topics.enable=true"
            " --set=authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer"
            " --set=allow.everyone.if.no.acl.found=true");
    const std::string label = "bootstrap_servers=";
    const size_t found = answer.find(label);
    if (found != std::string::npos) {
      const size_t begin = found + label.size();
      bootstrap_servers_ = answer.substr(begin, answer.find('\n', begin) - begin);
    }
  }
  ~OwnBroker() { Run("stop"); }

  const std::string& bootstrap_servers() const { return bootstrap_servers_; }

 private:
  std::string Run(const std::string& command) {
    const std::string line = absl::StrCat("'", script_, "' ", command, " --dir='", dir_, "'");
    FILE* pipe = popen(line.c_str(), "r");
    std::string output;
    std::array<char, 256> buffer;
    while (fgets(buffer.data(), buffer.size(), pipe) != nullptr) output += buffer.data();
    pclose(pipe);
    return output;
  }

  const std::string dir_;
  std::string script_;
  std::string bootstrap_servers_;
};

class RightsTest : public testing::Test {
 protected:
  static void SetUpTestSuite() { broker_ = new OwnBroker(); }
  static void TearDownTestSuite() {
    delete broker_;
    broker_ = nullptr;
  }

  void SetUp() override {
    ASSERT_FALSE(broker_->bootstrap_servers().empty())
        << "no broker was started; set ONCE_TEST_BROKER to the path of docker/kafka/broker";
    RdKafkaConfig config;
    config.bootstrap_servers = broker_->bootstrap_servers();
    client_ = *MakeRdKafkaClient(config, &log_);
    admin_ = *client_->NewAdmin();
    char reason[256];
    rd_kafka_conf_t* conf = rd_kafka_conf_new();
    rd_kafka_conf_set(conf, "bootstrap.servers", config.bootstrap_servers.c_str(), reason, sizeof(reason));
    rk_ = rd_kafka_new(RD_KAFKA_PRODUCER, conf, reason, sizeof(reason));
  }
  void TearDown() override {
    if (rk_ != nullptr) rd_kafka_destroy(rk_);
  }

  std::string NewTopic(const std::string& name) {
    const absl::Status created = admin_->CreateTopic({.name = name}, kPatience);
    EXPECT_TRUE(created.ok()) << created;
    return name;
  }

  // Everybody may do all with the resource but `operation`.
  void Forbid(rd_kafka_ResourceType_t type, const std::string& name, rd_kafka_AclOperation_t operation) {
    char reason[256];
    rd_kafka_AclBinding_t* bindings[] = {
        rd_kafka_AclBinding_new(type, name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*", "*",
                                RD_KAFKA_ACL_OPERATION_ALL, RD_KAFKA_ACL_PERMISSION_TYPE_ALLOW, reason, sizeof(reason)),
        rd_kafka_AclBinding_new(type, name.c_str(), RD_KAFKA_RESOURCE_PATTERN_LITERAL, "User:*", "*", operation,
                                RD_KAFKA_ACL_PERMISSION_TYPE_DENY, reason, sizeof(reason))};
    rd_kafka_queue_t* queue = rd_kafka_queue_new(rk_);
    rd_kafka_CreateAcls(rk_, bindings, 2, nullptr, queue);
    rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
    ASSERT_NE(event, nullptr);
    EXPECT_EQ(rd_kafka_event_error(event), RD_KAFKA_RESP_ERR_NO_ERROR) << rd_kafka_event_error_string(event);
    rd_kafka_event_destroy(event);
    rd_kafka_queue_destroy(queue);
    for (rd_kafka_AclBinding_t* each : bindings) rd_kafka_AclBinding_destroy(each);
  }

  static bool Await(const std::function<bool()>& done) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!done()) {
      if (absl::Now() > deadline) return false;
      absl::SleepFor(absl::Milliseconds(10));
    }
    return true;
  }

  // The result of writing a record to each of the topics in one transaction, which fails; and the reports.
  Result WriteTo(const std::vector<std::string>& topics, std::vector<Delivery>* deliveries) {
    auto producer = *client_->NewProducer(absl::StrCat("rights-", ++producers_), topics);
    Result result;
    EXPECT_TRUE(Await([&] { return (result = producer->InitTransactions(absl::Seconds(10))).ok(); }));
    EXPECT_TRUE(producer->BeginTransaction().ok());
    for (uint32_t i = 0; i < topics.size(); ++i) {
      OutputRecord record;
      record.topic_index = i;
      record.partition = Partition(0);
      record.value = "v";
      producer->Send(record);
    }
    EXPECT_TRUE(Await([&] {
      result = producer->Commit(absl::Seconds(10));
      return result.error != ErrorClass::kRetriable;
    }));
    producer->TakeDeliveries(deliveries);
    producer->Abort(absl::Seconds(10));
    return result;
  }

  static OwnBroker* broker_;
  NullLogSink log_;
  std::unique_ptr<Client> client_;
  std::unique_ptr<Admin> admin_;
  rd_kafka_t* rk_ = nullptr;
  int producers_ = 0;
};

OwnBroker* RightsTest::broker_ = nullptr;

TEST_F(RightsTest, X8ProducersCreateNoTopics) {
  std::vector<Delivery> deliveries;
  const Result result = WriteTo({"not-there"}, &deliveries);
  EXPECT_EQ(result.error, ErrorClass::kAbortable) << ToString(result);
  EXPECT_TRUE(result.lasting) << ToString(result);
  EXPECT_TRUE(absl::IsNotFound(admin_->DescribeTopic("not-there", kPatience).status()));
}

TEST_F(RightsTest, ATopicIsDescribedWithoutItsSettings) {
  const std::string topic = NewTopic("no-configs");
  Forbid(RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_DESCRIBE_CONFIGS);
  absl::StatusOr<TopicDescription> found;
  ASSERT_TRUE(Await([&] {
    found = admin_->DescribeTopic(topic, kPatience);
    return !found.ok() || !found->settings_error.ok();
  }));
  ASSERT_TRUE(found.ok()) << found.status();
  EXPECT_EQ(found->partition_count, 1);
  EXPECT_TRUE(absl::IsPermissionDenied(found->settings_error)) << found->settings_error;
  EXPECT_TRUE(found->settings.empty());
}

TEST_F(RightsTest, ATopicThatMayNotBeDescribedIsForbiddenNotMissing) {
  const std::string topic = NewTopic("no-describe");
  Forbid(RD_KAFKA_RESOURCE_TOPIC, topic, RD_KAFKA_ACL_OPERATION_DESCRIBE);
  absl::Status why;
  ASSERT_TRUE(Await([&] { return !(why = admin_->DescribeTopic(topic, kPatience).status()).ok(); }));
  EXPECT_TRUE(absl::IsPermissionDenied(why)) << why;
}

TEST_F(RightsTest, X2AGroupThatMayNotBeJoinedEndsTheConsumer) {
  const std::vector<std::string> topics = {NewTopic("readable")};
  Forbid(RD_KAFKA_RESOURCE_GROUP, "closed", RD_KAFKA_ACL_OPERATION_READ);
  struct : RebalanceListener {
    void OnAssigned(std::span<const TopicPartition>) override {}
    void OnRevoked(std::span<const TopicPartition>) override {}
    void OnLost(std::span<const TopicPartition>) override {}
  } listener;
  auto consumer = *client_->NewGroupConsumer("closed", topics);
  ASSERT_TRUE(consumer->Subscribe(topics, &listener).ok());
  absl::Status ended;
  ASSERT_TRUE(Await([&] { return !(ended = consumer->ServeCallbacks()).ok(); }));
  EXPECT_TRUE(absl::IsPermissionDenied(ended)) << ended;
  EXPECT_THAT(ended.ToString(), HasSubstr("give the application the right Read on its group"));
}

TEST_F(RightsTest, X2AWriteThatIsForbiddenLastsAndBlamesNoRecord) {
  const std::string open = NewTopic("open");
  const std::string closed = NewTopic("closed");
  Forbid(RD_KAFKA_RESOURCE_TOPIC, closed, RD_KAFKA_ACL_OPERATION_WRITE);
  std::vector<Delivery> deliveries;
  const Result result = WriteTo({open, closed}, &deliveries);
  EXPECT_EQ(result.error, ErrorClass::kAbortable) << ToString(result);
  EXPECT_TRUE(result.lasting) << ToString(result);
  EXPECT_EQ(result.code, "TOPIC_AUTHORIZATION_FAILED") << ToString(result);
  EXPECT_THAT(ToString(result), HasSubstr(closed));
  EXPECT_THAT(ToString(result), HasSubstr("give the application its rights on the topic"));
  for (const Delivery& each : deliveries) EXPECT_EQ(each.refusal, Refusal::kNone) << each.error;
}

}  // namespace
}  // namespace once::kafka
