// A command that is asked for by HTTP: the body of POST /v1/commands.
//
//   {"command": "parked skip", "arguments": ["customer", "alice"], "options": {"because": "ticket 7"},
//    "command_id": "7f3c", "dry_run": false}
//
// It is the command of the command line, with its arguments and options (docs/commands.md), so what is right there is
// right here, and nothing else.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_ORDER_H_
#define ONCE_PROCESSOR_BACK_OFFICE_ORDER_H_

#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/cli/command.h"
#include "processor/topology/graph.h"

namespace once {

struct CommandOrder {
  std::string command = {};             // "parked skip"
  std::vector<std::string> words = {};  // The arguments and options, as on a command line.
  std::string id = {};                  // Letters, digits, '.', '_' and '-', 64 at most; empty: none was given.
  bool is_dry = false;
  std::optional<std::string> value = {};  // JSON, of `parked replace`.

  // Whether somebody asks for the same again.
  bool operator==(const CommandOrder& other) const = default;
};

// Letters, digits, '.', '_' and '-', 64 at most, and not nothing.
bool IsOrderId(std::string_view id);

// InvalidArgument, in a sentence, for whatever is none: other members, other types, commands that are not sent to the
// application, options that are none of the command's or not for others to set. Nothing is asked of anybody.
absl::StatusOr<CommandOrder> ReadOrder(std::string_view body, const cli::Registry& registry);

// What can be told of its words without brokers: numbers of arguments, values of options, names of aggregates and task
// groups, what keys are like. InvalidArgument, in a sentence.
absl::Status CheckOrder(const CommandOrder& order, const cli::Registry& registry, const Graph& graph);

// The words of a command line that does it, in the name of `issuer`; `timeout` is in whole seconds.
std::vector<std::string> CommandWords(const CommandOrder& order, const std::string& issuer, absl::Duration timeout);

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_ORDER_H_
