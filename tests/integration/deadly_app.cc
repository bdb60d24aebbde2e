// An application whose handlers end their process at some events, for the test of what then becomes of them.
#include <chrono>
#include <cstdlib>
#include <thread>

#include "absl/strings/str_cat.h"
#include "once/main.h"
#include "once/topology.h"

namespace {

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  once::TopologyBuilder builder("deadly");
  auto in = builder.AddSource("in", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<std::string>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "dlq"));
  builder.AddAggregate<std::string>("deadly").EmitsTo(out).On<std::string>(
      in, [out](const std::string& value, auto& deadly) {
        if (value == "crash") std::abort();
        if (value == "hang") std::this_thread::sleep_for(std::chrono::hours(1));
        deadly.Emit(out, value);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

}  // namespace

int main(int argc, char** argv) { return once::Main(argc, argv, Build); }
