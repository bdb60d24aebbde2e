// An application whose handlers need a service that is away as long as a file exists.
#include <filesystem>

#include "once/main.h"
#include "once/topology.h"

namespace {

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  once::TopologyBuilder builder("outage");
  auto in = builder.AddSource("in", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<std::string>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "dlq"));
  const std::string down = config.Get("down_file", "");
  builder.AddAggregate<std::string>("caller").EmitsTo(out).On<std::string>(
      in, [out, down](const std::string& value, auto& caller) -> absl::Status {
        if (std::filesystem::exists(down)) return absl::UnavailableError("the service is down");
        caller.Emit(out, value);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
