// X3: what is known of events during whose handlers the process died.
#include <unistd.h>

#include <filesystem>
#include <fstream>
#include <memory>
#include <set>

#include "processor/runtime/crash_journal.h"
#include "processor/runtime/solitude.h"
#include "processor/runtime/worker.h"
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

  std::unique_ptr<CrashJournal> Open(const std::vector<std::string>& input_topics = {"orders"}) {
    auto journal = CrashJournal::Open(dir_, input_topics, 2, &log_);
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
  const auto journal = Open();
  EXPECT_EQ(journal->suspects().size(), 1) << "it may not have come to failing";
  journal->Settle(At(7));
  EXPECT_TRUE(Open()->suspects().empty()) << "who was blamed has failed, and is to be run when it is released";
}

// Two that end the process in turn: what is known of one outlasts the deaths by the other.
TEST_F(CrashJournalTest, X3OfSeveralNoneIsForgottenBeforeItHasFailed) {
  int deaths = 0;
  std::set<int64_t> blamed;
  for (int64_t next = 7; blamed.size() < 2; next = next == 7 ? 8 : 7) {
    if (!blamed.contains(next)) {
      DieAt(0, next);
      ++deaths;
    }
    blamed.clear();
    const auto journal = Open();
    for (const CrashSuspect& suspect : journal->suspects()) {
      if (!suspect.blame.empty()) blamed.insert(suspect.place.offset.value());
    }
    ASSERT_LE(deaths, 20);
  }
  EXPECT_EQ(deaths, 2 * CrashJournal::kBlamedAfter);
}

TEST_F(CrashJournalTest, X3DeathsOfFewEventsAreRemembered) {
  for (int i = 0; i < 3; ++i) DieAt(0, 7);
  {
    std::ofstream more(dir_ + "/deaths", std::ios::app);
    for (size_t i = 0; i < 2 * CrashJournal::kMaxEvents; ++i) more << "1 0 " << 100 + i << " orders\n";
  }
  EXPECT_EQ(Open()->suspects().size(), 1) << "those that had the most";
  std::ifstream in(dir_ + "/deaths");
  size_t lines = 0;
  for (std::string line; std::getline(in, line);) ++lines;
  EXPECT_EQ(lines, CrashJournal::kMaxEvents);
}

// The next process may read other topics.
TEST_F(CrashJournalTest, X3ADeathIsThatOfTheTopicOfThen) {
  for (int i = 0; i < 3; ++i) DieAt(0, 7);
  const auto journal = Open({"a-new-one", "orders"});
  ASSERT_EQ(journal->suspects().size(), 1);
  EXPECT_EQ(journal->suspects()[0].place, At(7));
}

// A journal that knows of deaths of the second order, and a driver that goes by it.
class SettledTest : public testing::Test {
 protected:
  SettledTest() { std::filesystem::create_directories(dir_); }
  ~SettledTest() override { std::filesystem::remove_all(dir_); }

  void Start(int deaths, FailureAction then) {
    std::ofstream(dir_ + "/deaths") << deaths << " 0 1 orders\n";
    journal_ = *CrashJournal::Open(dir_, {"orders"}, 1, &log_);
    DriverOptions options;
    options.engine.crash_suspects = journal_->suspects();
    auto script = NewScript();
    script->policy.then = then;
    driver_ = std::make_unique<TopologyTestDriver>(Scripted(script), options);
    driver_->worker().handler_watch().set_journal(journal_.get(), 0);
    driver_->Send("orders", "alice", Order(1));
    driver_->RunUntilIdle();
  }
  bool IsRemembered() { return !CrashJournal::Open(dir_, {"orders"}, 1, &log_).value()->suspects().empty(); }

  const std::string dir_ = testing::TempDir() + "/settled-" + std::to_string(::getpid());
  NullLogSink log_;
  std::unique_ptr<CrashJournal> journal_;
  std::unique_ptr<TopologyTestDriver> driver_;
};

TEST_F(SettledTest, X3ASuspectIsForgottenWhenItsEndTakesEffect) {
  for (const int deaths : {CrashJournal::kAloneAfter, CrashJournal::kBlamedAfter}) {
    Start(deaths, FailureAction::kBlockAggregate);
    EXPECT_TRUE(IsRemembered());
    driver_->AbortNextCommit();
    driver_->Send("orders", "bob", Order(2));
    const auto has_taken_effect = [&] {
      return driver_->Read<CustomerTotal>("customer-totals").size() + driver_->dead_letters().size() == 2;
    };
    for (int turn = 0; turn < 300 && !has_taken_effect(); ++turn) {
      EXPECT_TRUE(IsRemembered());
      driver_->worker().RunOnce();
      driver_->clock().Advance(absl::Milliseconds(10));
    }
    driver_->RunUntilIdle();
    EXPECT_TRUE(driver_->status().ok()) << driver_->status();
    EXPECT_FALSE(IsRemembered()) << deaths;
  }
}

// One whose failure ends its task takes no effect: it is run when the task is started again.
TEST_F(SettledTest, X3OneThatStopsItsTaskIsForgottenToo) {
  Start(CrashJournal::kBlamedAfter, FailureAction::kStop);
  driver_->Send("orders", "bob", Order(2));
  driver_->RunUntilIdle();
  EXPECT_FALSE(driver_->status().ok());
  EXPECT_FALSE(IsRemembered());
}

}  // namespace
}  // namespace once
