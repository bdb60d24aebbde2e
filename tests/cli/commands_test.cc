// An operator's commands against the engine that ships, on a Kafka in memory: what each shows, sends, refuses, and
// leaves undone.
#include "processor/cli/commands.h"

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/cli/shop.h"

namespace once::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

// A shop with two partitions, whose operator types.
class CommandsTest : public ShopTest {};

TEST_F(CommandsTest, NamesOfAllCommandsAndOptionsAreTheirOwn) {
  for (const CommandSpec& command : registry_.commands()) {
    EXPECT_EQ(registry_.Find(command.path), &command) << command.path << " is there twice";
    EXPECT_FALSE(command.examples.empty()) << command.path;
    EXPECT_TRUE(command.run) << command.path;
    const size_t blank = command.path.find(' ');
    if (blank != std::string::npos) {
      EXPECT_NE(registry_.FindGroup(command.path.substr(0, blank)), nullptr) << command.path;
    }
    std::vector<std::string> names;
    for (const OptionSpec& option : AllOptions(command)) {
      EXPECT_THAT(names, Not(testing::Contains(option.name))) << command.path;
      names.push_back(option.name);
      // A word is told from a value by the option's name alone.
      const bool takes_no_word = option.kind == OptionKind::kSwitch || option.value_is_optional;
      EXPECT_EQ(registry_.IsSwitch(option.name), takes_no_word) << command.path << " --" << option.name;
    }
  }
}

TEST_F(CommandsTest, ListShowsWhatBlocksAndWhatWaits) {
  EXPECT_EQ(Run({"parked", "list"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("nothing is blocked"));
  Place("alice", {100, -1, 20, 3});
  Place("bob", {-5});
  driver_.AdvanceTime(absl::Minutes(5));
  EXPECT_EQ(Run({"parked", "list"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("blocked:           2\nevents that wait:  4\n"));
  EXPECT_THAT(console_.out, HasSubstr("customer   alice"));
  EXPECT_THAT(console_.out, HasSubstr("cents must be positive"));
  EXPECT_THAT(console_.out, HasSubstr("5m"));
  EXPECT_EQ(Run({"parked", "list", "customer", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out,
              HasSubstr("{\"blocked\":2,\"events\":4,\"parked\":[{\"aggregate\":\"customer\",\"key\":\"alice\""));
  EXPECT_THAT(console_.out, HasSubstr("\"state\":\"PARKED\",\"reason\":\"INVALID_ARGUMENT\",\"age_seconds\":300,"
                                      "\"waiting_behind\":2,\"event_id\":\"alice/1\""));
  EXPECT_THAT(console_.out, HasSubstr("\"origin\":\"orders-"));
  EXPECT_EQ(Run({"parked", "list", "--reason=unavailable"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("nothing is blocked"));
  EXPECT_EQ(Run({"parked", "list", "--older_than=6m", "--json"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("\"blocked\":0"));
  EXPECT_EQ(Run({"parked", "list", "--state=retrying", "--json"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("\"blocked\":0"));
}

TEST_F(CommandsTest, PagesGoOnWhereTheLastOneEnded) {
  for (int i = 0; i < 25; ++i) Place(absl::StrCat("c", 10 + i), {-1});
  std::vector<std::string> keys;
  std::string after;
  for (int page = 0; page < 3; ++page) {
    std::vector<std::string> words = {"parked", "list", "customer", "--limit=10", "--json"};
    if (!after.empty()) words.push_back("--after=" + after);
    ASSERT_EQ(Run(words), kExitDone) << console_.err;
    EXPECT_THAT(console_.out, HasSubstr("\"blocked\":25"));
    for (size_t at = console_.out.find("\"key\":\""); at != std::string::npos;
         at = console_.out.find("\"key\":\"", at + 1)) {
      keys.push_back(console_.out.substr(at + 7, 3));
    }
    const size_t next = console_.out.find("\"after\":\"");
    after = next == std::string::npos ? "" : console_.out.substr(next + 9, 3);
  }
  EXPECT_EQ(after, "") << "the last page says that it is the last";
  ASSERT_EQ(keys.size(), 25u);
  for (int i = 0; i < 25; ++i) EXPECT_EQ(keys[static_cast<size_t>(i)], absl::StrCat("c", 10 + i));
}

TEST_F(CommandsTest, ShowHasTheEventsDecoded) {
  Place("alice", {-1, 20});
  EXPECT_EQ(Run({"parked", "show", "customer", "alice"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("blocked by event:  alice/0\n"));
  EXPECT_THAT(console_.out, HasSubstr("1. event alice/0, orders.v1.OrderPlaced"));
  EXPECT_THAT(console_.out, HasSubstr("\"cents\": \"20\""));
  EXPECT_EQ(Run({"parked", "show", "customer", "alice", "--json", "--after=1"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("\"queue\":[{\"place\":2,\"event_id\":\"alice/1\""));
  EXPECT_THAT(console_.out, HasSubstr("\"value\":{\"cents\":\"20\"}"));
}

TEST_F(CommandsTest, SkipWaitsForItsResult) {
  Place("alice", {100, -1, 20});
  EXPECT_EQ(Run({"parked", "skip", "customer", "alice"}), kExitRefused);
  EXPECT_THAT(console_.err,
              HasSubstr("event alice/1, which blocks customer alice (INVALID_ARGUMENT: cents must be positive)"));
  EXPECT_THAT(console_.err, HasSubstr("say --yes"));
  EXPECT_EQ(Commands(), 0u) << "nothing was sent";
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice", "--because=ticket 7", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"outcome\":\"APPLIED\""));
  EXPECT_THAT(console_.out, HasSubstr("\"event_id\":\"alice/1\""));
  EXPECT_EQ(Totals(driver_), "alice:1:100 alice:2:120");
  ASSERT_EQ(Commands(), 1u);
  EXPECT_EQ(driver_.audit()[0].result.command().issuer(), "tester@here");
  EXPECT_EQ(driver_.audit()[0].result.command().reason(), "ticket 7");
  EXPECT_EQ(driver_.audit()[0].result.command().skip().target().blocked_by(), "alice/1");
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice"}), kExitNotFound);
  EXPECT_THAT(console_.err, HasSubstr("nothing waits of customer alice"));
  EXPECT_EQ(Commands(), 1u);
}

TEST_F(CommandsTest, WhatIsRefusedSaysWhyAndChangesNothing) {
  Place("alice", {-1, 20});
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice", "--blocked_by=alice/7", "--json"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("FAILED_PRECONDITION: another event blocks"));
  EXPECT_THAT(console_.out, HasSubstr("\"outcome\":\"REFUSED\",\"code\":\"FAILED_PRECONDITION\""));
  EXPECT_EQ(Do({"parked", "retry", "customer", "alice"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("waits for no attempt"));
  EXPECT_EQ(driver_.Parked("alice"), 2);
}

TEST_F(CommandsTest, BadInputNamesWhatThereIsAndSendsNothing) {
  Place("alice", {-1, 20});
  struct Case {
    std::vector<std::string> words;
    int code;
    const char* error;
  };
  const std::vector<Case> cases = {
      {{"parked", "skip", "custommer", "alice"}, kExitUsage, "did you mean customer? There are: customer, orders"},
      {{"parked", "skip", "customer"}, kExitUsage, "name what is meant: AGGREGATE KEY"},
      {{"parked", "skip"}, kExitUsage, "name what is meant"},
      {{"parked", "skip", "customer", "\xff"}, kExitUsage, "is no key of customer, whose keys are string"},
      {{"parked", "skip", "customer", "nobody"}, kExitNotFound, "nothing waits of customer nobody"},
      {{"parked", "skip", "--event=orders"}, kExitUsage, "write TOPIC-PARTITION-OFFSET"},
      {{"parked", "skip", "--event=other-0-1"}, kExitUsage, "no source reads topic \"other\"; they read: orders"},
      {{"parked", "skip", "customer", "alice", "--application_id=other"},
       kExitNotFound,
       "application \"other\" has not run there"},
      {{"parked", "release", "customer", "alice", "--reason=X"}, kExitUsage, "--reason is for --all"},
      {{"parked", "release", "--all", "--reason=UNAVAILABLE"}, kExitNotFound, "nothing that waits is meant"},
      {{"tasks", "pause"}, kExitUsage, "say which tasks"},
      {{"tasks", "pause", "orders/7"}, kExitUsage, "has no partition 7; it has 0 to 1"},
      {{"tasks", "pause", "order/0"}, kExitUsage, "is no task; write GROUP/PARTITION, such as orders/0"},
      {{"never", "add", "event"}, kExitUsage, "VALUE is missing"},
      {{"never", "add", "events", "7"}, kExitUsage, "say what is meant: event ID"},
      {{"never", "add", "offset", "other-0-1"}, kExitUsage, "no source reads topic"},
      {{"never", "remove", "event", "7"}, kExitNotFound, "there is no rule for event 7"},
      {{"parked", "skip", "customer", "alice", "--command_id=" + std::string(65, 'x')}, kExitUsage, "may have 64"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(Do(each.words), each.code) << each.error << "\n" << console_.err;
    EXPECT_THAT(console_.err, HasSubstr(each.error));
  }
  EXPECT_EQ(Commands(), 0u);
  EXPECT_EQ(driver_.Parked("alice"), 2);
}

TEST_F(CommandsTest, ReplaceTakesJsonOfTheEventsType) {
  Place("alice", {-1, 20});
  const std::vector<std::string> replace = {"parked", "replace", "customer", "alice", "--value=v.json", "--release"};
  struct Case {
    std::string json;
    int code;
    const char* error;
  };
  const std::vector<Case> cases = {
      {"{\"cents\": 5", kExitUsage, "the value is none of event type orders.v1.OrderPlaced, so nothing was sent"},
      {"{\"cent\": 5}", kExitUsage, "nothing was sent"},
      {"{\"cents\": \"five\"}", kExitUsage, "nothing was sent"},
      {"{\"order_id\": \"" + std::string(2'000'000, 'x') + "\"}", kExitRefused, "max.message.bytes"},
  };
  for (const Case& each : cases) {
    console_.files["v.json"] = each.json;
    EXPECT_EQ(Do(replace), each.code) << console_.err;
    EXPECT_THAT(console_.err, HasSubstr(each.error));
  }
  EXPECT_EQ(Do({"parked", "replace", "customer", "alice"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("--value=FILE"));
  EXPECT_EQ(Do({"parked", "replace", "customer", "alice", "--value=absent"}), kExitUsage);
  EXPECT_EQ(Commands(), 0u);
  console_.files["v.json"] = "{\"customer_id\": \"alice\", \"cents\": 5}";
  EXPECT_EQ(Do(replace), kExitDone) << console_.err;
  EXPECT_EQ(Totals(driver_), "alice:1:5 alice:2:25");
}

TEST_F(CommandsTest, ReleaseOfAllGoesToTheTasksWhereSomethingWaits) {
  Place("alice", {-1, 20});
  Place("bob", {-5});
  EXPECT_EQ(Do({"parked", "release", "--all", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"queues\":1"));
  EXPECT_EQ(driver_.Parked("alice"), 2) << "it failed again, and the rest is intact";
  EXPECT_EQ(Do({"parked", "release", "customer", "alice"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"parked", "discard", "customer", "alice"}), kExitDone) << console_.err;
  EXPECT_EQ(driver_.Parked("alice"), 0);
}

TEST_F(CommandsTest, ACommandIsSentWithoutWaiting) {
  Place("alice", {-1, 20});
  is_running_ = false;
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice", "--no-wait", "--json"}), kExitDone) << console_.err;
  EXPECT_EQ(console_.out, "{\"command_id\":\"id-1\",\"command\":\"skip\"}\n");
  EXPECT_EQ(Run({"audit", "list", "--command=id-1"}), kExitNotFound);
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice", "--command_id=id-1", "--timeout=200ms"}), kExitNoAnswer);
  EXPECT_THAT(console_.err, HasSubstr("no answer within"));
  EXPECT_THAT(console_.err, HasSubstr("`audit list --command=id-1`"));
  driver_.RunUntilIdle();
  EXPECT_EQ(Run({"audit", "list", "--command=id-1", "--json"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("\"outcome\":\"APPLIED\""));
  EXPECT_THAT(console_.out, HasSubstr("\"outcome\":\"DUPLICATE\""));
  EXPECT_THAT(console_.out, HasSubstr("\"about\":\"alice\""));
  EXPECT_EQ(Totals(driver_), "alice:1:20");
}

TEST_F(CommandsTest, RulesAreAddedListedAndRemoved) {
  EXPECT_EQ(Run({"never", "list"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("there are no rules"));
  EXPECT_EQ(Do({"never", "add", "event", "alice/0", "--because=twice"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"never", "add", "event", "alice/0"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("there is a rule for event alice/0 already"));
  EXPECT_EQ(Do({"never", "add", "key", "customer", "bob"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"never", "add", "offset", "orders-1-7"}), kExitDone) << console_.err;
  Place("alice", {5, 6});
  Place("bob", {7});
  EXPECT_EQ(Totals(driver_), "alice:1:6");
  EXPECT_EQ(Run({"never", "list", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"kind\":\"event\",\"value\":\"alice/0\",\"partitions\":[0,1]"));
  EXPECT_THAT(console_.out, HasSubstr("\"kind\":\"key\",\"value\":\"bob\""));
  EXPECT_THAT(console_.out, HasSubstr("\"kind\":\"offset\",\"value\":\"orders 7\",\"partitions\":[1]"));
  EXPECT_THAT(console_.out, HasSubstr("\"reason\":\"twice\""));
  EXPECT_EQ(Do({"never", "remove", "key", "customer", "bob"}), kExitDone) << console_.err;
  Place("bob", {8});
  EXPECT_EQ(Totals(driver_), "bob:1:8 alice:1:6") << "by partition";
}

TEST_F(CommandsTest, TasksAreListedPausedAndResumed) {
  Place("alice", {1});
  EXPECT_EQ(Run({"tasks", "list", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"task\":\"orders/0\",\"lag\":"));
  EXPECT_EQ(Do({"tasks", "pause", "--all", "--because=deployment"}), kExitDone) << console_.err;
  EXPECT_EQ(Do({"tasks", "pause", "orders/0"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("ALREADY_EXISTS"));
  Place("alice", {2});
  EXPECT_EQ(Totals(driver_), "alice:1:1");
  EXPECT_EQ(Run({"tasks", "list"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("by tester@here: deployment"));
  EXPECT_EQ(Do({"tasks", "resume", "orders-0", "orders/1"}), kExitDone) << console_.err;
  driver_.RunUntilIdle();
  EXPECT_EQ(Totals(driver_), "alice:1:1 alice:2:3");
  EXPECT_EQ(Do({"tasks", "retry", "orders/0"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("has not failed"));
}

TEST_F(CommandsTest, DeadLettersAreListedAndShown) {
  Place("alice", {-1, 20});
  EXPECT_EQ(Run({"dlq", "list", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"disposition\":\"FAILED\",\"reason\":\"INVALID_ARGUMENT\",\"key\":\"alice\""));
  EXPECT_THAT(console_.out, HasSubstr("\"disposition\":\"BLOCKED\""));
  EXPECT_EQ(Run({"dlq", "list", "--json", "--disposition=failed", "--key=alice", "--since=1h"}), kExitDone);
  EXPECT_THAT(console_.out, Not(HasSubstr("BLOCKED")));
  const size_t place = console_.out.find("\"place\":\"") + 9;
  const std::string letter = console_.out.substr(place, console_.out.find('"', place) - place);
  EXPECT_EQ(Run({"dlq", "show", letter, "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"value\":{\"cents\":\"-1\"}"));
  EXPECT_THAT(console_.out, HasSubstr("\"once.disposition\":\"FAILED\""));
  EXPECT_EQ(Run({"dlq", "show", "0/4711"}), kExitNotFound);
  EXPECT_EQ(Run({"dlq", "show", "9/0"}), kExitUsage);
  EXPECT_EQ(Run({"dlq", "show", "first"}), kExitUsage);
}

TEST_F(CommandsTest, AnotherApplicationsChangelogIsRefused) {
  Place("alice", {-1});
  // Its names collide: application "order-totals-x" and group "orders" could be "order-totals" and "x-orders".
  driver_.cluster().CreateTopic("foreign-orders-changelog", 2);
  for (const testkit::MemoryRecord& record : driver_.cluster().ReadCommitted("order-totals-orders-changelog")) {
    driver_.cluster().Append("foreign-orders-changelog", record.partition, record.key, record.value);
  }
  EXPECT_EQ(Run({"parked", "list", "--application_id=foreign"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("is of application \"order-totals\""));
}

TEST_F(CommandsTest, TheTopologyIsShownInThreeForms) {
  EXPECT_EQ(Run({"topology"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("aggregate customer (state orders.v1.CustomerTotal"));
  EXPECT_THAT(console_.out, HasSubstr("order-totals-orders-control"));
  EXPECT_EQ(Run({"topology", "--json"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("\"changelog_topic\":\"order-totals-orders-changelog\""));
  EXPECT_EQ(Run({"topology", "--format=dot"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("source0 -> node0 [label=\"orders.v1.OrderPlaced\"]"));
  EXPECT_EQ(Run({"topology", "--format=mermaid"}), kExitDone);
  EXPECT_THAT(console_.out, HasSubstr("flowchart LR\n  source0[(\"orders<br/>topic orders\")]"));
}

TEST_F(CommandsTest, ConfigSaysWhereEachValueIsFromAndKeepsSecrets) {
  console_.environment.inputs.environment = {
      {"ONCE_COMMIT_INTERVAL", "200ms"}, {"KAFKA_SASL_PASSWORD", "hidden"}, {"KAFKA_SESSION_TIMEOUT_MS", "7000"}};
  console_.environment.inputs.known_property = [](const std::string&) { return true; };
  EXPECT_EQ(Run({"config", "explain", "--workers=2", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out,
              HasSubstr("{\"name\":\"workers\",\"value\":\"2\",\"source\":\"flag\",\"where\":\"flag --workers\""));
  EXPECT_THAT(console_.out, HasSubstr("{\"name\":\"commit_interval\",\"value\":\"200ms\",\"source\":\"environment\""));
  EXPECT_THAT(console_.out, HasSubstr("{\"name\":\"session_timeout\",\"value\":\"7000ms\",\"source\":\"environment\""));
  EXPECT_THAT(console_.out, HasSubstr("{\"name\":\"input_topic\",\"value\":\"orders\",\"source\":\"default\""));
  EXPECT_THAT(console_.out, HasSubstr("{\"name\":\"sasl.password\",\"value\":\"(masked)\""));
  EXPECT_THAT(console_.out, Not(HasSubstr("hidden")));
  EXPECT_EQ(Run({"config", "explain", "--workers=0", "--commit_intervall=1s"}), kExitUsage);
  EXPECT_THAT(console_.err, HasSubstr("it would not start"));
  EXPECT_THAT(console_.err, HasSubstr("did you mean --commit_interval?"));
}

}  // namespace
}  // namespace once::cli
