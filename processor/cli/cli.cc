#include "processor/cli/cli.h"

#include <algorithm>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "processor/base/guarded.h"
#include "processor/base/strings.h"
#include "processor/cli/help.h"
#include "processor/topology/validate.h"

namespace once::cli {

namespace {

// Clears a terminal, and goes to its beginning.
constexpr char kClearTerminal[] = "\033[H\033[2J";

Json ErrorJson(const absl::Status& status) {
  return Json::Object()
      .Set("code", absl::StatusCodeToString(status.code()))
      .Set("exit_code", ExitCodeOf(status))
      .Set("message", std::string(status.message()));
}

// Tells of an error, on the standard error and, with --json, in what is printed.
int Fail(const CommandLine& line, const Environment& environment, const absl::Status& status) {
  for (const absl::string_view text : absl::StrSplit(std::string(status.message()), '\n')) {
    environment.write_error(absl::StrCat(environment.program, " ", line.path(), ": ", PlainText(ToStd(text)), "\n"));
  }
  return ExitCodeOf(status);
}

int FailUsage(const CommandLine& line, const Environment& environment, const absl::Status& status) {
  if (line.wants_json()) environment.write_out(Json::Object().Set("error", ErrorJson(status)).ToString() + "\n");
  const int code = Fail(line, environment, status);
  const std::string named = line.command() != nullptr ? line.path() : line.group();
  environment.write_error(absl::StrCat(environment.program, ": `", environment.program, " help",
                                       named.empty() ? "" : " ", named, "` says what there is\n"));
  return code;
}

int PrintHelp(const CommandLine& line, const Registry& registry, const Environment& environment) {
  if (line.command() != nullptr) {
    environment.write_out(CommandHelp(environment.program, *line.command()));
  } else if (!line.group().empty()) {
    environment.write_out(GroupHelp(environment.program, line.group(), registry));
  } else {
    return FailUsage(line, environment, line.Check());
  }
  return kExitDone;
}

// Flags that neither the command nor the application knows.
std::vector<std::string> UnknownFlags(const CommandLine& line, const Config& config) {
  std::vector<std::string> known;
  for (const OptionSpec& option : AllOptions(*line.command())) known.push_back("--" + option.name);
  for (const ConfigOption& option : config.options()) {
    known.push_back("--" + option.name);
    if (option.type == "switch") known.push_back("--no" + option.name);
  }
  std::vector<std::string> mistakes;
  for (const WrittenFlag& flag : line.setting_flags()) {
    const bool is_known =
        flag.name.rfind("kafka.", 0) == 0 || std::find(known.begin(), known.end(), flag.written) != known.end();
    if (is_known) continue;
    const std::string closest = ClosestMatch(flag.written, known);
    mistakes.push_back(
        absl::StrCat("flag ", line.Named(flag.written), ": ", line.path(), " takes no such flag; ",
                     closest.empty() ? "its --help lists all" : absl::StrCat("did you mean ", closest, "?")));
  }
  return mistakes;
}

// All that is wrong with settings and topology, one a line.
std::string MistakesOf(const CommandLine& line, const Config& config, const Options& options,
                       const absl::StatusOr<Topology>& topology) {
  std::vector<std::string> mistakes;
  // A factory that gave up may not have asked for all of its options, so none is called unknown then.
  if (topology.ok()) mistakes = UnknownFlags(line, config);
  const bool flags_are_known = mistakes.empty();
  if (absl::Status values = config.CheckValues(); !values.ok()) mistakes.emplace_back(values.message());
  if (topology.ok() && flags_are_known) {
    if (absl::Status unknown = config.CheckUnknown(); !unknown.ok()) mistakes.emplace_back(unknown.message());
  }
  absl::Status built = topology.status();
  if (built.ok()) built = CheckApplicationId(topology->graph(), options.application_id);
  if (!built.ok()) mistakes.emplace_back(built.message());
  return absl::StrJoin(mistakes, "\n");
}

// Runs it once, and prints what it has to show.
int RunOnce(const CommandLine& line, const Environment& environment, Context* context) {
  // X3: codecs are the user's code as well.
  absl::Status status =
      Guarded(absl::StatusCode::kInternal, "the command", [&] { return context->command().run(*context); });
  if (context->has_shown_dry_run()) status = absl::OkStatus();
  if (!status.ok() && line.wants_json()) context->out().Add("error", "", ErrorJson(status));
  const std::string text = line.wants_json() ? context->out().ToJson() : context->out().ToText();
  if (!environment.write_out(text)) return kExitRefused;
  return status.ok() ? kExitDone : Fail(line, environment, status);
}

int Watch(const CommandLine& line, const Environment& environment, Context* context) {
  const absl::Duration every = line.arguments().Duration("watch", absl::Seconds(2));
  for (bool is_first = true;; is_first = false) {
    context->ClearOutput();
    if (environment.out_is_terminal && !line.wants_json()) environment.write_out(kClearTerminal);
    const int code = RunOnce(line, environment, context);
    // Brokers that are away for a while are what somebody watches for.
    if (code != kExitDone && (is_first || code != kExitNoAnswer)) return code;
    if (!environment.pause(std::max(every, absl::Milliseconds(100)))) return code;
  }
}

absl::StatusOr<Topology> Build(const TopologyFactory& factory, const Config& config) {
  absl::StatusOr<Topology> topology = absl::InternalError("");
  // X3: the factory is the user's code as well.
  const absl::Status built = Guarded(absl::StatusCode::kInternal, "the function that builds the topology", [&] {
    topology = factory(config);
    return topology.status();
  });
  if (built.ok()) return topology;
  return built;
}

}  // namespace

int RunCommand(const CommandLine& line, const Registry& registry, const TopologyFactory& factory,
               const Environment& environment) {
  if (line.wants_help()) return PrintHelp(line, registry, environment);
  if (absl::Status checked = line.Check(); !checked.ok()) return FailUsage(line, environment, checked);
  ConfigInputs inputs = environment.inputs;
  inputs.args = line.settings();
  const Config config = Config::Load(inputs);
  const absl::StatusOr<Topology> topology = Build(factory, config);
  const Options options = LoadOptions(config, topology.ok() ? topology->graph().application_id : "application");
  const std::string mistakes = MistakesOf(line, config, options, topology);
  if (!mistakes.empty() && !line.command()->allows_mistakes) {
    return FailUsage(line, environment, absl::InvalidArgumentError(mistakes));
  }
  for (const std::string& warning : config.Warnings()) {
    environment.write_error(absl::StrCat("warning: ", PlainText(warning), "\n"));
  }
  Context context(&environment, {.registry = &registry,
                                 .command = line.command(),
                                 .arguments = &line.arguments(),
                                 .config = &config,
                                 .options = &options,
                                 .graph = topology.ok() ? topology->shared_graph() : nullptr,
                                 .mistakes = mistakes});
  return line.arguments().Has("watch") ? Watch(line, environment, &context) : RunOnce(line, environment, &context);
}

}  // namespace once::cli
