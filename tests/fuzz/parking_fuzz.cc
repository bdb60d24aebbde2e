// The status of aggregates that are not open: what the engine writes is read back, whatever the event or the handler
// said; what anybody else wrote is refused or makes sense.
#include <google/protobuf/stubs/logging.h>

#include <string>

#include "once/v1/changelog.pb.h"
#include "processor/engine/parking.h"
#include "state/changelog.h"
#include "tests/fuzz/input.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

class Scene {
 public:
  Scene() : state_(&store_, TaskPrefix("orders", Partition(0))), parking_(&state_, &clock_, kLongestDelay) {}

  // Statuses as they stand in a changelog.
  void LoadArbitrary(fuzz::Input* input) {
    for (int i = 0; i < 4 && !input->empty(); ++i) {
      const std::string_view key = input->Bytes();
      state_.ApplyCommitted(input->Flag() ? AggregateStatusKey(key) : KeylessStatusKey(key, 1), input->Bytes());
    }
    const absl::Status loaded = parking_.Load();
    if (!loaded.ok()) {
      ONCE_CHECK(absl::IsDataLoss(loaded));
      return;
    }
    CheckIndex();
  }

  // A status as the engine makes it: reason, message and event ID are what handlers and events say.
  void WriteAndLoad(fuzz::Input* input) {
    RecordView record;
    record.key = input->MaybeBytes();
    record.offset = Offset(input->Signed());
    const std::string queue = Parking::QueueOf(record, "orders");
    v1::AggregateStatus status;
    status.set_state(static_cast<v1::AggregateStatus::State>(1 + input->Choice(3)));
    status.set_head_sequence(input->Byte());
    status.set_next_sequence(status.head_sequence() + input->Byte());
    status.set_notice_sequence(status.head_sequence() + input->Choice(2));
    status.set_attempts(static_cast<uint32_t>(input->Number()));
    status.set_retry_at_ms(input->Signed());
    status.set_first_failure_time_ms(input->Signed());
    status.set_message(std::string(input->Bytes()));
    status.set_blocking_event_id(std::string(input->Bytes()));
    const std::string value(input->Bytes());
    v1::ParkedEvent event;
    event.set_topic("orders");
    event.set_value(value);
    ONCE_CHECK(parking_.Push(queue, event, status).ok());
    state_.CommitEpoch();
    parking_.Commit();
    Parking restored(&state_, &clock_, kLongestDelay);
    ONCE_CHECK(restored.Load().ok());
    const v1::AggregateStatus* found = restored.FindQueue(queue);
    ONCE_CHECK(found != nullptr);
    ONCE_CHECK(!record.key.has_value() || restored.Find(*record.key) == found);
    ONCE_CHECK(found->SerializeAsString() == parking_.FindQueue(queue)->SerializeAsString());
    ONCE_CHECK(restored.parked_events() == parking_.parked_events());
    ONCE_CHECK(restored.NextRetry() == parking_.NextRetry());
    const absl::StatusOr<v1::ParkedEvent> read = restored.Read(queue, status.next_sequence());
    ONCE_CHECK(read.ok() && read->value() == value);
  }

 private:
  void CheckIndex() {
    ONCE_CHECK(parking_.parked_events() >= parking_.blocked_aggregates());
    // X6: whatever a status says, its retry is due within the longest delay.
    const absl::Time next = parking_.NextRetry();
    ONCE_CHECK(next == absl::InfiniteFuture() || (next >= clock_.now && next <= clock_.now + kLongestDelay));
    for (const absl::Time now : {absl::InfinitePast(), clock_.now, clock_.now + kLongestDelay}) {
      const std::optional<std::string> key = parking_.NextRunnable(now);
      if (!key.has_value()) continue;
      const v1::AggregateStatus* status = parking_.FindQueue(*key);
      ONCE_CHECK(status != nullptr);
      // Whatever it says, one step on it must not leave the queue's bounds.
      ONCE_CHECK(status->head_sequence() < status->next_sequence());
      ONCE_CHECK(status->state() != v1::AggregateStatus::PARKED || status->notice_sequence() < status->next_sequence());
    }
    const int64_t parked = parking_.parked_events();
    ONCE_CHECK(parking_.Load().ok() && parking_.parked_events() == parked);
  }

  static constexpr absl::Duration kLongestDelay = absl::Seconds(30);

  const ClockReading clock_{.now = absl::UnixEpoch() + absl::Hours(1), .wall = absl::FromUnixSeconds(1'700'000'000)};
  MemoryCheckpointStore store_;
  TaskState state_;
  Parking parking_;
};

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  (void)silenced;
  once::fuzz::Input input(data, size);
  once::Scene scene;
  if (input.Flag()) {
    scene.WriteAndLoad(&input);
  } else {
    scene.LoadArbitrary(&input);
  }
  return 0;
}
