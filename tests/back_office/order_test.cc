// What is a command, as somebody sends it.
#include "processor/back_office/order.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/cli/commands.h"
#include "tests/cli/shop.h"

namespace once {
namespace {

using testing::HasSubstr;

class OrderTest : public testing::Test {
 protected:
  absl::Status Check(const std::string& body) const {
    const absl::StatusOr<CommandOrder> order = ReadOrder(body, registry_);
    return order.ok() ? CheckOrder(*order, registry_, topology_->graph()) : order.status();
  }

  const cli::Registry registry_ = cli::AllCommands();
  const absl::StatusOr<Topology> topology_ = BuildOrderTotals(Config::Load({}));
};

TEST_F(OrderTest, IsTheCommandOfTheCommandLine) {
  const auto order = ReadOrder(R"({"command": "parked release", "arguments": ["customer"],
      "options": {"all": true, "reason": "INTERNAL", "per_second": 50, "because": "it's \"7\""},
      "command_id": "abc-1", "dry_run": true})",
                               registry_);
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(CommandWords(*order, "alice@::1", absl::Seconds(5)),
            (std::vector<std::string>{"parked", "release", "--issuer=alice@::1", "--timeout=5s", "--json", "--yes",
                                      "--command_id=abc-1", "--dry_run", "--all", "--because=it's \"7\"",
                                      "--per_second=50", "--reason=INTERNAL", "--", "customer"}));
  EXPECT_TRUE(CheckOrder(*order, registry_, topology_->graph()).ok());
}

TEST_F(OrderTest, AKeyIsAKeyWhateverItLooksLike) {
  const auto order = ReadOrder(
      R"({"command": "parked skip", "arguments": ["customer", "--yes=no"], "options": {"because": "--"}})", registry_);
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->words, (std::vector<std::string>{"--because=--", "--", "customer", "--yes=no"}));
  EXPECT_TRUE(CheckOrder(*order, registry_, topology_->graph()).ok());
}

TEST_F(OrderTest, AValueIsJsonOfWhateverType) {
  const auto order = ReadOrder(
      R"({"command": "parked replace", "arguments": ["customer", "a"], "value": {"cents": 5}, "options": {"release": true}})",
      registry_);
  ASSERT_TRUE(order.ok()) << order.status();
  EXPECT_EQ(order->value, "{\"cents\":5}");
  EXPECT_TRUE(CheckOrder(*order, registry_, topology_->graph()).ok());
}

TEST_F(OrderTest, WhatIsNoneIsRefusedWithTheReason) {
  for (const auto& [body, reason] : std::initializer_list<std::pair<std::string, const char*>>{
           {"", "no JSON object"},
           {"[]", "no JSON object"},
           {"{\"command\":", "no JSON object"},
           {"{\"command\": \"\xff\"}", "no JSON object"},
           {std::string(2'000'000, '['), "too deep"},
           {"{\"command\": \"parked replace\", \"value\": " + std::string(500, '[') + std::string(500, ']') + "}",
            "too deep"},
           {"{}", "\"command\" is missing"},
           {R"({"command": 7})", "\"command\" is missing"},
           {R"({"command": "parked skip", "force": true})", "\"force\" is no member"},
           {R"({"command": "reset"})", "is no command; there are: parked release"},
           {R"({"command": "parked list"})", "is no command"},
           {R"({"command": "offsets reset"})", "is no command"},
           {R"({"command": "run"})", "is no command"},
           {R"({"command": "parked skip", "arguments": "customer"})", "no array of texts"},
           {R"({"command": "parked skip", "arguments": [1]})", "no array of texts"},
           {R"({"command": "parked skip", "options": []})", "\"options\" is no object"},
           {R"({"command": "parked skip", "options": {"bootstrap_servers": "evil:9092"}})", "is no option"},
           {R"({"command": "parked skip", "options": {"issuer": "root"}})", "is no option"},
           {R"({"command": "parked skip", "options": {"yes": true}})", "is no option"},
           {R"({"command": "parked replace", "options": {"value": "/etc/passwd"}})", "is no option"},
           {R"({"command": "parked replace", "options": {"raw": true}})", "is no option"},
           {R"({"command": "parked release", "options": {"all": "yes"}})", "true or false"},
           {R"({"command": "parked release", "options": {"per_second": -1}})", "no text and no number"},
           {R"({"command": "parked release", "options": {"per_second": 1.5}})", "no text and no number"},
           {R"({"command": "parked release", "options": {"per_second": "fast"}})", "per_second"},
           {R"({"command": "parked release", "options": {"older_than": "yesterday"}})", "older_than"},
           {R"({"command": "parked skip", "value": 1})", "\"value\" is none of"},
           {R"({"command": "parked skip", "command_id": "a/b"})", "\"command_id\" has letters"},
           {R"({"command": "parked skip", "command_id": ""})", "\"command_id\" has letters"},
           {R"({"command": "parked skip", "dry_run": "yes"})", "\"dry_run\" is true or false"},
           {R"({"command": "parked skip", "arguments": ["customer", "a", "b"]})", "\"b\""},
           {R"({"command": "parked skip", "arguments": ["nobody", "a"]})", "nobody"},
           {R"({"command": "never add", "arguments": ["key", "nobody", "a"]})", "nobody"},
           {R"({"command": "tasks pause", "options": {"all": true, "group": "nobody"}})", "nobody"}}) {
    const absl::Status checked = Check(body);
    EXPECT_TRUE(absl::IsInvalidArgument(checked)) << body.substr(0, 200) << checked;
    EXPECT_THAT(std::string(checked.message()), HasSubstr(reason)) << body.substr(0, 200);
  }
  const std::string long_key(100'000, 'k');
  EXPECT_THAT(
      std::string(Check(R"({"command": "parked skip", "arguments": ["customer", ")" + long_key + "\"]}").message()),
      HasSubstr("bytes at most"));
}

}  // namespace
}  // namespace once
