// Text that is not UTF-8: protobuf would write it and not read it again, so its event fails instead.
#include "processor/typed/text_fields.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <string>
#include <utility>

#include "tests/topology/handler_harness.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

using test::Bought;
using test::Receipt;
using ::testing::HasSubstr;
using ::testing::IsEmpty;

constexpr char kNoText[] = "caf\xe9";

// Protobuf's own verdict beside ours.
std::string Refused(const Receipt& receipt) {
  const absl::Status checked = Codec<Receipt>::Check(receipt);
  Receipt again;
  EXPECT_EQ(checked.ok(), again.ParseFromString(receipt.SerializeAsString()));
  return std::string(checked.message());
}

TEST(TextFieldsTest, NamesTheField) {
  Receipt receipt;
  receipt.set_shop(kNoText);
  EXPECT_THAT(Refused(receipt), HasSubstr("once.test.Receipt.shop is \"caf\\xe9\""));
  receipt.set_shop("café");
  receipt.add_lines("tea");
  receipt.add_lines(kNoText);
  EXPECT_THAT(Refused(receipt), HasSubstr("once.test.Receipt.lines"));
}

TEST(TextFieldsTest, LooksIntoMessagesMapsAndChoices) {
  Receipt receipt;
  receipt.mutable_copy_of()->mutable_copy_of()->set_card(kNoText);
  EXPECT_THAT(Refused(receipt), HasSubstr("once.test.Receipt.card"));
  receipt.Clear();
  (*receipt.mutable_returned())["tea"].set_item(kNoText);
  EXPECT_THAT(Refused(receipt), HasSubstr("once.test.Returned.item"));
  receipt.Clear();
  (*receipt.mutable_returned())[kNoText];
  EXPECT_THAT(Refused(receipt), HasSubstr("ReturnedEntry.key"));
}

TEST(TextFieldsTest, BytesAndTextMayBeAnything) {
  Receipt receipt;
  EXPECT_EQ(Refused(receipt), "");
  receipt.set_token(kNoText);
  receipt.set_shop("\xf0\x9f\xab\x96");
  (*receipt.mutable_returned())["tea"].set_item("");
  EXPECT_EQ(Refused(receipt), "");
}

enum class Where { kState, kValue, kTextValue, kKey };

// A topology that writes an item's name there.
HandlerHarness Writing(Where where) {
  TopologyBuilder builder("app");
  auto source = builder.AddSource("bought", {.topic = "in"});
  auto receipts = builder.AddSink<Receipt>("receipts", {.topic = "receipts"});
  auto names = builder.AddSink<std::string>("names", {.topic = "names"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Receipt>("customer")
      .EmitsTo(receipts, names)
      .On<Bought>(source, [=](const Bought&, auto& customer) {
        Receipt receipt;
        if (where == Where::kState) customer.mutable_state()->set_shop(kNoText);
        if (where == Where::kValue) receipt.set_shop(kNoText);
        if (where == Where::kTextValue) customer.Emit(names, kNoText);
        customer.Emit(receipts, where == Where::kKey ? kNoText : "key", receipt);
        return absl::OkStatus();
      });
  auto topology = std::move(builder).Build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  return HandlerHarness(*std::move(topology));
}

class UnreadableTest : public ::testing::TestWithParam<std::pair<Where, std::string>> {};

TEST_P(UnreadableTest, FailsItsEventAndIsNotWritten) {
  HandlerHarness harness = Writing(GetParam().first);
  const absl::Status status = harness.Run({.value = Encoded(Bought())});
  EXPECT_EQ(status.code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"customer\" " + GetParam().second));
  EXPECT_THAT(harness.states, IsEmpty());
  EXPECT_THAT(harness.outputs, IsEmpty());
}

INSTANTIATE_TEST_SUITE_P(All, UnreadableTest,
                         ::testing::Values(std::pair(Where::kState, "stores a state that could not be read again"),
                                           std::pair(Where::kValue, "emits a value that could not be read again"),
                                           std::pair(Where::kTextValue, "emits a value that could not be read again"),
                                           std::pair(Where::kKey, "emits a key that could not be read again")));

}  // namespace
}  // namespace once
