// Topologies whose values name their schema, on the engine that ships and a registry in memory.
#include <gmock/gmock.h>

#include "once/in_memory_schema_registry.h"
#include "once/schema_formats.h"
#include "once/testing.h"
#include "once/topology.h"
#include "processor/schema/framing.h"
#include "processor/schema/proto_schema.h"
#include "tests/schemas/orders.pb.h"

namespace once {
namespace {

using schema_tests::Order;
using ::testing::HasSubstr;

constexpr char kOrderJsonSchema[] =
    R"({"type":"object","properties":{"orderId":{"type":"string"},"cents":{"type":"string"}},"required":["orderId"]})";

class FormatsTest : public ::testing::Test {
 protected:
  // Orders in, orders out, by formats of the test's; what is not emitted is forwarded.
  absl::StatusOr<Topology> Build(const Format<Order>& in_format, const Format<Order>& out_format) {
    TopologyBuilder builder("formats");
    auto in = builder.AddSource("orders", {.topic = "orders"});
    auto out = builder.AddSink<Order>("copies", {.topic = "copies"}, out_format);
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(out).On<Order>(in, in_format, [out](const Order& order, auto& event) {
      if (order.cents() == 0) {
        event.Forward(out);
      } else {
        event.Emit(out, order);
      }
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  }

  std::unique_ptr<TopologyTestDriver> Start(const Format<Order>& in_format, const Format<Order>& out_format) {
    auto driver =
        std::make_unique<TopologyTestDriver>([=, this](const Config&) { return Build(in_format, out_format); });
    return driver;
  }

  Format<Order> Protobuf(SchemaUse use) { return RegistryProtobuf<Order>(cache_, {.schema = {.use = use}}); }

  static Order MakeOrder(int64_t cents) {
    Order order;
    order.set_order_id("o1");
    order.set_cents(cents);
    return order;
  }

  // `payload` as it stands in a topic under that schema.
  static Bytes Framed(int32_t id, const std::vector<int>& indexes, const std::string& payload) {
    Bytes bytes;
    internal::AppendFrame(id, &bytes.data);
    if (!indexes.empty()) internal::AppendMessageIndexes(indexes, &bytes.data);
    bytes.data += payload;
    return bytes;
  }

  int32_t RegisterText(const std::string& subject, const std::string& text, SchemaType type = SchemaType::kProtobuf,
                       std::vector<SchemaReference> references = {}) {
    return registry_->Register(subject, {.type = type, .text = text, .references = std::move(references)}).value();
  }
  // The program's own file with its import, as serializers register it.
  int32_t RegisterProgram(const std::string& subject) {
    const auto* money = schema_tests::Money::descriptor()->file();
    registry_->Register("tests/schemas/money.proto", internal::SchemaOf(*money, {})).value();
    return registry_
        ->Register(subject,
                   internal::SchemaOf(
                       *Order::descriptor()->file(),
                       {{.name = "tests/schemas/money.proto", .subject = "tests/schemas/money.proto", .version = 1}}))
        .value();
  }

  const std::shared_ptr<InMemorySchemaRegistry> registry_ = std::make_shared<InMemorySchemaRegistry>();
  const std::shared_ptr<SchemaCache> cache_ = std::make_shared<SchemaCache>(
      registry_, SchemaCacheOptions{.background = false, .missing_for = absl::ZeroDuration()});
};

TEST_F(FormatsTest, ProtobufIsFramedBothWays) {
  const int32_t id = RegisterProgram("copies-value");
  auto driver = Start(Protobuf(SchemaUse::kLatest), Protobuf(SchemaUse::kLatest));
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  // Order is the second message of its file.
  driver->Send("orders", "k", Framed(id, {1}, MakeOrder(5).SerializeAsString()));
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  EXPECT_EQ(*copies[0].value, Framed(id, {1}, MakeOrder(5).SerializeAsString()));
  EXPECT_TRUE(driver->dead_letters().empty());
}

TEST_F(FormatsTest, BadValuesAreDeadLettersWithTheirReason) {
  const int32_t id = RegisterProgram("copies-value");
  auto driver = Start(Protobuf(SchemaUse::kLatest), Protobuf(SchemaUse::kLatest));
  driver->Send("orders", "a", Bytes{"no frame"});
  driver->Send("orders", "b", Framed(99, {1}, ""));
  driver->Send("orders", "c", Framed(id, {0}, ""));
  driver->Send("orders", "d", Framed(id, {7}, ""));
  driver->Send("orders", "e", Framed(id, {1}, "\xff\xff"));
  driver->RunUntilIdle();
  const auto letters = driver->dead_letters();
  ASSERT_EQ(letters.size(), 5);
  EXPECT_EQ(letters[0].reason, "DATA_LOSS");
  EXPECT_EQ(letters[1].reason, "NOT_FOUND");
  EXPECT_EQ(letters[2].reason, "INVALID_ARGUMENT");
  EXPECT_THAT(letters[2].message, HasSubstr("once.schema_tests.First (schema 2), not a once.schema_tests.Order"));
  EXPECT_EQ(letters[3].reason, "DATA_LOSS");
  EXPECT_EQ(letters[4].reason, "DATA_LOSS");
}

TEST_F(FormatsTest, WhatIsCachedGoesOnAndWhatIsNotWaitsWhileTheRegistryIsDown) {
  const int32_t id = RegisterProgram("copies-value");
  const int32_t later = RegisterText("x", internal::SchemaOf(*Order::descriptor()->file(), {}).text + "\n// Later.\n",
                                     SchemaType::kProtobuf);
  auto driver = Start(Protobuf(SchemaUse::kLatest), Protobuf(SchemaUse::kLatest));
  driver->Send("orders", "k", Framed(id, {1}, MakeOrder(1).SerializeAsString()));
  driver->RunUntilIdle();
  registry_->set_down(true);
  driver->Send("orders", "k", Framed(later, {1}, MakeOrder(2).SerializeAsString()));
  driver->Send("orders", "k", Framed(id, {1}, MakeOrder(3).SerializeAsString()));
  driver->Send("orders", "other", Framed(id, {1}, MakeOrder(4).SerializeAsString()));
  driver->RunUntilIdle();
  // The other key flows on; k waits in order.
  EXPECT_EQ(driver->Read<Bytes>("copies").size(), 2);
  EXPECT_TRUE(driver->dead_letters().empty());
  registry_->set_down(false);
  driver->AdvanceTime(absl::Minutes(2));
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 4);
  EXPECT_THAT(copies[2].value->data, HasSubstr(MakeOrder(2).SerializeAsString()));
  EXPECT_THAT(copies[3].value->data, HasSubstr(MakeOrder(3).SerializeAsString()));
  EXPECT_TRUE(driver->dead_letters().empty());
}

TEST_F(FormatsTest, AStartWithoutItsRegistryWaitsOnlyWithWhatIsEmitted) {
  const int32_t id = RegisterProgram("copies-value");
  registry_->set_down(true);
  auto driver = Start(Protobuf(SchemaUse::kLatest), Protobuf(SchemaUse::kLatest));
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  driver->Send("orders", "k", Framed(id, {1}, MakeOrder(1).SerializeAsString()));
  driver->RunUntilIdle();
  EXPECT_TRUE(driver->Read<Bytes>("copies").empty());
  registry_->set_down(false);
  driver->AdvanceTime(absl::Minutes(2));
  driver->RunUntilIdle();
  EXPECT_EQ(driver->Read<Bytes>("copies").size(), 1);
}

TEST_F(FormatsTest, AStartIsRefusedWhereTheProgramWritesWhatTheSchemaDoesNotSay) {
  RegisterText("copies-value", R"(syntax = "proto3"; package once.schema_tests;
      message Order { string order_id = 1; string cents = 2; })");
  auto driver = Start(Protobuf(SchemaUse::kLatest), Protobuf(SchemaUse::kLatest));
  const std::string message(driver->status().message());
  EXPECT_EQ(driver->status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(message, HasSubstr("sink \"copies\": version 1 of subject \"copies-value\" does not fit the program"));
  EXPECT_THAT(message, HasSubstr("once.schema_tests.Order.cents = 2 is int64 here, but string (cents) in the schema"));
  EXPECT_THAT(message, HasSubstr("once.schema_tests.Order.price = 3 is not in the schema"));
}

TEST_F(FormatsTest, AStartIsRefusedWithoutASchema) {
  for (const SchemaUse use : {SchemaUse::kLatest, SchemaUse::kRegistered}) {
    auto driver = Start(Protobuf(use), Protobuf(use));
    EXPECT_THAT(std::string(driver->status().message()), HasSubstr("SchemaUse::kRegister"));
  }
}

TEST_F(FormatsTest, TheProgramsSchemaIsRegisteredWithItsImportsWhereItMay) {
  auto driver = Start(Protobuf(SchemaUse::kRegister), Protobuf(SchemaUse::kRegister));
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  const auto latest = registry_->FindVersion("copies-value", kLatestVersion);
  ASSERT_TRUE(latest.ok());
  ASSERT_EQ(latest->schema.references.size(), 1);
  EXPECT_EQ(latest->schema.references[0].subject, "tests/schemas/money.proto");
  driver->Send("orders", "k", Framed(latest->id, {1}, MakeOrder(5).SerializeAsString()));
  driver->RunUntilIdle();
  EXPECT_EQ(driver->Read<Bytes>("copies").size(), 1);
  // It is there now, so no other program need register it.
  EXPECT_TRUE(Start(Protobuf(SchemaUse::kRegistered), Protobuf(SchemaUse::kRegistered))->status().ok());
  registry_->Refuse("copies-value", "the field changes its type");
  EXPECT_TRUE(Start(Protobuf(SchemaUse::kRegister), Protobuf(SchemaUse::kRegister))->status().ok());
}

TEST_F(FormatsTest, ARegistryThatRefusesTheProgramsSchemaRefusesTheStart) {
  registry_->Refuse("copies-value", "the field changes its type");
  auto driver = Start(Protobuf(SchemaUse::kRegister), Protobuf(SchemaUse::kRegister));
  EXPECT_THAT(std::string(driver->status().message()), HasSubstr("the field changes its type"));
}

TEST_F(FormatsTest, SubjectsAreNamedByTopicOrTypeOrBoth) {
  using internal::SubjectFor;
  EXPECT_EQ(SubjectFor({}, "t", "p.A"), "t-value");
  EXPECT_EQ(SubjectFor({.naming = SubjectNaming::kRecordName}, "t", "p.A"), "p.A");
  EXPECT_EQ(SubjectFor({.naming = SubjectNaming::kTopicRecordName}, "t", "p.A"), "t-p.A");
  EXPECT_EQ(SubjectFor({.subject = "mine"}, "t", "p.A"), "mine");
}

// What a later version of the producer writes: a field more, one fewer, one renamed.
TEST_F(FormatsTest, OtherVersionsAreReadAndUnknownFieldsSurviveForwardsAndEmits) {
  RegisterProgram("copies-value");
  const int32_t later = RegisterText("orders-value", R"(syntax = "proto3"; package once.schema_tests;
      message Order { string id = 1; int64 cents = 2; string note = 9; }
      message First {})");
  auto driver = Start(Protobuf(SchemaUse::kLatest), Protobuf(SchemaUse::kLatest));
  const std::string note = "\x4a\x02hi";  // Field 9.
  driver->Send("orders", "k", Framed(later, {0}, MakeOrder(0).SerializeAsString() + note));
  driver->Send("orders", "k", Framed(later, {0}, MakeOrder(7).SerializeAsString() + note));
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 2);
  // Forwarded as it came, by the schema that it came with; emitted by the program's, with what it does not know.
  EXPECT_EQ(*copies[0].value, Framed(later, {0}, MakeOrder(0).SerializeAsString() + note));
  EXPECT_THAT(copies[1].value->data, HasSubstr(note));
}

TEST_F(FormatsTest, AFormerNameIsReadWhereItIsNamed) {
  RegisterProgram("copies-value");
  const int32_t former = RegisterText("old", "syntax = \"proto3\"; package old; message Purchase { int64 cents = 2; }");
  auto driver = Start(RegistryProtobuf<Order>(cache_, {.also_reads = {"old.Purchase"}}), Protobuf(SchemaUse::kLatest));
  driver->Send("orders", "k", Framed(former, {0}, MakeOrder(7).SerializeAsString()));
  driver->RunUntilIdle();
  EXPECT_EQ(driver->Read<Bytes>("copies").size(), 1);
}

TEST_F(FormatsTest, JsonIsHeldAgainstItsSchemaBothWays) {
  const int32_t id = RegisterText("copies-value", kOrderJsonSchema, SchemaType::kJson);
  auto driver = Start(RegistryJson<Order>(cache_), RegistryJson<Order>(cache_));
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  driver->Send("orders", "a", Framed(id, {}, R"({"orderId":"o1","cents":"5","later":[{}]})"));
  driver->Send("orders", "b", Framed(id, {}, R"({"cents":"5"})"));
  driver->Send("orders", "c", Framed(id, {}, R"({"orderId":)"));
  driver->Send("orders", "d", Framed(id, {}, R"({"orderId":"o1","cents":5})"));
  driver->Send("orders", "e", Framed(id, {}, R"({"orderId":"o1","cents":"many"})"));
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  EXPECT_EQ(*copies[0].value, Framed(id, {}, R"({"orderId":"o1","cents":"5"})"));
  const auto letters = driver->dead_letters();
  ASSERT_EQ(letters.size(), 4);
  EXPECT_EQ(letters[0].reason, "INVALID_ARGUMENT");
  EXPECT_THAT(letters[0].message, HasSubstr("orderId"));
  EXPECT_EQ(letters[1].reason, "DATA_LOSS");
  EXPECT_EQ(letters[2].reason, "INVALID_ARGUMENT");
  EXPECT_EQ(letters[3].reason, "DATA_LOSS");
}

TEST_F(FormatsTest, JsonThatItsSchemaDoesNotAllowIsNotWritten) {
  const int32_t id = RegisterText("orders-value", "{}", SchemaType::kJson);
  RegisterText("copies-value", R"({"type":"object","properties":{"cents":{"maxLength":3}}})", SchemaType::kJson);
  auto driver = Start(RegistryJson<Order>(cache_), RegistryJson<Order>(cache_));
  driver->Send("orders", "a", Framed(id, {}, R"({"cents":"5000"})"));
  driver->RunUntilIdle();
  ASSERT_EQ(driver->dead_letters().size(), 1);
  EXPECT_EQ(driver->dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_TRUE(driver->Read<Bytes>("copies").empty());
}

TEST_F(FormatsTest, JsonReferencesAreFollowed) {
  RegisterText("money", R"({"type":"object","required":["currency"]})", SchemaType::kJson);
  const int32_t id = RegisterText("copies-value", R"({"properties":{"price":{"$ref":"money.json"}}})",
                                  SchemaType::kJson, {{.name = "money.json", .subject = "money", .version = 1}});
  auto driver = Start(RegistryJson<Order>(cache_), RegistryJson<Order>(cache_));
  driver->Send("orders", "a", Framed(id, {}, R"({"price":{"currency":"EUR"},"cents":"1"})"));
  driver->Send("orders", "b", Framed(id, {}, R"({"price":{},"cents":"1"})"));
  driver->RunUntilIdle();
  EXPECT_EQ(driver->Read<Bytes>("copies").size(), 1);
  ASSERT_EQ(driver->dead_letters().size(), 1);
  EXPECT_EQ(driver->dead_letters()[0].reason, "INVALID_ARGUMENT");
}

TEST_F(FormatsTest, JsonOfAProgramsOwnSchemaIsRegisteredOrComparedAtTheStart) {
  const JsonSchemaOptions registers{.schema = {.use = SchemaUse::kRegister}, .own_schema = kOrderJsonSchema};
  ASSERT_TRUE(Start(RegistryJson<Order>(cache_), RegistryJson<Order>(cache_, registers))->status().ok());
  EXPECT_TRUE(registry_->FindVersion("copies-value", 1).ok());
  // The same but for its spaces needs no rule; another one does.
  registry_->Refuse("copies-value", "not the same");
  const JsonSchemaOptions same{.own_schema = std::string(" ") + kOrderJsonSchema};
  EXPECT_TRUE(Start(RegistryJson<Order>(cache_), RegistryJson<Order>(cache_, same))->status().ok());
  const JsonSchemaOptions other{.own_schema = "{\"type\":\"string\"}"};
  EXPECT_THAT(std::string(Start(RegistryJson<Order>(cache_), RegistryJson<Order>(cache_, other))->status().message()),
              HasSubstr("not the same"));
}

TEST_F(FormatsTest, AValueUnderASchemaOfAnotherTypeIsRefused) {
  const int32_t json = RegisterText("copies-value", "{}", SchemaType::kJson);
  auto driver = Start(Protobuf(SchemaUse::kLatest), RegistryJson<Order>(cache_));
  driver->Send("orders", "a", Framed(json, {1}, ""));
  driver->RunUntilIdle();
  ASSERT_EQ(driver->dead_letters().size(), 1);
  EXPECT_EQ(driver->dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_THAT(driver->dead_letters()[0].message, HasSubstr("of type JSON, not PROTOBUF"));
}

}  // namespace
}  // namespace once
