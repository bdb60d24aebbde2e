#include "processor/cli/command.h"

#include <algorithm>
#include <utility>

namespace once::cli {

namespace {

std::string_view FirstWord(std::string_view path) { return path.substr(0, path.find(' ')); }

template <typename Range>
void AddOnce(Range* words, std::string_view word) {
  if (std::find(words->begin(), words->end(), word) == words->end()) words->emplace_back(word);
}

}  // namespace

int ExitCodeOf(const absl::Status& status) {
  switch (status.code()) {
    case absl::StatusCode::kOk:
      return kExitDone;
    case absl::StatusCode::kInvalidArgument:
      return kExitUsage;
    case absl::StatusCode::kNotFound:
      return kExitNotFound;
    case absl::StatusCode::kDeadlineExceeded:
    case absl::StatusCode::kUnavailable:
      return kExitNoAnswer;
    default:
      return kExitRefused;
  }
}

void Registry::Add(CommandSpec command) { commands_.push_back(std::move(command)); }

const CommandSpec* Registry::Find(std::string_view path) const {
  const auto found = std::find_if(commands_.begin(), commands_.end(),
                                  [&](const CommandSpec& command) { return command.path == path; });
  return found == commands_.end() ? nullptr : &*found;
}

const std::string* Registry::FindGroup(std::string_view name) const {
  const auto found = groups_.find(name);
  return found == groups_.end() ? nullptr : &found->second;
}

std::vector<std::string> Registry::FirstWords() const {
  std::vector<std::string> words;
  for (const CommandSpec& command : commands_) AddOnce(&words, FirstWord(command.path));
  return words;
}

std::vector<std::string> Registry::WordsOf(std::string_view group) const {
  std::vector<std::string> words;
  for (const CommandSpec& command : commands_) {
    if (command.path.size() > group.size() + 1 && FirstWord(command.path) == group) {
      AddOnce(&words, std::string_view(command.path).substr(group.size() + 1));
    }
  }
  return words;
}

bool Registry::IsSwitch(std::string_view name) const {
  for (const CommandSpec& command : commands_) {
    for (const OptionSpec& option : AllOptions(command)) {
      if (option.name == name) return option.kind == OptionKind::kSwitch || option.value_is_optional;
    }
  }
  return false;
}

std::vector<OptionSpec> CommonOptions(const CommandSpec& command) {
  std::vector<OptionSpec> options;
  if (command.commands_application) {
    options.push_back({.name = "because",
                       .value_name = "TEXT",
                       .help = "Why it is done: for the audit topic, and for dead letters of what is ended."});
    options.push_back(
        {.name = "issuer", .value_name = "NAME", .help = "Who does it, for the same. Default: USER@HOST."});
    options.push_back({.name = "command_id",
                       .value_name = "ID",
                       .help = "Names the command, so that it takes effect once however often it is sent; at most 64 "
                               "bytes. Default: another one each time."});
    options.push_back(
        {.name = "dry_run",
         .kind = OptionKind::kSwitch,
         .help = "Show what would be done, and how many aggregates and events it is about; send nothing."});
    options.push_back({.name = "no_wait",
                       .kind = OptionKind::kSwitch,
                       .help = "Do not wait for the result: print the command's ID, by which `audit list` finds it."});
  }
  if (command.changes) {
    options.push_back({.name = "yes",
                       .kind = OptionKind::kSwitch,
                       .help = "Do not ask. Without a terminal to ask at it is required."});
  }
  if (command.watches) {
    options.push_back({.name = "watch",
                       .kind = OptionKind::kDuration,
                       .value_name = "SECONDS",
                       .help = "Show it again and again, each 2 seconds or as said, until interrupted.",
                       .value_is_optional = true});
  }
  options.push_back({.name = "json",
                     .kind = OptionKind::kSwitch,
                     .help = "JSON for scripts: one object on one line, and of an error {\"error\":{...}}."});
  options.push_back({.name = "timeout",
                     .kind = OptionKind::kDuration,
                     .value_name = "DURATION",
                     .help = "How long to wait for brokers, and for the result of a command. Default: 30s."});
  options.push_back({.name = "help", .kind = OptionKind::kSwitch, .help = "Print this and exit."});
  return options;
}

std::vector<OptionSpec> AllOptions(const CommandSpec& command) {
  std::vector<OptionSpec> options = command.options;
  for (OptionSpec& common : CommonOptions(command)) options.push_back(std::move(common));
  return options;
}

std::string OptionName(std::string_view written) {
  std::string name(written);
  std::replace(name.begin(), name.end(), '-', '_');
  return name;
}

}  // namespace once::cli
