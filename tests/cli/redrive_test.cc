// `dlq redrive`: dead letters go back unchanged to where their events were, and take effect once (R6).
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/cli/shop.h"

namespace once::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

class RedriveTest : public ShopTest {
 protected:
  std::vector<testkit::MemoryRecord> Letters() { return driver_.cluster().ReadCommitted("orders.dlq"); }
  std::vector<testkit::MemoryRecord> Orders() { return driver_.cluster().ReadCommitted("orders"); }
  static std::string PlaceOf(const testkit::MemoryRecord& letter) {
    return absl::StrCat(letter.partition.value(), "/", letter.offset.value());
  }
  int Redrive(std::vector<std::string> words) {
    words.insert(words.begin(), {"dlq", "redrive"});
    const int code = Do(words);
    driver_.RunUntilIdle();
    return code;
  }
  // Its value can be processed from now on, once somebody lets it.
  void Mend(const std::string& customer) {
    console_.files["v.json"] = "{\"cents\": 5}";
    ASSERT_EQ(Do({"parked", "replace", "customer", customer, "--value=v.json"}), kExitDone) << console_.err;
  }
  testkit::MemoryHeaders LetterHeaders(const std::map<std::string, std::string>& changed) const {
    std::map<std::string, std::string> all = {{"once.disposition", "FAILED"},
                                              {"once.reason", "INTERNAL"},
                                              {"once.origin", "orders-0-0"},
                                              {"once.application", "order-totals"}};
    for (const auto& [name, value] : changed) all[name] = value;
    testkit::MemoryHeaders headers;
    for (const auto& [name, value] : all) {
      if (!value.empty()) headers.emplace_back(name, value);
    }
    return headers;
  }
};

TEST_F(RedriveTest, ANoticeReleasesItsQueueAndIsSentBackAsItWas) {
  Place("alice", {100, -1, 20});
  Mend("alice");
  const testkit::MemoryRecord letter = Letters()[0];
  const size_t before = Orders().size();
  EXPECT_EQ(Redrive({PlaceOf(letter), "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"sent\":1"));
  ASSERT_EQ(Orders().size(), before + 1);
  for (const testkit::MemoryRecord& order : Orders()) {
    if (!order.header("once.origin").has_value()) continue;
    EXPECT_EQ(order.key, letter.key);
    EXPECT_EQ(order.value, letter.value);
    EXPECT_EQ(order.headers, letter.headers);
    EXPECT_EQ(absl::StrCat("orders-", order.partition.value(), "-"), letter.header("once.origin")->substr(0, 9));
  }
  EXPECT_EQ(Totals(driver_), "alice:1:100 alice:2:105 alice:3:125");
  EXPECT_EQ(Redrive({PlaceOf(letter)}), kExitDone) << console_.err;
  EXPECT_EQ(Redrive({"--all"}), kExitDone) << console_.err;
  EXPECT_EQ(Totals(driver_), "alice:1:100 alice:2:105 alice:3:125") << "twice is once";
}

TEST_F(RedriveTest, FiltersSelectAndADryRunSendsNothing) {
  Place("alice", {-1, 20});
  Place("bob", {-1, 20});
  Mend("alice");
  const size_t before = Orders().size();
  EXPECT_EQ(Run({"dlq", "redrive", "--all", "--dry-run"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("to be sent back:  4"));
  EXPECT_THAT(console_.out, HasSubstr("nothing was sent"));
  EXPECT_EQ(Run({"dlq", "redrive", "--all", "--disposition=failed", "--key=alice"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("this would send back 1 dead letter (1 FAILED) of orders.dlq to orders"));
  EXPECT_EQ(Orders().size(), before);
  EXPECT_EQ(Redrive({"--all", "--disposition=failed", "--key=alice"}), kExitDone) << console_.err;
  EXPECT_EQ(Orders().size(), before + 1);
  EXPECT_EQ(Totals(driver_), "alice:1:5 alice:2:25");
  EXPECT_EQ(Redrive({"--all", "--disposition=discarded"}), kExitNotFound);
  driver_.AdvanceTime(absl::Hours(2));
  EXPECT_EQ(Redrive({"--all", "--since=1h"}), kExitNotFound);
}

// What has ended is an event of its own when it comes back (R6).
TEST_F(RedriveTest, WhatWasSkippedRunsAgainOnce) {
  Place("alice", {-1});
  EXPECT_EQ(Do({"parked", "skip", "customer", "alice"}), kExitDone);
  EXPECT_EQ(Redrive({"--all", "--disposition=skipped"}), kExitDone) << console_.err;
  EXPECT_EQ(driver_.Parked("alice"), 1) << "it failed again";
  EXPECT_EQ(Redrive({"--all", "--disposition=skipped"}), kExitDone) << console_.err;
  EXPECT_EQ(driver_.Parked("alice"), 1);
}

TEST_F(RedriveTest, WhatIsNoneOfThisApplicationsIsRefusedByName) {
  struct Case {
    std::map<std::string, std::string> headers;
    const char* problem;
  };
  const std::vector<Case> cases = {
      {{{"once.application", "other"}}, "it is of application \"other\""},
      {{{"once.origin", "payments-0-7"}}, "no source reads topic payments"},
      {{{"once.origin", "orders-9-7"}}, "orders has no partition 9"},
      {{{"once.omitted", "value"}}, "it has no value, which was too large for it; the event is at orders-0-0"},
      {{{"once.application", ""}, {"once.reason", ""}}, "it has no key,value"},
      {{{"once.origin", ""}}, "it does not say of which event it is"},
      {{{"once.disposition", ""}}, "it does not say of which event it is"},
  };
  Place("alice", {100});
  const size_t before = Orders().size();
  for (const Case& each : cases) {
    const TopicPartitionOffset at =
        driver_.cluster().Append("orders.dlq", Partition(1), "k", "v", LetterHeaders(each.headers));
    const std::string place = absl::StrCat("1/", at.offset.value());
    EXPECT_EQ(Redrive({place}), kExitRefused) << each.problem;
    EXPECT_THAT(console_.err, HasSubstr("nothing was sent"));
    EXPECT_THAT(console_.err, HasSubstr(absl::StrCat(place, ": ", each.problem)));
  }
  EXPECT_EQ(Redrive({"--all"}), kExitRefused);
  EXPECT_EQ(Orders().size(), before);
  // One that can be sent goes, and the command says that not all did; other applications' are not meant.
  Place("bob", {-1});
  EXPECT_EQ(Redrive({"--all"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("6 dead letters cannot be sent back: 1/1: no source reads topic payments"));
  EXPECT_THAT(console_.err, Not(HasSubstr("\"other\"")));
  EXPECT_THAT(console_.out, HasSubstr("sent back:        1"));
  EXPECT_THAT(console_.out, HasSubstr("1 of other applications are left out"));
  EXPECT_EQ(Orders().size(), before + 2);
}

TEST_F(RedriveTest, BadInputSendsNothing) {
  Place("alice", {-1});
  const size_t before = Orders().size();
  struct Case {
    std::vector<std::string> words;
    int code;
    const char* error;
  };
  const std::vector<Case> cases = {
      {{}, kExitUsage, "say which: PARTITION/OFFSET"},
      {{"0/0", "--all"}, kExitUsage, "say which: PARTITION/OFFSET"},
      {{"0/0", "--reason=INTERNAL"}, kExitUsage, "--reason is for --all"},
      {{"first"}, kExitUsage, "is no place of a dead letter"},
      {{"9/0"}, kExitUsage, "orders.dlq has no partition 9; it has 0 to 1"},
      {{"0/4711"}, kExitNotFound, "there is no dead letter at 0/4711"},
      {{"--all", "--application_id=other"}, kExitNotFound, "no dead letter is meant by that"},
  };
  for (const Case& each : cases) {
    EXPECT_EQ(Redrive(each.words), each.code) << each.error << "\n" << console_.err;
    EXPECT_THAT(console_.err, HasSubstr(each.error));
  }
  EXPECT_EQ(Orders().size(), before);
}

TEST_F(RedriveTest, WhatEndsHalfWayIsGivenAgain) {
  for (const std::string customer : {"a", "b", "c"}) {
    Place(customer, {-1, 20});
    Mend(customer);
  }
  const size_t before = Orders().size();
  driver_.cluster().FailNext(
      {.call = testkit::Call::kFlush,
       .id_prefix = "order-totals-+command",
       .skip = 2,
       .result = {.error = kafka::ErrorClass::kAbortable, .code = "MSG_TIMED_OUT", .message = "it took too long"}});
  console_.pictures = 100;
  EXPECT_EQ(Redrive({"--all", "--per_second=2"}), kExitNoAnswer);
  EXPECT_THAT(console_.err, HasSubstr("before that 4 of 6 were sent back. The same command again goes on"));
  EXPECT_EQ(Orders().size(), before + 4);
  // The process is told to end.
  console_.pictures = 2;
  EXPECT_EQ(Redrive({"--all", "--per_second=1"}), kExitRefused);
  EXPECT_THAT(console_.err, HasSubstr("before that 2 of 6 were sent back"));
  EXPECT_EQ(Redrive({"--all"}), kExitDone) << console_.err;
  std::map<std::string, std::vector<int64_t>> totals;
  for (const ReadRecord<CustomerTotal>& record : driver_.Read<CustomerTotal>("customer-totals")) {
    totals[record.key].push_back(record.value->cents());
  }
  for (const std::string customer : {"a", "b", "c"}) {
    EXPECT_THAT(totals[customer], testing::ElementsAre(5, 25)) << customer;
  }
}

}  // namespace
}  // namespace once::cli
