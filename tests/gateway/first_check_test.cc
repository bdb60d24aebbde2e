// Of two instances that write one key at the same time, the topic's order says which was first.
#include <memory>
#include <string>
#include <vector>

#include "gtest/gtest.h"
#include "tests/testkit/memory_cluster.h"
#include "tools/gateway/outcome_log.h"

namespace once::gateway {
namespace {

constexpr char kTopic[] = "outcomes";

class FirstCheckTest : public testing::Test {
 protected:
  FirstCheckTest() { EXPECT_TRUE(log_.Open(absl::Seconds(10)).ok()); }

  // A transaction that has written the key, and is open.
  std::unique_ptr<kafka::TransactionalProducer> Write(const std::string& key, const std::string& instance,
                                                      const std::string& transaction) {
    auto producer = *client_->NewProducer(instance + transaction, {kTopic});
    EXPECT_TRUE(producer->InitTransactions(absl::Seconds(1)).ok());
    EXPECT_TRUE(producer->BeginTransaction().ok());
    const HeaderView headers[] = {{kInstanceHeader, std::string_view(instance)},
                                  {kTransactionHeader, std::string_view(transaction)}};
    EXPECT_TRUE(producer->Send({.key = key, .value = "{}", .headers = headers}).ok());
    EXPECT_TRUE(producer->Flush(absl::Seconds(1)).ok());
    return producer;
  }
  FirstCheck Since(std::vector<std::string> keys) {
    FirstCheck check{.keys = std::move(keys)};
    EXPECT_TRUE(log_.CatchUp(SteadyNow() + absl::Seconds(10), &check.since).ok());
    return check;
  }
  absl::StatusCode Check(FirstCheck* check, absl::Duration time = absl::Seconds(10)) {
    return log_.CheckFirst("mine", check, SteadyNow() + time).code();
  }

  testkit::ManualClock clock_;
  NullLogSink sink_;
  testkit::MemoryCluster cluster_{&clock_};
  std::unique_ptr<kafka::Client> client_ = cluster_.NewClient();
  std::unique_ptr<kafka::Admin> admin_ = *client_->NewAdmin();
  OutcomeLog log_{{.topic = kTopic, .instance = "0"}, client_.get(), admin_.get(), &clock_, &sink_};
};

TEST_F(FirstCheckTest, WhoWasFirstIsFirstAndOneAtMost) {
  FirstCheck check = Since({"k/a", "k/b"});
  const auto other = Write("k/b", "1", "theirs");
  const auto mine = Write("k/a", "0", "mine");
  ASSERT_TRUE(mine->Send({.key = "k/b",
                          .value = "{}",
                          .headers = std::vector<HeaderView>{{kInstanceHeader, "0"}, {kTransactionHeader, "mine"}}})
                  .ok());
  ASSERT_TRUE(mine->Flush(absl::Seconds(1)).ok());
  EXPECT_EQ(Check(&check), absl::StatusCode::kAlreadyExists);
  EXPECT_EQ(check.taken, std::set<std::string>{"k/b"});
  // The same seen from there.
  OutcomeLog theirs({.topic = kTopic, .instance = "1"}, client_.get(), admin_.get(), &clock_, &sink_);
  FirstCheck seen{.since = check.since, .keys = {"k/b"}};
  EXPECT_TRUE(theirs.CheckFirst("theirs", &seen, SteadyNow() + absl::Seconds(10)).ok());
}

TEST_F(FirstCheckTest, WhatComesBehindIsNotFirst) {
  FirstCheck check = Since({"k/a"});
  const auto mine = Write("k/a", "0", "mine");
  const auto other = Write("k/a", "1", "theirs");
  EXPECT_EQ(Check(&check), absl::StatusCode::kOk);
  EXPECT_TRUE(check.taken.empty());
}

TEST_F(FirstCheckTest, AnEarlierTryOfTheSameInstanceIsNone) {
  FirstCheck check = Since({"k/a"});
  const auto before = Write("k/a", "0", "before");
  EXPECT_TRUE(before->Abort(absl::Seconds(1)).ok());
  const auto mine = Write("k/a", "0", "mine");
  EXPECT_EQ(Check(&check), absl::StatusCode::kOk);
}

// Whether it was aborted is not known there: nothing is guessed, and the request is asked again.
TEST_F(FirstCheckTest, OneThatWasAbortedMeanwhileStillCounts) {
  FirstCheck check = Since({"k/a"});
  const auto other = Write("k/a", "1", "theirs");
  EXPECT_TRUE(other->Abort(absl::Seconds(1)).ok());
  const auto mine = Write("k/a", "0", "mine");
  EXPECT_EQ(Check(&check), absl::StatusCode::kAlreadyExists);
  EXPECT_TRUE(mine->Abort(absl::Seconds(1)).ok());
  FirstCheck again = Since({"k/a"});
  const auto retried = Write("k/a", "0", "mine");
  EXPECT_EQ(Check(&again), absl::StatusCode::kOk);
}

TEST_F(FirstCheckTest, WhatIsNotSeenInTimeIsNotTakenForFirst) {
  FirstCheck check = Since({"k/a"});
  EXPECT_EQ(Check(&check, absl::Milliseconds(50)), absl::StatusCode::kUnavailable);
  const auto mine = Write("k/a", "0", "mine");
  EXPECT_EQ(Check(&check), absl::StatusCode::kOk) << "the next look begins anew";
  EXPECT_EQ(Check(&check), absl::StatusCode::kOk);
}

}  // namespace
}  // namespace once::gateway
