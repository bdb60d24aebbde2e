// What clients write as JSON, and what becomes of it.
#include <google/protobuf/descriptor.pb.h>

#include <string>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tools/gateway/event.h"
#include "tools/gateway/json.h"
#include "tools/gateway/types.h"

namespace once::gateway {
namespace {

using testing::HasSubstr;

// shop.Order {string id; int64 cents; Address address {string city}; repeated string tags; Timestamp at}
std::string ShopSet() {
  google::protobuf::FileDescriptorSet set;
  google::protobuf::FileDescriptorProto& file = *set.add_file();
  file.set_name("shop.proto");
  file.set_package("shop");
  file.set_syntax("proto3");
  file.add_dependency("google/protobuf/timestamp.proto");
  google::protobuf::DescriptorProto& order = *file.add_message_type();
  order.set_name("Order");
  const auto add = [](google::protobuf::DescriptorProto& to, const char* name, auto type, const char* of = nullptr) {
    google::protobuf::FieldDescriptorProto& field = *to.add_field();
    field.set_name(name);
    field.set_number(to.field_size());
    field.set_type(type);
    field.set_label(google::protobuf::FieldDescriptorProto::LABEL_OPTIONAL);
    if (of != nullptr) field.set_type_name(of);
    return &field;
  };
  using Field = google::protobuf::FieldDescriptorProto;
  add(order, "id", Field::TYPE_STRING);
  add(order, "cents", Field::TYPE_INT64);
  add(order, "address", Field::TYPE_MESSAGE, ".shop.Order.Address");
  add(order, "tags", Field::TYPE_STRING)->set_label(Field::LABEL_REPEATED);
  add(order, "at", Field::TYPE_MESSAGE, ".google.protobuf.Timestamp");
  google::protobuf::DescriptorProto& address = *order.add_nested_type();
  address.set_name("Address");
  add(address, "city", Field::TYPE_STRING);
  return set.SerializeAsString();
}

class EventsTest : public testing::Test {
 protected:
  EventsTest() : types_(*Types::FromBytes(ShopSet())) {}

  absl::StatusOr<std::vector<Event>> Decode(const std::string& body) {
    absl::StatusOr<Json> json = ParseObject(body);
    if (!json.ok()) return json.status();
    return DecodeEvents(*json, *types_, limits_);
  }
  absl::StatusOr<Event> One(const std::string& members) {
    auto events = Decode(R"({"events": [{"topic": "orders", )" + members + "}]}");
    if (!events.ok()) return events.status();
    return events->front();
  }
  std::string Mistake(const std::string& members) { return std::string(One(members).status().message()); }

  EventLimits limits_;
  std::unique_ptr<Types> types_;
};

TEST_F(EventsTest, JsonOfATypeBecomesItsBytes) {
  auto event = One(R"("key": "alice", "type": "shop.Order", "event_id": "e1", "headers": {"h": "v"},
      "value": {"id": "1", "cents": "9007199254740993", "address": {"city": "Bonn"}, "tags": ["x"],
                "at": "2024-01-02T03:04:05Z"})");
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_EQ(event->key, "alice");
  EXPECT_THAT(event->headers, testing::ElementsAre(testing::Pair("ce_id", "e1"), testing::Pair("ce_type", "shop.Order"),
                                                   testing::Pair("h", "v")));
  const Json back = Json::parse(*types_->Decode("shop.Order", *event->value));
  EXPECT_EQ(back["cents"], "9007199254740993");
  EXPECT_EQ(back["address"]["city"], "Bonn");
  EXPECT_EQ(back["at"], "2024-01-02T03:04:05Z");
}

TEST_F(EventsTest, WhatTheTypeDoesNotHaveIsNamed) {
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"address": {"town": "Bonn"}})"),
              testing::AllOf(HasSubstr("events[0].value"), HasSubstr("address"), HasSubstr("town")));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"cents": "many"})"), HasSubstr("cents"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"cents": 1.5})"), HasSubstr("cents"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"tags": "x"})"), HasSubstr("tags: is to be a list"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"tags": ["x", 1]})"), HasSubstr("tags[1]: is to be a string"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"cents": [1]})"), HasSubstr("cents: is to be a number"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"id": 5})"), HasSubstr("id: is to be a string"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": {"address": "Bonn"})"),
              HasSubstr("address: is to be an object"));
  EXPECT_TRUE(One(R"("type": "shop.Order", "value": {"tags": null, "address": null})").ok());
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value": [])"), HasSubstr("events[0].value"));
  EXPECT_THAT(Mistake(R"("type": "shop.Ordre", "value": {})"), HasSubstr("shop.Order"));
  EXPECT_THAT(Mistake(R"("value": {})"), HasSubstr("events[0].type"));
  EXPECT_THAT(Mistake(R"("type": "shop.Order", "value_base64": "/////w==")"), HasSubstr("is no shop.Order"));
}

TEST_F(EventsTest, KeysAreAsJavasSerializersWriteThem) {
  using std::string_literals::operator""s;
  EXPECT_EQ(One(R"("key": 1, "value": null)")->key, "\0\0\0\0\0\0\0\1"s);
  EXPECT_EQ(One(R"("key": -1, "key_type": "int32", "value": null)")->key, "\xff\xff\xff\xff");
  EXPECT_EQ(One(R"("key": 1.5, "value": null)")->key, "\x3f\xf8\0\0\0\0\0\0"s);
  EXPECT_EQ(One(R"("key": "AAE=", "key_type": "bytes", "value": null)")->key, "\0\1"s);
  EXPECT_EQ(One(R"("key": "", "value": null)")->key, "");
  EXPECT_FALSE(One(R"("value": null)")->key.has_value());
  EXPECT_FALSE(One(R"("value": null)")->value.has_value());
  for (const char* wrong :
       {R"("key": 3000000000, "key_type": "int32")", R"("key": 18446744073709551615)", R"("key": true)", R"("key": {})",
        R"("key": "x", "key_type": "int64")", R"("key_type": "string")", R"("key": "x", "key_type": "other")"}) {
    EXPECT_THAT(Mistake(std::string(wrong) + R"(, "value": null)"), HasSubstr("events[0].key")) << wrong;
  }
}

TEST_F(EventsTest, OtherMistakesAreNamedToo) {
  EXPECT_THAT(Mistake(R"("vlaue": 1)"), HasSubstr("is it value?"));
  EXPECT_THAT(Mistake(R"("value": null, "value_text": "x")"), HasSubstr("once"));
  EXPECT_THAT(Mistake(R"("value": null, "headers": {"ce_id": "x"})"), HasSubstr("Once's own"));
  EXPECT_THAT(Mistake(R"("value": null, "headers": {"once.origin": "x"})"), HasSubstr("Once's own"));
  EXPECT_THAT(Mistake(R"("value": null, "headers": {"a": 1})"), HasSubstr("headers.a"));
  EXPECT_THAT(Mistake(R"("value": null, "partition": -1)"), HasSubstr("partition"));
  EXPECT_THAT(Mistake(R"("value": null, "timestamp_ms": "now")"), HasSubstr("timestamp_ms"));
  EXPECT_THAT(std::string(Decode(R"({"events": []})").status().message()), HasSubstr("at least one"));
  EXPECT_THAT(std::string(Decode(R"({"events": [{"topic": "../x", "value": null}]})").status().message()),
              HasSubstr("events[0].topic"));
  limits_.max_events = 1;
  EXPECT_TRUE(absl::IsOutOfRange(
      Decode(R"({"events": [{"topic": "a", "value": null}, {"topic": "a", "value": null}]})").status()));
  limits_.allow_raw = false;
  EXPECT_THAT(Mistake(R"("value_text": "x")"), HasSubstr("--allow_raw"));
}

TEST_F(EventsTest, JsonIsReadStrictly) {
  EXPECT_FALSE(ParseObject("[]").ok());
  EXPECT_FALSE(ParseObject("{} x").ok());
  EXPECT_FALSE(ParseObject("{\"a\": \"\xff\"}").ok());
  EXPECT_THAT(std::string(ParseObject(R"({"a": 1, "a": 2})").status().message()), HasSubstr("twice"));
  EXPECT_TRUE(ParseObject(R"({"a": {"x": 1}, "b": {"x": 2}})").ok());
  const std::string deep = std::string(1000, '[') + std::string(1000, ']');
  EXPECT_THAT(std::string(ParseObject("{\"a\": " + deep + "}").status().message()), HasSubstr("deeper"));
}

TEST_F(EventsTest, ADescriptorSetThatDoesNotFitIsRefused) {
  EXPECT_FALSE(Types::FromBytes("no descriptor set").ok());
  google::protobuf::FileDescriptorSet set;
  set.add_file()->set_name("a.proto");
  set.mutable_file(0)->add_dependency("missing.proto");
  EXPECT_THAT(std::string(Types::FromBytes(set.SerializeAsString()).status().message()), HasSubstr("missing.proto"));
  EXPECT_THAT(std::string(Types::Load("/nonexistent").status().message()), HasSubstr("/nonexistent"));
}

TEST_F(EventsTest, IdsAreNotRepeated) {
  EXPECT_NE(RandomId(), RandomId());
  EXPECT_EQ(RandomId().size(), 32u);
  EXPECT_NE(One(R"("value": null)")->event_id, One(R"("value": null)")->event_id);
}

}  // namespace
}  // namespace once::gateway
