#include "tests/sim/disk.h"

#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <filesystem>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "state/rocksdb/rocksdb_store.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once::sim {
namespace {

class MemoryDisk final : public Disk {
 public:
  MemoryDisk(Scheduler* scheduler, uint64_t seed) : scheduler_(scheduler), random_(seed) { Lose(); }
  absl::Status Mount() override {
    former_.clear();
    return absl::OkStatus();
  }
  CheckpointStore* store() override { return store_.get(); }
  void Crash(Random* random) override { store_->Crash(static_cast<size_t>(random->Below(4))); }
  void Lose() override {
    former_.push_back(std::move(store_));
    store_ = std::make_unique<MemoryCheckpointStore>();
    store_->SetWipePause([this] { scheduler_->Sleep(random_.Between(absl::ZeroDuration(), LongestWipe())); });
  }
  void SetFull(bool full) override { store_->SetFull(full); }
  void Corrupt(Random* random, const Plan& plan) override {
    // One task's data, of some partition.
    const TaskGroupSpec& group = plan.group(0);
    store_->Corrupt(TaskPrefix(group.name, Partition(static_cast<int32_t>(random->Below(4)))));
  }
  // Checksums tell, as they do of a corrupt one.
  void Tear(Random* random, const Plan& plan) override { Corrupt(random, plan); }

 private:
  // Of much data, now and then.
  absl::Duration LongestWipe() { return random_.Chance(20) ? absl::Milliseconds(400) : absl::Milliseconds(10); }

  Scheduler* const scheduler_;
  Random random_;  // Its own: how long one wipe takes changes nothing else that is drawn.
  std::unique_ptr<MemoryCheckpointStore> store_;
  // A thread that was killed inside a handler comes back to them on its way out.
  std::vector<std::unique_ptr<MemoryCheckpointStore>> former_;
};

class RocksDbDisk final : public Disk {
 public:
  RocksDbDisk(const std::string& parent, LogSink* log) : log_(log) {
    static std::atomic<int> count{0};
    root_ = absl::StrCat(parent, "/once-sim-", getpid(), "-", ++count);
    std::filesystem::create_directories(root_);
  }
  ~RocksDbDisk() override {
    store_.reset();
    former_.clear();
    std::error_code ignored;
    std::filesystem::remove_all(root_, ignored);
  }
  absl::Status Mount() override {
    store_.reset();
    ForgetFormer();
    const RocksDbOptions options{.path = path(), .application_id = "sim"};
    absl::StatusOr<std::unique_ptr<CheckpointStore>> opened = OpenRocksDbStore(options, log_);
    // As the application does it.
    if (absl::IsDataLoss(opened.status())) {
      if (absl::Status wiped = DestroyRocksDbStore(options.path); !wiped.ok()) return wiped;
      opened = OpenRocksDbStore(options, log_);
    }
    if (!opened.ok()) return opened.status();
    store_ = *std::move(opened);
    return absl::OkStatus();
  }
  CheckpointStore* store() override { return store_.get(); }
  // Closing a database flushes it, so what a crash leaves is copied before.
  void Crash(Random*) override {
    const std::string before = path();
    ++generation_;
    std::error_code ignored;
    std::filesystem::copy(before, path(), std::filesystem::copy_options::recursive, ignored);
    former_.push_back({before, std::move(store_)});
  }
  void Lose() override {
    former_.push_back({path(), std::move(store_)});
    ++generation_;
  }
  void SetFull(bool) override {}
  void Corrupt(Random*, const Plan&) override {}
  void Tear(Random* random, const Plan&) override {
    std::vector<std::filesystem::path> files;
    std::error_code ignored;
    for (const auto& entry : std::filesystem::directory_iterator(path(), ignored)) {
      const std::string name = entry.path().filename().string();
      if (name.ends_with(".sst") || name.starts_with("MANIFEST")) files.push_back(entry.path());
    }
    if (files.empty()) return;
    std::sort(files.begin(), files.end());
    const std::filesystem::path& torn = files[static_cast<size_t>(random->Below(static_cast<int64_t>(files.size())))];
    std::filesystem::resize_file(torn, std::filesystem::file_size(torn, ignored) / 2, ignored);
  }

 private:
  // A thread that was killed inside a handler comes back to it on its way out.
  struct Former {
    std::string path;
    std::unique_ptr<CheckpointStore> store;
  };

  std::string path() const { return absl::StrCat(root_, "/", generation_); }
  void ForgetFormer() {
    std::error_code ignored;
    for (Former& each : former_) {
      each.store.reset();
      std::filesystem::remove_all(each.path, ignored);
    }
    former_.clear();
  }

  LogSink* const log_;
  std::string root_;
  int generation_ = 0;
  std::unique_ptr<CheckpointStore> store_;
  std::vector<Former> former_;
};

}  // namespace

std::unique_ptr<Disk> MakeMemoryDisk(Scheduler* scheduler, uint64_t seed) {
  return std::make_unique<MemoryDisk>(scheduler, seed);
}

std::unique_ptr<Disk> MakeRocksDbDisk(const std::string& parent, LogSink* log) {
  return std::make_unique<RocksDbDisk>(parent, log);
}

SimCheckpointWriter::SimCheckpointWriter(CheckpointStore* store, absl::Duration flush_interval, Process* process,
                                         Scheduler* scheduler, Random* random)
    : store_(store),
      flush_interval_(flush_interval),
      process_(process),
      scheduler_(scheduler),
      random_(random),
      last_flush_(scheduler->now()) {}

void SimCheckpointWriter::Write(int worker, const TaskId& task, TaskState::FrozenBatch batch) {
  queue_.Push({worker, task, std::move(batch)});
  if (std::exchange(running_, true)) return;
  scheduler_->Spawn(process_, [this] { Run(); });
}

void SimCheckpointWriter::Run() {
  while (std::optional<CheckpointQueue::Job> job = queue_.Pop()) {
    scheduler_->Sleep(random_->Between(absl::Microseconds(200), absl::Milliseconds(40)));
    absl::Status written = store_->Write(job->batch.task_prefix, job->batch.entries, job->batch.meta);
    scheduler_->Sleep(random_->Between(absl::Microseconds(100), absl::Milliseconds(5)));
    queue_.Done(*job, std::move(written));
    if (scheduler_->now() - last_flush_ < flush_interval_) continue;
    last_flush_ = scheduler_->now();
    store_->Flush().IgnoreError();
  }
  running_ = false;
}

absl::Status SimCheckpointWriter::Flush() {
  while (!queue_.idle()) scheduler_->Sleep(absl::Milliseconds(1));
  return store_->Flush();
}

}  // namespace once::sim
