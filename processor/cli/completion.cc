// What can be completed are words and flags: keys and topics would have to be asked of brokers at each key press.
#include "processor/cli/completion.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_replace.h"
#include "processor/base/strings.h"
#include "processor/cli/context.h"
#include "processor/cli/help.h"

namespace once::cli {

namespace {

// Part of a function's name.
std::string Identifier(std::string_view program) {
  std::string name(program);
  for (char& c : name) {
    if (!((c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9'))) c = '_';
  }
  return name;
}

// In single quotes of a shell.
std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

std::vector<std::string> FlagsOf(const CommandSpec& command) {
  std::vector<std::string> flags;
  for (const OptionSpec& option : AllOptions(command)) {
    std::string name = option.name;
    if (option.kind == OptionKind::kSwitch) std::replace(name.begin(), name.end(), '_', '-');
    flags.push_back(
        absl::StrCat("--", name, option.kind == OptionKind::kSwitch || option.value_is_optional ? "" : "="));
  }
  return flags;
}

std::string SettingFlags(const std::vector<std::string>& settings) {
  std::vector<std::string> flags;
  for (const std::string& name : settings) flags.push_back(absl::StrCat("--", name, "="));
  return absl::StrJoin(flags, " ");
}

std::string FirstWords(const Registry& registry) {
  return absl::StrCat("run ", absl::StrJoin(registry.FirstWords(), " "));
}

// The lines of a shell's `case` that bash and zsh have in common: which words follow, and which flags.
std::string WordCases(const Registry& registry) {
  std::string text;
  for (const std::string& word : registry.FirstWords()) {
    const std::vector<std::string> words = registry.WordsOf(word);
    if (!words.empty()) absl::StrAppend(&text, "      ", word, ") next='", absl::StrJoin(words, " "), "' ;;\n");
  }
  return text;
}

std::string FlagCases(const Registry& registry) {
  std::string text;
  for (const CommandSpec& command : registry.commands()) {
    absl::StrAppend(&text, "      ", Quote(command.path), ") flags='", absl::StrJoin(FlagsOf(command), " "), "' ;;\n");
  }
  return text;
}

// The words before the one that is written are in `before`; finds the command in them.
std::string FindCommand(const Registry& registry) {
  return absl::StrCat(R"(  first='' second='' next='' flags=''
  for word in "${before[@]}"; do
    if [[ -z $first ]]; then
      case " )",
                      FirstWords(registry), R"( " in *" $word "*) first=$word ;; esac
    elif [[ -z $second && $word != -* ]]; then
      second=$word
    fi
  done
  if [[ -z $first ]]; then
    next=')",
                      FirstWords(registry), R"('
  elif [[ -z $second ]]; then
    case $first in
)",
                      WordCases(registry), R"(    esac
  fi
  case "$first $second" in
)",
                      FlagCases(registry), R"(  esac
  if [[ -z $flags ]]; then
    case "$first" in
)",
                      FlagCases(registry), R"(    esac
  fi
)");
}

absl::Status RunCompletion(Context& context) {
  std::vector<std::string> settings;
  for (const ConfigOption& option : context.config().options()) settings.push_back(option.name);
  const std::string shell = context.args().Word(0);
  const std::string& program = context.environment().program;
  std::string script;
  if (shell == "bash") script = BashCompletion(program, context.registry(), settings);
  if (shell == "zsh") script = ZshCompletion(program, context.registry(), settings);
  if (shell == "fish") script = FishCompletion(program, context.registry(), settings);
  if (script.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("there is no completion for \"", Printable(shell), "\"; use bash, zsh or fish"));
  }
  context.out().SetVerbatim(script);
  return absl::OkStatus();
}

absl::Status RunHelp(Context& context) {
  const std::string path = absl::StrJoin(context.args().words(), " ");
  const Registry& registry = context.registry();
  const std::string& program = context.environment().program;
  if (path.empty()) {
    context.out().SetVerbatim(CommandsHelp(program, registry));
  } else if (path == "run") {
    context.out().SetVerbatim(absl::StrCat("Usage: ", program, " [run] [--option=value ...]\n\nRuns the application. `",
                                           program, " --help` lists all options.\n"));
  } else if (const CommandSpec* const command = registry.Find(path); command != nullptr) {
    context.out().SetVerbatim(CommandHelp(program, *command));
  } else if (registry.FindGroup(path) != nullptr) {
    context.out().SetVerbatim(GroupHelp(program, path, registry));
  } else {
    const std::string& first = context.args().words().front();
    const bool is_group = registry.FindGroup(first) != nullptr;
    return absl::InvalidArgumentError(
        NoSuchCommand(is_group ? context.args().Word(1) : first, is_group ? first : "", registry));
  }
  return absl::OkStatus();
}

}  // namespace

std::string BashCompletion(std::string_view program, const Registry& registry,
                           const std::vector<std::string>& settings) {
  const std::string name = Identifier(program);
  // bash breaks words at '=' and ':', which flags have in them.
  return absl::StrCat("# bash completion for ", ToAbsl(program), ": source <(", ToAbsl(program), " completion bash)\n_",
                      name, R"(() {
  local current=${COMP_WORDS[COMP_CWORD]} first second next flags word
  local before=("${COMP_WORDS[@]:1:COMP_CWORD-1}")
)",
                      FindCommand(registry), R"(  if [[ $current == -* ]]; then
    COMPREPLY=($(compgen -W "$flags )",
                      SettingFlags(settings), R"(" -- "$current"))
    [[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2> /dev/null
  else
    COMPREPLY=($(compgen -W "$next" -- "$current"))
  fi
  return 0
}
complete -o default -F _)",
                      name, " ", ToAbsl(program), "\n");
}

std::string ZshCompletion(std::string_view program, const Registry& registry,
                          const std::vector<std::string>& settings) {
  const std::string name = Identifier(program);
  return absl::StrCat("#compdef ", ToAbsl(program), "\n# zsh completion for ", ToAbsl(program), ": source <(",
                      ToAbsl(program), " completion zsh)\n_", name, R"(() {
  local first second next flags word
  local -a before
  before=("${words[@]:1:$((CURRENT - 2))}")
)",
                      FindCommand(registry), R"(  if [[ $words[CURRENT] == -* ]]; then
    compadd -S '' -- ${=flags} )",
                      SettingFlags(settings), R"(
  elif [[ -n $next ]]; then
    compadd -- ${=next}
  else
    _files
  fi
}
compdef _)",
                      name, " ", ToAbsl(program), "\n");
}

std::string FishCompletion(std::string_view program, const Registry& registry,
                           const std::vector<std::string>& settings) {
  std::string text =
      absl::StrCat("# fish completion for ", ToAbsl(program), ": ", ToAbsl(program), " completion fish | source\n");
  const std::string complete = absl::StrCat("complete -c ", ToAbsl(program));
  const auto has = [](std::string_view words) { return absl::StrCat("__fish_seen_subcommand_from ", ToAbsl(words)); };
  for (const std::string& word : registry.FirstWords()) {
    const CommandSpec* const command = registry.Find(word);
    const std::string* const group = registry.FindGroup(word);
    const std::string summary = command != nullptr ? command->summary : group != nullptr ? *group : "";
    absl::StrAppend(&text, complete, " -f -n __fish_use_subcommand -a ", word, " -d ", Quote(summary), "\n");
  }
  for (const CommandSpec& command : registry.commands()) {
    const size_t blank = command.path.find(' ');
    std::string condition = has(command.path.substr(0, blank));
    if (blank != std::string::npos) {
      const std::string group = command.path.substr(0, blank), word = command.path.substr(blank + 1);
      absl::StrAppend(&text, complete, " -f -n ",
                      Quote(absl::StrCat(condition, "; and not ", has(absl::StrJoin(registry.WordsOf(group), " ")))),
                      " -a ", word, " -d ", Quote(command.summary), "\n");
      condition = absl::StrCat(condition, "; and ", has(word));
    }
    for (const OptionSpec& option : AllOptions(command)) {
      std::string name = option.name;
      if (option.kind == OptionKind::kSwitch) std::replace(name.begin(), name.end(), '_', '-');
      absl::StrAppend(&text, complete, " -n ", Quote(condition), " -l ", name,
                      option.kind == OptionKind::kSwitch || option.value_is_optional ? "" : " -r", " -d ",
                      Quote(option.help.substr(0, option.help.find('.'))), "\n");
    }
  }
  for (const std::string& name : settings) absl::StrAppend(&text, complete, " -l ", name, " -r\n");
  return text;
}

void AddGeneralCommands(Registry* registry) {
  registry->Add({.path = "completion",
                 .summary = "Print a script by which a shell completes commands and flags.",
                 .arguments = {{.name = "bash|zsh|fish"}},
                 .examples = {"completion bash > /etc/bash_completion.d/PROGRAM"},
                 .allows_mistakes = true,
                 .run = RunCompletion});
  registry->Add({.path = "help",
                 .summary = "List the commands, or say all of one.",
                 .arguments = {{.name = "COMMAND", .is_optional = true, .repeats = true}},
                 .examples = {"help parked skip"},
                 .allows_mistakes = true,
                 .run = RunHelp});
}

}  // namespace once::cli
