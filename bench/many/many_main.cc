// The command behind bench/many_tasks: what many tasks in one pod cost while they open and while they are idle (X5,
// X7).
#include <sys/resource.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <map>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "once/application.h"
#include "once/options.h"
#include "once/topology.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/client.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(60);
constexpr int32_t kBusyPartitions = 20;

struct Settings {
  std::string bootstrap_servers = {};
  std::string state_dir = {};
  int32_t tasks = 1'000;
  int64_t idle_seconds = 20;
  std::string name = absl::StrCat("many-", absl::ToUnixMillis(absl::Now()));
};

// Notes when tasks run for the first time, and shows what is wrong.
class RunLog final : public LogSink {
 public:
  void Log(LogLevel level, const std::string& message) override {
    if (absl::StrContains(message, " runs from offset ")) {
      ++running_;
      last_ = absl::ToUnixMillis(absl::Now());
    }
    if (level >= LogLevel::kWarning) std::printf("  %s\n", message.c_str());
  }
  int running() const { return running_; }
  absl::Time last() const { return absl::FromUnixMillis(last_); }

 private:
  std::atomic<int> running_{0};
  std::atomic<int64_t> last_{0};
};

absl::StatusOr<Topology> Build(const Settings& settings, const std::string& instance) {
  TopologyBuilder builder(settings.name);
  auto in = builder.AddSource("in", {.topic = settings.name + "-in", .partitioner = Partitioner::kAny});
  auto out = builder.AddSink<std::string>("out", {.topic = settings.name + "-out"});
  builder.DeadLetterTo(settings.name + "-dlq");
  builder.AddAggregate<std::string>("last").EmitsTo(out).On<std::string>(
      in, [out, instance](const std::string& value, auto& last) {
        *last.mutable_state() = value;
        last.Emit(out, instance);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

// One instance, on a thread of its own.
class Instance {
 public:
  Instance(const Settings& settings, const std::string& name) {
    absl::StatusOr<Topology> topology = Build(settings, name);
    Options options;
    options.application_id = settings.name;
    options.bootstrap_servers = settings.bootstrap_servers;
    options.instance_id = name;
    options.state_dir = absl::StrCat(settings.state_dir, "/", name);
    ApplicationDeps deps;
    deps.log = &log_;
    auto made = Application::Create(options, *topology, deps);
    if (!made.ok()) {
      std::printf("%s\n", made.status().ToString().c_str());
      std::exit(1);
    }
    application_ = *std::move(made);
    began_ = absl::Now();
    thread_ = std::thread([this] {
      const absl::Status ended = application_->Run();
      if (!ended.ok()) std::printf("%s\n", ended.ToString().c_str());
    });
  }
  ~Instance() {
    application_->Stop();
    thread_.join();
  }

  // From the call of Run, so that joining the group is part of it.
  absl::Duration AwaitRunning(int tasks) {
    while (log_.running() < tasks) absl::SleepFor(absl::Milliseconds(5));
    return log_.last() - began_;
  }
  int running() const { return log_.running(); }

 private:
  RunLog log_;
  std::unique_ptr<Application> application_;
  absl::Time began_;
  std::thread thread_;
};

absl::Duration ProcessorTime() {
  rusage usage = {};
  getrusage(RUSAGE_SELF, &usage);
  return absl::DurationFromTimeval(usage.ru_utime) + absl::DurationFromTimeval(usage.ru_stime);
}

// Sends to the busy partitions and reads what comes of it: the longest time in which an instance committed nothing of a
// partition that it kept.
class Traffic {
 public:
  Traffic(const Settings& settings, kafka::Client* client) : settings_(settings), client_(client) {
    sender_ = std::thread([this] { Send(); });
    watcher_ = std::thread([this] { Watch(); });
  }
  void Stop() {
    done_ = true;
    sender_.join();
    watcher_.join();
  }
  absl::Duration longest_gap() const { return longest_gap_; }
  int64_t outputs() const { return outputs_; }

 private:
  void Send() {
    auto producer = *client_->NewProducer(settings_.name + "-load", {settings_.name + "-in"});
    if (!producer->InitTransactions(kCall).ok()) return;
    for (int64_t n = 0; !done_; ++n) {
      if (!producer->BeginTransaction().ok()) return;
      const std::string value = absl::StrCat(n);
      for (int32_t i = 0; i < kBusyPartitions; ++i) {
        const std::string key = absl::StrCat(i);
        producer->Send({.topic_index = 0, .partition = Partition(i), .key = key, .value = value});
      }
      if (!producer->Commit(kCall).ok()) return;
      absl::SleepFor(absl::Milliseconds(30));
    }
  }
  void Watch() {
    auto reader = *client_->NewLogReader({settings_.name + "-out"});
    if (!reader->Add({{settings_.name + "-out", Partition(0)}, Offset(0)}).ok()) return;
    kafka::Batch batch;
    std::map<std::string, std::pair<std::string, absl::Time>> last;  // By key: by whom, and when.
    while (!done_) {
      if (!reader->Poll(absl::Milliseconds(5), &batch).ok()) return;
      const absl::Time now = absl::Now();
      for (const RecordView& record : batch.records) {
        const std::string by(record.value.value_or(""));
        auto& [before, at] = last[std::string(record.key.value_or(""))];
        if (before == by) longest_gap_ = std::max(longest_gap_, now - at);
        before = by;
        at = now;
        ++outputs_;
      }
    }
  }

  const Settings settings_;
  kafka::Client* const client_;
  std::atomic<bool> done_{false};
  absl::Duration longest_gap_;
  int64_t outputs_ = 0;
  std::thread sender_;
  std::thread watcher_;
};

int Measure(const Settings& settings) {
  RunLog log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = settings.bootstrap_servers;
  const std::unique_ptr<kafka::Client> client = *kafka::MakeRdKafkaClient(config, &log);
  const std::unique_ptr<kafka::Admin> admin = *client->NewAdmin();
  const std::vector<std::pair<std::string, int32_t>> topics = {{"-in", settings.tasks}, {"-out", 1}, {"-dlq", 1}};
  for (const auto& [topic, partitions] : topics) {
    const absl::Status made = admin->CreateTopic({.name = settings.name + topic, .partition_count = partitions}, kCall);
    if (!made.ok()) {
      std::printf("%s\n", made.ToString().c_str());
      return 1;
    }
  }
  {
    Instance first(settings, "first");
    const absl::Duration opening = first.AwaitRunning(settings.tasks);
    // Their first offsets and checkpoints.
    absl::SleepFor(absl::Seconds(10));
    const absl::Duration before = ProcessorTime();
    absl::SleepFor(absl::Seconds(settings.idle_seconds));
    const double idle = absl::FDivDuration(ProcessorTime() - before, absl::Seconds(settings.idle_seconds)) * 100;
    std::printf("case=idle tasks=%d running_after_ms=%lld idle_cpu_percent=%.2f\n", settings.tasks,
                static_cast<long long>(absl::ToInt64Milliseconds(opening)), idle);
    std::fflush(stdout);
  }
  Instance first(settings, "first");
  first.AwaitRunning(settings.tasks);
  absl::SleepFor(absl::Seconds(5));
  Traffic traffic(settings, client.get());
  absl::SleepFor(absl::Seconds(5));
  const absl::Duration usual = traffic.longest_gap();
  const auto second = std::make_unique<Instance>(settings, "second");
  const absl::Duration opening = second->AwaitRunning(settings.tasks / 2);
  absl::SleepFor(absl::Seconds(5));
  traffic.Stop();
  std::printf("case=moved tasks=%d running_after_ms=%lld outputs=%lld usual_gap_ms=%lld longest_gap_ms=%lld\n",
              second->running(), static_cast<long long>(absl::ToInt64Milliseconds(opening)),
              static_cast<long long>(traffic.outputs()), static_cast<long long>(absl::ToInt64Milliseconds(usual)),
              static_cast<long long>(absl::ToInt64Milliseconds(traffic.longest_gap())));
  std::fflush(stdout);
  return 0;
}

int Main(int argc, char** argv) {
  Settings settings;
  CLI::App app("What many tasks in one pod cost", "many_tasks");
  app.add_option("--bootstrap_servers", settings.bootstrap_servers, "the broker")->required();
  app.add_option("--state_dir", settings.state_dir, "where the runs keep their state")->required();
  app.add_option("--tasks", settings.tasks, "how many")->check(CLI::Range(kBusyPartitions, 100'000));
  app.add_option("--idle_seconds", settings.idle_seconds, "how long the processor's time is measured");
  CLI11_PARSE(app, argc, argv);
  return Measure(settings);
}

}  // namespace
}  // namespace once

int main(int argc, char** argv) { return once::Main(argc, argv); }
