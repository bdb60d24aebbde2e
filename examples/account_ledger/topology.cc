#include "examples/account_ledger/topology.h"

#include <cstdint>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"

using ledger::v1::AccountEvent;
using ledger::v1::AccountSnapshot;
using ledger::v1::CommandRejected;
using ledger::v1::DepositMoney;
using ledger::v1::OpenAccount;
using ledger::v1::OwnerBalances;
using ledger::v1::WithdrawMoney;

namespace {

// What a command is answered with: the event that it makes, or why it makes none.
using Decision = absl::StatusOr<AccountEvent>;

Decision Decide(const AccountSnapshot& account, const OpenAccount& command) {
  if (account.version() > 0) return absl::AlreadyExistsError("the account is open");
  if (command.owner().empty()) return absl::InvalidArgumentError("an account has an owner");
  AccountEvent event;
  event.set_owner(command.owner());
  event.mutable_opened();
  return event;
}

Decision Decide(const AccountSnapshot& account, const DepositMoney& command) {
  if (account.version() == 0) return absl::NotFoundError("the account is not open");
  if (command.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
  if (command.cents() > INT64_MAX - account.cents()) return absl::OutOfRangeError("the balance overflows");
  AccountEvent event;
  event.mutable_deposited()->set_cents(command.cents());
  return event;
}

Decision Decide(const AccountSnapshot& account, const WithdrawMoney& command) {
  if (account.version() == 0) return absl::NotFoundError("the account is not open");
  if (command.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
  if (command.cents() > account.cents()) return absl::OutOfRangeError("the account does not have so much");
  AccountEvent event;
  event.mutable_withdrawn()->set_cents(command.cents());
  return event;
}

int64_t ChangeOf(const AccountEvent& event) {
  return event.has_deposited() ? event.deposited().cents() : -event.withdrawn().cents();
}

using Events = once::Sink<AccountEvent, std::string>;
using Rejections = once::Sink<CommandRejected, std::string>;

// The same for each command: decide, apply, tell.
template <typename Command>
auto Handler(const Events& events, const Rejections& rejections) {
  return [events, rejections](const Command& command, auto& context) -> absl::Status {
    Decision decision = Decide(context.state(), command);
    if (!decision.ok()) {
      // An answer, no failure: a dead letter would block the account.
      CommandRejected rejected;
      rejected.set_command_id(context.event().id());
      rejected.set_reason(std::string(decision.status().message()));
      context.Emit(rejections, rejected);
      return absl::OkStatus();
    }
    AccountEvent& event = *decision;
    event.set_account(context.key());
    if (event.owner().empty()) event.set_owner(context.state().owner());
    event.set_version(context.state().version() + 1);
    if (absl::Status applied = Apply(event, context.mutable_state()); !applied.ok()) return applied;
    context.Emit(events, event);
    return absl::OkStatus();
  };
}

}  // namespace

absl::Status Apply(const AccountEvent& event, AccountSnapshot* snapshot) {
  if (event.version() != snapshot->version() + 1) {
    return absl::FailedPreconditionError(absl::StrCat("event ", event.version(), " of account ", event.account(),
                                                      " does not follow version ", snapshot->version()));
  }
  snapshot->set_version(event.version());
  snapshot->set_owner(event.owner());
  snapshot->set_cents(snapshot->cents() + ChangeOf(event));
  return absl::OkStatus();
}

absl::StatusOr<once::Topology> BuildAccountLedger(const once::Config& config) {
  once::TopologyBuilder builder("account-ledger");
  auto commands = builder.AddSource("commands", {.topic = config.Get("commands_topic", "account-commands")});
  auto events = builder.AddSink<AccountEvent>("events", {.topic = config.Get("events_topic", "account-events")});
  auto rejections =
      builder.AddSink<CommandRejected>("rejections", {.topic = config.Get("rejections_topic", "account-rejections")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "account-ledger.dlq"));
  builder.AddAggregate<AccountSnapshot>("account")
      .EmitsTo(events, rejections)
      .On<OpenAccount>(commands, Handler<OpenAccount>(events, rejections))
      .On<DepositMoney>(commands, Handler<DepositMoney>(events, rejections))
      .On<WithdrawMoney>(commands, Handler<WithdrawMoney>(events, rejections));
  return std::move(builder).Build();
}

absl::StatusOr<once::Topology> BuildOwnerBalances(const once::Config& config) {
  once::TopologyBuilder builder("owner-balances");
  const std::string by_owner_topic =
      config.Get("by_owner_topic", "owner-balances.by-owner", {.help = "The events by owner; one application's own."});
  auto events = builder.AddSource("events", {.topic = config.Get("events_topic", "account-events")});
  auto to_owner = builder.AddSink<AccountEvent>("to-owner", {.topic = by_owner_topic});
  auto by_owner = builder.AddSource("by-owner", {.topic = by_owner_topic});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "owner-balances.dlq"));
  builder.AddTransform("rekey").EmitsTo(to_owner).On<AccountEvent>(events,
                                                                   [to_owner](const AccountEvent& event, auto& out) {
                                                                     out.Emit(to_owner, event.owner(), event);
                                                                     return absl::OkStatus();
                                                                   });
  builder.AddAggregate<OwnerBalances>("owner").On<AccountEvent>(by_owner, [](const AccountEvent& event, auto& owner) {
    OwnerBalances& balances = *owner.mutable_state();
    OwnerBalances::Account& account = (*balances.mutable_accounts())[event.account()];
    if (event.version() != account.version() + 1) {
      return absl::FailedPreconditionError(absl::StrCat("event ", event.version(), " of account ", event.account(),
                                                        " does not follow version ", account.version()));
    }
    account.set_version(event.version());
    account.set_cents(account.cents() + ChangeOf(event));
    balances.set_total_cents(balances.total_cents() + ChangeOf(event));
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}
