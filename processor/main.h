// A program out of a topology: settings, signals, exit codes.
//
//   int main(int argc, char** argv) { return once::Main(argc, argv, BuildOrderTotals); }
#ifndef ONCE_PROCESSOR_MAIN_H_
#define ONCE_PROCESSOR_MAIN_H_

#include <functional>

#include "absl/status/statusor.h"
#include "processor/application.h"
#include "processor/config/config.h"
#include "processor/topology.h"

namespace once {

// Asks the config for the topology's own options, and builds it. Called once; it must ask for the same options whatever
// their values are, so that --help is complete. One that throws is a topology that does not build.
using TopologyFactory = std::function<absl::StatusOr<Topology>(const Config&)>;

inline constexpr int kExitOk = 0;  // Stopped by SIGTERM, SIGINT or SIGHUP, or only asked for information.
// It could not start or could not go on, or something called exit() while it ran; the reason is on stderr.
inline constexpr int kExitFailed = 1;
inline constexpr int kExitWrongUsage = 2;     // A wrong flag, setting or topology; all mistakes are on stderr.
inline constexpr int kExitInterrupted = 130;  // A second signal while it was stopping.

// Does what the first word of the command line says (docs/operations.md): without one, or with `run`, it runs the
// topology; all others are an operator's commands, which print what they have to say and return.
//
// Runs the topology until SIGTERM, SIGINT or SIGHUP (unless that is ignored, as under nohup), at which it commits what
// is open and leaves the group in order; a second one exits at once. --help, --version and --print_topology only print.
// Logs go to stderr unless `deps` has a sink; `deps.kafka_properties` count where the settings say nothing. Sets
// glibc's malloc up for the work, unless the environment does (GLIBC_TUNABLES). If anything calls exit() while the
// topology runs, the process ends with an error in the log and never with exit code 0. Call it once, from main().
int Main(int argc, char** argv, const TopologyFactory& factory, ApplicationDeps deps = {});

}  // namespace once

#endif  // ONCE_PROCESSOR_MAIN_H_
