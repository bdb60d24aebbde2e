// The words of a command line, told apart: which command, its arguments, its options, and the settings of the
// application, which are the rest.
#ifndef ONCE_PROCESSOR_CLI_COMMAND_LINE_H_
#define ONCE_PROCESSOR_CLI_COMMAND_LINE_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/cli/command.h"

namespace once::cli {

// What a command was given. Everything is of the right kind by the time that a command sees it.
class Arguments {
 public:
  const std::vector<std::string>& words() const { return words_; }
  // The argument at that place; empty if it is not given.
  std::string Word(size_t index) const { return index < words_.size() ? words_[index] : ""; }

  bool Has(std::string_view option) const { return values_.find(option) != values_.end(); }
  bool Switch(std::string_view option) const;
  std::string Text(std::string_view option, std::string_view otherwise = "") const;
  int64_t Number(std::string_view option, int64_t otherwise) const;
  // Of an option whose value is left out: `otherwise`.
  absl::Duration Duration(std::string_view option, absl::Duration otherwise) const;

 private:
  friend class CommandLine;
  std::vector<std::string> words_;
  // Absent value: none was given.
  std::map<std::string, std::optional<std::string>, std::less<>> values_;
};

// --name or --name=value, as somebody wrote it.
struct WrittenFlag {
  std::string written = {};
  std::string name = {};
  std::optional<std::string> value = {};
};

// A word that begins with '-' is a flag, unless a digit follows or "--" stands before it.
class CommandLine {
 public:
  // Which properties ("sasl.password") are not to be shown.
  using IsSecret = std::function<bool(const std::string&)>;

  // Which command it is, without a look at more than the words: always says something. `words`: without the program's
  // name.
  static CommandLine Read(const std::vector<std::string>& words, const Registry& registry,
                          const IsSecret& is_secret = {});

  // No command, or "run": the application is to be run, with `settings()`, which are all words but that one.
  bool is_run() const { return is_run_; }
  // The words that name the command, as far as there are any: "parked list", "parked", "no-such-thing".
  const std::string& path() const { return path_; }
  // Null if there is no such command: `mistake()` says so, with the nearest one.
  const CommandSpec* command() const { return command_; }
  // The group that was named instead of a command; empty: none.
  const std::string& group() const { return group_; }
  bool wants_help() const { return wants_help_; }
  // Asked for by --json.
  bool wants_json() const { return wants_json_; }
  // The flags that are none of the command's, in the form that Config takes.
  const std::vector<std::string>& settings() const { return settings_; }
  const std::vector<WrittenFlag>& setting_flags() const { return setting_flags_; }
  // X10: a word or flag as messages have it. Not at all where a flag of a secret stands beside it: it may be the rest
  // of one with a blank in it.
  std::string Named(std::string_view word) const;
  const Arguments& arguments() const { return arguments_; }
  // InvalidArgument with all mistakes, one a line: no such command, arguments or options that it does not take, or not
  // so.
  absl::Status Check() const;

 private:
  void FindCommand(const std::vector<std::string>& words, const Registry& registry);
  void SortFlags(const std::vector<WrittenFlag>& flags);
  void TakeOption(const OptionSpec& option, const WrittenFlag& flag);
  void CheckWords();

  bool has_secret_ = false;
  bool is_run_ = false;
  bool wants_help_ = false;
  bool wants_json_ = false;
  std::string path_;
  std::string group_;
  const CommandSpec* command_ = nullptr;
  Arguments arguments_;
  std::vector<std::string> settings_;
  std::vector<WrittenFlag> setting_flags_;
  std::vector<std::string> mistakes_;
};

// "AGGREGATE [KEY]", as help shows it.
std::string DescribeArguments(const CommandSpec& command);
// What to say of a word that names none: with the nearest, or all of them.
std::string NoSuchCommand(std::string_view word, std::string_view group, const Registry& registry);
// "5" are seconds; else as durations are written.
absl::StatusOr<absl::Duration> ParseSeconds(std::string_view text);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_COMMAND_LINE_H_
