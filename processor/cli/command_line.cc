// Flags that a command does not know are settings of the application, and are checked when these are all known.
#include "processor/cli/command_line.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/config/units.h"

namespace once::cli {

namespace {

bool IsFlag(std::string_view word) {
  return word.size() > 1 && word.starts_with('-') && !(word[1] >= '0' && word[1] <= '9');
}

struct Words {
  std::vector<std::string> plain;
  std::vector<WrittenFlag> flags;
  bool has_secret = false;  // Some flag is meant to be one.
};

constexpr std::string_view kPropertyFlag = "kafka.";

// "--name value" is one flag, unless it is a switch of some command.
Words Split(const std::vector<std::string>& words, const Registry& registry, const CommandLine::IsSecret& is_secret) {
  Words split;
  for (size_t i = 0; i < words.size(); ++i) {
    const std::string& word = words[i];
    if (word == "--") {
      split.plain.insert(split.plain.end(), words.begin() + static_cast<std::ptrdiff_t>(i) + 1, words.end());
      break;
    }
    if (!IsFlag(word)) {
      split.plain.push_back(word);
      continue;
    }
    WrittenFlag flag;
    const size_t equals = word.find('=');
    flag.written = word.substr(0, equals);
    if (flag.written == "-h") flag.written = "--help";
    flag.name = flag.written.starts_with("--") ? OptionName(std::string_view(flag.written).substr(2)) : "";
    const bool is_property = flag.name.starts_with(kPropertyFlag);
    const bool holds_secret = is_secret && is_secret(is_property ? flag.name.substr(kPropertyFlag.size()) : flag.name);
    split.has_secret |= holds_secret;
    if (equals != std::string::npos) {
      flag.value = word.substr(equals + 1);
    } else if (holds_secret && is_property && i + 1 < words.size()) {
      // X10: whatever it looks like.
      flag.value = words[++i];
    } else if (!registry.IsSwitch(flag.name) && flag.name != "help" && flag.name != "version" &&
               flag.name != "print_topology" && i + 1 < words.size() && !IsFlag(words[i + 1])) {
      flag.value = words[++i];
    }
    split.flags.push_back(std::move(flag));
  }
  return split;
}

std::string KindMistake(const OptionSpec& option, const std::string& value) {
  switch (option.kind) {
    case OptionKind::kSwitch: {
      const absl::StatusOr<bool> parsed = ParseBool(value);
      return parsed.ok() ? "" : std::string(parsed.status().message());
    }
    case OptionKind::kNumber: {
      const absl::StatusOr<int64_t> parsed = ParseInteger(value, 0, std::numeric_limits<int64_t>::max());
      return parsed.ok() ? "" : std::string(parsed.status().message());
    }
    case OptionKind::kDuration: {
      const absl::StatusOr<absl::Duration> parsed = ParseSeconds(value);
      return parsed.ok() ? "" : std::string(parsed.status().message());
    }
    case OptionKind::kText:
      break;
  }
  if (option.choices.empty() ||
      std::find(option.choices.begin(), option.choices.end(), value) != option.choices.end()) {
    return "";
  }
  return absl::StrCat("use one of ", absl::StrJoin(option.choices, ", "));
}

}  // namespace

absl::StatusOr<absl::Duration> ParseSeconds(std::string_view text) {
  const bool is_number =
      !text.empty() && std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
  absl::StatusOr<absl::Duration> parsed =
      ParseDuration(is_number ? absl::StrCat(ToAbsl(text), "s") : std::string(text));
  if (parsed.ok() && *parsed < absl::ZeroDuration()) return absl::InvalidArgumentError("it is negative");
  return parsed;
}

bool Arguments::Switch(std::string_view option) const {
  const auto found = values_.find(option);
  if (found == values_.end()) return false;
  return !found->second.has_value() || ParseBool(*found->second).value_or(false);
}

std::string Arguments::Text(std::string_view option, std::string_view otherwise) const {
  const auto found = values_.find(option);
  return found == values_.end() ? std::string(otherwise) : found->second.value_or(std::string(otherwise));
}

int64_t Arguments::Number(std::string_view option, int64_t otherwise) const {
  const auto found = values_.find(option);
  if (found == values_.end() || !found->second.has_value()) return otherwise;
  return ParseInteger(*found->second, 0, std::numeric_limits<int64_t>::max()).value_or(otherwise);
}

absl::Duration Arguments::Duration(std::string_view option, absl::Duration otherwise) const {
  const auto found = values_.find(option);
  if (found == values_.end() || !found->second.has_value()) return otherwise;
  return ParseSeconds(*found->second).value_or(otherwise);
}

std::string CommandLine::Named(std::string_view word) const {
  return has_secret_ ? "(not shown: it stands beside a secret)" : absl::StrCat("\"", Printable(word), "\"");
}

CommandLine CommandLine::Read(const std::vector<std::string>& words, const Registry& registry,
                              const IsSecret& is_secret) {
  CommandLine line;
  const Words split = Split(words, registry, is_secret);
  line.has_secret_ = split.has_secret;
  // X10: a word behind flags that names no command may be a part of a flag's value; what is wrong with it, without
  // showing it, the settings of `run` say.
  const bool is_stray = !split.plain.empty() && words.front() != split.plain.front() && split.plain.front() != "run" &&
                        registry.Find(split.plain.front()) == nullptr &&
                        registry.FindGroup(split.plain.front()) == nullptr;
  if (split.plain.empty() || is_stray || (split.plain.front() == "run" && split.plain.size() == 1)) {
    line.is_run_ = true;
    line.path_ = "run";
    line.settings_ = words;
    // Taken out where it stands as a word, not where it is the value of a flag.
    if (!split.plain.empty() && !is_stray) {
      const auto word = std::find(line.settings_.begin(), line.settings_.end(), "run");
      if (word != line.settings_.end()) line.settings_.erase(word);
    }
    return line;
  }
  line.FindCommand(split.plain, registry);
  line.SortFlags(split.flags);
  if (line.command_ != nullptr && !line.wants_help_) line.CheckWords();
  return line;
}

void CommandLine::FindCommand(const std::vector<std::string>& words, const Registry& registry) {
  path_ = words.front();
  command_ = registry.Find(path_);
  size_t used = 1;
  if (command_ == nullptr && registry.FindGroup(path_) != nullptr) {
    group_ = path_;
    if (words.size() == 1) {
      mistakes_.push_back(
          absl::StrCat("which of them: ", group_, " ", absl::StrJoin(registry.WordsOf(group_), "|"), "?"));
      return;
    }
    path_ = absl::StrCat(group_, " ", words[1]);
    command_ = registry.Find(path_);
    used = 2;
  }
  if (command_ == nullptr) {
    if (path_ == "run") {
      mistakes_.push_back(absl::StrCat("run takes no argument ", Named(words[1])));
    } else if (has_secret_) {
      path_ = group_;
      mistakes_.push_back(absl::StrCat("there is no command ", Named(words[used - 1])));
    } else {
      mistakes_.push_back(NoSuchCommand(words[used - 1], group_, registry));
    }
    return;
  }
  arguments_.words_.assign(words.begin() + static_cast<std::ptrdiff_t>(used), words.end());
}

void CommandLine::SortFlags(const std::vector<WrittenFlag>& flags) {
  const std::vector<OptionSpec> options = command_ == nullptr ? CommonOptions({}) : AllOptions(*command_);
  for (const WrittenFlag& flag : flags) {
    const auto option =
        std::find_if(options.begin(), options.end(), [&](const OptionSpec& each) { return each.name == flag.name; });
    if (flag.name.empty()) {
      mistakes_.push_back(absl::StrCat(Named(flag.written), " is not a flag; write --name=value"));
    } else if (option != options.end()) {
      TakeOption(*option, flag);
    } else {
      settings_.push_back(flag.value.has_value() ? absl::StrCat(flag.written, "=", *flag.value) : flag.written);
      setting_flags_.push_back(flag);
    }
  }
  wants_help_ = arguments_.Switch("help");
  wants_json_ = arguments_.Switch("json");
}

void CommandLine::TakeOption(const OptionSpec& option, const WrittenFlag& flag) {
  std::string mistake;
  if (arguments_.Has(option.name)) {
    mistake = "it is given twice; remove one of the two";
  } else if (flag.value.has_value()) {
    mistake = KindMistake(option, *flag.value);
    if (!mistake.empty()) mistake = absl::StrCat("= ", Named(*flag.value), ": ", mistake);
  } else if (option.kind != OptionKind::kSwitch && !option.value_is_optional) {
    mistake = absl::StrCat("it has no value; write --", option.name, "=", option.value_name);
  }
  if (!mistake.empty()) mistakes_.push_back(absl::StrCat("flag ", flag.written, ": ", mistake));
  arguments_.values_.emplace(option.name, flag.value);
}

void CommandLine::CheckWords() {
  const std::vector<ArgumentSpec>& specs = command_->arguments;
  const std::vector<std::string>& words = arguments_.words_;
  for (size_t i = words.size(); i < specs.size(); ++i) {
    if (specs[i].is_optional) continue;
    mistakes_.push_back(absl::StrCat(specs[i].name, " is missing: ", path_, " ", DescribeArguments(*command_)));
    return;
  }
  const bool takes_more = !specs.empty() && specs.back().repeats;
  if (words.size() > specs.size() && !takes_more) {
    mistakes_.push_back(absl::StrCat(Named(words[specs.size()]), " is one argument too many: ", path_,
                                     specs.empty() ? " takes none" : absl::StrCat(" ", DescribeArguments(*command_))));
  }
}

absl::Status CommandLine::Check() const {
  return mistakes_.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(mistakes_, "\n"));
}

std::string DescribeArguments(const CommandSpec& command) {
  std::vector<std::string> texts;
  for (const ArgumentSpec& argument : command.arguments) {
    const std::string name = absl::StrCat(argument.name, argument.repeats ? "..." : "");
    texts.push_back(argument.is_optional ? absl::StrCat("[", name, "]") : name);
  }
  return absl::StrJoin(texts, " ");
}

std::string NoSuchCommand(std::string_view word, std::string_view group, const Registry& registry) {
  std::vector<std::string> words = group.empty() ? registry.FirstWords() : registry.WordsOf(group);
  if (group.empty()) words.push_back("run");
  const std::string prefix = group.empty() ? "" : absl::StrCat(ToAbsl(group), " ");
  const std::string closest = ClosestMatch(word, words);
  return absl::StrCat("there is no command \"", prefix, Printable(word), "\"; ",
                      closest.empty() ? absl::StrCat("there are: ", absl::StrJoin(words, ", "))
                                      : absl::StrCat("did you mean ", prefix, closest, "?"));
}

}  // namespace once::cli
