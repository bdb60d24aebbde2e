// One case: its topics, the application under test, and how far that is.
#ifndef ONCE_BENCH_MEMORY_SCENE_H_
#define ONCE_BENCH_MEMORY_SCENE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "bench/memory/child.h"
#include "bench/memory/load.h"
#include "processor/kafka/kafka.h"

namespace once::bench {

struct Settings {
  std::string bootstrap_servers = {};
  std::string work_dir = {};   // State and logs.
  std::string disk_shim = {};  // The library.
  int64_t budget_mb = 256;
  int64_t window_budget_mb = 128;
  int64_t restore_mb = 5'000;
  int64_t restore_value_bytes = 10'000;
  int64_t disk_mb_per_second = 100;
  int64_t windows = 100;
  int64_t window_events = 3'000'000;
  int64_t full_disk_mb = 1'000;
  int64_t blocked_events = 1'000'000;
  int64_t blocked_value_bytes = 10'000;
  int64_t blocked_aggregates = 1'000;
};

// Not thread-safe. `client` must outlive this.
class Scene {
 public:
  // Makes the topics.
  static absl::StatusOr<std::unique_ptr<Scene>> Make(const Settings& settings, const std::string& name,
                                                     int32_t partitions, kafka::Client* client);
  // The state is deleted.
  ~Scene();

  absl::Status Start(int64_t budget_mb, const std::vector<std::string>& flags = {});
  absl::Status Stop() { return child_->Stop(); }
  absl::Status DeleteState();
  // "full", a number of MB a second, or "" for what it is.
  void SetDisk(const std::string& state) const;

  absl::Status Load(int64_t events, const std::function<void(int64_t, Event*)>& make);
  // All tasks run; all that was loaded is processed. Errors if the application ends before.
  absl::Status AwaitRunning();
  absl::Status AwaitProcessed();
  // Nothing was processed for so long.
  absl::Status AwaitStandstill(absl::Duration lasting);
  // By what is committed.
  absl::StatusOr<int64_t> Processed();

  const Child& child() const { return *child_; }
  // Prints a line of what the child took since it was started.
  void Report(const std::string& name, const std::string& more = "") const;

 private:
  Scene(const Settings& settings, const std::string& name, int32_t partitions)
      : settings_(settings), name_(name), partitions_(partitions) {}

  const Settings settings_;
  const std::string name_;
  const int32_t partitions_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<Child> child_;
  int64_t budget_mb_ = 0;
  int64_t loaded_ = 0;
  int starts_ = 0;
  absl::Time began_;
};

}  // namespace once::bench

#endif  // ONCE_BENCH_MEMORY_SCENE_H_
