// What of librdkafka's adapter can be shown without a broker.
#include <algorithm>
#include <cstdint>
#include <future>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/handle.h"
#include "processor/kafka/librdkafka/metadata.h"

namespace once::kafka {
namespace {

// Nothing listens on the discard port of the loopback interface.
constexpr char kNobody[] = "127.0.0.1:9";

class LibrdkafkaTest : public testing::Test {
 protected:
  absl::StatusOr<std::unique_ptr<Client>> Make(const std::map<std::string, std::string>& extra) {
    RdKafkaConfig config;
    config.bootstrap_servers = kNobody;
    config.extra = extra;
    return MakeRdKafkaClient(config, &log_);
  }
  std::unique_ptr<Client> MakeOrDie() {
    absl::StatusOr<std::unique_ptr<Client>> client = Make({});
    EXPECT_TRUE(client.ok()) << client.status();
    return *std::move(client);
  }
  NullLogSink log_;
};

struct OwnCase {
  std::string name;
  rd_kafka_type_t type;
  Properties own;
};

std::string InForce(const Handle& handle, const std::string& property) {
  char value[512];
  size_t size = sizeof(value);
  if (rd_kafka_conf_get(rd_kafka_conf(handle.rk()), property.c_str(), value, &size) == RD_KAFKA_CONF_OK) return value;
  return "<unknown>";
}

std::shared_ptr<const ClientContext> ContextWith(const std::map<std::string, std::string>& extra, LogSink* log) {
  RdKafkaConfig config;
  config.bootstrap_servers = kNobody;
  config.extra = extra;
  return std::make_shared<ClientContext>(config, log, *Secrets::Load(config.extra, log));
}

class AnyHandle : public Handle {
 public:
  using Handle::Handle;
  ~AnyHandle() override { Shutdown(); }
  using Handle::OnThrottle;
  using Handle::WhyCallsLast;
};

// What a user may give is what one kind of handle needs; to another the same value may be harm. An administrative
// handle that reads committed takes the last stable offset for the high watermark, and a replay would stop short.
TEST_F(LibrdkafkaTest, F3OwnPropertiesAreAppliedLast) {
  const std::map<std::string, std::string> given = {{"isolation.level", "read_committed"},
                                                    {"enable.auto.commit", "false"},
                                                    {"enable.auto.offset.store", "false"},
                                                    {"auto.offset.reset", "error"},
                                                    {"enable.partition.eof", "true"},
                                                    {"allow.auto.create.topics", "false"},
                                                    {"enable.idempotence", "true"},
                                                    {"acks", "all"},
                                                    {"partitioner", "murmur2"},
                                                    {"compression.type", "lz4"},
                                                    {"reconnect.backoff.max.ms", "77"}};
  for (const auto& [name, value] : given) EXPECT_TRUE(Make({{name, value}}).ok()) << name;
  // As if a user could give anything: our own values count all the same.
  std::map<std::string, std::string> hostile = given;
  for (const char* each : {"isolation.level", "auto.offset.reset"}) hostile.erase(each);
  hostile.insert({{"isolation.level", "read_committed"},
                  {"auto.offset.reset", "latest"},
                  {"group.id", "other"},
                  {"transactional.id", "other"}});
  const RdKafkaConfig config;
  const std::vector<OwnCase> cases = {
      {"admin", RD_KAFKA_CONSUMER, AdminProperties(config)},
      {"group admin", RD_KAFKA_CONSUMER, GroupAdminProperties(config, "g")},
      {"reader", RD_KAFKA_CONSUMER, LogReaderProperties(config)},
      {"group consumer", RD_KAFKA_CONSUMER, GroupConsumerProperties(config, "g")},
      {"static group consumer", RD_KAFKA_CONSUMER, GroupConsumerProperties(config, "g", "m")},
      {"producer", RD_KAFKA_PRODUCER, ProducerProperties(config, "t")},
  };
  for (const OwnCase& each : cases) {
    AnyHandle handle(ContextWith(hostile, &log_), each.name);
    ASSERT_TRUE(handle.Start(each.type, each.own).ok()) << each.name;
    for (const auto& [name, value] : each.own) {
      const bool is_users = name == "partitioner" || name == "reconnect.backoff.max.ms";
      EXPECT_EQ(InForce(handle, name), is_users ? hostile[name] : value) << each.name << ", " << name;
    }
    EXPECT_EQ(InForce(handle, "reconnect.backoff.max.ms"), "77") << each.name << ": what is a user's to choose";
  }
  AnyHandle admin(ContextWith({{"isolation.level", "read_committed"}}, &log_), "admin");
  ASSERT_TRUE(admin.Start(RD_KAFKA_CONSUMER, AdminProperties(config)).ok());
  EXPECT_EQ(InForce(admin, "isolation.level"), "read_uncommitted");
}

// X7: what small records take beside their bytes is bounded as well.
TEST(FetchQueueTest, X7TheClientsOwnObjectsCount) {
  constexpr int64_t kMiB = int64_t{1} << 20;
  constexpr int64_t kObjects = 450;
  for (const int64_t bytes : {4 * kMiB, 8 * kMiB, 64 * kMiB}) {
    RdKafkaConfig config;
    config.fetch_queue_bytes = bytes;
    Properties set = LogReaderProperties(config);
    if (!set.contains("fetch.queue.backoff.ms")) GTEST_SKIP() << "this librdkafka stalls when its queue is full";
    const int64_t records = std::stoll(set["queued.min.messages"]) * kObjects;
    const int64_t values = std::stoll(set["queued.max.messages.kbytes"]) * 1024;
    EXPECT_LE(records + values, bytes);
    EXPECT_GE(records + values, bytes / 2);
    EXPECT_LE(std::stoll(set["fetch.max.bytes"]), std::max<int64_t>(values / 4, 1'000'000));
  }
}

// X2: a broker that is up must not be named as one that is away.
TEST_F(LibrdkafkaTest, X2AQuotaIsNamedAsTheReason) {
  AnyHandle handle(ContextWith({}, &log_), "producer");
  ASSERT_TRUE(handle.Start(RD_KAFKA_PRODUCER, {}).ok());
  EXPECT_NE(handle.WhyCallsLast().find("cannot be reached"), std::string::npos);
  handle.OnThrottle("b:9092/1", 0);
  EXPECT_NE(handle.WhyCallsLast().find("cannot be reached"), std::string::npos);
  handle.OnThrottle("b:9092/1", 14000);
  EXPECT_EQ(
      handle.WhyCallsLast(),
      "broker b:9092/1 throttles this client by a quota: 14000 ms for its last answer; raise the quota of its user "
      "or client.id");
}

// E7: one that is larger than the client takes is asked for again and again, and nothing behind it is read.
TEST_F(LibrdkafkaTest, E7ReadersTakeWhateverAProducerMayHaveWritten) {
  const RdKafkaConfig config;
  for (const Properties& own : {LogReaderProperties(config), GroupConsumerProperties(config, "g")}) {
    AnyHandle handle(ContextWith({}, &log_), "reader");
    ASSERT_TRUE(handle.Start(RD_KAFKA_CONSUMER, own).ok());
    EXPECT_GT(std::stoll(InForce(handle, "receive.message.max.bytes")),
              1'000'000'000 + std::stoll(InForce(handle, "fetch.max.bytes")));
    AnyHandle chosen(ContextWith({{"receive.message.max.bytes", "2000000000"}}, &log_), "reader");
    ASSERT_TRUE(chosen.Start(RD_KAFKA_CONSUMER, own).ok());
    EXPECT_EQ(InForce(chosen, "receive.message.max.bytes"), "2000000000") << "a user may choose";
  }
}

// Given for producers, it holds for consumers as well, whose client wants a response to have room for it.
TEST_F(LibrdkafkaTest, AResponseHasRoomForTheLargestMessage) {
  for (const char* largest : {"2000000", "60000000"}) {
    auto client = Make({{"message.max.bytes", largest}});
    ASSERT_TRUE(client.ok()) << client.status();
    const auto reader = (*client)->NewLogReader({"topic"});
    EXPECT_TRUE(reader.ok()) << reader.status();
  }
}

TEST_F(LibrdkafkaTest, HandlesAreNamedByWhoseAndWhatTheyAreUnlessTheUserNamesThem) {
  RdKafkaConfig config;
  config.client_id = "app-pod-0";
  const auto names = [](const RdKafkaConfig& named) {
    return std::vector<std::string>{ProducerProperties(named, "app-pod-0-1")["client.id"],
                                    ProducerProperties(named, "other")["client.id"],
                                    GroupConsumerProperties(named, "app")["client.id"],
                                    LogReaderProperties(named)["client.id"], AdminProperties(named)["client.id"]};
  };
  EXPECT_EQ(names(config), (std::vector<std::string>{"app-pod-0-producer-1", "app-pod-0-producer", "app-pod-0-consumer",
                                                     "app-pod-0-reader", "app-pod-0-admin"}));
  config.extra = {{"client.id", "mine"}};
  ASSERT_TRUE(AbsorbExtra(&config).ok());
  EXPECT_EQ(names(config), std::vector<std::string>(5, "mine"));
}

TEST(ErrorListTest, WhatPassesIsAListAndAllElseLasts) {
  for (const rd_kafka_resp_err_t code :
       {RD_KAFKA_RESP_ERR__TRANSPORT, RD_KAFKA_RESP_ERR_NOT_LEADER_FOR_PARTITION, RD_KAFKA_RESP_ERR_NOT_ENOUGH_REPLICAS,
        RD_KAFKA_RESP_ERR_CONCURRENT_TRANSACTIONS, RD_KAFKA_RESP_ERR__MSG_TIMED_OUT}) {
    EXPECT_TRUE(IsPassing(code)) << rd_kafka_err2name(code);
    EXPECT_FALSE(IsLasting(code)) << rd_kafka_err2name(code);
    EXPECT_FALSE(IsRecordRefusal(code)) << rd_kafka_err2name(code);
    EXPECT_TRUE(absl::IsUnavailable(ToStatus(code, "x"))) << rd_kafka_err2name(code);
  }
  for (const rd_kafka_resp_err_t code :
       {RD_KAFKA_RESP_ERR_OUT_OF_ORDER_SEQUENCE_NUMBER, RD_KAFKA_RESP_ERR_INVALID_PRODUCER_EPOCH,
        RD_KAFKA_RESP_ERR__STATE, RD_KAFKA_RESP_ERR__PURGE_QUEUE}) {
    EXPECT_FALSE(IsLasting(code)) << rd_kafka_err2name(code) << " ends with its producer";
    EXPECT_FALSE(IsRecordRefusal(code)) << rd_kafka_err2name(code);
  }
  for (const rd_kafka_resp_err_t code : {RD_KAFKA_RESP_ERR_TOPIC_AUTHORIZATION_FAILED,
                                         RD_KAFKA_RESP_ERR_UNKNOWN_TOPIC_OR_PART, RD_KAFKA_RESP_ERR__UNKNOWN_TOPIC}) {
    EXPECT_TRUE(IsLasting(code)) << rd_kafka_err2name(code);
    EXPECT_FALSE(IsRecordRefusal(code)) << rd_kafka_err2name(code) << " holds for all records of the topic";
  }
  // Numbers that no librdkafka knows yet.
  for (const int number : {10, 32, 87, 250, 251}) {
    const auto code = static_cast<rd_kafka_resp_err_t>(number);
    EXPECT_TRUE(IsLasting(code)) << number;
    EXPECT_TRUE(IsRecordRefusal(code)) << number;
    EXPECT_FALSE(IsPassingInGroup(code)) << number;
    EXPECT_FALSE(absl::IsUnavailable(ToStatus(code, "x"))) << number;
  }
}

TEST_F(LibrdkafkaTest, AcceptedPropertiesSuitEveryObject) {
  const absl::StatusOr<std::unique_ptr<Client>> client =
      Make({{"linger.ms", "20"}, {"acks", "all"}, {"fetch.min.bytes", "1000"}, {"compression.type", "lz4"}});
  ASSERT_TRUE(client.ok()) << client.status();
  EXPECT_TRUE((*client)->NewProducer("id", {"t"}).ok());
  EXPECT_TRUE((*client)->NewGroupConsumer("group", {"t"}).ok());
  EXPECT_TRUE((*client)->NewLogReader({"t"}).ok());
  EXPECT_TRUE((*client)->NewAdmin().ok());
}

TEST_F(LibrdkafkaTest, T8NewerGroupProtocolIsRefused) {
  const absl::Status status = Make({{"group.protocol", "consumer"}}).status();
  EXPECT_TRUE(absl::IsInvalidArgument(status)) << status;  // Unknown to old versions, refused by us in new ones.
}

TEST_F(LibrdkafkaTest, BadConfigurationsAreRefused) {
  RdKafkaConfig config;
  EXPECT_TRUE(absl::IsInvalidArgument(MakeRdKafkaClient(config, &log_).status())) << "no brokers";
  config.bootstrap_servers = kNobody;
  EXPECT_TRUE(MakeRdKafkaClient(config, &log_).ok());
  config.max_batch_records = 0;
  EXPECT_TRUE(absl::IsInvalidArgument(MakeRdKafkaClient(config, &log_).status()));
  config.max_batch_records = 1;
  config.max_poll_interval = absl::Seconds(1);
  EXPECT_TRUE(absl::IsInvalidArgument(MakeRdKafkaClient(config, &log_).status()));
  absl::StatusOr<std::unique_ptr<Client>> client = Make({});
  EXPECT_TRUE(absl::IsInvalidArgument((*client)->NewProducer("", {}).status()));
  EXPECT_TRUE(absl::IsInvalidArgument((*client)->NewGroupConsumer("", {}).status()));
}

TEST_F(LibrdkafkaTest, ExtraPropertiesBecomeFields) {
  RdKafkaConfig config;
  config.extra = {{"transaction.timeout.ms", "7000"},
                  {"session.timeout.ms", "8000"},
                  {"max.poll.interval.ms", "9000"},
                  {"client.id", "me"},
                  {"batch.size", "500"},
                  {"linger.ms", "1"}};
  ASSERT_TRUE(AbsorbExtra(&config).ok());
  EXPECT_EQ(config.transaction_timeout, absl::Seconds(7));
  EXPECT_EQ(config.session_timeout, absl::Seconds(8));
  EXPECT_EQ(config.max_poll_interval, absl::Seconds(9));
  EXPECT_EQ(config.client_id, "me");
  EXPECT_TRUE(config.is_client_id_given);
  EXPECT_EQ(config.max_batch_bytes, 500);
  EXPECT_EQ(config.extra.size(), 1u);
}

TEST_F(LibrdkafkaTest, UnreachableBrokerIsUnavailableAndSaysWhatToDo) {
  auto admin = *MakeOrDie()->NewAdmin();
  const std::vector<TopicPartition> partitions = {{"t", Partition(0)}};
  const absl::Duration timeout = absl::Milliseconds(500);
  const std::vector<absl::Status> answers = {
      admin->DescribeTopic("t", timeout).status(), admin->CreateTopic({"t", 1, {}}, timeout),
      admin->HighWatermark(partitions[0], timeout).status(), admin->BeginningOffset(partitions[0], timeout).status(),
      admin->StableCommittedOffsets("group", partitions, timeout).status()};
  for (const absl::Status& status : answers) {
    EXPECT_TRUE(absl::IsUnavailable(status)) << status;
    const std::string message(status.message());
    EXPECT_NE(message.find(kNobody), std::string::npos) << message;
    EXPECT_NE(message.find("refused"), std::string::npos) << message;
    EXPECT_NE(message.find("start the broker or correct bootstrap_servers"), std::string::npos) << message;
  }
}

TEST_F(LibrdkafkaTest, UnreachableBrokerHoldsUpNobody) {
  struct Listener : RebalanceListener {
    void OnAssigned(std::span<const TopicPartition>) override {}
    void OnRevoked(std::span<const TopicPartition>) override {}
    void OnLost(std::span<const TopicPartition>) override {}
  } listener;
  const auto client = MakeOrDie();
  const std::vector<std::string> topics = {"t"};
  auto producer = *client->NewProducer("id", topics);
  const Result result = producer->InitTransactions(absl::Milliseconds(200));
  EXPECT_EQ(result.error, ErrorClass::kRetriable) << ToString(result);
  EXPECT_NE(result.message.find("refused"), std::string::npos) << ToString(result);
  producer.reset();

  auto consumer = *client->NewGroupConsumer("group", topics);
  ASSERT_TRUE(consumer->Subscribe(topics, &listener).ok());
  Batch batch;
  EXPECT_TRUE(consumer->Poll(absl::Milliseconds(50), &batch).ok());
  EXPECT_LT(consumer->group_metadata().generation, 0);
  EXPECT_TRUE(consumer->Close().ok());
  consumer.reset();

  auto reader = *client->NewLogReader(topics);
  ASSERT_TRUE(reader->Add({{"t", Partition(0)}, Offset(0)}).ok());
  EXPECT_TRUE(reader->Poll(absl::Milliseconds(50), &batch).ok());
  EXPECT_TRUE(batch.records.empty());
  reader.reset();
}

// Without the debugging lines, which come from librdkafka's threads.
class LinesLog : public LogSink {
 public:
  void Log(LogLevel level, const std::string& message) override {
    if (level > LogLevel::kDebug) lines.push_back(message);
  }
  std::vector<std::string> lines;
};

class Hanging : public Handle {
 public:
  explicit Hanging(LogSink* log) : Handle(Context(log), "reader \"x\"") {}
  using Handle::Shutdown;

 private:
  bool quiet() const override { return true; }
  static std::shared_ptr<const ClientContext> Context(LogSink* log) {
    RdKafkaConfig config;
    config.bootstrap_servers = kNobody;
    return std::make_shared<ClientContext>(config, log, *Secrets::Load(config.extra, log));
  }
};

TEST(HandleTest, WhatDoesNotEndIsLeftBehind) {
  LinesLog log;
  std::promise<void> released;
  std::promise<int> left;  // Threads of librdkafka, when what `prepare` holds is destroyed.
  std::shared_ptr<void> held(nullptr, [&](void*) { left.set_value(rd_kafka_thread_cnt()); });
  {
    Hanging hanging(&log);
    ASSERT_TRUE(hanging.Start(RD_KAFKA_CONSUMER, {}).ok());
    hanging.Shutdown([&released, held = std::move(held)] { released.get_future().wait(); }, absl::Milliseconds(20));
    EXPECT_EQ(hanging.rk(), nullptr);
    hanging.Shutdown();
  }
  ASSERT_EQ(log.lines.size(), 1u);
  EXPECT_EQ(log.lines[0], "librdkafka did not end reader \"x\" within 20ms; its threads are left behind");
  EXPECT_NE(rd_kafka_wait_destroyed(0), 0);
  released.set_value();
  EXPECT_EQ(left.get_future().get(), 0);
  EXPECT_EQ(rd_kafka_wait_destroyed(10000), 0);
}

TEST(HandleTest, EndsInTimeWithoutAWord) {
  LinesLog log;
  {
    Hanging handle(&log);
    ASSERT_TRUE(handle.Start(RD_KAFKA_CONSUMER, {}).ok());
  }
  EXPECT_EQ(rd_kafka_wait_destroyed(0), 0);
  EXPECT_TRUE(log.lines.empty());
}

}  // namespace
}  // namespace once::kafka
