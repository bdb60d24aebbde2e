// An event-sourced account and a read model of its events (CQRS), as two applications.
#ifndef ONCE_EXAMPLES_ACCOUNT_LEDGER_TOPOLOGY_H_
#define ONCE_EXAMPLES_ACCOUNT_LEDGER_TOPOLOGY_H_

#include "absl/status/statusor.h"
#include "examples/account_ledger/ledger.pb.h"
#include "once/config.h"
#include "once/topology.h"

// Takes commands, judges them by a snapshot, and writes what they have changed as events.
absl::StatusOr<once::Topology> BuildAccountLedger(const once::Config& config);

// Makes of the events what each owner has. Under another application id it makes the same anew.
absl::StatusOr<once::Topology> BuildOwnerBalances(const once::Config& config);

// What an event makes of a snapshot: the only way in which one changes. FailedPrecondition if it is not its next event.
absl::Status Apply(const ledger::v1::AccountEvent& event, ledger::v1::AccountSnapshot* snapshot);

#endif  // ONCE_EXAMPLES_ACCOUNT_LEDGER_TOPOLOGY_H_
