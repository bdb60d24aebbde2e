// What an event is, and what a topology is called: headers, type names, task groups (rule X8).
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/names.h"
#include "processor/topology/describe.h"
#include "processor/value_format.h"
#include "tests/topology/handler_harness.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

using test::Basket;
using test::Bought;
using test::Returned;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr auto kOk = [](auto&&...) { return absl::OkStatus(); };
constexpr char kPlaced[] = "com.acme.order.placed.v1";
constexpr char kPlacedAgain[] = "com.acme.order.placed.v2";
constexpr char kReturned[] = "com.acme.order.returned.v1";

TEST(EmitOptionsTest, X8HeadersOfTheEnginesAreRefused) {
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<std::string>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).OnAny(in, [out](const Bytes& name, auto& event) {
    event.Emit(out, "fine");
    event.Emit(out, "value", {.headers = {{"trace", "1"}, {name.data, "mine"}}});
    event.EmitTombstone(out, "key", {.headers = {{name.data, "mine"}}});
    return absl::OkStatus();
  });
  HandlerHarness harness(*std::move(builder).Build());
  for (const std::string name : {"ce_id", "ce_type", "ce_source", "ce_", "once.origin", "once."}) {
    const absl::Status status = harness.Run({.value = name});
    EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
    EXPECT_THAT(std::string(status.message()),
                HasSubstr("\"copy\" emits a header \"" + name + "\", but names that begin"));
    EXPECT_THAT(std::string(status.message()), HasSubstr("give it another name"));
    EXPECT_THAT(harness.outputs, IsEmpty());
  }
  for (const std::string name : {"ce", "CE_ID", "xce_id", "once", "traceparent", ""}) {
    EXPECT_TRUE(harness.Run({.value = name}).ok()) << name;
    EXPECT_EQ(harness.outputs.size(), 3u);
  }
}

// Adds the header that the value names; and one to all records of its sinks.
class Labelling final : public ValueFormat<std::string> {
 public:
  explicit Labelling(std::string for_all) : for_all_(std::move(for_all)) {}
  std::string TypeName() const override { return "label"; }
  std::unique_ptr<ValueDecoder<std::string>> NewDecoder(const std::string&) const override { return nullptr; }
  std::shared_ptr<const ValueEncoder<std::string>> NewEncoder(const std::string&) const override {
    return std::make_shared<Encoder>();
  }
  RecordShape Shape() const override { return {.headers = {{for_all_, "all"}}}; }
  absl::StatusOr<std::string> ToJson(const std::string& value) const override { return value; }

 private:
  class Encoder final : public ValueEncoder<std::string> {
    absl::StatusOr<std::string_view> Encode(const std::string&, Arena*) const override { return "plain"; }
    absl::StatusOr<std::string_view> EncodeWithHeaders(const std::string& value, Arena*,
                                                       RecordHeaders* headers) const override {
      headers->emplace_back(value, "label");
      return "labelled";
    }
  };

  const std::string for_all_;
};

absl::StatusOr<Topology> Labelled(const std::string& for_all) {
  TopologyBuilder builder("app");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto out = builder.AddSink<std::string>("out", {.topic = "out"}, std::make_shared<Labelling>(for_all));
  builder.DeadLetterTo("dlq");
  builder.AddTransform("label").EmitsTo(out).OnAny(in, [out](const Bytes& name, auto& event) {
    event.Emit(out, name.data);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

const std::string kOfTheEngine[] = {"ce_id", "ce_type", "once.timestamp", "once.origin", std::string("a\0b", 3)};

TEST(ValueFormatTest, X8HeadersOfTheEnginesAreRefused) {
  HandlerHarness harness(*Labelled("ce_source"));
  for (const std::string& name : kOfTheEngine) {
    const absl::Status status = harness.Run({.value = name});
    EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
    EXPECT_THAT(std::string(status.message()), HasSubstr("\"label\" emits a value whose format adds a header \""));
    EXPECT_THAT(std::string(status.message()), HasSubstr("give it "));
    EXPECT_THAT(harness.outputs, IsEmpty());
  }
  for (const std::string name : {"ce_subject", "once.claim", "content-type"}) {
    EXPECT_TRUE(harness.Run({.value = name}).ok()) << name;
    EXPECT_EQ(harness.outputs.size(), 1u);
  }
}

TEST(ValueFormatTest, X8HeadersOfTheEnginesForAllItsRecordsAreAMistake) {
  for (const std::string& name : kOfTheEngine) {
    EXPECT_THAT(std::string(Labelled(name).status().message()), HasSubstr("sink \"out\": its format adds a header \""));
  }
}

// Remembers what each handler was given: "bought:TYPE" or "returned:TYPE".
struct Shop {
  std::vector<std::string> heard = {};

  absl::StatusOr<Topology> Build(const SourceOptions& options, bool with_returned) {
    TopologyBuilder builder("app");
    auto in = builder.AddSource("in", options);
    builder.DeadLetterTo("dlq");
    auto transform = builder.AddTransform("t");
    transform.On<Bought>(in, {kPlaced, kPlacedAgain}, [this](const Bought&, auto& event) {
      heard.push_back("bought:" + event.event().type());
      return absl::OkStatus();
    });
    if (!with_returned) return std::move(builder).Build();
    transform.On<Returned>(in, [this](const Returned&, auto& event) {
      heard.push_back("returned:" + event.event().type());
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  }
};

TEST(TypeNamesTest, X8NamesThatAreGivenCountInsteadOfTheFullName) {
  Shop shop;
  HandlerHarness harness(*shop.Build({.topic = "in"}, true));
  EXPECT_TRUE(harness.Run({.type = kPlaced}).ok());
  EXPECT_TRUE(harness.Run({.type = kPlacedAgain}).ok());
  EXPECT_TRUE(harness.Run({.type = "once.test.Returned"}).ok());
  EXPECT_THAT(shop.heard, ElementsAre("bought:com.acme.order.placed.v1", "bought:com.acme.order.placed.v2",
                                      "returned:once.test.Returned"));
  EXPECT_FALSE(harness.Run({.type = "once.test.Bought"}).ok());
  EXPECT_FALSE(harness.Run({.type = kReturned}).ok());
  EXPECT_FALSE(harness.Run({}).ok());
}

TEST(TypeNamesTest, X8WithoutCeTypeAnEventIsOfTheDefaultType) {
  Shop shop;
  HandlerHarness harness(*shop.Build({.topic = "in", .default_type = kPlacedAgain}, true));
  EXPECT_TRUE(harness.Run({}).ok());
  EXPECT_THAT(shop.heard, ElementsAre("bought:com.acme.order.placed.v2"));
  EXPECT_FALSE(harness.Run({.type = "unknown"}).ok());
  HandlerHarness other(*shop.Build({.topic = "in", .default_type = "once.test.Returned"}, true));
  EXPECT_TRUE(other.Run({}).ok());
  EXPECT_EQ(shop.heard.back(), "returned:once.test.Returned");
}

TEST(TypeNamesTest, X8SeveralNamesOfOneHandlerAreOneType) {
  Shop shop;
  HandlerHarness harness(*shop.Build({.topic = "in"}, false));
  EXPECT_TRUE(harness.Run({}).ok());
  EXPECT_THAT(shop.heard, ElementsAre("bought:com.acme.order.placed.v1"));
}

TEST(TaskGroupTest, X8ANamedGroupKeepsItsTopicsWhenItsSourcesAreRenamed) {
  const auto topics = [](const std::string& first, const std::string& second, const std::string& named_by) {
    TopologyBuilder builder("app");
    std::vector<Source<std::string>> sources;
    for (const std::string& name : {first, second}) {
      sources.push_back(builder.AddSource(name, {.topic = name, .group = name == named_by ? "shop" : ""}));
    }
    builder.DeadLetterTo("dlq");
    builder.AddAggregate<Basket>("customer").On<Bought>(sources[0], kOk).On<Bought>(sources[1], kOk);
    const absl::StatusOr<Topology> topology = std::move(builder).Build();
    EXPECT_TRUE(topology.ok()) << topology.status();
    return ChangelogTopic("app", topology->graph().groups.at(0));
  };
  EXPECT_EQ(topics("a", "b", ""), "app-a-changelog");
  EXPECT_EQ(topics("a", "b", "a"), "app-shop-changelog");
  EXPECT_EQ(topics("b", "a", "a"), "app-shop-changelog");
  EXPECT_EQ(topics("x", "y", "y"), "app-shop-changelog");
}

TEST(TopologyTest, X8IsDescribedWithTypesGroupsAndPartitioners) {
  TopologyBuilder builder("app");
  auto in = builder.AddSource(
      "in", {.topic = "t1", .default_type = kPlaced, .group = "shop", .partitioner = Partitioner::kCrc32});
  auto any = builder.AddSource("any", {.topic = "t2", .partitioner = Partitioner::kAny});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("t").On<Bought>(in, {kPlaced, kPlacedAgain}, kOk).OnAny(any, kOk);
  const std::string text = Describe((*std::move(builder).Build()).graph(), "app");
  EXPECT_THAT(text, HasSubstr("source in (topic t1, string keys, from the earliest, without ce_type "
                              "com.acme.order.placed.v1, partitioned by crc32)\n"));
  EXPECT_THAT(text, HasSubstr("source any (topic t2, string keys, from the earliest, partitioned anyhow)\n"));
  EXPECT_THAT(text, HasSubstr("  <- com.acme.order.placed.v1, com.acme.order.placed.v2 of in\n"));
  EXPECT_THAT(text, HasSubstr("task group shop (sources in; topic app-shop-changelog)\n"));
}

TEST(NamesTest, X8TransactionalIdsAreEqualOnlyIfAllPartsAre) {
  EXPECT_EQ(TransactionalId("order-totals", "0af3", 2, 0), "order-totals-0af3-2-0");
  EXPECT_EQ(TransactionalId("a", "b-c", 0, 0), "a-b~c-0-0");
  EXPECT_EQ(TransactionalId("a-b", "c", 0, 0), "a-b-c-0-0");
  EXPECT_NE(TransactionalId("a", "b-0", 1, 0), TransactionalId("a-b", "0", 1, 0));
  EXPECT_NE(TransactionalId("a", "b-0", 1, 0), TransactionalId("a", "b", 0, 1));
  // Of no instance, whatever it is called.
  EXPECT_EQ(ToolTransactionalId("a", "doctor"), "a-+doctor");
  EXPECT_NE(NamePartMistake("+doctor"), "");
}

}  // namespace
}  // namespace once
