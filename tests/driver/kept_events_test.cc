// Events that no record can hold, where the topology says where to keep their values: they are run in their turn, and
// their dead letters can be sent back (rules R1, R6, X3).
#include <gmock/gmock.h>

#include <map>
#include <stdexcept>
#include <string>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "tests/driver/command_scene.h"

namespace once {
namespace {

using ::testing::HasSubstr;

// What it does at a call.
enum class Mood { kWell, kAway, kThrows };

class FakeValues final : public LargeValues {
 public:
  absl::StatusOr<std::string> Keep(std::string_view value) override {
    if (absl::Status able = Able(keep); !able.ok()) return able;
    const std::string reference = absl::StrCat("value-", values.size());
    values[reference] = std::string(value);
    return reference;
  }
  absl::StatusOr<std::string> Fetch(std::string_view reference) override {
    ++fetches;
    if (absl::Status able = Able(fetch); !able.ok()) return able;
    const auto found = values.find(std::string(reference));
    if (found == values.end()) return absl::NotFoundError("no such value");
    return found->second;
  }
  absl::Status CheckAtStart() override { return at_start; }

  Mood keep = Mood::kWell;
  Mood fetch = Mood::kWell;
  absl::Status at_start;
  int fetches = 0;
  std::map<std::string, std::string> values;

 private:
  static absl::Status Able(Mood mood) {
    if (mood == Mood::kThrows) throw std::runtime_error("out of order");
    return mood == Mood::kAway ? absl::UnavailableError("the store is away") : absl::OkStatus();
  }
};

OrderPlaced LargeOrder(int64_t cents) {
  OrderPlaced order = Order(cents);
  order.set_order_id(std::string(30'000, 'o'));
  return order;
}

// Topics that take less than the source gives.
class KeptEventsTest : public testing::Test {
 protected:
  KeptEventsTest() {
    scene_.script->large_values = values_;
    Narrow("scripted-orders-changelog");
  }
  void Narrow(const std::string& topic) {
    driver().cluster().SetTopicSetting(topic, "max.message.bytes", "20000");
    driver().Restart(Scripted(scene_.script));
  }
  void SendLarge(int cents) {
    driver().Send("orders", "bob", LargeOrder(cents), {.event_id = absl::StrCat(cents)});
    driver().RunUntilIdle();
  }
  std::string Header(size_t letter, const std::string& name) {
    const auto headers = driver().dead_letters().at(letter).headers;
    const auto found = headers.find(name);
    return found == headers.end() ? "" : found->second;
  }
  int64_t Orders() {
    const auto total = driver().State<CustomerTotal>("customer", "bob");
    return total.has_value() ? total->order_count() : 0;
  }
  bool Said(const std::string& text) {
    return std::any_of(driver().log().begin(), driver().log().end(),
                       [&](const std::string& line) { return absl::StrContains(line, text); });
  }
  TopologyTestDriver& driver() { return scene_.driver; }

  std::shared_ptr<FakeValues> values_ = std::make_shared<FakeValues>();
  CommandScene scene_;
};

TEST_F(KeptEventsTest, R1AParkedOneIsRunInItsTurn) {
  scene_.broken = {1};
  SendLarge(1);
  SendLarge(2);
  EXPECT_EQ(Letters(driver()), "FAILED:1 BLOCKED:2");
  EXPECT_EQ(values_->values.size(), 2u);
  EXPECT_EQ(Header(0, "once.omitted"), "") << "the dead-letter topic takes it whole";
  EXPECT_EQ(driver().dead_letters()[0].value, LargeOrder(1).SerializeAsString());
  // What is known is in the changelog.
  driver().CrashAndLoseDisk();
  driver().RunUntilIdle();
  scene_.broken = {};
  ASSERT_EQ(Short(driver().Release("customer", "bob")), "APPLIED");
  EXPECT_EQ(Orders(), 2);
  EXPECT_EQ(driver().Parked("bob"), 0);
  EXPECT_EQ(Totals(driver()), "bob:1:1 bob:2:3");
}

TEST_F(KeptEventsTest, R6ALetterThatIsSentBackTakesEffectOnce) {
  scene_.script->policy.then = FailureAction::kSkip;
  Narrow("orders.dlq");
  scene_.broken = {1};
  SendLarge(1);
  ASSERT_EQ(Letters(driver()), "FAILED:1");
  EXPECT_EQ(Header(0, "once.omitted"), "");
  EXPECT_EQ(Header(0, "once.kept"), "value-0");
  EXPECT_EQ(Header(0, "once.round"), "1");
  EXPECT_THAT(*driver().dead_letters()[0].value, HasSubstr("lies in a blob store"));
  // It fails once more: the letter of the next round refers to the same value.
  SendBack(&driver(), 0);
  ASSERT_EQ(Letters(driver()), "FAILED:1 FAILED:1");
  EXPECT_EQ(Header(1, "once.round"), "2");
  EXPECT_EQ(Header(1, "once.kept"), "value-0");
  scene_.broken = {};
  SendBack(&driver(), 1);
  SendBack(&driver(), 1);
  EXPECT_EQ(Orders(), 1);
  EXPECT_EQ(Totals(driver()), "bob:1:1");
  EXPECT_EQ(values_->values.size(), 1u);
}

// Notice and queue are of one event, so its value is put away once.
TEST_F(KeptEventsTest, R6TheNoticeOfAHeadReleasesIt) {
  Narrow("orders.dlq");
  scene_.broken = {1};
  SendLarge(1);
  SendLarge(2);
  EXPECT_EQ(values_->values.size(), 2u);
  EXPECT_EQ(Header(0, "once.kept"), "value-0");
  EXPECT_EQ(Header(1, "once.kept"), "value-1");
  scene_.broken = {};
  SendBack(&driver(), 1);
  EXPECT_EQ(driver().Parked("bob"), 2) << "a BLOCKED notice is a duplicate";
  SendBack(&driver(), 0);
  EXPECT_EQ(Totals(driver()), "bob:1:1 bob:2:3");
}

TEST_F(KeptEventsTest, X3AStoreThatIsAwayIsTriedAgain) {
  scene_.broken = {1};
  SendLarge(1);
  SendLarge(2);
  scene_.broken = {};
  values_->fetch = Mood::kAway;
  ASSERT_EQ(Short(driver().Release("customer", "bob")), "APPLIED");
  EXPECT_EQ(Orders(), 0);
  EXPECT_EQ(driver().Parked("bob"), 2) << "it waits for its next attempt";
  values_->fetch = Mood::kWell;
  driver().AdvanceTime(absl::Minutes(1));
  EXPECT_EQ(Totals(driver()), "bob:1:1 bob:2:3");
  EXPECT_EQ(driver().dead_letters().size(), 2u) << "nothing has failed for good since";
}

// What is gone fails its event, by its policy, and nothing else.
TEST_F(KeptEventsTest, X3AValueThatIsGoneFailsItsEvent) {
  scene_.broken = {1};
  SendLarge(1);
  scene_.broken = {};
  values_->values.clear();
  ASSERT_EQ(Short(driver().Release("customer", "bob")), "APPLIED");
  EXPECT_EQ(driver().Parked("bob"), 1);
  EXPECT_EQ(Header(1, "once.reason"), "NOT_FOUND");
  EXPECT_EQ(Short(driver().Skip("customer", "bob")), "APPLIED");
  SendLarge(3);
  EXPECT_EQ(Totals(driver()), "bob:1:3");
  EXPECT_TRUE(driver().status().ok()) << driver().status();
}

// As without a store: it is known by its place.
TEST_F(KeptEventsTest, X3WhatTheStoreDoesNotTakeIsKeptByItsPlace) {
  Narrow("orders.dlq");
  scene_.broken = {1, 2};
  for (const Mood mood : {Mood::kAway, Mood::kThrows}) {
    values_->keep = mood;
    SendLarge(mood == Mood::kAway ? 1 : 2);
  }
  EXPECT_EQ(Header(0, "once.omitted"), "value");
  EXPECT_EQ(Header(1, "once.omitted"), "value");
  EXPECT_EQ(driver().Parked("bob"), 2);
  driver().AdvanceTime(absl::Minutes(2));
  EXPECT_TRUE(Said("could not be put into the blob store")) << "such as that it was away";
  EXPECT_EQ(values_->fetches, 0);
  EXPECT_TRUE(driver().status().ok()) << driver().status();
}

TEST_F(KeptEventsTest, X3AFetchThatThrowsFailsTheEvent) {
  scene_.broken = {1};
  SendLarge(1);
  scene_.broken = {};
  values_->fetch = Mood::kThrows;
  ASSERT_EQ(Short(driver().Release("customer", "bob")), "APPLIED");
  EXPECT_EQ(Header(1, "once.reason"), "INTERNAL");
  EXPECT_THAT(Header(1, "once.message"), HasSubstr("the store of large values threw: out of order"));
  EXPECT_EQ(driver().Parked("bob"), 1);
}

// Others' records may look like ours.
TEST_F(KeptEventsTest, X3AReferenceThatAnEventBringsAlongIsOnlyAReference) {
  driver().Send("orders", "bob", Order(1), {.event_id = "1", .headers = {{"once.kept", "value-7"}}});
  driver().RunUntilIdle();
  EXPECT_EQ(Totals(driver()), "bob:1:1");
  EXPECT_EQ(values_->fetches, 0);
}

TEST_F(KeptEventsTest, X5AStoreThatIsNotThereRefusesTheStart) {
  values_->at_start = absl::NotFoundError("there is no such bucket");
  driver().Restart(Scripted(scene_.script));
  EXPECT_THAT(std::string(driver().status().message()), HasSubstr("KeepLargeEvents"));
  EXPECT_THAT(std::string(driver().status().message()), HasSubstr("no such bucket"));
}

}  // namespace
}  // namespace once
