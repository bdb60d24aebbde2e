// Against a real registry, at $ONCE_TEST_REGISTRY: tests/schemas/run starts one. A broker beside it is not needed,
// since the engine's Kafka is the one in memory.
#include <gmock/gmock.h>
#include <signal.h>

#include <cstdlib>

#include "once/schema_avro.h"
#include "once/schema_formats.h"
#include "once/testing.h"
#include "once/topology.h"
#include "processor/net/http_call.h"
#include "processor/schema/framing.h"
#include "processor/schema/proto_schema.h"
#include "tests/schemas/orders.pb.h"
#include "tests/schemas/registry_contract.h"

namespace once {
namespace {

using schema_tests::Order;
using ::testing::HasSubstr;

std::string Url() {
  const char* const url = std::getenv("ONCE_TEST_REGISTRY");
  return url == nullptr ? "" : url;
}

std::shared_ptr<SchemaRegistry> Connect() {
  return NewHttpSchemaRegistry({.url = Url(), .timeout = absl::Seconds(60)}).value();
}

// By Apicurio's way of setting a rule: PUT /config/SUBJECT, of the same interface.
void BeStrict(SchemaRegistry*, const std::string& subject) {
  const std::string command = absl::StrCat(
      "curl --noproxy '*' -fsS -X PUT -H 'Content-Type: application/vnd.schemaregistry.v1+json' -d "
      "'{\"compatibility\":\"BACKWARD\"}' '",
      Url(), "/config/", internal::EscapeForUrl(subject), "' >/dev/null");
  ASSERT_EQ(std::system(command.c_str()), 0);
}

INSTANTIATE_TEST_SUITE_P(Real, RegistryContractTest,
                         ::testing::Values(RegistryUnderTest{.name = "Http", .make = Connect, .be_strict = BeStrict}),
                         [](const auto& info) { return info.param.name; });

class RealRegistryTest : public ::testing::Test {
 protected:
  absl::StatusOr<Topology> Build(const Format<Order>& in_format, const Format<Order>& out_format) {
    TopologyBuilder builder("real");
    auto in = builder.AddSource("orders", {.topic = "orders"});
    auto out = builder.AddSink<Order>("copies", {.topic = topic_}, out_format);
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(out).On<Order>(in, in_format, [out](const Order& order, auto& event) {
      event.Emit(out, order);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  }

  static Bytes Encoded(const Format<Order>& format, const std::string& topic, const Order& order) {
    Arena arena;
    const auto encoder = format->NewEncoder(topic);
    const absl::Status ready = encoder->CheckAtStart();
    EXPECT_TRUE(ready.ok()) << ready;
    const auto bytes = encoder->Encode(order, &arena);
    EXPECT_TRUE(bytes.ok()) << bytes.status();
    return Bytes{std::string(bytes.value_or(""))};
  }

  void ExpectRoundTrip(const Format<Order>& format) {
    Order order;
    order.set_order_id("o1");
    order.set_cents(700);
    order.mutable_price()->set_currency("EUR");
    order.add_tags("new");
    // Nothing here waits for the time of the test's own clock: the first event of each schema is fetched by whoever
    // asks.
    TopologyTestDriver driver([&](const Config&) { return Build(format, format); });
    ASSERT_TRUE(driver.status().ok()) << driver.status();
    driver.Send("orders", "k", Encoded(format, topic_, order));
    driver.RunUntilIdle();
    const auto copies = driver.Read<Bytes>(topic_);
    ASSERT_EQ(copies.size(), 1) << (driver.dead_letters().empty() ? "" : driver.dead_letters()[0].message);
    EXPECT_EQ(*copies[0].value, Encoded(format, topic_, order));
    const auto decoder = format->NewDecoder(topic_);
    RecordView record;
    record.value = copies[0].value->data;
    Order read;
    ASSERT_TRUE(decoder->Decode(record, &read).ok());
    EXPECT_EQ(read.DebugString(), order.DebugString());
  }

  const std::string topic_ = absl::StrCat("copies-", absl::Uniform<uint64_t>(random_));
  const std::shared_ptr<SchemaCache> cache_ =
      std::make_shared<SchemaCache>(Connect(), SchemaCacheOptions{.background = false});

 private:
  static inline absl::BitGen random_;
};

TEST_F(RealRegistryTest, ProtobufWithImportsIsRegisteredWrittenAndRead) {
  ExpectRoundTrip(RegistryProtobuf<Order>(cache_, {.schema = {.use = SchemaUse::kRegister}}));
  // What was registered is the latest, and fits; and it is the program's own.
  ExpectRoundTrip(RegistryProtobuf<Order>(cache_, {.schema = {.use = SchemaUse::kLatest}}));
  ExpectRoundTrip(RegistryProtobuf<Order>(cache_, {.schema = {.use = SchemaUse::kRegistered}}));
}

TEST_F(RealRegistryTest, JsonIsRegisteredWrittenAndRead) {
  const std::string schema = R"({"type":"object","properties":{"orderId":{"type":"string"}},"required":["orderId"]})";
  ExpectRoundTrip(RegistryJson<Order>(cache_, {.schema = {.use = SchemaUse::kRegister}, .own_schema = schema}));
  ExpectRoundTrip(RegistryJson<Order>(cache_));
}

TEST_F(RealRegistryTest, AvroIsRegisteredWrittenAndRead) {
  const std::string schema = R"({"type":"record","name":"Order","fields":[{"name":"order_id","type":"string"},
      {"name":"cents","type":"long"}, {"name":"tags","type":{"type":"array","items":"string"}},
      {"name":"price","type":["null",{"type":"record","name":"Money","fields":[{"name":"currency","type":"string"}]}]}]})";
  ExpectRoundTrip(RegistryAvro<Order>(cache_, {.schema = {.use = SchemaUse::kRegister}, .own_schema = schema}));
  ExpectRoundTrip(RegistryAvro<Order>(cache_));
}

TEST_F(RealRegistryTest, WhatTheRuleRefusesRefusesTheStart) {
  const std::string subject = topic_ + "-value";
  const auto registry = Connect();
  ASSERT_TRUE(registry
                  ->Register(subject, {.type = SchemaType::kProtobuf,
                                       .text = "syntax = \"proto3\"; package once.schema_tests;"
                                               " message Order { string order_id = 1; string cents = 2; }"})
                  .ok());
  BeStrict(registry.get(), subject);
  const auto format = RegistryProtobuf<Order>(cache_, {.schema = {.use = SchemaUse::kRegister}});
  TopologyTestDriver driver([&](const Config&) { return Build(format, format); });
  EXPECT_THAT(std::string(driver.status().message()), HasSubstr("cannot be registered under"));
  const auto latest = RegistryProtobuf<Order>(cache_);
  TopologyTestDriver other([&](const Config&) { return Build(latest, latest); });
  EXPECT_THAT(std::string(other.status().message()), HasSubstr("Order.cents = 2 is int64 here, but string"));
}

TEST_F(RealRegistryTest, AnIdThatNobodyGaveOutIsADeadLetter) {
  const auto format = RegistryProtobuf<Order>(cache_, {.schema = {.use = SchemaUse::kRegister}});
  TopologyTestDriver driver([&](const Config&) { return Build(format, format); });
  Bytes value;
  internal::AppendFrame(2'000'000'000, &value.data);
  value.data += std::string(1, '\0');
  driver.Send("orders", "k", value);
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 1);
  EXPECT_EQ(driver.dead_letters()[0].reason, "NOT_FOUND");
}

TEST_F(RealRegistryTest, ALaterVersionComesAfterAnEarlierOneUnderARule) {
  const std::string subject = topic_ + "-value";
  const auto registry = Connect();
  const absl::StatusOr<int32_t> earlier = registry->Register(
      subject,
      {.type = SchemaType::kProtobuf,
       .text = "syntax = \"proto3\"; package once.schema_tests; message First { message Inner { message Innermost {"
               " string name = 1; } } } message Order { string order_id = 1; int64 cents = 2; }"});
  ASSERT_TRUE(earlier.ok()) << earlier.status();
  BeStrict(registry.get(), subject);
  const auto format = RegistryProtobuf<Order>(cache_, {.schema = {.use = SchemaUse::kRegister}});
  TopologyTestDriver driver([&](const Config&) { return Build(format, format); });
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(registry->FindVersion(subject, kLatestVersion)->version, 2);
  Order order;
  order.set_cents(3);
  Bytes value;
  internal::AppendFrame(*earlier, &value.data);
  internal::AppendMessageIndexes({1}, &value.data);
  value.data += order.SerializeAsString();
  driver.Send("orders", "k", value);
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>(topic_);
  ASSERT_EQ(copies.size(), 1);
  EXPECT_EQ(*copies[0].value, Encoded(format, topic_, order));
}

// The registry's process is halted, so that its connections stay and nothing answers.
TEST_F(RealRegistryTest, WhileItHangsWhatIsKnownGoesOnAndTheRestComesInOrder) {
  const char* const pid_text = std::getenv("ONCE_TEST_REGISTRY_PID");
  if (pid_text == nullptr) GTEST_SKIP() << "ONCE_TEST_REGISTRY_PID does not say which process it is";
  const pid_t pid = std::atoi(pid_text);
  const auto cache =
      std::make_shared<SchemaCache>(NewHttpSchemaRegistry({.url = Url(), .timeout = absl::Seconds(1)}).value(),
                                    SchemaCacheOptions{.patience = absl::Seconds(5)});
  const auto format = RegistryProtobuf<Order>(cache, {.schema = {.use = SchemaUse::kRegister}});
  TopologyTestDriver driver([&](const Config&) { return Build(format, format); });
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  Order order;
  order.set_cents(1);
  const Bytes known = Encoded(format, topic_, order);
  driver.Send("orders", "k", known);
  // Another schema, which nothing has asked for yet.
  order.set_cents(2);
  Bytes other;
  const absl::StatusOr<int32_t> id = Connect()->Register(
      topic_ + "-other",
      {.type = SchemaType::kProtobuf,
       .text = absl::StrCat("syntax = \"proto3\"; package once.schema_tests; message Order { int64 cents = 2;"
                            " string x",
                            absl::Uniform<uint32_t>(absl::BitGen()), " = 77; }")});
  ASSERT_TRUE(id.ok()) << id.status();
  internal::AppendFrame(*id, &other.data);
  internal::AppendMessageIndexes({0}, &other.data);
  other.data += order.SerializeAsString();
  driver.RunUntilIdle();
  ASSERT_EQ(driver.Read<Bytes>(topic_).size(), 1);
  ASSERT_EQ(kill(pid, SIGSTOP), 0);
  driver.Send("orders", "a", other);
  driver.Send("orders", "a", known);
  for (int i = 0; i < 10; ++i) driver.Send("orders", "b", known);
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Read<Bytes>(topic_).size(), 11);
  EXPECT_TRUE(driver.dead_letters().empty());
  ASSERT_EQ(kill(pid, SIGCONT), 0);
  const absl::Time deadline = absl::Now() + absl::Minutes(1);
  while (driver.Read<Bytes>(topic_).size() < 13 && absl::Now() < deadline) {
    driver.AdvanceTime(absl::Seconds(1));
    driver.RunUntilIdle();
  }
  const auto copies = driver.Read<Bytes>(topic_);
  ASSERT_EQ(copies.size(), 13);
  EXPECT_THAT(copies[11].value->data, HasSubstr(order.SerializeAsString()));
  EXPECT_EQ(*copies[12].value, known);
  EXPECT_TRUE(driver.dead_letters().empty());
}

}  // namespace
}  // namespace once
