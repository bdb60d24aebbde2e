// An application that counts the events of each key, and stops the task of an event "stop" until the file --mended_file
// is there: for the test of what then becomes of the others.
#include <unistd.h>

#include <string>

#include "absl/strings/str_cat.h"
#include "once/main.h"
#include "once/topology.h"

namespace {

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  const std::string mended_file = config.Get("mended_file", "");
  once::TopologyBuilder builder("stopping");
  auto in = builder.AddSource("in", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<std::string>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "dlq"));
  builder.AddAggregate<std::string>("count")
      .EmitsTo(out)
      .WithPolicy({.then = once::FailureAction::kStop})
      .On<std::string>(in, [out, mended_file](const std::string& value, auto& count) {
        if (value == "stop" && ::access(mended_file.c_str(), F_OK) != 0) return absl::InvalidArgumentError("stop!");
        std::string& state = *count.mutable_state();
        state = absl::StrCat(state.empty() ? 1 : std::stoi(state) + 1);
        count.Emit(out, state);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
