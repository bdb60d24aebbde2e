// Commands on offsets, state and topics, from the command line to what is printed; tests/operator has what they do.
#include <filesystem>

#include "absl/strings/match.h"
#include "gmock/gmock.h"
#include "processor/cli/commands.h"
#include "state/changelog.h"
#include "tests/cli/console.h"
#include "tests/operator/scene.h"

namespace once::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class AdminCommandsTest : public OperatorTest {
 protected:
  AdminCommandsTest() {
    for (int i = 0; i < 4; ++i) Send(0, 10, absl::StrCat("a", i));
    Send(1, 1);
    driver_.RunUntilIdle();
    console_.environment.connect = [this](const Options&,
                                          const Config&) -> absl::StatusOr<std::unique_ptr<kafka::Client>> {
      return driver_.cluster().NewClient();
    };
  }
  int Run(std::vector<std::string> words) {
    words.push_back("--state_dir=" + testing::TempDir() + "/nobody");
    words.push_back("--timeout=5s");
    return console_.Run(words, registry_, Scripted(script_));
  }

  Console console_;
  const Registry registry_ = AllCommands();
};

TEST_F(AdminCommandsTest, OffsetsAreShown) {
  EXPECT_EQ(Run({"offsets", "show"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("COMMITTED"));
  EXPECT_EQ(Run({"offsets", "show", "--partition=0", "--json"}), kExitDone) << console_.err;
  EXPECT_EQ(console_.out,
            "{\"offsets\":[{\"topic\":\"orders\",\"partition\":0,\"begin\":0,\"committed\":4,\"state\":4,\"end\":4,"
            "\"remark\":\"\"}]}\n");
  EXPECT_EQ(Run({"offsets", "show", "--partition=x"}), kExitUsage);
  EXPECT_EQ(Run({"offsets", "show", "--source=nobody"}), kExitNotFound);
}

TEST_F(AdminCommandsTest, OffsetsAreMovedWhenSomebodySaysYes) {
  Stop();
  const std::vector<std::string> reset = {"offsets", "reset", "--to=earliest", "--source=orders", "--partition=0"};
  // A dry run says all of it, and asks nobody.
  std::vector<std::string> dry = reset;
  dry.push_back("--dry-run");
  EXPECT_EQ(Run(dry), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("REPEATED"));
  EXPECT_THAT(console_.out, HasSubstr("duplicates and have no effect"));
  EXPECT_THAT(console_.out, HasSubstr("nothing was changed"));
  EXPECT_EQ(Committed(0), Offset(4));
  // Nobody can be asked.
  EXPECT_EQ(Run(reset), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("--yes"));
  EXPECT_EQ(Committed(0), Offset(4));
  // Whoever is asked sees the table first.
  console_.environment.can_ask = true;
  console_.answers = {"n"};
  EXPECT_EQ(Run(reset), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("REPEATED"));
  EXPECT_EQ(Committed(0), Offset(4));
  console_.answers = {"y"};
  EXPECT_EQ(Run(reset), kExitDone) << console_.err;
  EXPECT_EQ(Committed(0), Offset(0));
  EXPECT_EQ(Run({"offsets", "reset", "--to=latest", "--yes", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("{\"moved\":true,"));
  EXPECT_EQ(Committed(0), Offset(4));
}

TEST_F(AdminCommandsTest, WhatCannotBeDoneIsRefusedInWords) {
  EXPECT_EQ(Run({"offsets", "reset", "--to=earliest", "--yes"}), kExitRefused) << "it runs";
  EXPECT_THAT(console_.err, HasSubstr("Stop all instances first"));
  Stop();
  EXPECT_EQ(Run({"offsets", "reset", "--yes"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("needs --to="));
  EXPECT_EQ(Run({"offsets", "reset", "--to=soon", "--yes"}), kExitUsage);
  EXPECT_EQ(Run({"offsets", "reset", "--to=99", "--yes"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("offset 99 is not in orders-"));
  EXPECT_EQ(Run({"offsets", "skip", "--yes"}), kExitUsage);
  EXPECT_EQ(Committed(0), Offset(4));
}

TEST_F(AdminCommandsTest, StateIsShownByTheApplicationsCodecs) {
  EXPECT_EQ(Run({"state", "get", "customer", "customer0", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"state\":{"));
  EXPECT_THAT(console_.out, HasSubstr("\"cents\":"));
  EXPECT_THAT(console_.out, HasSubstr("40"));
  EXPECT_EQ(Run({"state", "get", "customer", "nobody"}), kExitNotFound);
  EXPECT_EQ(Run({"state", "get", "nothing", "customer0"}), kExitNotFound);
  EXPECT_THAT(console_.err, HasSubstr("it has customer"));
  EXPECT_EQ(Run({"state", "list", "customer", "--limit=1"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("customer0"));
  EXPECT_THAT(console_.out, Not(HasSubstr("customer1")));
  EXPECT_THAT(console_.out, HasSubstr("--after=customer0"));
  EXPECT_EQ(Run({"state", "list", "customer", "--after=customer0"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("customer1"));
  EXPECT_EQ(Run({"state", "list", "customer", "--limit=0"}), kExitUsage);
}

TEST_F(AdminCommandsTest, StateThatCannotBeDecodedIsShownAsItIs) {
  const std::string changelog = "scripted-orders-changelog";
  driver_.cluster().Append(changelog, Partition(0), StateKeyPrefix("customer") + "odd", "\xff\xfe");
  driver_.cluster().Append(changelog, Partition(0), StateKeyPrefix("customer") + "text", "no total");
  EXPECT_EQ(Run({"state", "get", "customer", "odd", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"state\":{\"base64\":\"//4=\"}"));
  EXPECT_THAT(console_.out, HasSubstr("\"notes\":[\"1 state is none of type"));
  EXPECT_EQ(Run({"state", "get", "customer", "odd"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("(base64) //4="));
  EXPECT_EQ(Run({"state", "list", "customer", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("{\"text\":\"no total\"}"));
  EXPECT_THAT(console_.out, HasSubstr("2 states are none of type"));
}

TEST_F(AdminCommandsTest, WhatMayNotBeReadIsSaidAtOnce) {
  driver_.cluster().Deny(testkit::Right::kReadTopic, "scripted-orders-changelog");
  EXPECT_EQ(Run({"state", "get", "customer", "customer0"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("TOPIC_AUTHORIZATION_FAILED"));
  EXPECT_EQ(Run({"state", "list", "customer"}), kExitRefused);
  EXPECT_EQ(Run({"offsets", "show"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("TOPIC_AUTHORIZATION_FAILED"));
}

TEST_F(AdminCommandsTest, LagIsShown) {
  EXPECT_EQ(Run({"lag", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("{\"events\":0,"));
  Stop();
  console_.clock.Advance(absl::Minutes(5));
  driver_.cluster().Append("orders", Partition(0), "k", Order(1).SerializeAsString());
  EXPECT_EQ(Run({"lag", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("{\"events\":1,"));
}

TEST_F(AdminCommandsTest, TopicsAndDoctor) {
  EXPECT_EQ(Run({"topics", "create"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("scripted-orders-changelog"));
  EXPECT_THAT(console_.out, Not(HasSubstr("created")));
  EXPECT_EQ(Run({"doctor"}), kExitDone) << console_.err << console_.out;
  driver_.cluster().DeleteTopic("customer-totals");
  EXPECT_EQ(Run({"doctor", "--json"}), kExitRefused) << console_.out;
  EXPECT_THAT(console_.out, HasSubstr("\"failed\":1"));
  EXPECT_THAT(console_.out, HasSubstr("\"fix\":\"create it, or start with --create_topics\""));
  EXPECT_EQ(Run({"topics", "create", "--dry-run"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("missing"));
  EXPECT_EQ(Run({"topics", "create", "--create_partitions=2"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("created"));
}

TEST_F(AdminCommandsTest, AResetListsWhatItDeletesFirst) {
  EXPECT_EQ(Run({"reset", "--yes"}), kExitRefused) << "it runs";
  Stop();
  EXPECT_EQ(Run({"reset", "--dry-run"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("scripted-orders-changelog"));
  EXPECT_THAT(console_.out, HasSubstr("scripted-orders-audit"));
  EXPECT_EQ(Committed(0), Offset(4));
  EXPECT_EQ(Run({"reset"}), kExitRefused);
  EXPECT_EQ(Committed(0), Offset(4));
  EXPECT_EQ(Run({"reset", "--keep-audit", "--yes"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("another machine"));
  EXPECT_EQ(Committed(0), std::nullopt);
  EXPECT_EQ(Run({"reset", "--keep-audit", "--yes"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("there is nothing to delete"));
}

}  // namespace
}  // namespace once::cli
