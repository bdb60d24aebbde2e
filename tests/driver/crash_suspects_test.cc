// X3: what is known of events during whose handlers the process died.
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "processor/runtime/crash_journal.h"
#include "processor/runtime/solitude.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

TopicPartitionOffset At(int64_t offset) { return {{"orders", Partition(0)}, Offset(offset)}; }

TEST(CrashSuspectsTest, X3ASuspectRunsInATransactionOfItsOwn) {
  DriverOptions options;
  options.engine.crash_suspects = {{At(2), ""}};
  auto script = NewScript();
  TopologyTestDriver driver(Scripted(script), options);
  std::vector<size_t> commits;
  driver.cluster().OnCommit([&](const testkit::CommittedTransaction& transaction) {
    size_t outputs = 0;
    for (const auto& [where, record] : transaction.records) outputs += where.topic == "customer-totals";
    if (outputs > 0) commits.push_back(outputs);
  });
  for (int i = 1; i <= 6; ++i) driver.Send("orders", "key" + std::to_string(i), Order(i));
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(commits, (std::vector<size_t>{2, 1, 3}));
}

TEST(CrashSuspectsTest, X3ABlamedEventFailsWithoutBeingRun) {
  DriverOptions options;
  options.engine.crash_suspects = {{At(1), "the process ended 4 times"}};
  auto script = NewScript();
  int calls = 0;
  script->handle = [&calls](const OrderPlaced& order) {
    calls += order.cents() == 2;
    return absl::OkStatus();
  };
  TopologyTestDriver driver(Scripted(script), options);
  driver.Send("orders", "alice", Order(1), {.event_id = "1"});
  driver.Send("orders", "bob", Order(2), {.event_id = "2"});
  driver.Send("orders", "bob", Order(3), {.event_id = "3"});
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(calls, 0);
  EXPECT_EQ(Totals(driver), "alice:1:1");
  EXPECT_EQ(Letters(driver), "FAILED:2 BLOCKED:3");
  EXPECT_EQ(driver.dead_letters()[0].reason, "INTERNAL");
  EXPECT_EQ(driver.dead_letters()[0].message, "the process ended 4 times");
}

TEST(SolitudeTest, X3OneWorkerRunsAloneOthersWait) {
  Solitude solitude;
  ASSERT_TRUE(solitude.TryEnter(0));
  ASSERT_TRUE(solitude.TryEnter(1));
  EXPECT_FALSE(solitude.TryBeAlone(0)) << "the other is in its slice";
  EXPECT_FALSE(solitude.TryBeAlone(1)) << "one at a time";
  solitude.Leave();
  EXPECT_FALSE(solitude.TryEnter(1)) << "nothing is begun beside it";
  EXPECT_TRUE(solitude.TryBeAlone(0));
  solitude.Leave();
  EXPECT_FALSE(solitude.TryEnter(1)) << "it may run several slices";
  solitude.EndAlone(1);
  EXPECT_FALSE(solitude.TryEnter(1));
  solitude.EndAlone(0);
  EXPECT_TRUE(solitude.TryEnter(1));
  EXPECT_TRUE(solitude.TryEnter(0));
}

class CrashJournalTest : public testing::Test {
 protected:
  CrashJournalTest() { std::filesystem::create_directories(dir_); }
  ~CrashJournalTest() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<CrashJournal> Open() {
    auto journal = CrashJournal::Open(dir_, {"orders"}, 2, &log_);
    EXPECT_TRUE(journal.ok()) << journal.status();
    return *std::move(journal);
  }
  // A process that dies at that event.
  void DieAt(int worker, int64_t offset) {
    const auto journal = Open();
    journal->note(worker)->offset = offset;
    journal->note(worker)->is_running = 1;
  }

  const std::string dir_ = testing::TempDir() + "/journal-" + std::to_string(::getpid());
  NullLogSink log_;
};

TEST_F(CrashJournalTest, X3DeathsAreCountedByEvent) {
  EXPECT_TRUE(Open()->suspects().empty());
  DieAt(0, 7);
  DieAt(1, 7);
  DieAt(1, 9);
  EXPECT_TRUE(Open()->suspects().empty()) << "two deaths each at the most";
  DieAt(0, 7);
  {
    const auto journal = Open();
    ASSERT_EQ(journal->suspects().size(), 1);
    EXPECT_EQ(journal->suspects()[0].place, At(7));
    EXPECT_EQ(journal->suspects()[0].blame, "");
  }
  DieAt(0, 7);
  EXPECT_NE(Open()->suspects()[0].blame.find("the process ended 4 times while the handlers of event orders-0-7 ran"),
            std::string::npos);
  EXPECT_TRUE(Open()->suspects().empty()) << "who was blamed has failed, and is to be run when it is released";
}

TEST_F(CrashJournalTest, X3AnOrderlyEndIsNoDeath) {
  for (int i = 0; i < 5; ++i) {
    const auto journal = Open();
    journal->note(0)->offset = 7;
    journal->note(0)->is_running = 1;
    journal->note(0)->is_running = 0;
  }
  EXPECT_TRUE(Open()->suspects().empty());
}

TEST_F(CrashJournalTest, X3FilesThatAreNoneCountForNothing) {
  std::ofstream(dir_ + "/handling") << "rubbish that is longer than a header and a note, and then some more of it";
  std::ofstream(dir_ + "/deaths") << "x y z\n99999999999999 1 1 orders\n";
  EXPECT_TRUE(Open()->suspects().empty());
}

}  // namespace
}  // namespace once
