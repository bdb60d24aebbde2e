// Transactions on a Kafka in memory whose answers get lost.
#include <future>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"
#include "tools/gateway/batch_producer.h"
#include "tools/gateway/explicit_transactions.h"
#include "tools/gateway/json.h"
#include "tools/gateway/messages.h"

namespace once::gateway {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::UnorderedElementsAre;
using testkit::Call;

const kafka::Result kFatal{.error = kafka::ErrorClass::kFatal, .code = "LOST", .message = "lost"};
const kafka::Result kAbortable{.error = kafka::ErrorClass::kAbortable, .code = "NO", .message = "no"};

class BatchesTest : public testing::Test {
 protected:
  BatchesTest() : cluster_(&clock_), client_(cluster_.NewClient()), admin_(*client_->NewAdmin()) {
    cluster_.CreateTopic("a");
    cluster_.CreateTopic("b");
    Open();
  }

  // As a start of the process does.
  void Open() {
    outcomes_ = std::make_unique<OutcomeLog>(OutcomeLogOptions{.topic = "outcomes"}, client_.get(), admin_.get(),
                                             &clock_, &log_);
    const absl::Time deadline = SteadyNow() + absl::Minutes(1);
    ASSERT_TRUE(outcomes_->Open(absl::Minutes(1)).ok());
    const auto id = [](const char* kind) { return [kind](int slot) { return absl::StrCat(kind, "-", slot); }; };
    batches_ = std::make_unique<BatchProducer>(options_, id("batch"), client_.get(), outcomes_.get(), &clock_, &log_);
    transactions_ = std::make_unique<ExplicitTransactions>(ExplicitOptions{.instance = "0", .slots = 2}, id("explicit"),
                                                           client_.get(), outcomes_.get(), &clock_, &log_);
    ASSERT_TRUE(transactions_->Prepare(deadline).ok());
    ASSERT_TRUE(batches_->Prepare(deadline).ok());
    ASSERT_TRUE(outcomes_->CatchUp(deadline).ok());
    transactions_->Start();
    batches_->Start();
  }
  void Close() {
    transactions_.reset();
    batches_.reset();
    outcomes_.reset();
  }

  static Event EventOf(const std::string& topic, const std::string& value) {
    return {.topic = topic, .key = "k", .value = value, .event_id = value, .headers = {{"ce_id", value}}};
  }
  std::future<http::Response> Submit(const std::string& key, std::vector<Event> events, const std::string& hash = "h") {
    auto request = std::make_unique<BatchRequest>();
    request->idempotency_key = key;
    request->hash = hash;
    request->events = std::move(events);
    auto promise = std::make_shared<std::promise<http::Response>>();
    request->done = [promise](http::Response response) { promise->set_value(std::move(response)); };
    batches_->Submit(std::move(request));
    return promise->get_future();
  }
  template <typename Act>
  http::Response Await(const Act& act) {
    auto promise = std::make_shared<std::promise<http::Response>>();
    act([promise](http::Response response) { promise->set_value(std::move(response)); });
    return promise->get_future().get();
  }
  std::string Begin() {
    const http::Response begun = Await([&](auto done) { transactions_->Begin(absl::Minutes(1), done); });
    return Json::parse(begun.body).value("transaction_id", "");
  }
  http::Response Send(const std::string& id, std::vector<Event> events) {
    return Await([&](auto done) { transactions_->Send(id, std::move(events), "", "", done); });
  }
  http::Response Commit(const std::string& id) {
    return Await([&](auto done) { transactions_->Commit(id, "", "", done); });
  }
  std::vector<std::string> Values(const std::string& topic, bool is_committed_only = true) {
    std::vector<std::string> values;
    for (const auto& each : is_committed_only ? cluster_.ReadCommitted(topic) : cluster_.ReadUncommitted(topic)) {
      values.push_back(*each.value);
    }
    return values;
  }

  testkit::ManualClock clock_;
  NullLogSink log_;
  testkit::MemoryCluster cluster_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  BatchProducerOptions options_{.slots = 1};
  std::unique_ptr<OutcomeLog> outcomes_;
  std::unique_ptr<BatchProducer> batches_;
  std::unique_ptr<ExplicitTransactions> transactions_;
};

TEST_F(BatchesTest, ACommitWhoseAnswerIsLostIsLookedUp) {
  cluster_.FailNext({.call = Call::kCommit, .id_prefix = "batch", .result = kFatal, .landed = true});
  const http::Response first = Submit("k", {EventOf("a", "1"), EventOf("b", "2")}).get();
  EXPECT_EQ(first.status, 200) << first.body;
  EXPECT_EQ(batches_->lost_answers(), 1u);
  EXPECT_EQ(Submit("k", {EventOf("a", "1"), EventOf("b", "2")}).get().body, first.body);
  EXPECT_THAT(Values("a"), ElementsAre("1"));
  EXPECT_THAT(Values("b"), ElementsAre("2"));
}

TEST_F(BatchesTest, ACommitThatDidNotLandIsToldSo) {
  cluster_.FailNext({.call = Call::kCommit, .id_prefix = "batch", .result = kFatal, .landed = false});
  const http::Response first = Submit("k", {EventOf("a", "1")}).get();
  EXPECT_EQ(first.status, 503) << first.body;
  EXPECT_THAT(first.body, HasSubstr("not committed"));
  EXPECT_THAT(Values("a"), IsEmpty());
  EXPECT_EQ(Submit("k", {EventOf("a", "1")}).get().status, 200);
  EXPECT_THAT(Values("a"), ElementsAre("1"));
}

TEST_F(BatchesTest, AnAbortLeavesNothingCommitted) {
  cluster_.FailNext({.call = Call::kCommit, .id_prefix = "batch", .result = kAbortable});
  EXPECT_EQ(Submit("", {EventOf("a", "1"), EventOf("b", "2")}).get().status, 503);
  EXPECT_THAT(Values("a"), IsEmpty());
  EXPECT_THAT(Values("b"), IsEmpty());
}

TEST_F(BatchesTest, AKeyIsForOneBodyAndLastsOverARestart) {
  const http::Response first = Submit("k", {EventOf("a", "1")}).get();
  ASSERT_EQ(first.status, 200) << first.body;
  Close();
  Open();
  const http::Response again = Submit("k", {EventOf("a", "1")}).get();
  EXPECT_EQ(again.body, first.body);
  EXPECT_THAT(again.headers, testing::Contains(testing::Pair("Idempotency-Replayed", "true")));
  EXPECT_EQ(Submit("k", {EventOf("a", "2")}, "other").get().status, 422);
  EXPECT_THAT(Values("a"), ElementsAre("1"));
}

// They share transactions, and what the brokers refuse of one harms no other.
TEST_F(BatchesTest, RequestsThatWaitGoTogetherAndFailApart) {
  cluster_.SetTopicSetting("b", "max.message.bytes", "500");
  std::vector<std::future<http::Response>> answers;
  for (int i = 0; i < 20; ++i) answers.push_back(Submit("", {EventOf("a", absl::StrCat(i))}));
  auto wrong = Submit("", {EventOf("a", "wrong"), EventOf("b", std::string(10'000, 'x'))});
  for (int i = 20; i < 40; ++i) answers.push_back(Submit("", {EventOf("a", absl::StrCat(i))}));
  for (auto& answer : answers) EXPECT_EQ(answer.get().status, 200);
  const http::Response refused = wrong.get();
  EXPECT_EQ(refused.status, 413) << refused.body;
  EXPECT_EQ(Values("a").size(), 40u);
  EXPECT_THAT(Values("a"), testing::Not(testing::Contains("wrong")));
  EXPECT_THAT(Values("b"), IsEmpty());
}

TEST_F(BatchesTest, AnExplicitCommitWhoseAnswerIsLostIsLookedUp) {
  for (const bool landed : {true, false}) {
    const std::string value = landed ? "landed" : "lost";
    const std::string id = Begin();
    ASSERT_EQ(Send(id, {EventOf("a", value), EventOf("b", value)}).status, 200);
    cluster_.FailNext({.call = Call::kCommit, .id_prefix = "explicit", .result = kFatal, .landed = landed});
    EXPECT_EQ(Commit(id).status, landed ? 200 : 503);
    EXPECT_EQ(Commit(id).status, landed ? 200 : 409);
  }
  EXPECT_THAT(Values("a"), ElementsAre("landed"));
  EXPECT_THAT(Values("b"), ElementsAre("landed"));
  EXPECT_EQ(transactions_->open_count(), 0u);
}

TEST_F(BatchesTest, AnEndOfTheProcessAbortsWhatIsOpen) {
  const std::string open = Begin();
  ASSERT_EQ(Send(open, {EventOf("a", "open")}).status, 200);
  const std::string committed = Begin();
  ASSERT_EQ(Send(committed, {EventOf("a", "done")}).status, 200);
  const http::Response answer = Commit(committed);
  ASSERT_EQ(answer.status, 200);
  Close();
  Open();
  EXPECT_EQ(Commit(open).status, 404);
  EXPECT_EQ(Commit(committed).body, answer.body);
  EXPECT_THAT(Values("a"), ElementsAre("done"));
  EXPECT_THAT(Values("a", false), UnorderedElementsAre("open", "done"));
}

TEST_F(BatchesTest, AKeyUnderWayIsNotTakenTwice) {
  options_.slots = 1;
  Close();
  // Not started, so that it stays in the queue.
  outcomes_ =
      std::make_unique<OutcomeLog>(OutcomeLogOptions{.topic = "outcomes"}, client_.get(), admin_.get(), &clock_, &log_);
  batches_ = std::make_unique<BatchProducer>(
      options_, [](int) { return std::string("batch"); }, client_.get(), outcomes_.get(), &clock_, &log_);
  auto first = Submit("k", {EventOf("a", "1")});
  EXPECT_EQ(Submit("k", {EventOf("a", "1")}).get().status, 409);
  EXPECT_EQ(Submit("k", {EventOf("a", "2")}, "other").get().status, 422);
  batches_->Stop();
  EXPECT_EQ(first.get().status, 503);
  batches_.reset();
}

TEST_F(BatchesTest, MessagesAreReadUnderBothIsolationLevels) {
  const auto types = *Types::FromBytes("");
  ASSERT_EQ(Submit("", {EventOf("a", "1"), EventOf("a", "2")}).get().status, 200);
  const std::string id = Begin();
  ASSERT_EQ(Send(id, {EventOf("a", "3")}).status, 200);
  ASSERT_EQ(Await([&](auto done) { transactions_->Abort(id, done); }).status, 200);
  ASSERT_EQ(Submit("", {EventOf("a", "4")}).get().status, 200);
  const auto read = [&](MessagesQuery query) {
    query.topic = "a";
    auto answer = ReadMessages(query, 1, client_.get(), admin_.get(), *types, SteadyNow() + absl::Seconds(30));
    EXPECT_TRUE(answer.ok()) << answer.status();
    std::string values;
    for (const Json& message : (*answer)["messages"]) values += message["value"].get<std::string>();
    return values;
  };
  EXPECT_EQ(read({}), "124");
  EXPECT_EQ(read({.is_committed_only = false}), "1234");
  EXPECT_EQ(read({.count = 2}), "24");
  EXPECT_EQ(read({.count = 2, .is_from_first = true}), "12");
  EXPECT_EQ(read({.count = 1, .partition = Partition(0), .offset = Offset(1)}), "2");
}

}  // namespace
}  // namespace once::gateway
