// The command behind bench/memory_budget: whether one budget per pod (--memory_bytes) holds under real loads (X7).
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <memory>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_split.h"
#include "bench/memory/cases.h"
#include "once/main.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::bench {
namespace {

class Warnings final : public LogSink {
 public:
  void Log(LogLevel level, const std::string& message) override {
    if (level >= LogLevel::kWarning) std::printf("  %s\n", message.c_str());
  }
};

struct Case {
  const char* name;
  absl::Status (*run)(const Settings& settings, kafka::Client* client);
};
constexpr Case kCases[] = {
    {"restore", RunRestore}, {"windows", RunWindows}, {"full_disk", RunFullDisk}, {"blocked", RunBlocked}};

int Run(const Settings& settings, const std::vector<std::string>& chosen) {
  for (const std::string& name : chosen) {
    if (std::none_of(std::begin(kCases), std::end(kCases), [&](const Case& each) { return name == each.name; })) {
      std::printf("there is no case %s\n", name.c_str());
      return 2;
    }
  }
  Warnings log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = settings.bootstrap_servers;
  const std::unique_ptr<kafka::Client> client = *kafka::MakeRdKafkaClient(config, &log);
  for (const Case& each : kCases) {
    if (std::find(chosen.begin(), chosen.end(), each.name) == chosen.end()) continue;
    if (absl::Status done = each.run(settings, client.get()); !done.ok()) {
      std::printf("case %s: %s\n", each.name, done.ToString().c_str());
      return 1;
    }
  }
  return 0;
}

int Main(int argc, char** argv) {
  Settings settings;
  std::string cases = "restore,windows,full_disk,blocked";
  CLI::App app("Whether a pod keeps to its memory", "memory");
  const auto positive = CLI::Range(int64_t{1}, int64_t{1} << 40);
  const auto number = [&](const char* name, int64_t* value) { app.add_option(name, *value)->check(positive); };
  app.add_option("--bootstrap_servers", settings.bootstrap_servers, "the broker")->required();
  app.add_option("--work_dir", settings.work_dir, "where state and logs are kept")->required();
  app.add_option("--disk_shim", settings.disk_shim, "the library that makes the disk slow or full");
  app.add_option("--cases", cases, "which, by comma");
  number("--budget_mb", &settings.budget_mb);
  number("--window_budget_mb", &settings.window_budget_mb);
  number("--restore_mb", &settings.restore_mb);
  number("--restore_value_bytes", &settings.restore_value_bytes);
  number("--disk_mb_per_second", &settings.disk_mb_per_second);
  number("--windows", &settings.windows);
  number("--window_events", &settings.window_events);
  number("--full_disk_mb", &settings.full_disk_mb);
  number("--blocked_events", &settings.blocked_events);
  number("--blocked_value_bytes", &settings.blocked_value_bytes);
  number("--blocked_aggregates", &settings.blocked_aggregates);
  CLI11_PARSE(app, argc, argv);
  return Run(settings, absl::StrSplit(cases, ','));
}

}  // namespace
}  // namespace once::bench

int main(int argc, char** argv) {
  // The application under test is this program as well, in a process of its own.
  if (argc > 1 && std::strcmp(argv[1], "serve") == 0) {
    return once::Main(argc - 1, argv + 1, once::bench::BuildUnderTest);
  }
  return once::bench::Main(argc, argv);
}
