#include "processor/back_office/inside.h"

#include <utility>

#include "processor/base/guarded.h"
#include "processor/cli/command_line.h"
#include "processor/cli/commands.h"
#include "processor/cli/unique_id.h"

namespace once {

Inside::Inside(const Options& options, std::shared_ptr<const Graph> graph, kafka::Client* client, kafka::Admin* admin,
               Clock* clock, KeptChangelogs* changelogs)
    : options_(options),
      graph_(std::move(graph)),
      client_(client),
      admin_(admin),
      clock_(clock),
      registry_(cli::AllCommands()),
      changelogs_(changelogs),
      config_(Config::Load({})) {}

RunOutcome Inside::Run(const std::vector<std::string>& words, const std::optional<std::string>& value,
                       const std::function<bool()>& is_cancelled, const std::string& id) const {
  cli::Environment environment = EnvironmentOf(is_cancelled);
  environment.read_file = [&](const std::string&) -> absl::StatusOr<std::string> {
    if (value.has_value()) return *value;
    return absl::InvalidArgumentError("there is no value");
  };
  environment.draw_id = [&] { return id.empty() ? cli::DrawUniqueId() : id; };
  return RunIn(environment, words);
}

RunOutcome Inside::Look(const std::vector<std::string>& words, const std::function<bool()>& is_cancelled) const {
  cli::Environment environment = EnvironmentOf(is_cancelled);
  environment.changelogs = changelogs_;
  environment.waits_for_transactions = false;
  return RunIn(environment, words);
}

cli::Environment Inside::EnvironmentOf(const std::function<bool()>& is_cancelled) const {
  cli::Environment environment;
  environment.program = "http";
  environment.write_error = [](const std::string&) {};
  environment.client = client_;
  environment.admin = admin_;
  environment.is_cancelled = is_cancelled;
  environment.user = "http";
  environment.clock = clock_;
  return environment;
}

RunOutcome Inside::RunIn(const cli::Environment& environment, const std::vector<std::string>& words) const {
  const cli::CommandLine line = cli::CommandLine::Read(words, registry_);
  if (absl::Status checked = line.Check(); !checked.ok()) return {.status = checked};
  cli::Context context(&environment, {.registry = &registry_,
                                      .command = line.command(),
                                      .arguments = &line.arguments(),
                                      .config = &config_,
                                      .options = &options_,
                                      .graph = graph_});
  RunOutcome outcome;
  // X3: codecs are the user's code.
  outcome.status = Guarded(absl::StatusCode::kInternal, "the command", [&] { return context.command().run(context); });
  if (context.has_shown_dry_run()) outcome.status = absl::OkStatus();
  outcome.json = context.out().ToJson();
  return outcome;
}

}  // namespace once
