// What operators look at: state, lag, topics.
#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "processor/operator/lag.h"
#include "processor/operator/state_view.h"
#include "processor/operator/topics.h"
#include "state/changelog.h"
#include "tests/operator/scene.h"

namespace once {
namespace {

constexpr absl::Duration kTimeout = absl::Seconds(5);

class ViewsTest : public OperatorTest {
 protected:
  int64_t CentsIn(const StateEntry& entry) {
    CustomerTotal total;
    EXPECT_TRUE(total.ParseFromString(entry.value));
    return total.cents();
  }
  std::optional<int64_t> Get(const std::string& key) {
    const auto found = GetState(plan_, client_.get(), admin_.get(), "customer", key, kTimeout);
    EXPECT_TRUE(found.ok()) << found.status();
    if (!found.ok() || !found->has_value()) return std::nullopt;
    return CentsIn(**found);
  }
  std::vector<std::string> Keys(const std::optional<std::string>& after, size_t limit, bool* has_more) {
    const auto page = ListState(plan_, client_.get(), admin_.get(), "customer", after, limit, kTimeout);
    EXPECT_TRUE(page.ok()) << page.status();
    std::vector<std::string> keys;
    if (!page.ok()) return keys;
    *has_more = page->has_more;
    for (const StateEntry& entry : page->entries) keys.push_back(entry.key);
    return keys;
  }
};

TEST_F(ViewsTest, StateOfAKeyIsFoundInWhateverPartition) {
  for (int i = 0; i < 20; ++i) {
    driver_.Send("orders", absl::StrCat("key", i), Order(i + 1));
    // Where no partitioner would have put it.
    driver_.Send("orders", absl::StrCat("lost", i), Order(i + 1), {.partition = i % 2});
  }
  driver_.RunUntilIdle();
  driver_.Send("orders", "key3", Order(100));
  driver_.RunUntilIdle();
  Stop();
  EXPECT_EQ(Get("key3"), 104);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Get(absl::StrCat("lost", i)), i + 1);
  EXPECT_EQ(Get("nobody"), std::nullopt);
  EXPECT_EQ(Get("key"), std::nullopt) << "the beginning of a key is none";
  EXPECT_TRUE(absl::IsNotFound(GetState(plan_, client_.get(), admin_.get(), "no-such", "key3", kTimeout).status()));
}

TEST_F(ViewsTest, WhatIsNotCommittedIsNotShown) {
  Send(0, 10);
  driver_.RunUntilIdle();
  Stop();
  auto producer = *client_->NewProducer("other", plan_.changelog_topics);
  ASSERT_TRUE(producer->InitTransactions(kTimeout).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  const std::string key = StateKeyPrefix("customer") + Customer(0);
  ASSERT_TRUE(producer->Send({.topic_index = 0, .partition = Partition(0), .key = key, .value = "x"}).ok());
  ASSERT_TRUE(producer->Flush(kTimeout).ok());
  ASSERT_TRUE(producer->Abort(kTimeout).ok());
  EXPECT_EQ(Get(Customer(0)), 10);
}

TEST_F(ViewsTest, StateComesInPages) {
  for (int i = 0; i < 30; ++i) driver_.Send("orders", absl::StrCat("key", 10 + i), Order(1));
  driver_.RunUntilIdle();
  Stop();
  std::optional<std::string> after;
  std::vector<std::string> all;
  bool has_more = true;
  while (has_more) {
    const std::vector<std::string> keys = Keys(after, 7, &has_more);
    ASSERT_FALSE(keys.empty());
    EXPECT_EQ(keys.size(), has_more ? 7 : 2);
    all.insert(all.end(), keys.begin(), keys.end());
    after = keys.back();
  }
  EXPECT_EQ(all.size(), 30);
  EXPECT_TRUE(std::is_sorted(all.begin(), all.end()));
  EXPECT_TRUE(Keys("key39", 7, &has_more).empty());
}

// More keys than a page looks at, most of them deleted.
TEST_F(ViewsTest, DeletedKeysFillNoPage) {
  Send(0, 10);
  driver_.RunUntilIdle();
  Stop();
  const std::string prefix = StateKeyPrefix("customer");
  const std::string changelog = plan_.changelog_topics[0];
  for (int i = 0; i < 2500; ++i)
    driver_.cluster().Append(changelog, Partition(1), prefix + absl::StrCat("a", 10000 + i), "x");
  for (int i = 0; i < 2490; ++i) {
    driver_.cluster().Append(changelog, Partition(1), prefix + absl::StrCat("a", 10000 + i), std::nullopt);
  }
  bool has_more = false;
  const std::vector<std::string> keys = Keys(std::nullopt, 3, &has_more);
  EXPECT_EQ(keys, (std::vector<std::string>{"a12490", "a12491", "a12492"}));
  EXPECT_TRUE(has_more);
  EXPECT_EQ(Keys("a12498", 3, &has_more), (std::vector<std::string>{"a12499", Customer(0)}));
  EXPECT_FALSE(has_more);
}

TEST_F(ViewsTest, LagIsCountedAndTimed) {
  for (int i = 0; i < 3; ++i) Send(0, 1);
  driver_.RunUntilIdle();
  Stop();
  const absl::Time then = driver_.clock().Wall();
  driver_.cluster().Append("orders", Partition(0), "k", Order(1).SerializeAsString());
  driver_.clock().Advance(absl::Minutes(5));
  driver_.cluster().Append("orders", Partition(0), "k", Order(1).SerializeAsString());
  auto producer = *client_->NewProducer("other", {"orders"});
  ASSERT_TRUE(producer->InitTransactions(kTimeout).ok());
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send({.topic_index = 0, .partition = Partition(0), .key = "k", .value = "x"}).ok());
  ASSERT_TRUE(producer->Flush(kTimeout).ok());
  const auto lag = ReadLag(plan_, client_.get(), admin_.get(), kTimeout);
  ASSERT_TRUE(lag.ok()) << lag.status();
  ASSERT_EQ(lag->size(), 2);
  const InputLag& first = (*lag)[0];
  EXPECT_EQ(first.committed, Offset(3));
  EXPECT_EQ(first.end, Offset(6));
  EXPECT_EQ(first.stable, Offset(5)) << "a transaction is open upstream";
  EXPECT_EQ(first.events(), 3);
  ASSERT_TRUE(first.waits_since.has_value());
  EXPECT_EQ(absl::ToUnixMillis(*first.waits_since), absl::ToUnixMillis(then));
  EXPECT_EQ((*lag)[1].events(), 0);
  EXPECT_FALSE((*lag)[1].waits_since.has_value());
}

TEST_F(ViewsTest, TopicsAreMadeThatAreMissing) {
  Stop();
  driver_.cluster().DeleteTopic("customer-totals");
  driver_.cluster().DeleteTopic("scripted-orders-audit");
  const PreflightOptions options{
      .bootstrap_servers = "memory", .create_partitions = 3, .timeout = kTimeout, .takes_commands = true};
  auto listed = ListTopics(options, admin_.get(), plan_);
  ASSERT_TRUE(listed.ok()) << listed.status();
  ASSERT_EQ(listed->size(), 6);
  EXPECT_EQ((*listed)[0].topic, "orders");
  EXPECT_TRUE((*listed)[0].exists);
  EXPECT_EQ((*listed)[1].topic, "customer-totals");
  EXPECT_FALSE((*listed)[1].exists);
  struct : LogSink {
    void Log(LogLevel, const std::string&) override {}
  } log;
  auto made = CreateTopics(options, admin_.get(), &log, &plan_);
  ASSERT_TRUE(made.ok()) << made.status();
  std::string names;
  for (const TopicState& topic : *made) {
    EXPECT_TRUE(topic.exists) << topic.topic;
    if (topic.was_made) absl::StrAppend(&names, topic.topic, ":", topic.partitions, " ");
  }
  EXPECT_EQ(names, "customer-totals:3 scripted-orders-audit:2 ");
}

}  // namespace
}  // namespace once
