#include "processor/cli/help.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "processor/base/strings.h"
#include "processor/cli/command_line.h"

namespace once::cli {

namespace {

constexpr size_t kWidth = 100;

// Breaks `text` between words.
std::string Wrapped(const std::string& text, size_t indent) {
  std::string out;
  size_t column = 0;
  for (const absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column != 0 && column + 1 + word.size() > kWidth) {
      absl::StrAppend(&out, "\n");
      column = 0;
    }
    absl::StrAppend(&out, column == 0 ? std::string(indent, ' ') : " ", word);
    column += word.size() + (column == 0 ? indent : 1);
  }
  return out.empty() ? out : out + "\n";
}

std::string OptionHelp(const OptionSpec& option) {
  std::string name = option.name;
  // As commands are typed.
  std::replace(name.begin(), name.end(), '_', option.kind == OptionKind::kSwitch ? '-' : '_');
  std::string text = absl::StrCat("  --", name);
  if (option.value_is_optional) {
    absl::StrAppend(&text, "[=", option.value_name, "]");
  } else if (option.kind != OptionKind::kSwitch) {
    absl::StrAppend(&text, "=", option.value_name);
  }
  std::string help = option.help;
  if (!option.choices.empty()) {
    absl::StrAppend(&help, " One of ");
    for (size_t i = 0; i < option.choices.size(); ++i) {
      absl::StrAppend(&help, i == 0 ? "" : ", ", option.choices[i]);
    }
    absl::StrAppend(&help, ".");
  }
  return absl::StrCat(text, "\n", Wrapped(help, 6));
}

std::string Line(std::string_view left, std::string_view right) {
  constexpr size_t kLeft = 44;
  std::string line = absl::StrCat("  ", ToAbsl(left));
  line.resize(std::max(line.size() + 2, kLeft), ' ');
  return absl::StrCat(line, ToAbsl(right), "\n");
}

std::string LinesOf(const std::vector<const CommandSpec*>& commands) {
  std::string text;
  for (const CommandSpec* command : commands) {
    const std::string arguments = DescribeArguments(*command);
    absl::StrAppend(&text,
                    Line(absl::StrCat(command->path, arguments.empty() ? "" : " ", arguments), command->summary));
  }
  return text;
}

}  // namespace

std::string CommandsHelp(std::string_view program, const Registry& registry) {
  std::string text = absl::StrCat("Commands:\n", Line("run", "Runs the application; what is done without a command."));
  std::vector<const CommandSpec*> commands;
  for (const CommandSpec& command : registry.commands()) commands.push_back(&command);
  absl::StrAppend(
      &text, LinesOf(commands), "\n`", ToAbsl(program),
      " help COMMAND` says more of each. They take the options of `run` as well, since they use its brokers,"
      " topics and types.\n");
  return text;
}

std::string GroupHelp(std::string_view program, std::string_view group, const Registry& registry) {
  std::vector<const CommandSpec*> commands;
  const std::string prefix = absl::StrCat(ToAbsl(group), " ");
  for (const CommandSpec& command : registry.commands()) {
    if (command.path.rfind(prefix, 0) == 0) commands.push_back(&command);
  }
  const std::string* const summary = registry.FindGroup(group);
  return absl::StrCat(summary == nullptr ? "" : *summary, "\n\n", LinesOf(commands), "\n`", ToAbsl(program), " help ",
                      prefix, "COMMAND` says more of each.\n");
}

std::string CommandHelp(std::string_view program, const CommandSpec& command) {
  const std::string arguments = DescribeArguments(command);
  std::string text = absl::StrCat("Usage: ", ToAbsl(program), " ", command.path, arguments.empty() ? "" : " ",
                                  arguments, " [--option=value ...]\n\n", Wrapped(command.summary, 0));
  if (!command.description.empty()) absl::StrAppend(&text, Wrapped(command.description, 0));
  absl::StrAppend(&text, "\nOptions:\n");
  for (const OptionSpec& option : AllOptions(command)) absl::StrAppend(&text, OptionHelp(option));
  absl::StrAppend(
      &text, "  --bootstrap_servers=HOST:PORT, --application_id=NAME, --config=FILE, --kafka.PROPERTY=VALUE\n",
      Wrapped(absl::StrCat("Where the application is, as for `run`: flags, environment variables and the file"
                           " of settings count alike, and so do the topology's own options. `",
                           ToAbsl(program), " --help` lists all of them."),
              6));
  if (!command.examples.empty()) absl::StrAppend(&text, "\nExamples:\n");
  for (const std::string& example : command.examples) absl::StrAppend(&text, "  ", ToAbsl(program), " ", example, "\n");
  absl::StrAppend(&text,
                  "\nExit codes: 0 done, 1 refused or failed, 2 wrong usage or settings, 3 not found, 4 no answer in"
                  " time.\n");
  return text;
}

}  // namespace once::cli
