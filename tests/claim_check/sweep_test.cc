// What a sweep deletes, and what it must not, on a Kafka in memory and the engine that ships.
#include "tools/claim_sweep/sweep.h"

#include "tests/claim_check/scene.h"

namespace once {
namespace {

using claim_sweep::Sweep;
using claim_sweep::SweepOptions;
using claim_sweep::SweepReport;
using ::testing::HasSubstr;
using ::testing::UnorderedElementsAre;

class SweepTest : public ::testing::Test {
 protected:
  SweepTest() : driver_(CopyTexts(store_)) {
    for (const std::string& topic : driver_.cluster().TopicNames()) {
      if (topic.find("__") != 0) options_.topics.push_back(topic);
    }
  }

  absl::StatusOr<SweepReport> RunSweep(absl::Duration later = absl::Hours(48)) {
    const auto client = driver_.cluster().NewClient();
    return Sweep(client.get(), store_.get(), start_ + later, options_);
  }

  const absl::Time start_ = absl::FromUnixSeconds(1'700'000'000);
  const std::shared_ptr<InMemoryBlobStore> store_ = std::make_shared<InMemoryBlobStore>([this] { return start_; });
  TopologyTestDriver driver_;
  SweepOptions options_{.deletes = true, .patience = absl::Milliseconds(200)};
};

TEST_F(SweepTest, WhatNobodyRefersToIsDeletedButOnlyIfThatIsWanted) {
  const std::string orphan = NameIn(WriteClaim(store_, "nobody's").headers);
  const Claim claim = WriteClaim(store_, "somebody's");
  SendClaim(&driver_, "k", claim, "1");
  driver_.RunUntilIdle();
  const std::string copy = NameIn(driver_.Read<Bytes>("copies")[0].headers);
  std::vector<std::string> told;
  options_.tell = [&](const BlobInfo& blob) { told.push_back(blob.name); };
  options_.deletes = false;
  auto report = RunSweep();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->swept, 1);
  EXPECT_EQ(report->bytes, 8);
  EXPECT_EQ(report->kept, 2);
  EXPECT_EQ(told, std::vector<std::string>{orphan});
  EXPECT_EQ(store_->names().size(), 3);
  options_.deletes = true;
  ASSERT_TRUE(RunSweep().ok());
  EXPECT_THAT(store_->names(), UnorderedElementsAre(NameIn(claim.headers), copy));
}

TEST_F(SweepTest, WhatIsYoungIsKept) {
  WriteClaim(store_, "nobody's");
  auto report = RunSweep(absl::Hours(24) - absl::Seconds(1));
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(report->young, 1);
  EXPECT_EQ(report->swept, 0);
  report = RunSweep(absl::Hours(24));
  ASSERT_TRUE(report.ok());
  EXPECT_EQ(report->swept, 1);
}

TEST_F(SweepTest, AGraceThatATransactionMayOutlastIsRefused) {
  driver_.cluster().SetBrokerSetting("transaction.max.timeout.ms", "7200000");
  options_.grace = absl::Hours(3) - absl::Seconds(1);
  const auto report = RunSweep();
  EXPECT_EQ(report.status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(std::string(report.status().message()), HasSubstr("use at least 3h"));
  options_.grace = absl::Hours(3);
  EXPECT_TRUE(RunSweep().ok());
}

TEST_F(SweepTest, DeadLettersAndParkedEventsKeepTheirBlobsEvenIfTheSourceIsGone) {
  const Claim bad = WriteClaim(store_, "bad and long"), behind = WriteClaim(store_, "behind it");
  SendClaim(&driver_, "k", bad, "1");
  SendClaim(&driver_, "k", behind, "2");
  driver_.RunUntilIdle();
  ASSERT_EQ(driver_.Parked("k"), 2);
  driver_.cluster().Trim({{"texts", Partition(0)}, driver_.cluster().HighWatermark({"texts", Partition(0)})});
  ASSERT_TRUE(RunSweep().ok());
  EXPECT_EQ(store_->names().size(), 2);
  // The changelog alone does.
  driver_.cluster().Trim({{"texts.dlq", Partition(0)}, driver_.cluster().HighWatermark({"texts.dlq", Partition(0)})});
  ASSERT_TRUE(RunSweep().ok());
  EXPECT_EQ(store_->names().size(), 2);
  EXPECT_EQ(driver_.Skip("copier", std::string("k")).outcome, "APPLIED");
  driver_.RunUntilIdle();
  EXPECT_EQ(driver_.Read<Bytes>("copies").size(), 1);
}

TEST_F(SweepTest, AStateThatHasAReferenceKeepsTheBlob) {
  const Claim claim = WriteClaim(store_, "of a state");
  driver_.cluster().CreateTopic("states", 1);
  driver_.cluster().Append("states", Partition(0), "key", "\x0a\x7f" + HeaderOf(claim.headers, "once.claim"));
  options_.topics.push_back("states");
  ASSERT_TRUE(RunSweep().ok());
  EXPECT_EQ(store_->names().size(), 1);
}

TEST_F(SweepTest, WhatAnAbortedTransactionWroteIsSwept) {
  const auto client = driver_.cluster().NewClient();
  auto producer = client->NewProducer("p", {"copies"});
  ASSERT_TRUE(producer.ok());
  ASSERT_TRUE((*producer)->InitTransactions(absl::Seconds(1)).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  const Claim claim = WriteClaim(store_, "of a transaction");
  const std::string text = HeaderOf(claim.headers, "once.claim");
  const std::vector<HeaderView> headers = {{"once.claim", text}};
  OutputRecord record;
  record.partition = Partition(0);
  record.value = claim.value;
  record.headers = headers;
  ASSERT_TRUE((*producer)->Send(record).ok());
  ASSERT_TRUE((*producer)->Flush(absl::Seconds(1)).ok());
  // While it is open nothing is deleted, whatever the age.
  const auto refused = RunSweep();
  EXPECT_EQ(refused.status().code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(refused.status().message()), HasSubstr("a transaction is open"));
  EXPECT_EQ(store_->names().size(), 1);
  ASSERT_TRUE((*producer)->Abort(absl::Seconds(1)).ok());
  const auto report = RunSweep();
  ASSERT_TRUE(report.ok()) << report.status();
  EXPECT_EQ(store_->names().size(), 0);
}

TEST_F(SweepTest, NothingIsDeletedUnlessAllTopicsCouldBeRead) {
  WriteClaim(store_, "nobody's");
  options_.topics.push_back("not.there");
  EXPECT_EQ(RunSweep().status().code(), absl::StatusCode::kNotFound);
  options_.topics.clear();
  EXPECT_EQ(RunSweep().status().code(), absl::StatusCode::kInvalidArgument);
  EXPECT_EQ(store_->names().size(), 1);
}

}  // namespace
}  // namespace once
