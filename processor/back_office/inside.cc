#include "processor/back_office/inside.h"

#include <utility>

#include "processor/base/guarded.h"
#include "processor/cli/command_line.h"
#include "processor/cli/commands.h"
#include "processor/cli/context.h"
#include "processor/cli/unique_id.h"

namespace once {

Inside::Inside(const Options& options, std::shared_ptr<const Graph> graph, kafka::Client* client, kafka::Admin* admin,
               Clock* clock)
    : options_(options),
      graph_(std::move(graph)),
      client_(client),
      admin_(admin),
      clock_(clock),
      registry_(cli::AllCommands()),
      config_(Config::Load({})) {}

RunOutcome Inside::Run(const std::vector<std::string>& words, const std::optional<std::string>& value,
                       const std::function<bool()>& is_cancelled, const std::string& id) const {
  const cli::CommandLine line = cli::CommandLine::Read(words, registry_);
  if (absl::Status checked = line.Check(); !checked.ok()) return {.status = checked};
  cli::Environment environment;
  environment.program = "http";
  environment.write_error = [](const std::string&) {};
  environment.read_file = [&](const std::string&) -> absl::StatusOr<std::string> {
    if (value.has_value()) return *value;
    return absl::InvalidArgumentError("there is no value");
  };
  environment.client = client_;
  environment.admin = admin_;
  environment.is_cancelled = is_cancelled;
  environment.draw_id = [&] { return id.empty() ? cli::DrawUniqueId() : id; };
  environment.user = "http";
  environment.clock = clock_;
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
