// What a command is: its words, its arguments and options, its help, and what it does. A registry has all of them.
//
//   registry.Add({.path = "parked skip",
//                 .summary = "End the event that blocks an aggregate, unprocessed; the rest follows.",
//                 .arguments = {{"AGGREGATE"}, {"KEY"}},
//                 .examples = {"parked skip customer alice --because='test data'"},
//                 .changes = true,
//                 .run = RunSkip});
#ifndef ONCE_PROCESSOR_CLI_COMMAND_H_
#define ONCE_PROCESSOR_CLI_COMMAND_H_

#include <functional>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"

namespace once::cli {

class Context;

// How a process ends: docs/operations.md.
inline constexpr int kExitDone = 0;
inline constexpr int kExitRefused = 1;   // It was refused, or could not be done; nothing, or not all, was changed.
inline constexpr int kExitUsage = 2;     // A wrong word, flag, setting or topology; nothing was done.
inline constexpr int kExitNotFound = 3;  // What it is about is not there.
inline constexpr int kExitNoAnswer = 4;  // No broker, or no application, answered in time.

// The exit code of what a command returns: InvalidArgument is usage, NotFound, DeadlineExceeded and Unavailable are no
// answer, and every other error is a refusal.
int ExitCodeOf(const absl::Status& status);

enum class OptionKind { kSwitch, kText, kNumber, kDuration };

struct OptionSpec {
  std::string name = {};  // Such as "no_wait"; on the command line --no-wait as well.
  OptionKind kind = OptionKind::kText;
  std::string value_name = {};  // For help, "N".
  std::string help = {};        // One or more sentences, with the default.
  bool value_is_optional = false;
  std::vector<std::string> choices = {};  // All that it may be; empty: anything of its kind.
};

struct ArgumentSpec {
  std::string name = {};  // In capitals.
  bool is_optional = false;
  bool repeats = false;  // The last one only.
};

struct CommandSpec {
  std::string path = {};         // One word, or the group's and its own.
  std::string summary = {};      // One sentence.
  std::string description = {};  // More of them; may be empty.
  std::vector<ArgumentSpec> arguments = {};
  std::vector<OptionSpec> options = {};    // Beside the common ones.
  std::vector<std::string> examples = {};  // Without the program's name.
  // It changes something: it asks, and takes --yes.
  bool changes = false;
  // It tells a running application something: --because, --command_id, --no-wait, --issuer.
  bool commands_application = false;
  // It shows something that moves: --watch.
  bool watches = false;
  // It runs whatever is wrong with settings and topology; Context::mistakes() has that, and its topology may be absent.
  bool allows_mistakes = false;
  std::function<absl::Status(Context&)> run = {};
};

class Registry {
 public:
  void AddGroup(std::string name, std::string summary) { groups_.emplace(std::move(name), std::move(summary)); }
  // The group in its path must have been added; names of its options are its own.
  void Add(CommandSpec command);

  // In the order of adding.
  const std::vector<CommandSpec>& commands() const { return commands_; }
  const CommandSpec* Find(std::string_view path) const;
  // The group's summary; null if there is none of that name.
  const std::string* FindGroup(std::string_view name) const;
  // The first words of all paths, each once, in the order of adding.
  std::vector<std::string> FirstWords() const;
  // The second words of a group.
  std::vector<std::string> WordsOf(std::string_view group) const;
  // Whether some command has a switch of that name, which takes no next argument for its value.
  bool IsSwitch(std::string_view name) const;

 private:
  std::vector<CommandSpec> commands_;
  std::map<std::string, std::string, std::less<>> groups_;
};

// What every command takes, and what it takes because of what it is.
std::vector<OptionSpec> CommonOptions(const CommandSpec& command);
// Its own, then those.
std::vector<OptionSpec> AllOptions(const CommandSpec& command);
// '-' and '_' mean the same in names of options.
std::string OptionName(std::string_view written);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_COMMAND_H_
