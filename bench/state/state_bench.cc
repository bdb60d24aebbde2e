// Cost of the state's hot paths. Run with:
//   bazel run //bench/state:state_bench
// RocksDB's figures are of a directory under $TMPDIR (/tmp if unset).
#include <unistd.h>

#include <algorithm>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <memory>
#include <random>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "benchmark/benchmark.h"
#include "processor/base/log.h"
#include "state/changelog.h"
#include "state/idempotency_window.h"
#include "state/rocksdb/rocksdb_store.h"
#include "state/task_state.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

constexpr size_t kEpochEvents = 28'000;

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  std::exit(1);
}

std::vector<std::string> Keys(int64_t count) {
  const std::string prefix = StateKeyPrefix("customer");
  std::vector<std::string> keys;
  for (int64_t i = 0; i < count; ++i) keys.push_back(absl::StrCat(prefix, "customer-", i));
  return keys;
}

// One event: find the aggregate, read it, write it; its share of the commit. Keys are resident.
void BM_TaskStateUpdate(benchmark::State& bench) {
  MemoryCheckpointStore store;
  TaskState state(&store, TaskPrefix("orders", Partition(0)));
  const std::vector<std::string> keys = Keys(bench.range(0));
  for (const std::string& key : keys) state.ApplyCommitted(key, "0123456789012345678901234567");
  std::mt19937_64 random(1);
  std::string arrived;  // Keys lie side by side, as in a fetched batch.
  std::vector<std::string_view> events(kEpochEvents);
  std::string value(28, 'v');
  while (bench.KeepRunningBatch(kEpochEvents)) {
    bench.PauseTiming();
    arrived.clear();
    arrived.reserve(kEpochEvents * 64);
    for (std::string_view& event : events) {
      const std::string& key = keys[random() % keys.size()];
      event = std::string_view(arrived.data() + arrived.size(), key.size());
      arrived.append(key);
    }
    bench.ResumeTiming();
    for (const std::string_view event : events) {
      TaskState::Entry* const entry = *state.Open(event);
      benchmark::DoNotOptimize(entry->value());
      ++value[event.size() % value.size()];
      state.Put(entry, value);
    }
    state.CommitEpoch();
  }
  bench.counters["bytes_per_key"] = static_cast<double>(state.memory_bytes()) / static_cast<double>(keys.size());
}
BENCHMARK(BM_TaskStateUpdate)->Arg(1'000)->Arg(100'000)->Arg(1'000'000);

// A checkpoint's cost on the worker, per dirty key.
void BM_TaskStateFreeze(benchmark::State& bench) {
  MemoryCheckpointStore store;
  TaskState state(&store, TaskPrefix("orders", Partition(0)));
  const std::vector<std::string> keys = Keys(bench.range(0));
  while (bench.KeepRunningBatch(bench.range(0))) {
    bench.PauseTiming();
    for (const std::string& key : keys) state.ApplyCommitted(key, "0123456789012345678901234567");
    bench.ResumeTiming();
    TaskState::FrozenBatch batch = state.Freeze({});
    state.OnCheckpointed(batch.generation);
    bench.PauseTiming();
    batch = {};
    bench.ResumeTiming();
  }
}
BENCHMARK(BM_TaskStateFreeze)->Arg(100'000);

// A full window under churn: every ID is new, old buckets are forgotten.
class FullWindow {
 public:
  explicit FullWindow(int64_t max_ids) : window_({.retention = absl::Hours(24), .max_ids = max_ids}) {
    while (window_.forgotten_by_count() == 0) {
      DrawIds();
      Reserve(/*prefetch=*/true);
      SealAndCommit();
      Clean();
    }
  }

  void DrawIds() {
    for (EventIdHash& id : ids_) id = NextId();
  }
  void Reserve(bool prefetch) {
    for (size_t i = 0; i < ids_.size(); ++i) {
      if (prefetch) window_.Prefetch(ids_[std::min(i + 16, ids_.size() - 1)]);
      benchmark::DoNotOptimize(window_.Reserve(ids_[i]));
    }
  }
  void SealAndCommit() {
    Require(window_.Seal(++clock_ms_, &state_));
    window_.CommitEpoch();
    state_.CommitEpoch();
  }
  // Else records would pile up in the memory of the fake.
  void Clean() {
    const TaskState::FrozenBatch batch = state_.Freeze({});
    Require(store_.Write(batch.task_prefix, batch.entries, batch.meta));
    Require(store_.Flush());
    state_.OnCheckpointed(batch.generation);
    state_.TrimTo(0);
  }
  void Report(benchmark::State* bench) const {
    bench->counters["bytes_per_id"] = static_cast<double>(window_.memory_bytes()) / static_cast<double>(window_.size());
    bench->counters["records"] = static_cast<double>(window_.record_count());
  }

 private:
  EventIdHash NextId() {
    const uint64_t n = next_id_++;
    char bytes[sizeof(n)];
    std::memcpy(bytes, &n, sizeof(n));
    return HashEventId("orders", "shop", std::string_view(bytes, sizeof(bytes)), 0);
  }

  MemoryCheckpointStore store_;
  TaskState state_{&store_, TaskPrefix("orders", Partition(0))};
  IdempotencyWindow window_;
  std::vector<EventIdHash> ids_ = std::vector<EventIdHash>(kEpochEvents);
  uint64_t next_id_ = 0;
  int64_t clock_ms_ = 1'700'000'000'000;
};

// Per ID. With prefetch, each ID is announced 16 before it is reserved.
void BM_WindowReserve(benchmark::State& bench) {
  FullWindow window(bench.range(0));
  while (bench.KeepRunningBatch(kEpochEvents)) {
    bench.PauseTiming();
    window.DrawIds();
    bench.ResumeTiming();
    window.Reserve(bench.range(1) != 0);
    bench.PauseTiming();
    window.SealAndCommit();
    window.Clean();
    bench.ResumeTiming();
  }
  window.Report(&bench);
}
BENCHMARK(BM_WindowReserve)
    ->ArgNames({"ids", "prefetch"})
    ->Args({500'000, 0})
    ->Args({10'000'000, 0})
    ->Args({10'000'000, 1});

// Per ID: packing, merging and forgetting.
void BM_WindowSeal(benchmark::State& bench) {
  FullWindow window(bench.range(0));
  while (bench.KeepRunningBatch(kEpochEvents)) {
    bench.PauseTiming();
    window.DrawIds();
    window.Reserve(true);
    bench.ResumeTiming();
    window.SealAndCommit();
    bench.PauseTiming();
    window.Clean();
    bench.ResumeTiming();
  }
}
BENCHMARK(BM_WindowSeal)->Arg(10'000'000);

void BM_HashEventId(benchmark::State& bench) {
  const std::string id = "0b5e3f0e-2f50-4d2f-9f0e-3f0e2f504d2f";
  for (auto _ : bench) benchmark::DoNotOptimize(HashEventId("orders", "https://shop.example/orders", id, 1));
}
BENCHMARK(BM_HashEventId);

// Directory that goes away with its owner.
class ScratchDirectory {
 public:
  ScratchDirectory() {
    path_ = (std::filesystem::temp_directory_path() / "state_bench_XXXXXX").string();
    if (mkdtemp(path_.data()) == nullptr) Require(absl::InternalError("mkdtemp failed"));
  }
  ~ScratchDirectory() { std::filesystem::remove_all(path_); }
  const std::string& path() const { return path_; }

 private:
  std::string path_;
};

std::unique_ptr<CheckpointStore> OpenStore(const std::string& path) {
  static NullLogSink log;
  absl::StatusOr<std::unique_ptr<CheckpointStore>> store =
      OpenRocksDbStore({.path = path, .application_id = "state-bench"}, &log);
  Require(store.status());
  return *std::move(store);
}

std::vector<CheckpointEntry> Batch(const std::vector<std::string>& keys) {
  std::vector<CheckpointEntry> entries;
  for (const std::string& key : keys) entries.push_back({.key = key, .value = std::string(28, 'v')});
  std::shuffle(entries.begin(), entries.end(), std::mt19937(1));
  return entries;
}

// Per entry of a checkpoint batch; a flush every fifth batch.
void BM_RocksDbCheckpoint(benchmark::State& bench) {
  const ScratchDirectory directory;
  const std::unique_ptr<CheckpointStore> store = OpenStore(directory.path());
  const std::vector<CheckpointEntry> entries = Batch(Keys(bench.range(0)));
  int batches = 0;
  while (bench.KeepRunningBatch(bench.range(0))) {
    Require(store->Write(TaskPrefix("orders", Partition(0)), entries, {}));
    if (++batches % 5 == 0) Require(store->Flush());
  }
}
BENCHMARK(BM_RocksDbCheckpoint)->Arg(100'000);

void BM_RocksDbGet(benchmark::State& bench) {
  const ScratchDirectory directory;
  const std::unique_ptr<CheckpointStore> store = OpenStore(directory.path());
  const std::string task = TaskPrefix("orders", Partition(0));
  const std::vector<std::string> keys = Keys(1'000'000);
  Require(store->Write(task, Batch(keys), {}));
  Require(store->Flush());
  const bool absent = bench.range(0) != 0;
  std::mt19937_64 random(1);
  for (auto _ : bench) {
    const std::string& key = keys[random() % keys.size()];
    benchmark::DoNotOptimize(store->Get(task, absent ? key + "x" : key));
  }
}
BENCHMARK(BM_RocksDbGet)->Arg(0)->Arg(1)->ArgName("absent");

}  // namespace
}  // namespace once

BENCHMARK_MAIN();
