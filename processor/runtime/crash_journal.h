// Remembers, outside of all transactions, which events' handlers were running when the process died (X3).
//
// An event that crashes its process, or runs into handler_timeout, would do so again after each restart, and nothing
// before it in its transaction would ever commit. So each worker notes in a small mapped file what it is at; a start
// that finds an unfinished note counts a death of that event. After kAloneAfter of them the event is run in a
// transaction of its own; after kBlamedAfter it fails without being run, as any event that fails for good. What was
// counted is forgotten when that transaction has taken effect, and not before: the process may die of another event
// first, so that of several deadly ones each costs as many deaths as if it were the only one.
//
// The file is in the state directory, and stays there when a partition goes to another pod: for that there is
// CrashMemory (processor/engine/crash_memory.h). What a worker writes here survives the process's death, whatever that
// is, but not the machine's, which is no event's fault.
#ifndef ONCE_PROCESSOR_RUNTIME_CRASH_JOURNAL_H_
#define ONCE_PROCESSOR_RUNTIME_CRASH_JOURNAL_H_

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/base/thread_annotations.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/base/types.h"
#include "processor/engine/options.h"

namespace once {

// What a worker is at. Lives in the mapped file, so it has a fixed layout and no pointers.
struct HandlingNote {
  std::atomic<int64_t> offset{0};
  std::atomic<int32_t> partition{0};
  std::atomic<uint16_t> input{0};  // Index among the plan's input topics.
  std::atomic<uint16_t> is_running{0};
};
static_assert(sizeof(HandlingNote) == 16 && std::atomic<int64_t>::is_always_lock_free);

class CrashJournal {
 public:
  static constexpr int kAloneAfter = 3;
  static constexpr int kBlamedAfter = 4;
  // Of so many events deaths are remembered, of those that had the most.
  static constexpr size_t kMaxEvents = 256;

  // Reads what the process before left in `state_dir`, which must exist and be locked by this process, and begins anew.
  // `input_topics` give the notes' indices their meaning, for whoever reads them after this process as well. Errors,
  // all of I/O: go on without a journal. `log` is told of deaths that were found.
  static absl::StatusOr<std::unique_ptr<CrashJournal>> Open(const std::string& state_dir,
                                                            const std::vector<std::string>& input_topics, int workers,
                                                            LogSink* log);
  ~CrashJournal();
  CrashJournal(const CrashJournal&) = delete;
  CrashJournal& operator=(const CrashJournal&) = delete;

  // What the engine is to be careful with.
  const std::vector<CrashSuspect>& suspects() const { return suspects_; }
  // The event has failed without being run, or come back from its handlers, and that took effect: if it is run again,
  // by a release, it is an event like any. Nothing if there is nothing known of it. Thread-safe.
  void Settle(const TopicPartitionOffset& place);
  // The worker's own; valid as long as this.
  HandlingNote* note(int worker) { return &notes_[worker]; }

 private:
  using Deaths = std::map<TopicPartitionOffset, int>;

  explicit CrashJournal(std::string deaths_path) : deaths_path_(std::move(deaths_path)) {}
  static Deaths ReadDeaths(const std::string& path);
  static absl::Status WriteDeaths(const std::string& path, const Deaths& deaths);
  static void DropOldest(Deaths* deaths);

  const std::string deaths_path_;
  Mutex mutex_;
  Deaths deaths_ ABSL_GUARDED_BY(mutex_);
  std::vector<CrashSuspect> suspects_;
  HandlingNote* notes_ = nullptr;
  void* mapping_ = nullptr;
  size_t mapped_bytes_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_CRASH_JOURNAL_H_
