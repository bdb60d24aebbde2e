// Against a real registry, at $ONCE_TEST_REGISTRY: tests/schemas/run starts one. A broker beside it is not needed,
// since the engine's Kafka is the one in memory.
#include <gmock/gmock.h>
#include <sys/wait.h>

#include <cstdlib>

#include "once/schema_formats.h"
#include "once/testing.h"
#include "once/topology.h"
#include "processor/schema/framing.h"
#include "processor/schema/http_client.h"
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
      Url(), "/config/", internal::HttpClient::Escape(subject), "' >/dev/null");
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

}  // namespace
}  // namespace once
