// Sends a command to tasks of a running application, waits for its results and shows them (docs/commands.md).
#ifndef ONCE_PROCESSOR_CLI_SEND_COMMAND_H_
#define ONCE_PROCESSOR_CLI_SEND_COMMAND_H_

#include <cstdint>
#include <map>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "once/v1/control.pb.h"
#include "processor/base/types.h"
#include "processor/cli/context.h"
#include "processor/cli/shown.h"

namespace once::cli {

// Fills in who, why and for whom, and sends it to the task of each of the partitions, in one transaction. Shows the
// results when all tasks have answered: OK if none has refused, else Aborted with the first refusal's reason.
// DeadlineExceeded, with the command's ID, if one has not answered in time: the command is under way then. With
// --no-wait it returns when the command is sent, and shows its ID.
absl::Status SendCommand(Context* context, uint16_t group, const std::vector<Partition>& partitions,
                         v1::Command command);

// By the tasks that have answered.
using CommandResults = std::map<Partition, v1::CommandResult>;
void ShowResults(Context* context, uint16_t group, const CommandResults& results);
// Aborted, with the reason of the first task that has refused, now or when it had the command first.
absl::Status JudgeResults(const CommandResults& results);
// It says that the task is at it still: another result follows.
bool IsUnderWay(const v1::CommandResult& result);

// "skip", "release", ...: what kind of command it is.
std::string NameOf(const v1::Command& command);
// What it is about, for people: a key as text, a rule, a selection. Empty: a task.
std::string AboutOf(const v1::Command& command, const Shown& shown, uint16_t group);
// `event ID 17`, `key alice`: what a rule matches.
std::string RuleText(const v1::NeverRule& rule, const Shown& shown, uint16_t group);
// "KIND" and "VALUE" of a rule, as `never add` takes them.
std::pair<std::string, std::string> RuleWords(const v1::NeverRule& rule, const Shown& shown, uint16_t group);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_SEND_COMMAND_H_
