// The dashboard, as somebody sees it: by what pods say, by the topics alone, and on a terminal.
#include <algorithm>
#include <map>
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/cli/top_picture.h"
#include "tests/cli/shop.h"

namespace once::cli {
namespace {

using testing::HasSubstr;
using testing::Not;

std::string StatusOf(const std::string& instance, int processed, bool ready = true) {
  return absl::StrCat(R"({"application": "shop", "instance": ")", instance,
                      R"(", "started_at": "2026-01-01T00:00:00Z", "ready": {"ok": )", ready ? "true" : "false",
                      R"(, "why": "restoring 43 %"}, "workers": [{"worker": 0, "tasks": {"running": 2, "failed": 1},
                           "lag": 12, "blocked_aggregates": 3, "parked_events": 7, "events": {"processed": )",
                      processed, R"(, "failed": 4}}, {"worker": 1}]})");
}

std::string TasksOf(int next_offset) {
  return absl::StrCat(R"({"tasks": [
      {"name": "orders-0", "phase": "running", "why": null, "blocked_aggregates": 0, "parked_events": 0,
       "behind_seconds": 1.5, "inputs": [{"next_offset": )",
                      next_offset, R"(, "lag": 5}, {"next_offset": 100, "lag": null}]},
      {"name": "orders-1", "phase": "failed", "why": "no such topic", "blocked_aggregates": 3, "parked_events": 7,
       "behind_seconds": null, "inputs": []}]})");
}

class TopTest : public ShopTest {
 protected:
  TopTest() {
    console_.environment.http_get = [this](const std::string& url, const std::string& token,
                                           absl::Duration) -> absl::StatusOr<std::string> {
      asked_.push_back(url);
      tokens_.push_back(token);
      const auto found = answers_.find(url);
      if (found == answers_.end()) return absl::UnavailableError("nobody listens there");
      return found->second;
    };
    answers_["http://pod-0:8080/v1/status"] = StatusOf("a", 1000);
    answers_["http://pod-0:8080/v1/tasks"] = TasksOf(50);
  }

  std::map<std::string, std::string> answers_;
  std::vector<std::string> asked_;
  std::vector<std::string> tokens_;
};

TEST_F(TopTest, OnceShowsPodsAndTheWorstTasksFirst) {
  console_.pictures = 2;
  console_.files["token"] = "# for top\na-token-of-some-length name=alice\n";
  EXPECT_EQ(Run({"top", "--once", "--url=pod-0:8080/", "--token_file=token"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("blocked:           3\nevents that wait:  7\n"));
  EXPECT_THAT(console_.out, testing::ContainsRegex("a +http://pod-0:8080 +yes +2 +3"));
  EXPECT_LT(console_.out.find("orders-1"), console_.out.find("orders-0"));
  EXPECT_THAT(console_.out, HasSubstr("no such topic"));
  EXPECT_THAT(tokens_, testing::Each("a-token-of-some-length"));
  EXPECT_THAT(console_.out + console_.err, Not(HasSubstr("a-token")));
}

TEST_F(TopTest, RatesAreThoseBetweenTwoLooks) {
  Picture before{.at = absl::FromUnixSeconds(100)}, now{.at = absl::FromUnixSeconds(102)};
  ASSERT_TRUE(AddPod("u", StatusOf("a", 1000), TasksOf(50), &before).ok());
  ASSERT_TRUE(AddPod("u", StatusOf("a", 1500), TasksOf(53), &now).ok());
  Output out;
  ShowPicture(now, &before, 10, &out);
  EXPECT_THAT(out.ToJson(), HasSubstr("\"events_per_second\":250,"));
  EXPECT_THAT(out.ToJson(), HasSubstr("\"offsets_per_second\":1.5,"));
  Output first;
  ShowPicture(now, nullptr, 10, &first);
  EXPECT_THAT(first.ToJson(), HasSubstr("\"events_per_second\":null,"));
  // It was started again: what it counts begins anew.
  Picture again{.at = absl::FromUnixSeconds(104)};
  ASSERT_TRUE(AddPod("u", StatusOf("a", 10), TasksOf(53), &again).ok());
  Output anew;
  ShowPicture(again, &now, 1, &anew);
  EXPECT_THAT(anew.ToJson(), HasSubstr("\"events_per_second\":null,"));
  EXPECT_THAT(anew.ToText(), HasSubstr("and 1 more tasks"));
}

TEST_F(TopTest, APodThatDoesNotAnswerIsShownWithTheReason) {
  console_.pictures = 2;
  EXPECT_EQ(Run({"top", "--once", "--url=pod-0:8080,pod-1:8080"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, testing::ContainsRegex("http://pod-1:8080 +no .*nobody listens there"));
  EXPECT_THAT(console_.out, HasSubstr("1 pod did not answer"));
  EXPECT_EQ(Run({"top", "--url=pod-1:8080"}), kExitNoAnswer);
  EXPECT_THAT(console_.err, HasSubstr("http://pod-1:8080: nobody listens there"));
}

TEST_F(TopTest, WithoutPodsTheTopicsTell) {
  Place("alice", {100, -1, 20});
  console_.pictures = 2;
  EXPECT_EQ(Run({"top", "--once", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"blocked\":1,\"parked\":2"));
  EXPECT_THAT(console_.out, HasSubstr("\"task\":\"orders-1\""));
  EXPECT_THAT(console_.out, Not(HasSubstr("\"pods\"")));
}

TEST_F(TopTest, PlainPicturesFollowEachOtherWhereThereIsNoTerminal) {
  console_.pictures = 3;
  EXPECT_EQ(Run({"top", "--url=pod-0:8080", "--json"}), kExitDone) << console_.err;
  EXPECT_EQ(std::count(console_.out.begin(), console_.out.end(), '\n'), 3);
  EXPECT_THAT(console_.out, Not(HasSubstr("\033")));
}

TEST_F(TopTest, ATerminalIsGivenBackWhateverHappens) {
  int begun = 0, ended = 0, waits = 0;
  console_.environment.out_is_terminal = true;
  console_.environment.terminal = {.begin = [&] { ++begun; },
                                   .end = [&] { ++ended; },
                                   .wait =
                                       [&](absl::Duration interval) {
                                         EXPECT_EQ(interval, absl::Seconds(5));
                                         answers_.clear();
                                         return ++waits < 3;
                                       },
                                   .size = [] { return std::pair(10, 40); }};
  EXPECT_EQ(Run({"top", "--url=pod-0:8080", "--interval=5"}), kExitDone) << console_.err;
  EXPECT_EQ(begun, 1);
  EXPECT_EQ(ended, 1);
  // What went wrong later is shown, and looked at again.
  EXPECT_THAT(console_.out, HasSubstr("nobody listens there"));
  const std::string last = console_.out.substr(console_.out.rfind("\033[H"));
  EXPECT_LE(std::count(last.begin(), last.end(), '\n'), 9);
  // Nothing is begun on what cannot be shown at all.
  EXPECT_EQ(Run({"top", "--url=pod-0:8080"}), kExitNoAnswer);
  EXPECT_EQ(begun, 1);
}

TEST_F(TopTest, WhatIsNoPodIsNoPod) {
  for (const std::string& answer :
       {std::string("<html>"), std::string("[]"), std::string(""), std::string("null"), std::string(100'000, '[')}) {
    Picture picture;
    EXPECT_FALSE(AddPod("u", answer, "{}", &picture).ok()) << answer.substr(0, 10);
    EXPECT_FALSE(AddPod("u", "{}", answer, &picture).ok()) << answer.substr(0, 10);
  }
  Picture picture;
  EXPECT_TRUE(AddPod("u", R"({"instance": 7, "ready": [], "workers": {"a": 1}, "started_at": {}})",
                     R"({"tasks": [1, {"name": null, "inputs": [{"lag": "x", "next_offset": 1e300}]}]})", &picture)
                  .ok());
  Output out;
  ShowPicture(picture, &picture, 10, &out);
  EXPECT_THAT(out.ToText(), HasSubstr("u"));
}

TEST_F(TopTest, WhatIsWrongIsSaid) {
  EXPECT_EQ(Run({"top", "--url=ftp://pod-0"}), kExitUsage);
  EXPECT_EQ(Run({"top", "--token_file=token"}), kExitUsage);
  console_.files["empty"] = "#\n";
  EXPECT_EQ(Run({"top", "--url=pod-0:8080", "--token_file=empty"}), kExitUsage);
}

}  // namespace
}  // namespace once::cli
