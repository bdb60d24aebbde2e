// Ledger and read model under faults, held against a plain fold of the commands: the same events in the same order, and
// what they come to.
#include <gtest/gtest.h>

#include <cstdint>
#include <map>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/account_ledger/ledger.pb.h"
#include "examples/account_ledger/topology.h"
#include "tests/sim/random.h"
#include "tests/sim/trial.h"

namespace {

using ledger::v1::AccountEvent;
using ledger::v1::AccountSnapshot;
using ledger::v1::CommandRejected;
using ledger::v1::DepositMoney;
using ledger::v1::OpenAccount;
using ledger::v1::OwnerBalances;
using ledger::v1::WithdrawMoney;
using once::sim::Random;
using once::sim::TrialEvent;
using once::sim::TrialResult;

constexpr int kSeeds = 150;
constexpr int kCommands = 80;

// What must become of one account. It shares nothing with the topology: events are told by their change in cents.
struct Expected {
  std::string owner;  // Empty: it is not open.
  int64_t cents = 0;
  std::vector<int64_t> changes;
  std::vector<std::string> rejected;  // IDs of commands.
};

struct Work {
  std::vector<TrialEvent> events;
  std::map<std::string, Expected> accounts;
};

template <typename T>
TrialEvent CommandTo(const std::string& account, const std::string& id, const T& command) {
  return {.topic = "account-commands",
          .key = account,
          .value = command.SerializeAsString(),
          .id = id,
          .type = std::string(T::descriptor()->full_name())};
}

Work Draw(uint64_t seed) {
  Random random(seed);
  Work work;
  for (int i = 0; i < kCommands; ++i) {
    const std::string account = absl::StrCat("account-", random.Below(6));
    const std::string id = absl::StrCat("command-", i);
    Expected& expected = work.accounts[account];
    const bool is_open = !expected.owner.empty();
    const int64_t cents = random.Between(1, 300);
    if (random.Chance(is_open ? 5 : 70)) {
      OpenAccount command;
      command.set_owner(absl::StrCat("owner-", random.Below(3)));
      work.events.push_back(CommandTo(account, id, command));
      if (is_open) {
        expected.rejected.push_back(id);
      } else {
        expected.owner = command.owner();
        expected.changes.push_back(0);
      }
      continue;
    }
    const bool is_deposit = random.Chance(50);
    if (is_deposit) {
      DepositMoney command;
      command.set_cents(cents);
      work.events.push_back(CommandTo(account, id, command));
    } else {
      WithdrawMoney command;
      command.set_cents(cents);
      work.events.push_back(CommandTo(account, id, command));
    }
    if (!is_open || (!is_deposit && expected.cents < cents)) {
      expected.rejected.push_back(id);
      continue;
    }
    expected.changes.push_back(is_deposit ? cents : -cents);
    expected.cents += expected.changes.back();
  }
  return work;
}

template <typename T>
T Parse(const std::string& bytes) {
  T value;
  EXPECT_TRUE(value.ParseFromString(bytes));
  return value;
}

void JudgeLedger(const Work& work, const TrialResult& result) {
  std::map<std::string, std::vector<int64_t>> changes;
  for (const auto& record : result.records.at("account-events")) {
    const auto event = Parse<AccountEvent>(*record.value);
    changes[*record.key].push_back(event.deposited().cents() - event.withdrawn().cents());
    EXPECT_EQ(event.version(), static_cast<int64_t>(changes[*record.key].size())) << *record.key;
    EXPECT_EQ(event.owner(), work.accounts.at(*record.key).owner);
  }
  std::map<std::string, std::vector<std::string>> rejected;
  for (const auto& record : result.records.at("account-rejections"))
    rejected[*record.key].push_back(Parse<CommandRejected>(*record.value).command_id());
  for (const auto& [account, expected] : work.accounts) {
    EXPECT_EQ(changes[account], expected.changes) << account;
    EXPECT_EQ(rejected[account], expected.rejected) << account;
    if (expected.owner.empty()) continue;
    const auto snapshot = Parse<AccountSnapshot>(result.states.at("account").at(account));
    EXPECT_EQ(snapshot.cents(), expected.cents) << account;
    EXPECT_EQ(snapshot.version(), static_cast<int64_t>(expected.changes.size())) << account;
  }
}

void JudgeReadModel(const Work& work, const TrialResult& result) {
  std::map<std::string, std::map<std::string, int64_t>> cents;  // By owner, then account.
  for (const auto& [account, expected] : work.accounts) {
    if (!expected.owner.empty()) cents[expected.owner][account] = expected.cents;
  }
  EXPECT_EQ(result.states.at("owner").size(), cents.size());
  for (const auto& [owner, bytes] : result.states.at("owner")) {
    const auto balances = Parse<OwnerBalances>(bytes);
    EXPECT_EQ(balances.accounts().size(), cents[owner].size()) << owner;
    int64_t total = 0;
    for (const auto& [account, balance] : balances.accounts()) {
      EXPECT_EQ(balance.cents(), cents[owner][account]) << account;
      total += balance.cents();
    }
    EXPECT_EQ(balances.total_cents(), total) << owner;
  }
}

TEST(AccountLedgerSimulation, EventsSnapshotsAndReadModelAreWhatTheCommandsSay) {
  int64_t faults = 0;
  int64_t commits = 0;
  int64_t duplicates = 0;
  for (uint64_t seed = 0; seed < kSeeds && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const Work work = Draw(seed);
    const TrialResult result =
        once::sim::RunTrial({.seed = seed,
                             .applications = {{.factory = BuildAccountLedger}, {.factory = BuildOwnerBalances}},
                             .events = work.events});
    ASSERT_EQ(result.violation, "");
    JudgeLedger(work, result);
    JudgeReadModel(work, result);
    EXPECT_TRUE(result.records.at("account-ledger.dlq").empty());
    EXPECT_TRUE(result.records.at("owner-balances.dlq").empty());
    faults += result.faults;
    commits += result.commits;
    duplicates += result.duplicates;
  }
  EXPECT_GT(faults, 2 * kSeeds);
  EXPECT_GT(commits, 10 * kSeeds);
  EXPECT_GT(duplicates, 5 * kSeeds);
}

// Both write the same events, with the same IDs, to the topic by owner.
TEST(AccountLedgerSimulation, CopiesByAnotherReadModelCountOnce) {
  for (uint64_t seed = 0; seed < 20 && !HasFailure(); ++seed) {
    SCOPED_TRACE(absl::StrCat("seed ", seed));
    const Work work = Draw(seed);
    const TrialResult result =
        once::sim::RunTrial({.seed = seed,
                             .applications = {{.factory = BuildAccountLedger},
                                              {.factory = BuildOwnerBalances, .application_id = "one"},
                                              {.factory = BuildOwnerBalances, .application_id = "two"}},
                             .events = work.events});
    ASSERT_EQ(result.violation, "");
    EXPECT_EQ(result.records.at("owner-balances.by-owner").size(), 2 * result.records.at("account-events").size());
    JudgeReadModel(work, result);
    EXPECT_TRUE(result.records.at("owner-balances.dlq").empty());
  }
}

}  // namespace
