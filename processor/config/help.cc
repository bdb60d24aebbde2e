// What --help prints, made of the options that were asked for.
#include "processor/config/help.h"

#include <algorithm>
#include <string>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"

namespace once {
namespace {

constexpr size_t kWidth = 100;
constexpr size_t kIndent = 6;
constexpr char kOwnGroup[] = "This topology's own options";
constexpr char kLastGroup[] = "General";

// Breaks `text` between words so that lines stay within kWidth.
void AppendWrapped(const std::string& text, std::string* out) {
  size_t column = 0;
  for (absl::string_view word : absl::StrSplit(text, ' ', absl::SkipEmpty())) {
    if (column != 0 && column + 1 + word.size() > kWidth) {
      absl::StrAppend(out, "\n");
      column = 0;
    }
    absl::StrAppend(out, column == 0 ? std::string(kIndent, ' ') : " ", word);
    column += word.size() + (column == 0 ? kIndent : 1);
  }
  if (column != 0) absl::StrAppend(out, "\n");
}

void AppendOption(const ConfigOption& option, std::string* out) {
  if (option.type == "switch") {
    absl::StrAppend(out, "  --[no]", option.name, "  (default: ", option.default_text, ")\n");
  } else if (option.default_text.empty()) {
    absl::StrAppend(out, "  --", option.name, "=", absl::AsciiStrToUpper(option.type), "  (default: empty)\n");
  } else {
    absl::StrAppend(out, "  --", option.name, "=", option.default_text, "\n");
  }
  AppendWrapped(option.help, out);
}

std::string GroupOf(const ConfigOption& option) { return option.group.empty() ? kOwnGroup : option.group; }

// The topology's own first, the general ones last, the rest in the order of asking.
std::vector<std::string> GroupsOf(const std::vector<ConfigOption>& options) {
  // First, though it may have been the last to ask.
  std::vector<std::string> groups = {kOwnGroup};
  for (const ConfigOption& option : options) {
    const std::string group = GroupOf(option);
    if (group != kLastGroup && std::find(groups.begin(), groups.end(), group) == groups.end()) groups.push_back(group);
  }
  groups.push_back(kLastGroup);
  return groups;
}

}  // namespace

std::string HelpText(const std::string& program, const std::string& description, const Config& config) {
  // Without the directory that it was started from.
  const std::string name = program.substr(program.rfind('/') + 1);
  const std::vector<ConfigOption> options = config.options();
  std::string text = absl::StrCat(description, "\n\nUsage: ", name, " [--option=value ...]\n\n");
  for (const std::string& group : GroupsOf(options)) {
    std::string section;
    for (const ConfigOption& option : options) {
      if (GroupOf(option) == group) AppendOption(option, &section);
    }
    // A topology may have no options of its own.
    if (!section.empty()) absl::StrAppend(&text, group, " (with their defaults):\n", section, "\n");
  }
  absl::StrAppend(&text, R"(Each option can be set in three ways; the first that is found counts:
  --commit_interval=200ms             a flag; also --commit_interval 200ms, and --[no]NAME for switches
  ONCE_COMMIT_INTERVAL=200ms          an environment variable
  once.commit.interval=200ms          a line of the file that --config names
librdkafka's own properties likewise: --kafka.linger.ms=5, KAFKA_LINGER_MS=5, or linger.ms=5 in the file.

Examples:
  )",
                  name, " --bootstrap_servers=kafka-1:9092,kafka-2:9092 --state_dir=/var/lib/", name, "\n  ", name,
                  " --workers=4 --commit_interval=1s\n  ", name, " --config=/etc/", name,
                  ".properties --kafka.security.protocol=SSL\n  ", name, " --print_topology\n");
  return text;
}

}  // namespace once
