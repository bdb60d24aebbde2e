// Throughput of Once as a ratio to a raw librdkafka loop on the same broker, in one run. Called by bench/floor_compare,
// which starts the broker.
#include <algorithm>
#include <cstdio>
#include <cstring>
#include <string>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/floor/load.h"
#include "bench/floor/median.h"
#include "bench/floor/once_loop.h"
#include "bench/floor/own_process.h"
#include "bench/floor/raw_loop.h"
#include "processor/base/allocator.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::bench {
namespace {

constexpr char kFloor[] = "floor";
// Behind a workload's name: see OnceLoopOptions::status.
constexpr char kStatus[] = "_status";

struct Settings {
  std::string bootstrap_servers = "localhost:9092";
  std::string state_dir = "floor-state";
  std::vector<std::string> workloads = {"pass_through", "count"};
  int64_t records = 4'000'000;
  int64_t keys = 100'000;
  int rounds = 3;
  int partitions = 8;
  int commit_ms = 100;
  // Of a process that makes one measurement.
  std::string measure;  // kFloor or a workload.
  std::string input;
  std::string id;
};

// In the process that MeasureInOwnProcess starts.
absl::Status MeasureHere(const Settings& settings) {
  TuneAllocator();  // As once::Main does; both sides alike.
  const absl::Duration commit_interval = absl::Milliseconds(settings.commit_ms);
  const absl::StatusOr<LoopFigures> figures =
      settings.measure == kFloor ? RunRawLoop({.bootstrap_servers = settings.bootstrap_servers,
                                               .input = settings.input,
                                               .output = settings.id,
                                               .group = settings.id,
                                               .records = settings.records,
                                               .commit_interval = commit_interval})
                                 : RunOnceLoop({.bootstrap_servers = settings.bootstrap_servers,
                                                .workload = settings.measure.substr(0, settings.measure.find(kStatus)),
                                                .status = settings.measure.find(kStatus) != std::string::npos,
                                                .input = settings.input,
                                                .output = settings.id,
                                                .application_id = settings.id,
                                                .state_dir = absl::StrCat(settings.state_dir, "/", settings.id),
                                                .records = settings.records,
                                                .commit_interval = commit_interval});
  if (!figures.ok()) return figures.status();
  PrintMeasurement(*figures);
  return absl::OkStatus();
}

absl::Status MakeTopic(kafka::Admin* admin, const std::string& name, int partitions) {
  const absl::Status created = admin->CreateTopic({.name = name, .partition_count = partitions}, absl::Seconds(20));
  return absl::IsAlreadyExists(created) ? absl::OkStatus() : created;
}

// Loads inputs and has measurements made on them.
class Comparison {
 public:
  Comparison(const Settings& settings, kafka::Admin* admin)
      : settings_(settings), admin_(admin), name_(absl::StrCat("floor-", absl::ToUnixMillis(absl::Now()))) {}

  absl::Status Run() {
    std::printf("librdkafka=%s allocator=\"%s\"\n", kafka::LibrdkafkaVersion().c_str(), AllocatorName().c_str());
    std::fflush(stdout);
    absl::Status status;
    if (!std::all_of(settings_.workloads.begin(), settings_.workloads.end(), HasStatus)) {
      status = LoadInput("plain", false);
      if (status.ok()) status = ReportPlainFloor();
    }
    if (status.ok()) status = LoadInput("input", true);
    for (const std::string& workload : settings_.workloads) {
      if (status.ok()) status = HasStatus(workload) ? CompareStatus(workload) : Compare(workload);
    }
    return status;
  }

 private:
  absl::Status LoadInput(const std::string& input, bool with_event_ids) {
    const std::string topic = absl::StrCat(name_, "-", input);
    if (absl::Status made = MakeTopic(admin_, topic, settings_.partitions); !made.ok()) return made;
    return Load({.bootstrap_servers = settings_.bootstrap_servers,
                 .topic = topic,
                 .records = settings_.records,
                 .keys = settings_.keys,
                 .with_event_ids = with_event_ids});
  }

  absl::StatusOr<Measurement> Measure(const std::string& what, const std::string& input, const std::string& id) {
    if (absl::Status made = MakeTopic(admin_, id, settings_.partitions); !made.ok()) return made;
    return MeasureInOwnProcess({"--measure=" + what, absl::StrCat("--input=", name_, "-", input), "--id=" + id,
                                "--bootstrap_servers=" + settings_.bootstrap_servers,
                                "--state_dir=" + settings_.state_dir, absl::StrCat("--records=", settings_.records),
                                absl::StrCat("--commit_ms=", settings_.commit_ms)});
  }

  // Without headers, which cost librdkafka allocations: to be compared with what others measure.
  absl::Status ReportPlainFloor() {
    std::vector<double> rates;
    for (int round = 0; round < settings_.rounds; ++round) {
      const auto floor = Measure(kFloor, "plain", absl::StrCat(name_, "-plain-floor-", round));
      if (!floor.ok()) return floor.status();
      rates.push_back(floor->loop.records_per_second);
      std::fprintf(stderr, "floor, records without headers, round %d: %s\n", round + 1, Describe(*floor).c_str());
    }
    std::printf("floor_without_headers=%.0f\n", Median(rates));
    std::fflush(stdout);
    return absl::OkStatus();
  }

  // The floor and Once take turns at going first, so that both see the same machine and the same broker.
  absl::Status Compare(const std::string& workload) {
    std::vector<double> rates[2];
    int64_t resident_mb = 0;
    for (int round = 0; round < settings_.rounds; ++round) {
      for (int turn = 0; turn < 2; ++turn) {
        const bool is_floor = (round + turn) % 2 == 0;
        const std::string id = absl::StrCat(name_, "-", workload, "-", is_floor ? "floor" : "once", "-", round);
        const auto measured = Measure(is_floor ? kFloor : workload, "input", id);
        if (!measured.ok()) return measured.status();
        rates[is_floor ? 1 : 0].push_back(measured->loop.records_per_second);
        if (!is_floor) resident_mb = std::max(resident_mb, measured->peak_memory_mb);
        std::fprintf(stderr, "%s round %d: %s %s\n", workload.c_str(), round + 1, is_floor ? "floor" : "once ",
                     Describe(*measured).c_str());
      }
    }
    const double once = Median(rates[0]);
    const double floor = Median(rates[1]);
    std::printf("workload=%s once=%.0f floor=%.0f ratio=%.2f resident_mb=%lld\n", workload.c_str(), once, floor,
                once / floor, static_cast<long long>(resident_mb));
    std::fflush(stdout);
    return absl::OkStatus();
  }

  // Once without its status and with it, in pairs that are compared by themselves: what the machine and the broker do
  // meanwhile happens to both of a pair, more or less.
  absl::Status CompareStatus(const std::string& workload) {
    const std::string sides[2] = {workload.substr(0, workload.size() - std::strlen(kStatus)), workload};
    std::vector<double> rates[2];
    std::vector<double> rate_ratios;
    std::vector<double> cpu_ratios;
    for (int round = 0; round < settings_.rounds; ++round) {
      LoopFigures pair[2];
      for (int turn = 0; turn < 2; ++turn) {
        const int side = (round + turn) % 2;
        const auto measured = Measure(sides[side], "input", absl::StrCat(name_, "-pair-", sides[side], "-", round));
        if (!measured.ok()) return measured.status();
        pair[side] = measured->loop;
        rates[side].push_back(measured->loop.records_per_second);
        std::fprintf(stderr, "%s round %d: %s %s\n", workload.c_str(), round + 1, side == 1 ? "with   " : "without",
                     Describe(*measured).c_str());
      }
      rate_ratios.push_back(pair[1].records_per_second / pair[0].records_per_second);
      cpu_ratios.push_back(pair[1].cpu_us_per_record / pair[0].cpu_us_per_record);
    }
    const KnownMedian rate = MedianWithBounds(rate_ratios);
    const KnownMedian cpu = MedianWithBounds(cpu_ratios);
    std::printf(
        "workload=%s pairs=%d with=%.0f without=%.0f ratio=%.4f ratio_95=%.4f..%.4f cpu_ratio=%.4f "
        "cpu_ratio_95=%.4f..%.4f\n",
        workload.c_str(), settings_.rounds, Median(rates[1]), Median(rates[0]), rate.median, rate.low, rate.high,
        cpu.median, cpu.low, cpu.high);
    std::fflush(stdout);
    return absl::OkStatus();
  }

  static bool HasStatus(const std::string& workload) { return absl::EndsWith(workload, kStatus); }

  static std::string Describe(const Measurement& measured) {
    char text[128];
    std::snprintf(text, sizeof(text), "%.0f/s, %.2f us CPU a record, at most %lld MiB resident",
                  measured.loop.records_per_second, measured.loop.cpu_us_per_record,
                  static_cast<long long>(measured.peak_memory_mb));
    return text;
  }

  const Settings& settings_;
  kafka::Admin* const admin_;
  const std::string name_;
};

absl::Status RunAll(const Settings& settings) {
  if (!settings.measure.empty()) return MeasureHere(settings);
  NullLogSink log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = settings.bootstrap_servers;
  auto client = kafka::MakeRdKafkaClient(config, &log);
  if (!client.ok()) return client.status();
  auto admin = (*client)->NewAdmin();
  if (!admin.ok()) return admin.status();
  return Comparison(settings, admin->get()).Run();
}

}  // namespace
}  // namespace once::bench

int main(int argc, char** argv) {
  once::bench::Settings settings;
  CLI::App app("Compares Once with a raw librdkafka loop; ends with one line per workload, records per second.");
  app.add_option("--bootstrap_servers", settings.bootstrap_servers, "brokers")->capture_default_str();
  app.add_option("--state_dir", settings.state_dir, "where Once keeps its state")->capture_default_str();
  app.add_option("--workloads", settings.workloads, "pass_through, count, and either with _status behind it")
      ->delimiter(',');
  app.add_option("--records", settings.records, "records of each run")->capture_default_str();
  app.add_option("--keys", settings.keys, "distinct keys")->capture_default_str();
  app.add_option("--rounds", settings.rounds, "runs of each side; the median counts")->capture_default_str();
  app.add_option("--partitions", settings.partitions, "of every topic")->capture_default_str();
  app.add_option("--commit_ms", settings.commit_ms, "commit interval, milliseconds")->capture_default_str();
  // For the processes that it starts.
  app.add_option("--measure", settings.measure)->group("");
  app.add_option("--input", settings.input)->group("");
  app.add_option("--id", settings.id)->group("");
  CLI11_PARSE(app, argc, argv);
  const absl::Status status = once::bench::RunAll(settings);
  if (status.ok()) return 0;
  std::fprintf(stderr, "floor_compare: %s\n", status.ToString().c_str());
  return 1;
}
