// Throughput of Once as a ratio to a raw librdkafka loop on the same broker, in one run. Called by bench/floor_compare,
// which starts the broker.
#include <algorithm>
#include <cstdio>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/floor/load.h"
#include "bench/floor/once_loop.h"
#include "bench/floor/raw_loop.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::bench {
namespace {

struct Settings {
  std::string bootstrap_servers = "localhost:9092";
  std::string state_dir = "floor-state";
  std::vector<std::string> workloads = {"pass_through", "count"};
  int64_t records = 4'000'000;
  int64_t keys = 100'000;
  int rounds = 3;
  int partitions = 8;
  int commit_ms = 100;
};

absl::Status MakeTopic(kafka::Admin* admin, const std::string& name, int partitions) {
  const absl::Status created = admin->CreateTopic({.name = name, .partition_count = partitions}, absl::Seconds(20));
  return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;
}

double Median(std::vector<double> values) {
  std::sort(values.begin(), values.end());
  return values[values.size() / 2];
}

// Floor and Once in turn, so that both see the same machine.
absl::Status Compare(const Settings& settings, const std::string& workload, kafka::Admin* admin,
                     const std::string& input) {
  std::vector<double> once;
  std::vector<double> floor;
  for (int round = 0; round < settings.rounds; ++round) {
    const std::string id = absl::StrCat("floor-", workload, "-", round, "-", absl::ToUnixMillis(absl::Now()));
    for (const char* side : {"-raw", "-once"}) {
      if (absl::Status made = MakeTopic(admin, id + side, settings.partitions); !made.ok()) return made;
    }
    const auto raw = RunRawLoop({.bootstrap_servers = settings.bootstrap_servers,
                                 .input = input,
                                 .output = id + "-raw",
                                 .group = id + "-raw",
                                 .records = settings.records,
                                 .commit_interval = absl::Milliseconds(settings.commit_ms)});
    if (!raw.ok()) return raw.status();
    const auto ours = RunOnceLoop({.bootstrap_servers = settings.bootstrap_servers,
                                   .workload = workload,
                                   .input = input,
                                   .output = id + "-once",
                                   .application_id = id,
                                   .state_dir = absl::StrCat(settings.state_dir, "/", id),
                                   .records = settings.records,
                                   .commit_interval = absl::Milliseconds(settings.commit_ms)});
    if (!ours.ok()) return ours.status();
    std::fprintf(stderr, "%s round %d: once %.0f/s, floor %.0f/s\n", workload.c_str(), round + 1, *ours, *raw);
    once.push_back(*ours);
    floor.push_back(*raw);
  }
  std::printf("workload=%s once=%.0f floor=%.0f ratio=%.2f\n", workload.c_str(), Median(once), Median(floor),
              Median(once) / Median(floor));
  std::fflush(stdout);
  return absl::OkStatus();
}

absl::Status RunAll(const Settings& settings) {
  NullLogSink log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = settings.bootstrap_servers;
  auto client = kafka::MakeRdKafkaClient(config, &log);
  if (!client.ok()) return client.status();
  auto admin = (*client)->NewAdmin();
  if (!admin.ok()) return admin.status();
  const std::string input = absl::StrCat("floor-input-", absl::ToUnixMillis(absl::Now()));
  if (absl::Status made = MakeTopic(admin->get(), input, settings.partitions); !made.ok()) return made;
  absl::Status status = Load({.bootstrap_servers = settings.bootstrap_servers,
                              .topic = input,
                              .records = settings.records,
                              .keys = settings.keys});
  for (const std::string& workload : settings.workloads) {
    if (status.ok()) status = Compare(settings, workload, admin->get(), input);
  }
  return status;
}

}  // namespace
}  // namespace once::bench

int main(int argc, char** argv) {
  once::bench::Settings settings;
  CLI::App app("Compares Once with a raw librdkafka loop; ends with one line per workload, records per second.");
  app.add_option("--bootstrap_servers", settings.bootstrap_servers, "brokers")->capture_default_str();
  app.add_option("--state_dir", settings.state_dir, "where Once keeps its state")->capture_default_str();
  app.add_option("--workloads", settings.workloads, "pass_through, count")->delimiter(',');
  app.add_option("--records", settings.records, "records of each run")->capture_default_str();
  app.add_option("--keys", settings.keys, "distinct keys")->capture_default_str();
  app.add_option("--rounds", settings.rounds, "runs of each side; the median counts")->capture_default_str();
  app.add_option("--partitions", settings.partitions, "of every topic")->capture_default_str();
  app.add_option("--commit_ms", settings.commit_ms, "commit interval, milliseconds")->capture_default_str();
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = once::bench::RunAll(settings);
  if (status.ok()) return 0;
  std::fprintf(stderr, "floor_compare: %s\n", status.ToString().c_str());
  return 1;
}
