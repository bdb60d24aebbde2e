// .proto files as text: where messages are, what differs, what is none.
#include "processor/schema/proto_schema.h"

#include <gmock/gmock.h>

#include "tests/schemas/orders.pb.h"

namespace once::internal {
namespace {

using schema_tests::First;
using schema_tests::Order;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::StartsWith;

google::protobuf::FileDescriptorProto OwnFile() {
  return ParseProto(SchemaOf(*Order::descriptor()->file(), {}).text).value();
}

ResolvedSchema Resolved(const std::string& text) { return {.schema = {.type = SchemaType::kProtobuf, .text = text}}; }

TEST(ProtoSchemaTest, MessagesAreFoundByTheirIndexesAndTheOtherWayRound) {
  const auto file = OwnFile();
  for (const auto& [indexes, name] :
       std::vector<std::pair<std::vector<int>, std::string>>{{{0}, "once.schema_tests.First"},
                                                             {{0, 0}, "once.schema_tests.First.Inner"},
                                                             {{0, 0, 0}, "once.schema_tests.First.Inner.Innermost"},
                                                             {{1}, "once.schema_tests.Order"}}) {
    EXPECT_EQ(NameAt(file, indexes).value(), name);
    EXPECT_EQ(IndexesOf(file, name), indexes);
  }
  EXPECT_EQ(NameAt(file, {3}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(NameAt(file, {1, 0}).status().code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(IndexesOf(file, "once.schema_tests.Orders"), IsEmpty());
  EXPECT_THAT(IndexesOf(file, "Order"), IsEmpty());
}

TEST(ProtoSchemaTest, WhatIsNoProtoFileSaysWhere) {
  const absl::Status status = ParseProto("syntax = \"proto3\";\nmessage A { strin }").status();
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("line 2"));
  EXPECT_FALSE(ParseProto(std::string(100'000, '{')).ok());
  std::string deep = "syntax = \"proto3\"; ";
  for (int i = 0; i < 100; ++i) deep += "message A {";
  deep += std::string(100, '}');
  EXPECT_FALSE(ParseProto(deep).ok());
}

TEST(ProtoSchemaTest, OneSchemaDoesNotDifferFromItself) {
  ResolvedSchema schema = Resolved(SchemaOf(*Order::descriptor()->file(), {}).text);
  schema.references["tests/schemas/money.proto"] = SchemaOf(*schema_tests::Money::descriptor()->file(), {});
  const auto differences = WhatDiffers(*Order::descriptor(), schema);
  ASSERT_TRUE(differences.ok()) << differences.status();
  EXPECT_THAT(*differences, IsEmpty());
}

TEST(ProtoSchemaTest, ANameOrACompatibleTypeIsNoDifference) {
  const auto differences = WhatDiffers(*First::Inner::Innermost::descriptor(), Resolved(R"(syntax = "proto3";
      package once.schema_tests; message First { message Inner { message Innermost { bytes renamed = 1; int32 n = 2; }}})"));
  ASSERT_TRUE(differences.ok()) << differences.status();
  EXPECT_THAT(*differences, IsEmpty());
}

TEST(ProtoSchemaTest, OtherTypesCardinalitiesAndMissingFieldsAreNamed) {
  const auto differences = WhatDiffers(*Order::descriptor(), Resolved(R"(syntax = "proto3"; package once.schema_tests;
      message Money { int64 currency = 1; int64 units = 2; }
      message Order { repeated string order_id = 1; int32 cents = 2; Money price = 3; string tags = 5; })"));
  ASSERT_TRUE(differences.ok()) << differences.status();
  EXPECT_THAT(*differences, ElementsAre(HasSubstr("Order.order_id = 1 is string here, but repeated string"),
                                        HasSubstr("Money.currency = 1 is string here, but int64"),
                                        HasSubstr("Order.placed_at = 4 is not in the schema"),
                                        HasSubstr("Order.tags = 5 is repeated string here, but string")));
}

TEST(ProtoSchemaTest, ASchemaThatCannotBeUnderstoodIsToldOf) {
  const auto why = [](const std::string& text) {
    return std::string(WhatDiffers(*Order::descriptor(), Resolved(text)).status().message());
  };
  EXPECT_THAT(why("syntax = \"proto3\"; message Other {}"), HasSubstr("no message once.schema_tests.Order"));
  EXPECT_THAT(why("syntax = \"proto3\"; import \"gone.proto\"; message A {}"),
              HasSubstr("\"gone.proto\", which is not"));
  EXPECT_THAT(why("syntax = \"proto3\"; message A { Gone g = 1; }"), HasSubstr("Gone"));
  ResolvedSchema circle = Resolved("syntax = \"proto3\"; import \"a.proto\";");
  circle.references["a.proto"] = {.type = SchemaType::kProtobuf, .text = "import \"b.proto\";"};
  circle.references["b.proto"] = {.type = SchemaType::kProtobuf, .text = "import \"a.proto\";"};
  EXPECT_THAT(std::string(WhatDiffers(*Order::descriptor(), circle).status().message()), HasSubstr("imports itself"));
}

}  // namespace
}  // namespace once::internal
