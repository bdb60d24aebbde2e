// What is kept from one look to the next is what a look that began anew would find, and no more than was said.
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "processor/operator/kept_changelogs.h"
#include "processor/operator/kept_readers.h"
#include "state/changelog.h"
#include "tests/cli/reader_client.h"
#include "tests/testkit/memory_cluster.h"

namespace once {
namespace {

constexpr char kTopic[] = "shop-changelog";
const Partition kZero(0);

// Counts the records that it brings.
class CountingReader final : public kafka::LogReader {
 public:
  CountingReader(std::unique_ptr<kafka::LogReader> reader, size_t* records)
      : reader_(std::move(reader)), records_(records) {}
  absl::Status Add(const TopicPartitionOffset& from) override { return reader_->Add(from); }
  absl::Status Remove(const TopicPartition& partition) override { return reader_->Remove(partition); }
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override {
    const absl::Status polled = reader_->Poll(timeout, batch);
    *records_ += batch->records.size();
    return polled;
  }

 private:
  const std::unique_ptr<kafka::LogReader> reader_;
  size_t* const records_;
};

// As of a client library that knows no IDs of topics.
class AdminWithoutIds final : public kafka::Admin {
 public:
  explicit AdminWithoutIds(std::unique_ptr<kafka::Admin> admin) : admin_(std::move(admin)) {}
  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string& topic, absl::Duration timeout) override {
    return admin_->DescribeTopic(topic, timeout);
  }
  absl::Status CreateTopic(const kafka::NewTopic& topic, absl::Duration timeout) override {
    return admin_->CreateTopic(topic, timeout);
  }
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string& group,
                                                                          std::span<const TopicPartition> partitions,
                                                                          absl::Duration timeout) override {
    return admin_->StableCommittedOffsets(group, partitions, timeout);
  }
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition& where, absl::Duration timeout) override {
    return admin_->BeginningOffset(where, timeout);
  }
  absl::StatusOr<Offset> HighWatermark(const TopicPartition& where, absl::Duration timeout) override {
    return admin_->HighWatermark(where, timeout);
  }
  kafka::LogOffsets ReadLogOffsets(kafka::LogPoint point, std::span<const TopicPartition> partitions,
                                   absl::Duration timeout) override {
    return admin_->ReadLogOffsets(point, partitions, timeout);
  }

 private:
  const std::unique_ptr<kafka::Admin> admin_;
};

class KeptTest : public testing::Test {
 protected:
  KeptTest() { cluster_.CreateTopic(kTopic, 2); }

  static std::string Key(const std::string& name) { return StateKeyPrefix("customer") + name; }
  // Committed, with a marker behind it.
  void Write(const std::string& key, std::optional<std::string> value, Partition partition = kZero) {
    auto producer = Begin(key, std::move(value), partition);
    ASSERT_TRUE(producer->Commit(absl::Seconds(1)).ok());
  }
  std::unique_ptr<kafka::TransactionalProducer> Begin(const std::string& key, std::optional<std::string> value,
                                                      Partition partition = kZero) {
    auto producer = *cluster_.NewClient()->NewProducer("p", {kTopic});
    EXPECT_TRUE(producer->InitTransactions(absl::Seconds(1)).ok());
    EXPECT_TRUE(producer->BeginTransaction().ok());
    EXPECT_TRUE(producer->Send({.partition = partition, .key = key, .value = value}).ok());
    EXPECT_TRUE(producer->Flush(absl::Seconds(1)).ok());
    return producer;
  }
  // The values of the key, by all partitions; "-" where there is none; else the error's code.
  std::string Find(const std::string& key, KeptChangelogs::Limits limits = {}) {
    const auto found = changelogs_->Find(kTopic, {kZero, Partition(1)}, {key}, limits);
    if (!found.ok()) return absl::StatusCodeToString(found.status().code());
    std::string values;
    for (const auto& [partition, records] : *found) {
      absl::StrAppend(&values, values.empty() ? "" : " ", records[0].has_value() ? records[0]->value : "-");
    }
    return values;
  }

  testkit::ManualClock clock_;
  testkit::MemoryCluster cluster_{&clock_};
  int made_ = 0;
  size_t records_ = 0;
  cli::ReaderClient client_{cluster_.NewClient(), [this](std::unique_ptr<kafka::LogReader> reader) {
                              ++made_;
                              return std::make_unique<CountingReader>(std::move(reader), &records_);
                            }};
  KeptReaders readers_{&client_, {.most = 2}};
  std::unique_ptr<kafka::Admin> admin_ = *client_.NewAdmin();
  std::unique_ptr<KeptChangelogs> changelogs_ = std::make_unique<KeptChangelogs>(&readers_, admin_.get());
};

TEST_F(KeptTest, AReaderIsGivenToWhoAsksNext) {
  Write("k", "v");
  for (int i = 0; i < 3; ++i) {
    auto reader = *readers_.NewLogReader({kTopic});
    EXPECT_EQ(readers_.kept(), 0u) << "nobody else is given what is used";
    // Nobody has removed it.
    ASSERT_TRUE(reader->Add({{kTopic, kZero}, Offset(0)}).ok());
    kafka::Batch batch;
    ASSERT_TRUE(reader->Poll(absl::ZeroDuration(), &batch).ok());
    ASSERT_EQ(batch.records.size(), 1u);
    EXPECT_EQ(batch.records[0].key, "k");
  }
  EXPECT_EQ(made_, 1);
  EXPECT_EQ(readers_.kept(), 1u);
}

TEST_F(KeptTest, AReaderThatHasMetAnErrorOrNothingIsNotGivenAgain) {
  Write("k", "v");
  {
    auto reader = *readers_.NewLogReader({kTopic});
    ASSERT_TRUE(reader->Add({{kTopic, kZero}, Offset(99)}).ok());
    kafka::Batch batch;
    ASSERT_TRUE(reader->Poll(absl::ZeroDuration(), &batch).ok());
    EXPECT_EQ(batch.errors.size(), 1u);
  }
  EXPECT_EQ(readers_.kept(), 0u);
  cluster_.SetReachable(false);
  {
    auto reader = *readers_.NewLogReader({kTopic});
    ASSERT_TRUE(reader->Add({{kTopic, kZero}, Offset(0)}).ok());
    kafka::Batch batch;
    ASSERT_TRUE(reader->Poll(absl::ZeroDuration(), &batch).ok());
  }
  EXPECT_EQ(readers_.kept(), 0u);
}

TEST_F(KeptTest, ReadersAreFewAndEndWhenNobodyUsesThem) {
  const auto use = [&](KeptReaders* readers, const std::vector<std::string>& topics) {
    auto reader = *readers->NewLogReader(topics);
    ASSERT_TRUE(reader->Add({{topics.front(), kZero}, Offset(0)}).ok());
    kafka::Batch batch;
    ASSERT_TRUE(reader->Poll(absl::ZeroDuration(), &batch).ok());
  };
  for (const char* topic : {"a", "b", "c"}) {
    cluster_.CreateTopic(topic);
    use(&readers_, {topic});
  }
  EXPECT_EQ(made_, 3) << "each has topics of its own";
  EXPECT_EQ(readers_.kept(), 2u);
  readers_.DropIdle();
  EXPECT_EQ(readers_.kept(), 2u) << "the time has not come";
  KeptReaders hasty(&client_, {.idle_time = absl::ZeroDuration()});
  use(&hasty, {"a"});
  EXPECT_EQ(hasty.kept(), 1u);
  hasty.DropIdle();
  EXPECT_EQ(hasty.kept(), 0u);
}

TEST_F(KeptTest, ALookReadsWhatHasComeSinceTheLast) {
  for (int i = 0; i < 100; ++i) Write(Key(absl::StrCat("k", i)), absl::StrCat(i));
  Write(Key("alice"), "1");
  Write(Key("alice"), "in the other", Partition(1));
  EXPECT_EQ(Find(Key("alice")), "1 in the other");
  EXPECT_GE(records_, 102u);
  records_ = 0;
  Write(Key("alice"), "2");
  EXPECT_EQ(Find(Key("alice")), "2 in the other");
  // The last known, the new one, and the values, where they stand with what is behind them.
  EXPECT_LE(records_, 6u);
  Write(Key("alice"), std::nullopt);
  EXPECT_EQ(Find(Key("alice")), "- in the other");
  EXPECT_EQ(Find(Key("k7")).substr(0, 1), "7");
  EXPECT_EQ(Find(Key("nobody")), "- -");
}

TEST_F(KeptTest, StatusesAndParkedEventsAreKeptAndLargeOnesAreReadWhereTheyStand) {
  const std::string large(100'000, 'x');
  Write(AggregateStatusKey("alice"), "status");
  Write(ParkedEventKey("alice", 7), large);
  Write(ParkedEventKey("alice", 8), "small");
  EXPECT_EQ(Find(ParkedEventKey("alice", 7)), large + " -");
  records_ = 0;
  EXPECT_EQ(Find(AggregateStatusKey("alice")), "status -");
  EXPECT_EQ(Find(ParkedEventKey("alice", 8)), "small -");
  EXPECT_EQ(records_, 0u);
}

TEST_F(KeptTest, AnOpenTransactionIsNotWaitedForAndItsRecordsComeWithItsEnd) {
  Write(Key("alice"), "1");
  auto producer = Begin(Key("alice"), "2");
  cluster_.Append(kTopic, kZero, Key("bob"), "behind it");
  EXPECT_EQ(Find(Key("alice")), "1 -");
  EXPECT_EQ(Find(Key("bob")), "- -");
  ASSERT_TRUE(producer->Commit(absl::Seconds(1)).ok());
  EXPECT_EQ(Find(Key("alice")), "2 -");
  EXPECT_EQ(Find(Key("bob")), "behind it -");
  producer = Begin(Key("alice"), "3");
  ASSERT_TRUE(producer->Abort(absl::Seconds(1)).ok());
  EXPECT_EQ(Find(Key("alice")), "2 -");
}

TEST_F(KeptTest, ATopicThatIsMadeAnewIsAnother) {
  for (const bool has_ids : {true, false}) {
    if (!has_ids) admin_ = std::make_unique<AdminWithoutIds>(std::move(admin_));
    changelogs_ = std::make_unique<KeptChangelogs>(&readers_, admin_.get());
    cluster_.RemakeTopic(kTopic);
    Write(Key("alice"), "old");
    Write(Key("bob"), "old");
    EXPECT_EQ(Find(Key("alice")), "old -");
    cluster_.RemakeTopic(kTopic);
    EXPECT_EQ(Find(Key("alice")), "- -") << has_ids;
    Write(Key("alice"), "old");
    EXPECT_EQ(Find(Key("alice")), "old -");
    // As long as the old one, and longer.
    cluster_.RemakeTopic(kTopic);
    for (int i = 0; i < 9; ++i) Write(Key("bob"), absl::StrCat("new", i));
    EXPECT_EQ(Find(Key("alice")), "- -") << has_ids;
    EXPECT_EQ(Find(Key("bob")), "new8 -");
  }
}

TEST_F(KeptTest, AnotherTopicThatEndsTheSameIsToldByItsId) {
  Write(Key("alice"), "old");
  Write(Key("bob"), "1");
  EXPECT_EQ(Find(Key("alice")), "old -");
  cluster_.RemakeTopic(kTopic);
  Write(Key("carol"), "new");
  Write(Key("bob"), "1");
  Write(Key("bob"), "2");
  EXPECT_EQ(Find(Key("alice")), "- -");
}

TEST_F(KeptTest, WhatIsCompactedOrTrimmedIsStillRight) {
  for (int i = 0; i < 5; ++i) Write(Key("alice"), absl::StrCat(i));
  EXPECT_EQ(Find(Key("alice")), "4 -");
  for (int i = 0; i < 5; ++i) Write(Key("alice"), absl::StrCat("b", i));
  cluster_.Compact(kTopic);
  EXPECT_EQ(Find(Key("alice")), "b4 -") << "the last that was known is gone";
  Write(Key("bob"), "1");
  cluster_.Trim({{kTopic, kZero}, cluster_.HighWatermark({kTopic, kZero})});
  Write(Key("carol"), "1");
  EXPECT_EQ(Find(Key("carol")), "1 -");
  EXPECT_EQ(Find(Key("bob")), "- -");
}

TEST_F(KeptTest, WhatThereIsNoRoomForIsSaid) {
  changelogs_ = std::make_unique<KeptChangelogs>(&readers_, admin_.get(), KeptChangelogsOptions{.max_bytes = 20'000});
  cluster_.CreateTopic("other");
  for (int i = 0; i < 200; ++i) cluster_.Append("other", kZero, Key(absl::StrCat(i)), "v");
  ASSERT_TRUE(changelogs_->Find("other", {kZero}, {Key("7")}, {}).ok());
  const size_t others = changelogs_->bytes();
  EXPECT_GT(others, 200 * 20u);
  for (int i = 0; i < 400; ++i) cluster_.Append(kTopic, kZero, Key(absl::StrCat(i)), "v");
  EXPECT_EQ(Find(Key("7")), "v -") << "room is made by what was asked about before";
  EXPECT_LE(changelogs_->bytes(), 20'000u);
  for (int i = 0; i < 4'000; ++i) cluster_.Append(kTopic, kZero, Key(absl::StrCat(i)), "v");
  EXPECT_EQ(Find(Key("7")), "RESOURCE_EXHAUSTED");
  EXPECT_LE(changelogs_->bytes(), 20'000u);
  records_ = 0;
  EXPECT_EQ(Find(Key("7")), "RESOURCE_EXHAUSTED");
  EXPECT_EQ(records_, 0u) << "it is not tried again and again";
  ASSERT_TRUE(changelogs_->Find("other", {kZero}, {Key("7")}, {}).ok());
}

TEST_F(KeptTest, WhatIsNotAskedAboutIsForgotten) {
  changelogs_ = std::make_unique<KeptChangelogs>(&readers_, admin_.get(),
                                                 KeptChangelogsOptions{.idle_time = absl::ZeroDuration()});
  Write(Key("alice"), "1");
  EXPECT_EQ(Find(Key("alice")), "1 -");
  EXPECT_GT(changelogs_->bytes(), 0u);
  changelogs_->DropIdle();
  EXPECT_EQ(changelogs_->bytes(), 0u);
  EXPECT_EQ(Find(Key("alice")), "1 -");
}

TEST_F(KeptTest, AGivenUpLookIsGoneOnWith) {
  for (int i = 0; i < 5'000; ++i) cluster_.Append(kTopic, kZero, Key(absl::StrCat(i)), "v");
  EXPECT_EQ(Find(Key("7"), {.timeout = absl::ZeroDuration()}), "DEADLINE_EXCEEDED");
  int asked = 0;
  EXPECT_EQ(Find(Key("7"), {.is_cancelled = [&] { return ++asked > 2; }}), "CANCELLED");
  const size_t before = records_;
  EXPECT_GT(before, 0u);
  EXPECT_EQ(Find(Key("4999")), "v -");
  EXPECT_LE(records_, 5'000u + 1'000) << "what was read before is not read again";
}

}  // namespace
}  // namespace once
