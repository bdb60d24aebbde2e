// What waits in several task groups, page by page.
#include <set>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "processor/cli/shown.h"
#include "tests/cli/shop.h"

namespace once::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// Two task groups, of which nothing succeeds.
absl::StatusOr<Topology> BuildTwo(const Config&) {
  TopologyBuilder builder("two");
  auto out = builder.AddSink<std::string>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  for (const std::string name : {"left", "right"}) {
    auto in = builder.AddSource(name + "-in", {.topic = name + "-in"});
    builder.AddAggregate<std::string>(name).EmitsTo(out).On<std::string>(
        in, [](const std::string&, auto&) { return absl::InvalidArgumentError("no"); });
  }
  return std::move(builder).Build();
}

class PagesTest : public ApplicationTest {
 protected:
  PagesTest() : ApplicationTest(BuildTwo, 1) {}

  void Block(const std::string& source, const std::vector<std::string>& keys) {
    for (const std::string& key : keys) driver_.Send(source, key, std::string("x"));
    driver_.RunUntilIdle();
  }
  google::protobuf::Struct List(std::vector<std::string> words) {
    words.insert(words.begin(), {"parked", "list", "--json", "--limit=3"});
    EXPECT_EQ(Run(words), kExitDone) << console_.err;
    google::protobuf::Struct json;
    EXPECT_TRUE(google::protobuf::util::JsonStringToMessage(console_.out, &json).ok()) << console_.out;
    return json;
  }
};

TEST_F(PagesTest, NextLeadsThroughAllGroups) {
  Block("left-in", {"a", "b", "c", "d", "e"});
  Block("right-in", {"a", "p", "q", "r", "s", "t", "u"});
  std::multiset<std::string> seen;
  std::vector<std::vector<std::string>> pages = {{}};
  for (size_t i = 0; i < pages.size() && i < 20; ++i) {
    const google::protobuf::Struct json = List(pages[i]);
    for (const auto& row : json.fields().at("parked").list_value().values()) {
      const auto& queue = row.struct_value().fields();
      seen.insert(queue.at("aggregate").string_value() + " " + queue.at("key").string_value());
    }
    for (const auto& next : json.fields().at("next").list_value().values()) {
      const auto& page = next.struct_value().fields();
      pages.push_back({page.at("aggregate").string_value()});
      if (page.contains("after")) pages.back().push_back("--after=" + page.at("after").string_value());
    }
  }
  EXPECT_THAT(seen, testing::UnorderedElementsAre("left a", "left b", "left c", "left d", "left e", "right a",
                                                  "right p", "right q", "right r", "right s", "right t", "right u"));
}

TEST_F(PagesTest, PeopleAreToldALineOfEachGroup) {
  Block("left-in", {"a", "it's", "z z", "zz"});
  Block("right-in", {"p"});
  EXPECT_EQ(Run({"parked", "list", "--limit=3", "--reason=invalid_argument"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out,
              HasSubstr("1 more: parked list left-in --after='z z' --reason=invalid_argument --limit=3\n"));
  EXPECT_THAT(console_.out, HasSubstr("1 more: parked list right-in --reason=invalid_argument --limit=3\n"));
  EXPECT_EQ(Run({"parked", "list", "--limit=2"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("2 more: parked list left-in --after='it'\\''s' --limit=2\n"));
  EXPECT_EQ(Run({"parked", "list", "--limit=5"}), kExitDone);
  EXPECT_THAT(console_.out, Not(HasSubstr("more")));
}

TEST(ShellQuotedTest, IsOneWordWhateverItHolds) {
  EXPECT_EQ(ShellQuoted("alice-7_x.y"), "alice-7_x.y");
  EXPECT_EQ(ShellQuoted(""), "''");
  EXPECT_EQ(ShellQuoted("$(rm -rf /)"), "'$(rm -rf /)'");
  EXPECT_EQ(ShellQuoted("a\nb'c\\\xff"), "$'a\\x0ab\\'c\\\\\\xff'");
  EXPECT_EQ(ShellQuoted("zo\xc3\xab"), "'zo\xc3\xab'");
}

}  // namespace
}  // namespace once::cli
