// Kills the process at a named point, as kill -9 would: decorators of the ports, linked only into test binaries.
//
//   CrashPoint point = CrashPoint::FromEnvironment();     // ONCE_CRASH_AT=before_commit:5
//   deps.wrap_client = [&](auto client) { return WrapWithCrashes(std::move(client), &point); };
//
// Points: {before,after}_{begin,send,flush,send_offsets,commit} of the producer, and
// {before,after}_{checkpoint_write,checkpoint_flush} of the checkpoint store. `after_commit` is before the merge,
// `before_begin` after it. The number says at which passing; 1 is the first.
#ifndef ONCE_TESTS_TESTKIT_CRASH_CRASH_POINTS_H_
#define ONCE_TESTS_TESTKIT_CRASH_CRASH_POINTS_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <string>
#include <string_view>

#include "processor/kafka/kafka.h"
#include "state/checkpoint_store.h"

namespace once {

// Thread-safe.
class CrashPoint {
 public:
  // `at` is "<point>:<count>", or empty for no crash.
  explicit CrashPoint(std::string_view at);
  static CrashPoint FromEnvironment();
  CrashPoint(CrashPoint&& other) noexcept
      : name_(std::move(other.name_)),
        left_(other.left_.load()),
        commits_until_abort_(other.commits_until_abort_.load()) {}

  // SIGKILLs this process if `name` is the point and it is time.
  void Pass(std::string_view name);
  // To be asked at each commit of a transaction that has records: whether it is the one that ONCE_ABORT_AT=<count>
  // names, which answers that the transaction must be aborted.
  bool MustAbort();

 private:
  std::string name_;
  std::atomic<int64_t> left_{0};
  std::atomic<int64_t> commits_until_abort_{0};
};

// `point` must outlive what is returned.
std::unique_ptr<kafka::Client> WrapWithCrashes(std::unique_ptr<kafka::Client> client, CrashPoint* point);
std::unique_ptr<CheckpointStore> WrapWithCrashes(std::unique_ptr<CheckpointStore> store, CrashPoint* point);

}  // namespace once

#endif  // ONCE_TESTS_TESTKIT_CRASH_CRASH_POINTS_H_
