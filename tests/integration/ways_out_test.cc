// Rule X2 on a real broker: rights, topics and limits that change while a pod works.
#include <algorithm>
#include <csignal>
#include <span>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "processor/base/log.h"
#include "processor/base/record.h"
#include "processor/kafka/librdkafka/client.h"
#include "tests/integration/broker.h"
#include "tests/integration/scene.h"
#include "tests/kafka/broker_admin.h"

namespace once {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(20);

// One broker for all, with rules of who may do what: everything, but for what a test denies.
class BrokerWaysOutTest : public ::testing::Test {
 protected:
  static void SetUpTestSuite() {
    broker_ = new Broker({"--set=authorizer.class.name=org.apache.kafka.metadata.authorizer.StandardAuthorizer",
                          "--set=allow.everyone.if.no.acl.found=true"});
    ASSERT_TRUE(broker_->script_found()) << broker_->script()
                                         << " is not there; set ONCE_TEST_BROKER to the path of docker/kafka/broker";
    ASSERT_TRUE(broker_->Start()) << broker_->output();
  }
  static void TearDownTestSuite() {
    delete broker_;
    broker_ = nullptr;
  }

  static std::string bootstrap() { return broker_->bootstrap_servers(); }

 private:
  static Broker* broker_;
};

Broker* BrokerWaysOutTest::broker_ = nullptr;

bool Says(const Process& pod, const std::string& what) { return pod.Log().find(what) != std::string::npos; }

int64_t Lines(const Process& pod) {
  const std::string log = pod.Log();
  return std::count(log.begin(), log.end(), '\n');
}

void ExpectOrderlyEnd(Process* pod) {
  pod->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(30));
  EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
}

// Under load, and given back: all goes on by itself, and meanwhile the pod neither spins nor floods its log.
TEST_F(BrokerWaysOutTest, X2TheRightToWriteTheOutputTakenAwayAndGivenBack) {
  Scene scene("right", bootstrap());
  scene.CreateTopics(2);
  kafka::BrokerAdmin admin(bootstrap());
  auto pod = scene.StartPod({});
  auto generator = scene.StartGenerator({.orders = 20'000, .rate = 1'000});
  ASSERT_TRUE(scene.AwaitOutput(2'000)) << pod->Log();
  const int64_t lines = Lines(*pod);
  ASSERT_TRUE(admin.Deny(RD_KAFKA_RESOURCE_TOPIC, scene.output(), RD_KAFKA_ACL_OPERATION_WRITE));
  ASSERT_TRUE(Scene::Eventually([&] { return Says(*pod, "the transaction is given up, and its events run again"); }))
      << pod->Log();
  // By the engine, or, if the right was missing before the first record of a transaction, by the client alone.
  EXPECT_TRUE(Says(*pod, absl::StrCat("the rights Write and Describe on topic ", scene.output())) ||
              Says(*pod, absl::StrCat("Failed to add partition \"", scene.output())))
      << pod->Log();
  ASSERT_TRUE(scene.Finish(generator.get())) << generator->Log();
  EXPECT_TRUE(pod->Running()) << pod->Log();
  EXPECT_LE(Lines(*pod) - lines, 300) << pod->Log();
  admin.Allow(RD_KAFKA_RESOURCE_TOPIC, scene.output());
  EXPECT_EQ(scene.Verify(absl::Seconds(90)), 0) << scene.verifier_output() << pod->Log();
  ExpectOrderlyEnd(pod.get());
}

// Before a transaction's first record: the client reports no record then, and answers later ones with _STATE only.
TEST_F(BrokerWaysOutTest, X2ARightThatIsMissingFromTheStartIsNamed) {
  Scene scene("no-right", bootstrap());
  scene.CreateTopics(1);
  kafka::BrokerAdmin admin(bootstrap());
  ASSERT_TRUE(admin.Deny(RD_KAFKA_RESOURCE_TOPIC, scene.output(), RD_KAFKA_ACL_OPERATION_WRITE));
  auto pod = scene.StartPod({.flags = {"--commit_interval=4s"}});
  ASSERT_TRUE(Scene::Eventually([&] { return Says(*pod, "runs from offset "); })) << pod->Log();
  auto generator = scene.StartGenerator({.orders = 1'000, .rate = 200});
  ASSERT_TRUE(Scene::Eventually([&] { return Says(*pod, "sending a record failed"); })) << pod->Log();
  ASSERT_TRUE(Scene::Eventually([&] {
    return Says(*pod, absl::StrCat("give the application the rights Write and Describe on topic ", scene.output()));
  })) << pod->Log();
  ASSERT_TRUE(scene.Finish(generator.get())) << generator->Log();
  EXPECT_FALSE(Says(*pod, "sending a record failed: _STATE")) << pod->Log();
  admin.Allow(RD_KAFKA_RESOURCE_TOPIC, scene.output());
  EXPECT_EQ(scene.Verify(absl::Seconds(90)), 0) << scene.verifier_output() << pod->Log();
  ExpectOrderlyEnd(pod.get());
}

TEST_F(BrokerWaysOutTest, X2TheOutputDeletedAndMadeAnew) {
  Scene scene("deleted", bootstrap());
  scene.CreateTopics(2);
  kafka::BrokerAdmin admin(bootstrap());
  auto pod = scene.StartPod({});
  ASSERT_TRUE(Scene::Eventually([&] { return Says(*pod, "runs from offset "); })) << pod->Log();
  admin.DeleteTopic(scene.output());
  scene.Generate({.orders = 2'000});
  ASSERT_TRUE(Scene::Eventually([&] { return Says(*pod, "with as many partitions as before"); })) << pod->Log();
  EXPECT_TRUE(pod->Running()) << pod->Log();
  const absl::Status made = scene.admin().CreateTopic({.name = scene.output(), .partition_count = 2}, kCallTimeout);
  ASSERT_TRUE(made.ok()) << made;
  EXPECT_EQ(scene.Verify(absl::Seconds(90)), 0) << scene.verifier_output() << pod->Log();
  ExpectOrderlyEnd(pod.get());
}

// Refused long before the seal of a long epoch: the events fail, one abort for each that was found out.
TEST_F(BrokerWaysOutTest, X2ALimitLoweredWhileEpochsAreLong) {
  Scene scene("lowered", bootstrap());
  scene.CreateTopics(1);
  kafka::BrokerAdmin admin(bootstrap());
  auto pod = scene.StartPod({.flags = {"--commit_interval=2s"}});
  ASSERT_TRUE(Scene::Eventually([&] { return Says(*pod, "runs from offset "); })) << pod->Log();
  admin.SetTopicSetting(scene.output(), "max.message.bytes", "90");
  scene.Generate({.orders = 3, .duplicates_percent = 0, .poison_percent = 0, .customers = 3});
  const TopicPartition letters{scene.dead_letters(), Partition(0)};
  ASSERT_TRUE(Scene::Eventually([&] {
    const auto end = scene.admin().HighWatermark(letters, kCallTimeout);
    return end.ok() && end->value() >= 4;  // With a marker.
  })) << pod->Log();
  EXPECT_TRUE(pod->Running()) << pod->Log();
  EXPECT_TRUE(Says(*pod, "refuses an output of event")) << pod->Log();
  ExpectOrderlyEnd(pod.get());
}

// E7 by the client's own limit: what the engine takes for small enough is, and what is not is refused by itself.
TEST_F(BrokerWaysOutTest, X2TheClientsLimitCountsNoMoreThanTheEngine) {
  Scene scene("client-limit", bootstrap());
  scene.CreateTopics(1);
  constexpr size_t kLimit = 2'000;
  NullLogSink log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = bootstrap();
  config.extra["message.max.bytes"] = absl::StrCat(kLimit);
  auto client = kafka::MakeRdKafkaClient(config, &log);
  ASSERT_TRUE(client.ok()) << client.status();
  auto producer = (*client)->NewProducer("limit-" + scene.output(), {scene.output()});
  ASSERT_TRUE(producer.ok()) << producer.status();
  ASSERT_TRUE((*producer)->InitTransactions(kCallTimeout).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  const std::string header_value(64, 'h');
  const std::vector<HeaderView> headers = {{"ce_id", header_value}, {"none", std::nullopt}, {"", header_value}};
  for (const size_t count : {0, 1, 3}) {
    OutputRecord record{.partition = Partition(0), .key = "key", .headers = std::span(headers).first(count)};
    const std::string value(kLimit - EstimatedSize(record), 'v');
    record.value = value;
    ASSERT_EQ(EstimatedSize(record), kLimit);
    const kafka::Result sent = (*producer)->Send(record);
    EXPECT_TRUE(sent.ok()) << count << " headers: " << kafka::ToString(sent);
  }
  EXPECT_TRUE((*producer)->Flush(kCallTimeout).ok());
  const std::string large(kLimit, 'v');
  const kafka::Result refused = (*producer)->Send({.partition = Partition(0), .value = large, .token = 7});
  EXPECT_EQ(refused.code, "MSG_SIZE_TOO_LARGE") << kafka::ToString(refused);
  std::vector<kafka::Delivery> deliveries;
  (*producer)->TakeDeliveries(&deliveries);
  ASSERT_EQ(deliveries.size(), 1);
  EXPECT_EQ(deliveries[0].token, 7);
  EXPECT_TRUE(deliveries[0].record_refused);
}

}  // namespace
}  // namespace once
