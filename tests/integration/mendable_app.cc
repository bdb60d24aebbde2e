// An application whose handlers fail on some values as long as a file exists: those that begin with "bad" for good,
// those that begin with "wait" for now. --then says what follows a failure for good: block, skip or stop; --backoff how
// long it waits before it tries again at first.
#include <algorithm>
#include <filesystem>
#include <string>

#include "once/main.h"
#include "once/topology.h"

namespace {

once::FailureAction ActionOf(const std::string& name) {
  if (name == "skip") return once::FailureAction::kSkip;
  return name == "stop" ? once::FailureAction::kStop : once::FailureAction::kBlockAggregate;
}

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  once::TopologyBuilder builder("mendable");
  auto in = builder.AddSource("orders", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<std::string>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "dlq"));
  const std::string broken = config.Get("broken_file", "");
  once::FailurePolicy policy;
  policy.then = ActionOf(config.Get("then", "block"));
  policy.initial_backoff = config.GetDuration("backoff", policy.initial_backoff);
  policy.max_backoff = std::max(policy.max_backoff, policy.initial_backoff);
  builder.AddAggregate<std::string>("keeper").EmitsTo(out).WithPolicy(policy).On<std::string>(
      in, [out, broken](const std::string& value, auto& keeper) -> absl::Status {
        keeper.Emit(out, value);
        if (!std::filesystem::exists(broken)) return absl::OkStatus();
        if (value.compare(0, 3, "bad") == 0) return absl::InvalidArgumentError("it is broken");
        if (value.compare(0, 4, "wait") == 0) return absl::UnavailableError("it is away");
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
