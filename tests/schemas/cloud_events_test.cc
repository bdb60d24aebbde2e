// CloudEvents in and out, in both modes, on the engine that ships.
#include "once/cloud_events.h"

#include <gmock/gmock.h>

#include <nlohmann/json.hpp>

#include "absl/strings/escaping.h"
#include "once/testing.h"
#include "once/topology.h"
#include "processor/schema/cloud_event_json.h"
#include "tests/schemas/orders.pb.h"

namespace once {
namespace {

using ::testing::AllOf;
using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using Json = nlohmann::json;
using schema_tests::Order;

constexpr char kStructured[] = "application/cloudevents+json; charset=UTF-8";

class CloudEventsTest : public ::testing::Test {
 protected:
  std::unique_ptr<TopologyTestDriver> Start(const CloudEventOptions& out_options, bool identifies = true) {
    return std::make_unique<TopologyTestDriver>([=](const Config&) {
      TopologyBuilder builder("events");
      SourceOptions source{.topic = "orders"};
      if (identifies) source.identify = StructuredCloudEvents();
      auto in = builder.AddSource("orders", std::move(source));
      auto out = builder.AddSink<Order>("copies", {.topic = "copies"}, CloudEvents<Order>(out_options));
      builder.DeadLetterTo("orders.dlq");
      builder.AddTransform("copy")
          .EmitsTo(out)
          .On<Order>(in, {"placed"}, CloudEvents<Order>(),
                     [out](const Order& order, auto& event) {
                       event.Emit(out, order);
                       return absl::OkStatus();
                     })
          .On<Order>(in, {"passed.on"}, CloudEvents<Order>(), [out](const Order&, auto& event) {
            event.Forward(out);
            return absl::OkStatus();
          });
      return std::move(builder).Build();
    });
  }

  static SendOptions Binary(const std::string& id, const std::string& content_type,
                            const std::string& type = "placed") {
    return {.event_id = id,
            .event_type = type,
            .headers = {{"ce_specversion", "1.0"}, {"ce_source", "/shop"}, {"content-type", content_type}}};
  }
  static SendOptions Structured() { return {.headers = {{"content-type", kStructured}}}; }

  static Bytes Envelope(const std::string& id, const std::string& rest) {
    return Bytes{R"({"specversion":"1.0","source":"/shop","type":"placed","id":")" + id + "\"" + rest + "}"};
  }

  static std::string IdOf(const ReadRecord<Bytes>& record) {
    for (const auto& [name, value] : record.headers) {
      if (name == "ce_id") return value;
    }
    return "";
  }

  const CloudEventOptions binary_{.source = "/copies"};
  const CloudEventOptions structured_{.source = "/copies", .mode = CloudEventMode::kStructured};
};

TEST_F(CloudEventsTest, BinaryEventsAreReadByTheirContentType) {
  auto driver = Start(binary_);
  ASSERT_TRUE(driver->status().ok()) << driver->status();
  Order order;
  order.set_cents(5);
  driver->Send("orders", "k", Bytes{R"({"cents":"5","unknown":[1]})"}, Binary("1", "application/json"));
  driver->Send("orders", "k", Bytes{order.SerializeAsString()}, Binary("2", "application/protobuf"));
  driver->Send("orders", "k", Bytes{R"({"cents":"5"})"}, Binary("3", "application/vnd.acme+json;charset=utf-8"));
  driver->RunUntilIdle();
  EXPECT_TRUE(driver->dead_letters().empty());
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 3);
  for (const auto& copy : copies) EXPECT_EQ(copy.value->data, R"({"cents":"5"})");
}

TEST_F(CloudEventsTest, BinaryEventsAreWrittenWithAllThatIsRequired) {
  auto driver = Start(binary_);
  driver->Send("orders", "k", Bytes{"{}"}, Binary("1", "application/json"));
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  EXPECT_THAT(copies[0].headers, AllOf(Contains(Pair("ce_specversion", "1.0")), Contains(Pair("ce_source", "/copies")),
                                       Contains(Pair("ce_type", "once.schema_tests.Order")),
                                       Contains(Pair("content-type", "application/json"))));
  EXPECT_FALSE(IdOf(copies[0]).empty());
}

TEST_F(CloudEventsTest, StructuredEventsAreRead) {
  auto driver = Start(binary_);
  Order order;
  order.set_cents(7);
  driver->Send("orders", "k", Envelope("1", R"(,"data":{"cents":"7"},"time":"2026-01-02T03:04:05Z","ext":3)"),
               Structured());
  driver->Send("orders", "k",
               Envelope("2", R"(,"datacontenttype":"application/protobuf","data_base64":")" +
                                 absl::Base64Escape(order.SerializeAsString()) + "\""),
               Structured());
  driver->Send("orders", "k", Envelope("3", ""), Structured());
  driver->RunUntilIdle();
  EXPECT_TRUE(driver->dead_letters().empty()) << driver->dead_letters()[0].message;
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 3);
  EXPECT_EQ(copies[0].value->data, R"({"cents":"7"})");
  EXPECT_EQ(copies[1].value->data, R"({"cents":"7"})");
  EXPECT_EQ(copies[2].value->data, "{}");
}

TEST_F(CloudEventsTest, StructuredEventsAreWrittenWithTheIdThatTheHeaderHas) {
  auto driver = Start(structured_);
  SendOptions options = Binary("1", "application/json");
  options.timestamp_ms = 1767323045123;
  driver->Send("orders", "k", Bytes{R"({"cents":"7"})"}, options);
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  const Json event = Json::parse(copies[0].value->data);
  EXPECT_EQ(event["specversion"], "1.0");
  EXPECT_EQ(event["id"], IdOf(copies[0]));
  EXPECT_EQ(event["source"], "/copies");
  EXPECT_EQ(event["type"], "once.schema_tests.Order");
  EXPECT_EQ(event["datacontenttype"], "application/json");
  EXPECT_EQ(event["time"], "2026-01-02T03:04:05.123+00:00");
  EXPECT_EQ(event["data"]["cents"], "7");
  EXPECT_THAT(copies[0].headers, Contains(Pair("content-type", kStructured)));
  // What is written can be read.
  EXPECT_TRUE(internal::ReadStructuredEvent(copies[0].value->data).ok());
}

TEST_F(CloudEventsTest, BytesAreWrittenAsBase64) {
  CloudEventOptions options = structured_;
  options.json = false;
  auto driver = Start(options);
  driver->Send("orders", "k", Bytes{R"({"cents":"7"})"}, Binary("1", "application/json"));
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  const auto event = internal::ReadStructuredEvent(copies[0].value->data);
  ASSERT_TRUE(event.ok()) << event.status();
  EXPECT_FALSE(event->is_json);
  Order order;
  ASSERT_TRUE(order.ParseFromString(event->data.value_or("")));
  EXPECT_EQ(order.cents(), 7);
}

TEST_F(CloudEventsTest, StructuredEventsAreDeduplicatedWhereTheSourceIdentifiesThem) {
  for (const bool identifies : {true, false}) {
    auto driver = Start(binary_, identifies);
    // Where nobody says the type, two of them are too many.
    for (int i = 0; i < 2; ++i) driver->Send("orders", "k", Envelope("1", ",\"data\":{}"), Structured());
    driver->RunUntilIdle();
    EXPECT_EQ(driver->Read<Bytes>("copies").size(), identifies ? 1 : 0);
    EXPECT_EQ(driver->dead_letters().size(), identifies ? 0 : 2);
  }
}

TEST_F(CloudEventsTest, OneIdOfTwoSourcesIsTwoEventsWithIdsOfTheirOwn) {
  auto driver = Start(binary_);
  for (const char* source : {"/a", "/b"}) {
    driver->Send("orders", "k",
                 Bytes{absl::StrCat(R"({"specversion":"1.0","id":"1","type":"placed","source":")", source, "\"}")},
                 Structured());
  }
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 2);
  EXPECT_NE(IdOf(copies[0]), IdOf(copies[1]));
}

TEST_F(CloudEventsTest, AForwardedEventStaysAsItIs) {
  auto driver = Start(binary_);
  const Bytes value{R"({"specversion":"1.0","id":"1","type":"passed.on","source":"/s","data":{"later":1}})"};
  driver->Send("orders", "k", value, Structured());
  driver->RunUntilIdle();
  const auto copies = driver->Read<Bytes>("copies");
  ASSERT_EQ(copies.size(), 1);
  EXPECT_EQ(*copies[0].value, value);
}

TEST_F(CloudEventsTest, BinaryEventsWithoutWhatIsRequiredAreDeadLetters) {
  auto driver = Start(binary_);
  int sent = 0;
  for (const char* missing : {"ce_specversion", "ce_source", "ce_id"}) {
    SendOptions options = Binary(std::to_string(++sent), "application/json");
    std::erase_if(options.headers, [&](const auto& header) { return header.first == missing; });
    if (std::string(missing) == "ce_id") options.event_id.clear();
    driver->Send("orders", "k" + std::to_string(sent), Bytes{"{}"}, options);
  }
  SendOptions old = Binary("9", "application/json");
  old.headers[0].second = "0.3";
  driver->Send("orders", "old", Bytes{"{}"}, old);
  SendOptions timed = Binary("10", "application/json");
  timed.headers.emplace_back("ce_time", "yesterday");
  driver->Send("orders", "timed", Bytes{"{}"}, timed);
  driver->Send("orders", "json", Bytes{"{"}, Binary("11", "application/json"));
  driver->RunUntilIdle();
  const auto letters = driver->dead_letters();
  ASSERT_EQ(letters.size(), 6);
  for (int i = 0; i < 5; ++i) EXPECT_EQ(letters[i].reason, "INVALID_ARGUMENT") << letters[i].message;
  EXPECT_THAT(letters[0].message, HasSubstr("\"ce_specversion\" is missing"));
  EXPECT_EQ(letters[5].reason, "DATA_LOSS");
}

TEST_F(CloudEventsTest, ASinkWithoutASourceIsRefused) {
  EXPECT_THAT(std::string(Start({})->status().message()), HasSubstr("CloudEventOptions.source"));
}

TEST(StructuredEventTest, WhatIsWrongSaysWhich) {
  const auto why = [](const std::string& json) {
    const absl::Status status = internal::ReadStructuredEvent(json).status();
    return absl::StrCat(absl::StatusCodeToString(status.code()), ": ", status.message());
  };
  const std::string all = R"("specversion":"1.0","id":"1","source":"/s","type":"t")";
  EXPECT_TRUE(internal::ReadStructuredEvent("{" + all + "}").ok());
  EXPECT_TRUE(internal::ReadStructuredEvent("{" + all + R"(,"subject":null})").ok());
  for (const auto& [json, text] : std::vector<std::pair<std::string, std::string>>{
           {"", "DATA_LOSS"},
           {"[]", "DATA_LOSS"},
           {std::string(1000, '['), "DATA_LOSS"},
           {R"({"id":"1","source":"/s","type":"t"})", "\"specversion\" is missing"},
           {R"({"specversion":"0.3","id":"1","source":"/s","type":"t"})", "\"specversion\" is not 1.0"},
           {R"({"specversion":"1.0","source":"/s","type":"t"})", "\"id\" is missing"},
           {R"({"specversion":"1.0","id":"","source":"/s","type":"t"})", "\"id\" must be text"},
           {R"({"specversion":"1.0","id":7,"source":"/s","type":"t"})", "\"id\" must be text"},
           {R"({"specversion":"1.0","id":"1","type":"t"})", "\"source\" is missing"},
           {R"({"specversion":"1.0","id":"1","source":"/s"})", "\"type\" is missing"},
           {"{" + all + R"(,"time":"now"})", "\"time\" is no time"},
           {"{" + all + R"(,"time":"infinite-future"})", "\"time\" is no time"},
           {"{" + all + R"(,"Upper":"x"})", "\"Upper\" is none"},
           {"{" + all + R"(,"ext":{}})", "\"ext\" is neither"},
           {"{" + all + R"(,"data":1,"data_base64":"AA=="})", "stands beside"},
           {"{" + all + R"(,"data_base64":"?"})", "is no base64"},
           {"{" + all + R"(,"data_base64":1})", "is no base64"}}) {
    EXPECT_THAT(why(json), HasSubstr(text)) << json;
  }
}

TEST(StructuredEventTest, TextOfAnotherTypeIsTheBytesOfItsString) {
  const auto event = internal::ReadStructuredEvent(
      R"({"specversion":"1.0","id":"1","source":"/s","type":"t","datacontenttype":"text/xml","data":"<a/>"})");
  ASSERT_TRUE(event.ok());
  EXPECT_EQ(event->data, "<a/>");
  EXPECT_FALSE(event->is_json);
}

}  // namespace
}  // namespace once
