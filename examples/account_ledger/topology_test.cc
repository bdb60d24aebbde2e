#include "examples/account_ledger/topology.h"

#include <gtest/gtest.h>

#include <string>
#include <vector>

#include "examples/account_ledger/ledger.pb.h"
#include "tests/testkit/topology_test_driver.h"

namespace {

using ledger::v1::AccountEvent;
using ledger::v1::AccountSnapshot;
using ledger::v1::CommandRejected;
using ledger::v1::DepositMoney;
using ledger::v1::OpenAccount;
using ledger::v1::OwnerBalances;
using ledger::v1::WithdrawMoney;

class AccountLedgerTest : public testing::Test {
 protected:
  void Open(const std::string& owner, const std::string& id = "") {
    OpenAccount command;
    command.set_owner(owner);
    driver_.Send("commands", "a1", command, {.event_id = id, .event_type = "ledger.v1.OpenAccount"});
  }
  void Deposit(int64_t cents, const std::string& id = "") {
    DepositMoney command;
    command.set_cents(cents);
    driver_.Send("commands", "a1", command, {.event_id = id, .event_type = "ledger.v1.DepositMoney"});
  }
  void Withdraw(int64_t cents, const std::string& id = "") {
    WithdrawMoney command;
    command.set_cents(cents);
    driver_.Send("commands", "a1", command, {.event_id = id, .event_type = "ledger.v1.WithdrawMoney"});
  }
  std::vector<std::string> Rejections() {
    driver_.RunUntilIdle();
    std::vector<std::string> reasons;
    for (const auto& record : driver_.Read<CommandRejected>("account-rejections"))
      reasons.push_back(record.value->command_id() + ": " + record.value->reason());
    return reasons;
  }

  once::TopologyTestDriver driver_{BuildAccountLedger, {.partitions = 4}};
};

TEST_F(AccountLedgerTest, TheSnapshotIsWhatTheEventsComeTo) {
  Open("alice");
  Deposit(500);
  Withdraw(200);
  driver_.RunUntilIdle();
  driver_.CrashAndLoseDisk();
  Deposit(50);
  EXPECT_TRUE(Rejections().empty());
  AccountSnapshot replayed;
  for (const auto& record : driver_.Read<AccountEvent>("account-events"))
    ASSERT_TRUE(Apply(*record.value, &replayed).ok());
  EXPECT_EQ(replayed.version(), 4);
  EXPECT_EQ(replayed.cents(), 350);
  EXPECT_EQ(driver_.State<AccountSnapshot>("account", "a1")->SerializeAsString(), replayed.SerializeAsString());
}

TEST_F(AccountLedgerTest, WhatCannotBeIsRejectedAndBlocksNothing) {
  Deposit(1, "d1");
  Open("", "o1");
  Open("alice", "o2");
  Open("bob", "o3");
  Deposit(-1, "d2");
  Deposit(5, "d3");
  Deposit(INT64_MAX, "d4");
  Withdraw(6, "w1");
  Withdraw(5, "w2");
  EXPECT_EQ(Rejections(),
            (std::vector<std::string>{"d1: the account is not open", "o1: an account has an owner",
                                      "o3: the account is open", "d2: cents must be positive",
                                      "d4: the balance overflows", "w1: the account does not have so much"}));
  EXPECT_EQ(driver_.Read<AccountEvent>("account-events").size(), 3u);
  EXPECT_EQ(driver_.State<AccountSnapshot>("account", "a1")->cents(), 0);
  EXPECT_TRUE(driver_.dead_letters().empty());
}

TEST_F(AccountLedgerTest, ACommandSentTwiceIsCarriedOutOnce) {
  Open("alice", "o1");
  Deposit(500, "d1");
  Deposit(500, "d1");
  EXPECT_TRUE(Rejections().empty());
  EXPECT_EQ(driver_.State<AccountSnapshot>("account", "a1")->cents(), 500);
}

AccountEvent DepositEvent(const std::string& account, int64_t version, int64_t cents) {
  AccountEvent event;
  event.set_account(account);
  event.set_owner("alice");
  event.set_version(version);
  event.mutable_deposited()->set_cents(cents);
  return event;
}

TEST(OwnerBalancesTest, HasAllAccountsOfAnOwner) {
  once::TopologyTestDriver driver(BuildOwnerBalances, {.partitions = 4});
  for (const char* account : {"a1", "a2"}) {
    driver.Send("events", account, DepositEvent(account, 1, 30));
    driver.Send("events", account, DepositEvent(account, 2, 5));
  }
  driver.RunUntilIdle();
  const auto alice = driver.State<OwnerBalances>("owner", "alice");
  ASSERT_TRUE(alice.has_value());
  EXPECT_EQ(alice->total_cents(), 70);
  EXPECT_EQ(alice->accounts().at("a2").cents(), 35);
  EXPECT_EQ(alice->accounts().at("a2").version(), 2);
}

TEST(OwnerBalancesTest, AGapInTheEventsIsDeadLettered) {
  once::TopologyTestDriver driver(BuildOwnerBalances);
  driver.Send("events", "a1", DepositEvent("a1", 2, 30));
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 1u);
  EXPECT_EQ(driver.dead_letters()[0].message, "event 2 of account a1 does not follow version 0");
}

}  // namespace
