// What one simulated run consists of: shared by world.cc, which runs and judges it, and world_faults.cc, which disturbs
// it.
#ifndef ONCE_TESTS_SIM_WORLD_STATE_H_
#define ONCE_TESTS_SIM_WORLD_STATE_H_

#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/checker.h"
#include "tests/sim/input.h"
#include "tests/sim/pod.h"
#include "tests/sim/world.h"

namespace once::sim {

class TraceLog final : public LogSink {
 public:
  TraceLog(Trace* trace) : trace_(trace) {}
  void Log(LogLevel level, const std::string& message) override {
    if (level >= LogLevel::kError) errors_ += message + "\n";
    if (trace_->is_printed()) trace_->Print(absl::StrCat("log: ", message));
  }

  // All that was said as an error.
  const std::string& errors() const { return errors_; }

 private:
  Trace* const trace_;
  std::string errors_;
};

class World {
 public:
  World(const Scenario& scenario, const RunOptions& options)
      : scenario_(scenario),
        options_(options),
        random_(scenario.seed * 2),
        trace_(options.trace == nullptr ? std::function<void(const std::string&)>()
                                        : [this](const std::string& line) { PrintLine(line); }),
        log_(&trace_),
        cluster_(&scheduler_.clock()),
        client_(cluster_.NewClient(ClientOptions())),
        pods_client_(cluster_.NewClient(PodsClientOptions())),
        network_(&scheduler_, &cluster_, &random_, &trace_),
        start_(scheduler_.now()) {}

  RunResult Run();

 private:
  static testkit::MemoryClientOptions ClientOptions() {
    return {.transaction_timeout = kTransactionTimeout,
            .session_timeout = kSessionTimeout,
            .max_poll_records = 50,
            .max_batch_records = 1};
  }
  testkit::MemoryClientOptions PodsClientOptions() const {
    testkit::MemoryClientOptions options = ClientOptions();
    options.max_batch_records = scenario_.max_batch_records;
    options.max_batch_bytes = scenario_.max_batch_bytes();
    options.delivery_seed = scenario_.delivery_seed;
    return options;
  }
  void PrintLine(const std::string& line) {
    options_.trace(absl::StrCat(absl::FormatDuration(scheduler_.now() - start_), " ", line));
  }
  void Fail(const std::string& what) {
    if (violation_.empty()) violation_ = what;
  }
  std::map<std::string, std::string> SettingsOf(const std::string& topic) const;
  absl::Status SetUp();
  void MakePods();
  void ScheduleFaults();
  void Hit(const ScheduledFault& fault);
  void ExpireAMember();
  absl::Duration HandlerTime(int64_t number, int64_t run) const;
  void Handle(int64_t number);
  // I8, and what all handlers may take, twice.
  absl::Duration HealingBound() const;
  static std::string OutputOf(const ScheduledFault& fault);
  void DeleteOutput(const std::string& topic, absl::Duration gone_for);
  void MakeMissing();
  void SwitchPlan();
  void LowerLimit(const std::string& topic) {
    if (topic != kMainSink || !scenario_.limit_is_lowered) return;
    cluster_.SetTopicSetting(topic, "max.message.bytes", absl::StrCat(kSinkLimit));
  }
  void ReleaseMarkers();
  void Heal();
  // Starts what is not running; what ended by itself with an error is a violation.
  void KeepRunning();
  // What is not settled yet; empty if all is.
  std::string Unsettled();
  // Runs until all is settled, or too much time has passed.
  void Settle();
  void CheckEnd();
  bool IsCurrent(const Task& task);
  void CheckStores();

  const Scenario& scenario_;
  const RunOptions& options_;
  Scheduler scheduler_;
  Random random_;
  Trace trace_;
  TraceLog log_;
  testkit::MemoryCluster cluster_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Client> pods_client_;
  Network network_;
  const absl::Time start_;
  Plan plan_;
  Plan former_plan_;  // Before the second source came.
  std::unique_ptr<Input> input_;
  std::unique_ptr<Checker> checker_;
  std::vector<std::unique_ptr<Disk>> disks_;
  std::vector<std::unique_ptr<SimPod>> pods_;
  std::string violation_;
  int64_t faults_ = 0;
  std::unordered_map<int64_t, int64_t> runs_;  // Of an event's handler.
  std::map<std::string, int32_t> missing_;     // Outputs that are deleted, and how many partitions they had.
  bool is_healed_ = false;
  bool is_told_ = false;  // That the source is another: the run may end here.
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_WORLD_STATE_H_
