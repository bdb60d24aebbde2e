// Writes down the calls that reach Kafka's ports, in order, for tests of that order.
//
//   CallLog calls;
//   TopologyTestDriver driver(Build, {.wrap_client = [&](auto client) { return WrapWithRecording(std::move(client),
//   &calls); }});
//   ...
//   EXPECT_THAT(calls.Take(), ...);
#ifndef ONCE_TESTS_DRIVER_RECORDING_CLIENT_H_
#define ONCE_TESTS_DRIVER_RECORDING_CLIENT_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "processor/base/mutex.h"
#include "processor/kafka/kafka.h"

namespace once {

// One call, with its outcome.
struct RecordedCall {
  // Of a producer: init, begin, send, flush, send_offsets, commit, abort. Of a consumer: subscribe, assign, unassign,
  // seek, close.
  std::string name;
  std::string id;  // The transactional id, or the group.
  bool ok = false;
  bool in_callback = false;  // Of a consumer: whether its listener was being called.
};

// Thread-safe.
class CallLog {
 public:
  void Add(RecordedCall call);
  // The calls so far, which are then forgotten.
  std::vector<RecordedCall> Take();

  // A consumer was polled, or served its callbacks: it heard of its group.
  void AddHearing();
  // How often so far, which is then forgotten.
  int64_t TakeHearings();

 private:
  Mutex mutex_;
  std::vector<RecordedCall> calls_ ABSL_GUARDED_BY(mutex_);
  int64_t hearings_ ABSL_GUARDED_BY(mutex_) = 0;
};

// `log` must outlive the client and all that it made.
std::unique_ptr<kafka::Client> WrapWithRecording(std::unique_ptr<kafka::Client> client, CallLog* log);

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_RECORDING_CLIENT_H_
