// The framework of commands by itself: words, options, errors, output, confirmation, exit codes; with commands of the
// test's own.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/cli/completion.h"
#include "tests/cli/console.h"

namespace once::cli {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class FrameworkTest : public testing::Test {
 protected:
  FrameworkTest() {
    AddGeneralCommands(&registry_);
    registry_.AddGroup("thing", "What is done with things.");
    registry_.Add(
        {.path = "thing list",
         .summary = "List things.",
         .arguments = {{.name = "KIND", .is_optional = true}},
         .options = {{.name = "limit", .kind = OptionKind::kNumber, .value_name = "N", .help = "At most N."},
                     {.name = "form", .value_name = "FORM", .help = "Their form.", .choices = {"old", "new"}}},
         .examples = {"thing list big --limit=5"},
         .watches = true,
         .run = [this](Context& context) { return List(context); }});
    registry_.Add({.path = "thing drop",
                   .summary = "Drop a thing.",
                   .arguments = {{.name = "KIND"}, {.name = "NAME"}},
                   .changes = true,
                   .run = [this](Context& context) { return Drop(context); }});
  }

  int Run(const std::vector<std::string>& words) { return console_.Run(words, registry_, BuildCopy); }

  absl::Status List(Context& context) {
    seen_ = {context.args().Word(0), context.args().Text("form", "none"),
             absl::StrCat(context.args().Number("limit", 7)), context.graph().sources[0].topic,
             context.application_id()};
    context.out().Add("kind", "kind", context.args().Word(0));
    Table& table = context.out().AddTable("things", {{"name", "NAME"}, {"size", "SIZE", Align::kRight}, {"hidden", ""}},
                                          "there are no things");
    if (context.args().Word(0) != "none") {
      table.AddRow({"a\nb", 5, true});
      table.AddRow({"long-name", 12, Json()});
    }
    return result_;
  }
  absl::Status Drop(Context& context) {
    if (absl::Status confirmed = context.Confirm("drop 1 thing"); !confirmed.ok()) return confirmed;
    ++dropped_;
    return absl::OkStatus();
  }

  Registry registry_;
  Console console_;
  std::vector<std::string> seen_;
  absl::Status result_;
  int dropped_ = 0;
};

TEST_F(FrameworkTest, ArgumentsOptionsAndSettingsAreToldApart) {
  EXPECT_EQ(
      Run({"thing", "list", "--limit", "5", "big", "--input_topic=orders", "--form=new", "--application_id", "x"}),
      kExitDone)
      << console_.err;
  EXPECT_THAT(seen_, ElementsAre("big", "new", "5", "orders", "x"));
  EXPECT_EQ(Run({"--input_topic=t", "thing", "list", "--json", "big"}), kExitDone) << "a switch takes no word";
  EXPECT_THAT(seen_, ElementsAre("big", "none", "7", "t", "copy-app"));
  EXPECT_EQ(Run({"thing", "list", "--", "--big"}), kExitDone);
  EXPECT_EQ(seen_[0], "--big");
  EXPECT_EQ(Run({"thing", "list", "-5"}), kExitDone) << "a number is a key as well";
  EXPECT_EQ(seen_[0], "-5");
  console_.environment.inputs.environment["ONCE_INPUT_TOPIC"] = "from-environment";
  EXPECT_EQ(Run({"thing", "list"}), kExitDone);
  EXPECT_EQ(seen_[3], "from-environment");
}

TEST_F(FrameworkTest, WhatIsNoCommandRunsTheApplication) {
  const auto is_run = [&](const std::vector<std::string>& words) { return CommandLine::Read(words, registry_); };
  EXPECT_TRUE(is_run({}).is_run());
  EXPECT_TRUE(is_run({"--bootstrap_servers", "a:1", "--create_topics"}).is_run());
  EXPECT_TRUE(is_run({"--help"}).is_run());
  EXPECT_TRUE(is_run({"run"}).is_run());
  EXPECT_THAT(is_run({"run", "--workers=2"}).settings(), ElementsAre("--workers=2"));
  EXPECT_THAT(is_run({"--application_id", "run"}).settings(), ElementsAre("--application_id", "run"));
  EXPECT_FALSE(is_run({"thing"}).is_run());
  EXPECT_FALSE(is_run({"run", "fast"}).is_run());
}

TEST_F(FrameworkTest, ErrorsOfUsageNameTheFix) {
  struct Case {
    std::vector<std::string> words;
    const char* error;
  };
  const std::vector<Case> cases = {
      {{"thingy"}, "there is no command \"thingy\"; did you mean thing?"},
      {{"zzzzzzzz"}, "there are: completion, help, thing, run"},
      {{"thing"}, "which of them: thing list|drop?"},
      {{"thing", "lst"}, "did you mean thing list?"},
      {{"run", "fast"}, "run takes no argument \"fast\""},
      {{"thing", "drop", "big"}, "NAME is missing: thing drop KIND NAME"},
      {{"thing", "list", "big", "small"}, "\"small\" is one argument too many: thing list [KIND]"},
      {{"thing", "list", "--limit=many"}, "flag --limit: = \"many\""},
      {{"thing", "list", "--limit"}, "it has no value; write --limit=N"},
      {{"thing", "list", "--form=odd"}, "use one of old, new"},
      {{"thing", "list", "--limit=1", "--limit=2"}, "it is given twice"},
      {{"thing", "list", "--limt=1"}, "thing list takes no such flag; did you mean --limit?"},
      {{"thing", "list", "--input_topi=x"}, "did you mean --input_topic?"},
      {{"thing", "list", "--yes"}, "thing list takes no such flag"},
      {{"thing", "list", "--application_id=a b"}, "application_id"},
      {{"thing", "list", "--commit_interval=never"}, "commit_interval"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(Run(each.words), kExitUsage) << each.error;
    EXPECT_THAT(console_.err, HasSubstr(each.error));
    EXPECT_THAT(console_.err, HasSubstr("says what there is"));
    EXPECT_EQ(console_.out, "");
  }
  EXPECT_TRUE(seen_.empty()) << "nothing ran";
}

TEST_F(FrameworkTest, OneOutputIsATableAndJson) {
  EXPECT_EQ(Run({"thing", "list", "big"}), kExitDone);
  EXPECT_EQ(console_.out,
            "kind:  big\n"
            "\n"
            "NAME       SIZE\n"
            "a\\x0ab        5\n"
            "long-name    12\n");
  EXPECT_EQ(Run({"thing", "list", "big", "--json"}), kExitDone);
  EXPECT_EQ(console_.out,
            "{\"kind\":\"big\",\"things\":[{\"name\":\"a\\nb\",\"size\":5,\"hidden\":true},"
            "{\"name\":\"long-name\",\"size\":12,\"hidden\":null}]}\n");
  EXPECT_EQ(Run({"thing", "list", "none"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("\nthere are no things\n"));
}

TEST_F(FrameworkTest, ExitCodesFollowTheError) {
  const std::vector<std::pair<absl::Status, int>> cases = {
      {absl::InvalidArgumentError("why"), kExitUsage},     {absl::NotFoundError("why"), kExitNotFound},
      {absl::DeadlineExceededError("why"), kExitNoAnswer}, {absl::UnavailableError("why"), kExitNoAnswer},
      {absl::AbortedError("why"), kExitRefused},           {absl::PermissionDeniedError("why"), kExitRefused},
  };
  for (const auto& [status, code] : cases) {
    result_ = status;
    EXPECT_EQ(Run({"thing", "list", "big"}), code);
    EXPECT_EQ(console_.err, "app thing list: why\n");
    EXPECT_THAT(console_.out, HasSubstr("long-name")) << "what it has to show is shown";
  }
  EXPECT_EQ(Run({"thing", "list", "none", "--json"}), kExitRefused);
  EXPECT_THAT(console_.out,
              HasSubstr("\"error\":{\"code\":\"PERMISSION_DENIED\",\"exit_code\":1,\"message\":\"why\"}}"));
  EXPECT_EQ(Run({"thing", "list", "--json", "--limit=x"}), kExitUsage);
  EXPECT_THAT(console_.out, StartsWith("{\"error\":{\"code\":\"INVALID_ARGUMENT\",\"exit_code\":2,"));
}

// A codec of the user's, for instance (X3).
TEST_F(FrameworkTest, WhatThrowsHasFailed) {
  registry_.Add({.path = "throw", .summary = "Throw.", .run = [](Context&) -> absl::Status {
                   throw std::runtime_error("no such codec");
                 }});
  EXPECT_EQ(Run({"throw", "--json"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("no such codec"));
  EXPECT_THAT(console_.out, HasSubstr("\"code\":\"INTERNAL\""));
}

TEST_F(FrameworkTest, WhatChangesAsks) {
  EXPECT_EQ(Run({"thing", "drop", "big", "x"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("this would drop 1 thing; there is no terminal to ask at"));
  EXPECT_THAT(console_.err, HasSubstr("say --yes"));
  EXPECT_EQ(Run({"thing", "drop", "big", "x", "--yes"}), kExitDone);
  EXPECT_EQ(dropped_, 1);
  console_.environment.can_ask = true;
  console_.answers = {"no", "", "yes", "Y"};
  EXPECT_EQ(Run({"thing", "drop", "big", "x"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("This will drop 1 thing.\nGo on? [y/N] "));
  EXPECT_THAT(console_.err, HasSubstr("nothing was done"));
  EXPECT_EQ(Run({"thing", "drop", "big", "x"}), kExitRefused);
  EXPECT_EQ(dropped_, 1);
  EXPECT_EQ(Run({"thing", "drop", "big", "x"}), kExitDone);
  EXPECT_EQ(Run({"thing", "drop", "big", "x"}), kExitDone);
  EXPECT_EQ(dropped_, 3);
  EXPECT_EQ(Run({"thing", "drop", "big", "x"}), kExitRefused) << "the end of the input is no yes";
}

TEST_F(FrameworkTest, WatchShowsItAgainAndAgain) {
  console_.pictures = 3;
  EXPECT_EQ(Run({"thing", "list", "none", "--watch", "--json"}), kExitDone);
  EXPECT_EQ(console_.out,
            "{\"kind\":\"none\",\"things\":[]}\n{\"kind\":\"none\",\"things\":[]}\n"
            "{\"kind\":\"none\",\"things\":[]}\n");
  console_.pictures = 2;
  console_.environment.out_is_terminal = true;
  EXPECT_EQ(Run({"thing", "list", "--watch=1", "big"}), kExitDone);
  EXPECT_THAT(console_.out, StartsWith("\033[H\033[2J"));
  console_.pictures = 100;
  console_.is_read = false;
  EXPECT_NE(Run({"thing", "list", "--watch", "big"}), kExitDone);
  EXPECT_EQ(console_.pictures, 100) << "nobody reads any more";
}

TEST_F(FrameworkTest, HelpHasOptionsExamplesAndExitCodes) {
  for (const std::vector<std::string>& words :
       {std::vector<std::string>{"thing", "list", "--help"}, {"help", "thing", "list"}, {"thing", "list", "-h"}}) {
    EXPECT_EQ(Run(words), kExitDone);
    EXPECT_THAT(console_.out, StartsWith("Usage: app thing list [KIND] [--option=value ...]\n"));
    EXPECT_THAT(console_.out, HasSubstr("  --limit=N\n      At most N.\n"));
    EXPECT_THAT(console_.out, HasSubstr("One of old, new."));
    EXPECT_THAT(console_.out, HasSubstr("--watch[=SECONDS]"));
    EXPECT_THAT(console_.out, HasSubstr("  app thing list big --limit=5\n"));
    EXPECT_THAT(console_.out, HasSubstr("3 not found"));
    EXPECT_THAT(console_.out, Not(HasSubstr("--yes")));
  }
  EXPECT_EQ(Run({"thing", "--help"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("thing drop KIND NAME"));
  EXPECT_EQ(Run({"help"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("  thing list [KIND]"));
  EXPECT_THAT(console_.out, HasSubstr("  run "));
  EXPECT_EQ(Run({"help", "thing", "lst"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("did you mean thing list?"));
}

TEST_F(FrameworkTest, CompletionHasWordsAndFlags) {
  for (const std::string shell : {"bash", "zsh", "fish"}) {
    EXPECT_EQ(Run({"completion", shell}), kExitDone) << console_.err;
    EXPECT_THAT(console_.out, HasSubstr("list"));
    EXPECT_THAT(console_.out, HasSubstr("input_topic"));
    EXPECT_THAT(console_.out, HasSubstr("limit"));
  }
  EXPECT_EQ(Run({"completion", "csh"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("use bash, zsh or fish"));
}

TEST_F(FrameworkTest, ATopologyThatDoesNotBuildIsUsage) {
  const auto broken = [](const Config&) -> absl::StatusOr<Topology> { throw std::runtime_error("no file"); };
  EXPECT_EQ(console_.Run({"thing", "list"}, registry_, broken), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("no file"));
  EXPECT_EQ(console_.Run({"help"}, registry_, broken), kExitDone) << "help needs no topology";
}

TEST(OutputTest, TimesAreShort) {
  EXPECT_EQ(FormatAge(absl::Milliseconds(250)), "250ms");
  EXPECT_EQ(FormatAge(absl::Seconds(59)), "59s");
  EXPECT_EQ(FormatAge(absl::Minutes(60) + absl::Seconds(5)), "1h");
  EXPECT_EQ(FormatAge(absl::Hours(76) + absl::Minutes(3)), "3d4h");
  EXPECT_EQ(FormatAge(absl::Seconds(-5)), "0ms");
  EXPECT_EQ(FormatMoment(absl::FromUnixSeconds(1)), "1970-01-01T00:00:01Z");
}

TEST(OutputTest, JsonIsJsonWhateverItHolds) {
  EXPECT_EQ(Json("q\"\\\x01\xff").ToString(), "\"q\\\"\\\\\\\\x01\\\\xff\"");
  EXPECT_EQ(Json("tab\tline\n\x7f").ToString(), "\"tab\\tline\\n\\u007f\"");
  EXPECT_EQ(Json(1e300 * 1e300).ToString(), "null");
  EXPECT_EQ(Json::Array().Append(1.5).Append(false).Append(int64_t{-3}).ToString(), "[1.5,false,-3]");
}

}  // namespace
}  // namespace once::cli
