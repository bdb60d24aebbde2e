// The simulator's command line; see --help.
#include <unistd.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <filesystem>
#include <iostream>
#include <mutex>
#include <string>
#include <system_error>
#include <thread>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "tests/sim/dimensions.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"
#include "tests/sim/shrink.h"
#include "tests/sim/world.h"

namespace once::sim {
namespace {

constexpr char kDescription[] =
    "Runs the engine in simulated clusters under faults, one schedule for each seed, and checks its invariants at "
    "every "
    "commit. `trace_hash` is the same whenever the same seeds do the same, whatever the number of threads. The last "
    "line "
    "is `seeds=N schedules_per_minute=N violations=N`; exit code 1 if there was a violation.";
constexpr char kExamples[] =
    "Examples:\n"
    "  bazel run //tests/sim -- --seeds=100000\n"
    "  bazel run //tests/sim -- --seed=4711            one seed; a violation is shrunk to the faults it needs\n"
    "  bazel run //tests/sim -- --seed=4711 --trace    and everything that happens in it\n";

// Databases of simulated pods need no disk, which takes a tenth of the time.
std::string DefaultTempDir() {
  constexpr std::uintmax_t kEnough = 1 << 30;
  const char* const memory = "/dev/shm";
  std::error_code unknown;
  const std::filesystem::space_info space = std::filesystem::space(memory, unknown);
  const bool is_usable = !unknown && space.available >= kEnough && access(memory, W_OK) == 0;
  return is_usable ? memory : "/tmp";
}

struct Flags {
  int64_t seeds = 10'000;
  int64_t first_seed = 0;
  int64_t seed = -1;
  bool trace = false;
  bool stop = false;
  unsigned jobs = std::max(1u, std::thread::hardware_concurrency());
  int64_t max_shown = 3;
  std::string dimension_names = "default";
  Dimensions dimensions;
  std::string temp_dir = DefaultTempDir();
};

struct Totals {
  std::atomic<int64_t> next{0};
  std::atomic<int64_t> done{0};
  std::atomic<int64_t> violations{0};
  std::atomic<int64_t> events{0};
  std::atomic<int64_t> commits{0};
  std::atomic<int64_t> faults{0};
  std::atomic<uint64_t> trace_hash{0};  // A sum, so that the order of the threads does not matter.
  std::atomic<int64_t> thin{0};         // Schedules with fewer than 200 events, 5 commits or 3 faults.
  std::string first_violation;
  std::mutex output;
};

void Report(const Flags& flags, const Scenario& scenario, const RunResult& result, const RunOptions& options) {
  std::cout << "VIOLATION " << result.violation << "\n" << scenario.ToString() << std::endl;
  const Scenario small = Shrink(scenario, options);
  std::cout << "shrunk to " << small.faults.size() << " of " << scenario.faults.size() << " faults:\n"
            << small.ToString() << "\n"
            << "again: bazel run //tests/sim -- --seed=" << scenario.seed << " --dimensions=" << flags.dimension_names
            << " --trace" << std::endl;
}

void Work(const Flags& flags, Totals* totals) {
  const RunOptions options{.temp_dir = flags.temp_dir};
  while (!(flags.stop && totals->violations > 0)) {
    const int64_t i = totals->next++;
    if (i >= flags.seeds) return;
    const Scenario scenario = MakeScenario(static_cast<uint64_t>(flags.first_seed + i), flags.dimensions);
    const RunResult result = Run(scenario, options);
    ++totals->done;
    totals->events += result.events;
    totals->commits += result.commits;
    totals->faults += result.faults;
    totals->trace_hash += Mix(Mix(scenario.seed) ^ result.trace_hash);
    if (result.commits < 5 || result.faults < 3 || result.events < 200) ++totals->thin;
    // The same seed is the same run.
    if (i % 100 == 0 && Run(scenario, options).trace_hash != result.trace_hash) {
      ++totals->violations;
      const std::lock_guard lock(totals->output);
      std::cout << "seed " << scenario.seed << " came out differently the second time" << std::endl;
    }
    if (result.violation.empty()) continue;
    const std::lock_guard lock(totals->output);
    if (totals->first_violation.empty()) {
      totals->first_violation = absl::StrCat("first_violation=", scenario.seed, " ", result.violation);
    }
    if (++totals->violations <= flags.max_shown) Report(flags, scenario, result, options);
  }
}

void ShowProgress(const Flags& flags, const Totals& totals, const std::atomic<bool>& ended) {
  const auto start = std::chrono::steady_clock::now();
  auto next = start + std::chrono::seconds(10);
  while (!ended) {
    std::this_thread::sleep_for(std::chrono::milliseconds(50));
    const auto now = std::chrono::steady_clock::now();
    if (now < next) continue;
    next += std::chrono::seconds(10);
    const double minutes = std::chrono::duration<double>(now - start).count() / 60;
    std::fprintf(stderr, "%ld of %ld seeds, %.0f a minute, %ld violations\n", static_cast<long>(totals.done),
                 static_cast<long>(flags.seeds), static_cast<double>(totals.done) / minutes,
                 static_cast<long>(totals.violations));
  }
}

int RunOne(const Flags& flags) {
  RunOptions options{.temp_dir = flags.temp_dir};
  const Scenario scenario = MakeScenario(static_cast<uint64_t>(flags.seed), flags.dimensions);
  std::cout << scenario.ToString() << std::endl;
  if (flags.trace) options.trace = [](const std::string& line) { std::cout << line << "\n"; };
  const RunResult result = Run(scenario, options);
  std::cout << "commits=" << result.commits << " faults=" << result.faults << " steps=" << result.steps
            << " healing=" << absl::FormatDuration(result.healing) << " trace_hash=" << std::hex << result.trace_hash
            << std::dec << std::endl;
  if (!result.violation.empty()) Report(flags, scenario, result, {.temp_dir = flags.temp_dir});
  std::cout << "seeds=1 violations=" << (result.violation.empty() ? 0 : 1) << std::endl;
  return result.violation.empty() ? 0 : 1;
}

int RunMany(const Flags& flags) {
  Totals totals;
  std::atomic<bool> ended{false};
  const auto start = std::chrono::steady_clock::now();
  std::thread progress([&] { ShowProgress(flags, totals, ended); });
  std::vector<std::thread> threads;
  for (unsigned i = 0; i < flags.jobs; ++i) threads.emplace_back([&] { Work(flags, &totals); });
  for (std::thread& thread : threads) thread.join();
  ended = true;
  progress.join();
  const double minutes = std::chrono::duration<double>(std::chrono::steady_clock::now() - start).count() / 60;
  if (!totals.first_violation.empty()) std::cout << totals.first_violation << std::endl;
  std::printf("events=%ld commits=%ld faults=%ld thin_schedules=%ld trace_hash=%016llx\n",
              static_cast<long>(totals.events), static_cast<long>(totals.commits), static_cast<long>(totals.faults),
              static_cast<long>(totals.thin), static_cast<unsigned long long>(totals.trace_hash));
  std::printf("seeds=%ld schedules_per_minute=%.0f violations=%ld\n", static_cast<long>(totals.done),
              static_cast<double>(totals.done) / minutes, static_cast<long>(totals.violations));
  return totals.violations == 0 ? 0 : 1;
}

int Main(int argc, char** argv) {
  Flags flags;
  CLI::App app(kDescription, "sim");
  app.footer(kExamples);
  app.option_defaults()->always_capture_default();
  app.add_option("--seeds", flags.seeds, "how many schedules")->check(CLI::PositiveNumber);
  app.add_option("--first_seed", flags.first_seed, "the first of them")->check(CLI::NonNegativeNumber);
  app.add_option("--seed", flags.seed, "only this one");
  app.add_flag("--trace", flags.trace, "with --seed: prints everything that happens");
  app.add_flag("--stop", flags.stop, "ends at the first violation");
  app.add_option("--dimensions", flags.dimension_names,
                 absl::StrCat("what may be drawn beyond the usual: all, default, none, or some of ",
                              Dimensions::All().ToString(), "; default is ", Dimensions::Default().ToString()));
  app.add_option("--jobs", flags.jobs, "threads")->check(CLI::Range(1u, 1024u));
  app.add_option("--show", flags.max_shown, "violations that are shown and shrunk");
  app.add_option("--temp_dir", flags.temp_dir, "for the seeds that run on RocksDB");
  CLI11_PARSE(app, argc, argv);
  const absl::StatusOr<Dimensions> dimensions = Dimensions::Parse(flags.dimension_names);
  if (!dimensions.ok()) {
    std::cerr << dimensions.status().message() << std::endl;
    return 2;
  }
  flags.dimensions = *dimensions;
  return flags.seed >= 0 ? RunOne(flags) : RunMany(flags);
}

}  // namespace
}  // namespace once::sim

int main(int argc, char** argv) { return once::sim::Main(argc, argv); }
