// Avro into messages and back, by the names of fields.
#include <gmock/gmock.h>

#include "absl/strings/escaping.h"
#include "once/in_memory_schema_registry.h"
#include "once/schema_avro.h"
#include "once/testing.h"
#include "once/topology.h"
#include "processor/base/strings.h"
#include "processor/schema/framing.h"
#include "tests/schemas/orders.pb.h"

namespace once {
namespace {

using internal::AvroSchema;
using schema_tests::Everything;
using schema_tests::Order;
using ::testing::HasSubstr;

constexpr char kOrder[] = R"({"type":"record","name":"Order","namespace":"shop","fields":[
  {"name":"order_id","type":"string"}, {"name":"cents","type":"long"},
  {"name":"tags","type":{"type":"array","items":"string"},"default":[]}]})";

std::unique_ptr<const AvroSchema> Make(const std::string& text) {
  return AvroSchema::Make({.schema = {.type = SchemaType::kAvro, .text = text}}).value();
}

std::string Why(const std::string& text) {
  return std::string(AvroSchema::Make({.schema = {.type = SchemaType::kAvro, .text = text}}).status().message());
}

std::string Field(const std::string& name, const std::string& type) {
  return R"({"type":"record","name":"R","fields":[{"name":")" + name + R"(","type":)" + type + "}]}";
}

TEST(AvroSchemaTest, BytesAreThoseOfTheSpecification) {
  Order order;
  order.set_order_id("ab");
  order.set_cents(-65);
  order.add_tags("x");
  Arena arena;
  const auto bytes = Make(kOrder)->Encode(order, "P", &arena);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  // A length and its text; a zig-zag varint; a block of one, which ends with an empty one.
  EXPECT_EQ(absl::BytesToHexString(ToAbsl(*bytes)),
            "50"
            "046162"
            "8101"
            "02"
            "0278"
            "00");
  Order read;
  ASSERT_TRUE(Make(kOrder)->Decode(bytes->substr(1), &read).ok());
  EXPECT_EQ(read.DebugString(), order.DebugString());
}

TEST(AvroSchemaTest, EachTypeGoesWhereItFits) {
  const auto schema = Make(R"({"type":"record","name":"E","fields":[
    {"name":"truth","type":"boolean"}, {"name":"small","type":"int"}, {"name":"unsigned_small","type":"long"},
    {"name":"unsigned_large","type":"long"}, {"name":"real","type":"float"}, {"name":"large_real","type":"double"},
    {"name":"bytes","type":"bytes"}, {"name":"kind","type":{"type":"enum","name":"K","symbols":["NONE","SOME"]}},
    {"name":"money","type":["null",{"type":"record","name":"M","fields":[{"name":"units","type":"long"}]}]},
    {"name":"counts","type":{"type":"map","values":"long"}}, {"name":"maybe","type":["null","string"]},
    {"name":"fixed","type":{"type":"fixed","name":"F","size":2}}, {"name":"not_there","type":["null","int"]}]})");
  Everything all;
  all.set_truth(true);
  all.set_small(-7);
  all.set_unsigned_small(4'000'000'000);
  all.set_unsigned_large(5);
  all.set_real(0.5);
  all.set_large_real(1.25);
  all.set_bytes(std::string("\0\xff", 2));
  all.set_kind(Everything::SOME);
  all.mutable_money()->set_units(9);
  (*all.mutable_counts())["a"] = 1;
  all.set_maybe("here");
  all.set_fixed("ab");
  Arena arena;
  const auto bytes = schema->Encode(all, "", &arena);
  ASSERT_TRUE(bytes.ok()) << bytes.status();
  Everything read;
  const absl::Status decoded = schema->Decode(*bytes, &read);
  ASSERT_TRUE(decoded.ok()) << decoded;
  EXPECT_EQ(read.DebugString(), all.DebugString());
  // What is absent is null, and comes back absent.
  all.clear_money();
  all.clear_maybe();
  ASSERT_TRUE(schema->Decode(*schema->Encode(all, "", &arena), &read).ok());
  EXPECT_FALSE(read.has_money());
  EXPECT_FALSE(read.has_maybe());
}

TEST(AvroSchemaTest, WhatDoesNotFitIsRefused) {
  Arena arena;
  Everything all;
  all.set_unsigned_large(~uint64_t{0});
  EXPECT_EQ(Make(Field("unsigned_large", "\"long\""))->Encode(all, "", &arena).status().code(),
            absl::StatusCode::kInvalidArgument);
  all.set_unsigned_small(4'000'000'000);
  EXPECT_FALSE(Make(Field("unsigned_small", "\"int\""))->Encode(all, "", &arena).ok());
  EXPECT_FALSE(Make(Field("truth", "\"string\""))->Encode(all, "", &arena).ok());
  EXPECT_FALSE(Make(Field("fixed", R"({"type":"fixed","name":"F","size":2})"))->Encode(all, "", &arena).ok());
  EXPECT_EQ(Make(Field("gone", "\"int\""))->Encode(all, "", &arena).status().code(),
            absl::StatusCode::kFailedPrecondition);
  // Read: -1 for an unsigned field, text that is none, an enum's symbol that the message lacks, and a field of another
  // kind.
  Everything read;
  EXPECT_FALSE(Make(Field("unsigned_small", "\"long\""))->Decode("\x01", &read).ok());
  EXPECT_FALSE(Make(Field("maybe", "\"string\""))->Decode("\x02\xff", &read).ok());
  EXPECT_FALSE(
      Make(Field("kind", R"({"type":"enum","name":"K","symbols":["OTHER"]})"))->Decode(std::string(1, 0), &read).ok());
  EXPECT_FALSE(Make(Field("money", "\"long\""))->Decode("\x02", &read).ok());
  EXPECT_EQ(Make(Field("maybe", "\"string\""))->Decode("\x10", &read).code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(Make(Field("maybe", "\"string\""))->Decode("\x01", &read).code(), absl::StatusCode::kDataLoss);
}

TEST(AvroSchemaTest, SchemasThatCouldTakeTheProcessAreRefused) {
  EXPECT_THAT(Why("{"), HasSubstr("none of Avro"));
  EXPECT_THAT(Why(R"("string")"), HasSubstr("no record"));
  EXPECT_THAT(Why(Field("a", R"({"type":"array","items":"null"})")), HasSubstr("no bytes"));
  EXPECT_THAT(Why(Field("a", R"(["null","R"])")), HasSubstr("hold themselves are not supported: R"));
  EXPECT_THAT(Why(Field("a", R"("R")")), HasSubstr("hold themselves are not supported: R"));
  EXPECT_THAT(Why(std::string(1000, '[')), HasSubstr("none of Avro"));
}

TEST(RegistryAvroTest, OtherVersionsAreReadAndTheProgramsIsWritten) {
  const auto registry = std::make_shared<InMemorySchemaRegistry>();
  const auto cache = std::make_shared<SchemaCache>(registry, SchemaCacheOptions{.background = false});
  // A field more, one fewer, and one renamed, which is another one.
  const int32_t later = registry
                            ->Register("orders-value", {.text = R"({"type":"record","name":"Order","fields":[
      {"name":"note","type":"string"}, {"name":"cents","type":"int"}, {"name":"id","type":"string"}]})"})
                            .value();
  TopologyTestDriver driver([&](const Config&) {
    TopologyBuilder builder("avro");
    auto in = builder.AddSource("orders", {.topic = "orders"});
    auto out = builder.AddSink<Order>(
        "copies", {.topic = "copies"},
        RegistryAvro<Order>(cache, {.schema = {.use = SchemaUse::kRegister}, .own_schema = kOrder}));
    builder.DeadLetterTo("orders.dlq");
    builder.AddTransform("copy").EmitsTo(out).On<Order>(in, RegistryAvro<Order>(cache),
                                                        [out](const Order& order, auto& event) {
                                                          event.Emit(out, order);
                                                          return absl::OkStatus();
                                                        });
    return std::move(builder).Build();
  });
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  Bytes value;
  internal::AppendFrame(later, &value.data);
  value.data += "\x02n\x0a\x02i";  // "n", 5, "i"
  driver.Send("orders", "k", value);
  driver.Send("orders", "bad", Bytes{value.data.substr(0, 6)});
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  EXPECT_EQ(absl::BytesToHexString(copies[0].value->data),
            "00"
            "00000002"
            "00"
            "0a"
            "00");
  ASSERT_EQ(driver.dead_letters().size(), 1);
  EXPECT_EQ(driver.dead_letters()[0].reason, "DATA_LOSS");
}

TEST(RegistryAvroTest, AStartIsRefusedWhereTheSchemaWantsWhatTheTypeLacks) {
  const auto registry = std::make_shared<InMemorySchemaRegistry>();
  const auto cache = std::make_shared<SchemaCache>(registry, SchemaCacheOptions{.background = false});
  registry->Register("copies-value", {.text = Field("currency", "\"string\"")}).value();
  const absl::Status status = RegistryAvro<Order>(cache)->NewEncoder("copies")->CheckAtStart();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"currency\", which may not be null, is no field of"));
}

}  // namespace
}  // namespace once
