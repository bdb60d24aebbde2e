#include "processor/back_office/order.h"

#include <algorithm>
#include <nlohmann/json.hpp>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/cli/command_line.h"
#include "processor/cli/shown.h"

namespace once {

namespace {

using Json = nlohmann::json;

constexpr size_t kMostIdBytes = 64;
constexpr size_t kMostArguments = 1000;
// Of arguments and options: keys, names and reasons.
constexpr size_t kMostWordBytes = 64 << 10;
// Deeper than any message; a document that is deeper costs stack wherever it is looked at.
constexpr int kMostDepth = 100;

absl::Status Wrong(const std::string& what) { return absl::InvalidArgumentError(what); }

bool IsTooDeep(std::string_view text) {
  int depth = 0;
  bool in_text = false;
  for (size_t i = 0; i < text.size(); ++i) {
    const char c = text[i];
    if (in_text) {
      if (c == '\\') ++i;
      in_text = c != '"';
    } else if (c == '"') {
      in_text = true;
    } else if (c == '{' || c == '[') {
      if (++depth > kMostDepth) return true;
    } else if (c == '}' || c == ']') {
      --depth;
    }
  }
  return false;
}

}  // namespace

bool IsOrderId(std::string_view id) {
  return !id.empty() && id.size() <= kMostIdBytes && std::all_of(id.begin(), id.end(), [](char c) {
    return absl::ascii_isalnum(static_cast<unsigned char>(c)) || std::string_view("._-").find(c) != std::string::npos;
  });
}

namespace {

// What is said otherwise here, or would let somebody read files, wait, or take another's name.
bool IsReserved(std::string_view option) {
  constexpr std::string_view kReserved[] = {"command_id", "dry_run", "help",  "issuer", "json", "no_wait",
                                            "raw",        "timeout", "value", "watch",  "yes"};
  return std::find(std::begin(kReserved), std::end(kReserved), option) != std::end(kReserved);
}

// The commands that are sent to the application; `reset` and what else is done to a stopped one are none.
const cli::CommandSpec* FindCommand(const std::string& path, const cli::Registry& registry) {
  const cli::CommandSpec* const command = registry.Find(path);
  return command != nullptr && command->commands_application ? command : nullptr;
}

absl::Status NoSuchCommand(const std::string& path, const cli::Registry& registry) {
  std::vector<std::string> paths;
  for (const cli::CommandSpec& each : registry.commands()) {
    if (each.commands_application) paths.push_back(each.path);
  }
  return Wrong(absl::StrCat("\"", Printable(path), "\" is no command; there are: ", absl::StrJoin(paths, ", ")));
}

absl::Status ReadArguments(const Json& json, CommandOrder* order) {
  if (!json.is_array() || json.size() > kMostArguments) return Wrong("\"arguments\" is no array of texts");
  for (const Json& each : json) {
    if (!each.is_string()) return Wrong("\"arguments\" is no array of texts");
    order->words.push_back(each.get<std::string>());
  }
  return absl::OkStatus();
}

absl::Status ReadOptions(const Json& json, const cli::CommandSpec& command, std::vector<std::string>* words) {
  if (!json.is_object()) return Wrong("\"options\" is no object");
  const std::vector<cli::OptionSpec> options = cli::AllOptions(command);
  for (const auto& [name, value] : json.items()) {
    const auto& option_name = name;
    const auto option = std::find_if(options.begin(), options.end(),
                                     [&](const cli::OptionSpec& each) { return each.name == option_name; });
    if (option == options.end() || IsReserved(name)) {
      return Wrong(absl::StrCat("\"", Printable(name), "\" is no option of ", command.path, " here"));
    }
    if (option->kind == cli::OptionKind::kSwitch) {
      if (!value.is_boolean()) return Wrong(absl::StrCat("option ", name, " is true or false"));
      if (value.get<bool>()) words->push_back(absl::StrCat("--", name));
    } else if (value.is_number_unsigned()) {
      words->push_back(absl::StrCat("--", name, "=", value.get<uint64_t>()));
    } else if (value.is_string()) {
      words->push_back(absl::StrCat("--", name, "=", value.get_ref<const std::string&>()));
    } else {
      return Wrong(absl::StrCat("option ", name, " is no text and no number"));
    }
  }
  return absl::OkStatus();
}

absl::Status CheckMembers(const Json& json) {
  constexpr const char* kMembers[] = {"command", "arguments", "options", "value", "command_id", "dry_run"};
  for (const auto& [name, value] : json.items()) {
    if (std::find(std::begin(kMembers), std::end(kMembers), name) != std::end(kMembers)) continue;
    return Wrong(absl::StrCat("\"", Printable(name), "\" is no member; there are: ", absl::StrJoin(kMembers, ", ")));
  }
  if (!json.contains("command") || !json["command"].is_string()) return Wrong("\"command\" is missing, or no text");
  if (json.contains("dry_run") && !json["dry_run"].is_boolean()) return Wrong("\"dry_run\" is true or false");
  const bool has_id = json.contains("command_id");
  if (has_id && (!json["command_id"].is_string() || !IsOrderId(json["command_id"].get_ref<const std::string&>()))) {
    return Wrong(absl::StrCat("\"command_id\" has letters, digits, '.', '_' and '-', ", kMostIdBytes, " at most"));
  }
  return absl::OkStatus();
}

}  // namespace

absl::StatusOr<CommandOrder> ReadOrder(std::string_view body, const cli::Registry& registry) {
  if (IsTooDeep(body)) return Wrong("the body is no JSON of a command: it is too deep");
  const Json json = Json::parse(body, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object()) return Wrong("the body is no JSON object");
  if (absl::Status members = CheckMembers(json); !members.ok()) return members;
  CommandOrder order{.command = json["command"].get<std::string>()};
  const cli::CommandSpec* const command = FindCommand(order.command, registry);
  if (command == nullptr) return NoSuchCommand(order.command, registry);
  if (json.contains("command_id")) order.id = json["command_id"].get<std::string>();
  order.is_dry = json.value("dry_run", false);
  if (json.contains("options")) {
    if (absl::Status read = ReadOptions(json["options"], *command, &order.words); !read.ok()) return read;
  }
  if (json.contains("value")) {
    if (order.command != "parked replace") return Wrong(absl::StrCat("\"value\" is none of ", order.command, "'s"));
    order.words.emplace_back("--value=-");
    order.value = json["value"].dump(-1, ' ', false, Json::error_handler_t::replace);
  }
  order.words.emplace_back("--");
  if (json.contains("arguments")) {
    if (absl::Status read = ReadArguments(json["arguments"], &order); !read.ok()) return read;
  }
  size_t bytes = 0;
  for (const std::string& word : order.words) bytes += word.size();
  if (bytes > kMostWordBytes)
    return Wrong(absl::StrCat("arguments and options have ", kMostWordBytes, " bytes at most"));
  return order;
}

std::vector<std::string> CommandWords(const CommandOrder& order, const std::string& issuer, absl::Duration timeout) {
  std::vector<std::string> words = absl::StrSplit(order.command, ' ');
  words.push_back(absl::StrCat("--issuer=", issuer));
  words.push_back(absl::StrCat("--timeout=", absl::ToInt64Seconds(timeout), "s"));
  words.insert(words.end(), {"--json", "--yes"});
  if (!order.id.empty()) words.push_back(absl::StrCat("--command_id=", order.id));
  if (order.is_dry) words.emplace_back("--dry_run");
  words.insert(words.end(), order.words.begin(), order.words.end());
  return words;
}

absl::Status CheckOrder(const CommandOrder& order, const cli::Registry& registry, const Graph& graph) {
  const cli::CommandLine line = cli::CommandLine::Read(CommandWords(order, "issuer", absl::Seconds(1)), registry);
  if (absl::Status checked = line.Check(); !checked.ok()) return checked;
  if (line.command() == nullptr || line.command()->path != order.command || !line.settings().empty()) {
    return Wrong("that is no command");
  }
  const cli::Arguments& args = line.arguments();
  const cli::Shown shown(&graph);
  if (args.Has("group")) return shown.FindOnlyGroup(args.Text("group")).status();
  const bool is_key_rule = order.command.starts_with("never ") && args.Word(0) == "key";
  if (!order.command.starts_with("parked ") && !is_key_rule) return absl::OkStatus();
  const size_t first = is_key_rule ? 1 : 0;
  if (args.words().size() <= first) return absl::OkStatus();
  const absl::StatusOr<uint16_t> group = shown.FindGroup(args.Word(first));
  if (!group.ok()) return group.status();
  return args.words().size() <= first + 1 ? absl::OkStatus() : shown.KeyBytes(*group, args.Word(first + 1)).status();
}

}  // namespace once
