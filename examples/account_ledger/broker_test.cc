// The ledger and its read model on a real broker: both are killed with -9, the read model is asked by HTTP, and made
// anew from the events.
#include <gtest/gtest.h>

#include <map>
#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/account_ledger/ledger.pb.h"
#include "tests/http/client.h"
#include "tests/integration/program_scene.h"

namespace {

using ledger::v1::DepositMoney;
using ledger::v1::OpenAccount;
using ledger::v1::WithdrawMoney;
using once::ProgramEvent;
using once::ProgramScene;
using once::http::Get;

constexpr int kAccounts = 20;
constexpr int kOwners = 5;
constexpr int kRounds = 10;

template <typename T>
ProgramEvent CommandTo(int account, const std::string& id, const T& command) {
  return {.topic = "commands",
          .key = absl::StrCat("account-", account),
          .value = command.SerializeAsString(),
          .id = absl::StrCat(id, "-", account),
          .type = std::string(T::descriptor()->full_name())};
}

std::vector<ProgramEvent> Open() {
  std::vector<ProgramEvent> events;
  for (int account = 0; account < kAccounts; ++account) {
    OpenAccount command;
    command.set_owner(absl::StrCat("owner-", account % kOwners));
    events.push_back(CommandTo(account, "open", command));
  }
  return events;
}

// Puts 10 into each account, takes 3 out, and wants 1000 in vain; each command comes twice.
std::vector<ProgramEvent> Round(int round) {
  std::vector<ProgramEvent> events;
  for (int i = 0; i < 2 * kAccounts; ++i) {
    const int account = i % kAccounts;
    DepositMoney deposit;
    deposit.set_cents(10);
    events.push_back(CommandTo(account, absl::StrCat("deposit-", round), deposit));
    WithdrawMoney withdraw;
    withdraw.set_cents(3);
    events.push_back(CommandTo(account, absl::StrCat("withdraw-", round), withdraw));
    withdraw.set_cents(1000);
    events.push_back(CommandTo(account, absl::StrCat("too-much-", round), withdraw));
  }
  return events;
}

class AccountLedgerBroker : public testing::Test {
 protected:
  void SetUp() override {
    scene_.CreateTopics({"commands", "events", "rejections", "ledger-dlq", "by-owner", "by-owner-2", "balances-dlq"});
  }
  std::unique_ptr<once::Process> StartLedger() {
    return scene_.Start(
        {.application = "ledger",
         .flags = {"--commands_topic=" + scene_.Topic("commands"), "--events_topic=" + scene_.Topic("events"),
                   "--rejections_topic=" + scene_.Topic("rejections"),
                   "--dead_letter_topic=" + scene_.Topic("ledger-dlq")}});
  }
  std::unique_ptr<once::Process> StartBalances(const std::string& application, const std::string& by_owner) {
    return scene_.Start(
        {.program = "examples/account_ledger/owner_balances",
         .application = application,
         .flags = {"--events_topic=" + scene_.Topic("events"), "--by_owner_topic=" + scene_.Topic(by_owner),
                   "--dead_letter_topic=" + scene_.Topic("balances-dlq"), "--http_listen=127.0.0.1:0"}});
  }
  // The states of all owners, as the pod shows them.
  static std::map<std::string, nlohmann::json> Ask(const once::Process& pod) {
    const int port = ProgramScene::AwaitPort(pod);
    std::map<std::string, nlohmann::json> states;
    for (int i = 0; i < kOwners; ++i) {
      const std::string owner = absl::StrCat("owner-", i);
      const once::http::Answer answer = Get(port, "/v1/aggregates/owner/" + owner);
      EXPECT_EQ(answer.status, 200) << answer.body;
      const nlohmann::json body = nlohmann::json::parse(answer.body, nullptr, /*allow_exceptions=*/false);
      EXPECT_TRUE(body.contains("state")) << answer.body;
      if (body.contains("state")) states[owner] = body["state"];
    }
    return states;
  }
  // What Open() and all rounds make of one.
  static nlohmann::json Expected(int owner) {
    nlohmann::json accounts;
    for (int account = owner; account < kAccounts; account += kOwners) {
      accounts[absl::StrCat("account-", account)] = {{"version", absl::StrCat(1 + 2 * kRounds)},
                                                     {"cents", absl::StrCat(7 * kRounds)}};
    }
    return {{"accounts", accounts}, {"total_cents", absl::StrCat(7 * kRounds * (kAccounts / kOwners))}};
  }

  ProgramScene scene_{"ledger", "examples/account_ledger/account_ledger"};
};

TEST_F(AccountLedgerBroker, TheReadModelIsAskedByHttpAndMadeAnew) {
  auto ledger = StartLedger();
  auto balances = StartBalances("balances", "by-owner");
  scene_.Send(Open());
  for (int round = 0; round < kRounds / 2; ++round) scene_.Send(Round(round));
  ASSERT_TRUE(once::Scene::Eventually([&] { return !scene_.Read("events").empty(); })) << ledger->Log();
  ProgramScene::Kill(ledger.get());
  ProgramScene::Kill(balances.get());
  ledger = StartLedger();
  balances = StartBalances("balances", "by-owner");
  for (int round = kRounds / 2; round < kRounds; ++round) scene_.Send(Round(round));
  ASSERT_TRUE(scene_.AwaitConsumed({"commands"}, "ledger")) << ledger->Log();
  ASSERT_TRUE(scene_.AwaitConsumed({"events"}, "balances")) << balances->Log();
  ASSERT_TRUE(scene_.AwaitConsumed({"by-owner"}, "balances")) << balances->Log();

  EXPECT_EQ(scene_.Read("events").size(), static_cast<size_t>(kAccounts * (1 + 2 * kRounds)));
  EXPECT_EQ(scene_.Read("rejections").size(), static_cast<size_t>(kAccounts * kRounds));
  const std::map<std::string, nlohmann::json> states = Ask(*balances);
  for (int i = 0; i < kOwners; ++i) EXPECT_EQ(states.at(absl::StrCat("owner-", i)), Expected(i));

  // Of the same events, by another application.
  auto anew = StartBalances("anew", "by-owner-2");
  ASSERT_TRUE(scene_.AwaitConsumed({"events"}, "anew")) << anew->Log();
  ASSERT_TRUE(scene_.AwaitConsumed({"by-owner-2"}, "anew")) << anew->Log();
  EXPECT_EQ(Ask(*anew), states);
  EXPECT_TRUE(scene_.Read("ledger-dlq").empty());
  EXPECT_TRUE(scene_.Read("balances-dlq").empty());
}

}  // namespace
