// What one simulated run consists of: shared by world.cc, which runs and judges it, and world_faults.cc, which disturbs
// it.
#ifndef ONCE_TESTS_SIM_WORLD_STATE_H_
#define ONCE_TESTS_SIM_WORLD_STATE_H_

#include <algorithm>
#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "absl/strings/str_cat.h"
#include "tests/sim/checker.h"
#include "tests/sim/input.h"
#include "tests/sim/large_values.h"
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
  // Whether one of the words was, behind the first `from` bytes of it.
  bool Says(const std::vector<std::string>& words, size_t from) const {
    return std::any_of(words.begin(), words.end(),
                       [&](const std::string& word) { return errors_.find(word, from) != std::string::npos; });
  }

 private:
  Trace* const trace_;
  std::string errors_;
};

// How often engines of a world write checkpoints.
inline constexpr absl::Duration kCheckpointInterval = absl::Milliseconds(200);

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
        start_(scheduler_.now()),
        redrives_(scenario.seed * 2 + 7),
        operator_(scenario.seed * 2 + 9) {}

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
  // The plan of a version of the application, with what the brokers say of its topics.
  absl::StatusOr<const Plan*> Lay(Version version);
  void MakePods();
  // Judges from now on what `plan` does, beginning with all that is in its sources' logs.
  void BeginLife(const Version& version, const Plan* plan);
  void Observe(const testkit::CommittedTransaction& transaction);
  void ScheduleFaults();
  void Hit(const ScheduledFault& fault);
  absl::Duration HandlerTime(int64_t number, int64_t run) const;
  void Handle(int64_t number);
  void TakeTime(int64_t number);
  void Die();
  bool IsDeadly(int64_t number) const;
  // I8, and what all handlers may take, twice.
  absl::Duration HealingBound() const;
  static std::string OutputOf(const ScheduledFault& fault);
  void LoseLeader(const ScheduledFault& fault, absl::Time end);
  void EndReadings(const ScheduledFault& fault);
  void DeleteOutput(const std::string& topic, absl::Duration gone_for);
  void MakeMissing();
  void ScheduleRedrives();
  void SendLettersBack();
  // See world_commands.cc.
  void ScheduleCommands();
  void SendCommands();
  void SendCommand(v1::Command command, int32_t partition);
  v1::Command DrawCommand(int32_t* partition);
  // What changes once: see change.h.
  void BeginChange();
  bool HaveAllCommitted() const;
  void ChangeTopics();
  void RemakeChangelog();
  void CutChangelog();
  bool KnowsChangelog(const std::string& transactional_id, int32_t partition) const;
  void ChangeVersion();
  void StopPods();
  void StartPods(const Plan* plan);
  // Calls `then` once nothing is under way in these topics.
  void WhenQuiet(std::vector<std::string> topics, std::function<void()> then);
  void WriteFrontiers(uint32_t format);
  void LookForRefusal();
  void Mend();
  // A refusal is due, and nobody has mended its cause yet.
  bool IsRefusalDue() const { return change_began_ && !is_mended_ && AnswerTo(scenario_.change) != Answer::kGoesOn; }
  // Nothing is to come of it any more.
  bool IsChangeOver() const { return scenario_.change == Change::kNone || (change_began_ && !IsRefusalDue()); }
  int32_t PartitionCount(const std::string& topic) const;
  // See task_faults.cc. No task fails but by these faults.
  void FailTask(const ScheduledFault& fault);
  void SetTopicProblems(const std::vector<TopicProblem>& problems);
  void EndTaskFailures();
  void CheckTaskFailures();
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
  bool IsRight();
  void CheckEnd();
  bool IsCurrent(const Task& task);
  void CheckMemory();
  void CheckSuspects();
  void Rest();
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
  const std::shared_ptr<SimLargeValues> large_values_ = std::make_shared<SimLargeValues>();
  std::deque<Plan> plans_;
  const Plan* plan_ = nullptr;  // What pods run, or are meant to.
  Mending mending_ = Mending::kPutBack;
  Version mended_version_;
  const Plan* after_plan_ = nullptr;   // Of the application's change.
  const Plan* mended_plan_ = nullptr;  // If it is known before the change.
  std::unique_ptr<Input> input_;
  std::unique_ptr<Checker> checker_;
  std::vector<std::unique_ptr<Disk>> disks_;
  std::vector<std::unique_ptr<SimPod>> pods_;
  std::string violation_;
  int64_t faults_ = 0;
  int64_t former_commits_ = 0;                 // Of applications that were given up.
  std::unordered_map<int64_t, int64_t> runs_;  // Of an event's handler.
  std::map<std::string, int32_t> missing_;     // Outputs that are deleted, and how many partitions they had.
  bool is_healed_ = false;
  bool change_began_ = false;
  bool is_told_ = false;
  bool is_mended_ = false;
  bool is_handler_mended_ = false;
  absl::Time look_until_ = absl::InfiniteFuture();
  size_t errors_before_ = 0;  // The change.
  std::vector<testkit::StoredRecordPtr> letters_;
  int64_t deadly_releases_ = 0;  // Letters and commands by which an event that ends its process may run anew.
  Random redrives_;
  Random operator_;
  int commands_ = 0;
  std::vector<std::pair<std::string, int32_t>> rules_;  // Added so far: event IDs, and where.
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_WORLD_STATE_H_
