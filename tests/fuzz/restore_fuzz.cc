// Opening a task on any changelog and any checkpoint: it runs, or is refused with a reason; what runs has an index of
// parked events and a window that go on working.
#include <google/protobuf/stubs/logging.h>

#include <algorithm>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "once/v1/changelog.pb.h"
#include "processor/engine/plan.h"
#include "processor/engine/task_checkpoint.h"
#include "processor/engine/task_opener.h"
#include "state/changelog.h"
#include "tests/fuzz/input.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {
namespace {

constexpr int kMaxRecords = 8;
constexpr TaskId kTask{.group = 0, .partition = Partition(0)};

std::shared_ptr<const Graph> MakeGraph() {
  auto graph = std::make_shared<Graph>();
  SourceSpec& source = graph->sources.emplace_back();
  source.name = source.topic = "orders";
  NodeSpec& node = graph->nodes.emplace_back();
  node.name = "totals";
  node.kind = NodeKind::kAggregate;
  graph->handlers.emplace_back().match = HandlerMatch::kAny;
  graph->groups.push_back({.name = "orders", .sources = {0}});
  graph->dead_letter_topic = "dead";
  return graph;
}

const Plan& ThePlan() {
  static const Plan* const plan = new Plan(MakePlan(MakeGraph(), "app"));
  return *plan;
}

std::string Key(fuzz::Input* input) {
  switch (input->Choice(8)) {
    case 0:
      return StateKeyPrefix("totals").append(input->Bytes());
    case 1:
      return AggregateStatusKey(input->Bytes());
    case 2: {
      const std::string_view key = input->Bytes();
      return ParkedEventKey(key, input->Number());
    }
    case 3: {
      const uint64_t bucket = input->Number();
      return EventIdsKey(bucket, input->Number());
    }
    case 4:
    case 5:
      return FrontierKey();
    default:
      return std::string(input->Bytes());
  }
}

// Mostly what such a key has as value, with numbers that are not what they should be.
std::optional<std::string> Value(std::string_view key, fuzz::Input* input) {
  if (input->Flag()) {
    const OptionalBytes bytes = input->MaybeBytes();
    return bytes.has_value() ? std::optional<std::string>(*bytes) : std::nullopt;
  }
  if (key == FrontierKey()) {
    v1::Frontier frontier;
    frontier.set_incarnation(input->Choice(4) == 0 ? input->Number() : 5);
    frontier.set_epoch(input->Number());
    frontier.set_window_clock_ms(input->Signed());
    frontier.set_format(static_cast<uint32_t>(input->Choice(3)));
    frontier.set_application(input->Choice(4) == 0 ? "other" : "app");
    v1::InputOffset* offset = frontier.add_inputs();
    offset->set_topic(input->Choice(4) == 0 ? "other" : "orders");
    offset->set_next_offset(input->Signed());
    if (input->Flag()) offset->set_topic_id(std::string(input->Bytes()));
    if (input->Flag()) frontier.set_changelog_id(std::string(input->Bytes()));
    if (input->Choice(4) == 0) frontier.add_elsewhere()->set_aggregate("totals");
    if (input->Flag()) frontier.add_stores()->set_aggregate("totals");
    return frontier.SerializeAsString();
  }
  if (key.starts_with(KindPrefix(ChangelogKind::kAggregateStatus))) {
    v1::AggregateStatus status;
    status.set_state(static_cast<v1::AggregateStatus::State>(input->Choice(5)));
    status.set_head_sequence(input->Number());
    status.set_next_sequence(input->Number());
    status.set_notice_sequence(input->Number());
    status.set_retry_at_ms(input->Signed());
    return status.SerializeAsString();
  }
  return std::string(16 * input->Choice(4), static_cast<char>(input->Byte()));
}

class Scene {
 public:
  void Run(fuzz::Input* input) {
    if (input->Flag()) WriteCheckpoint(input);
    const Offset begin(input->Byte());
    const Offset end = begin + input->Byte();
    event::TaskOffsets offsets;
    offsets.changelog_begin = begin;
    offsets.changelog_end = end;
    offsets.start[kOrders] = Offset(3);
    if (input->Flag()) offsets.committed[kOrders] = Offset(input->Signed());
    Actions actions;
    // As the engine does it. No more rounds than rebuilds that may be void, and a look again at offsets that do not
    // fit.
    constexpr int kRounds = 16;
    int round = 0;
    for (; round < kRounds && task_.phase == TaskPhase::kOpening; ++round) {
      if (!Ended(opener_.OnOffsets(&task_, {kTask, offsets}, clock_.now, &actions)) &&
          task_.phase == TaskPhase::kReplaying) {
        Replay(input, begin, end, &actions);
      }
      if (is_refused_) return;
    }
    ONCE_CHECK(round < kRounds || task_.phase == TaskPhase::kRunning);
    if (task_.phase == TaskPhase::kRunning) CheckRunning(input);
  }

 private:
  // Whether that was all of this round: refused, or to be rebuilt.
  bool Ended(const absl::Status& status) {
    if (status.ok()) return false;
    ONCE_CHECK(absl::IsDataLoss(status) || absl::IsFailedPrecondition(status));
    ONCE_CHECK(!status.message().empty());
    if (!TaskOpener::WouldRebuildMend(task_, status)) {
      is_refused_ = true;
      return true;
    }
    task_.phase = TaskPhase::kOpening;
    task_.rebuild_why = status;
    ONCE_CHECK(opener_.RebuildIfFree(&task_).ok());
    ONCE_CHECK(task_.rebuild_why.ok() && task_.rebuilding);
    return true;
  }

  void WriteCheckpoint(fuzz::Input* input) {
    std::vector<CheckpointEntry> entries;
    const size_t count = input->Choice(6);
    for (size_t i = 0; i < count; ++i) {
      std::string key = Key(input);
      std::optional<std::string> value = Value(key, input);
      entries.push_back({std::move(key), std::move(value)});
    }
    const CheckpointMeta meta{.changelog_offset = Offset(input->Signed()),
                              .incarnation = input->Flag() ? 5 : input->Number(),
                              .written_ms = input->Flag() ? absl::ToUnixMillis(clock_.wall) : input->Signed()};
    ONCE_CHECK(store_.Write(TaskPrefix("orders", kTask.partition), entries, meta).ok());
  }

  void Replay(fuzz::Input* input, Offset begin, Offset end, Actions* actions) {
    Offset position = std::max(begin, task_.changelog_position);
    const int64_t base_ms = DescribeCheckpoint(task_, clock_).written_ms;
    for (int i = 0; i < kMaxRecords && !input->empty() && position < end; ++i, position = position + 1) {
      const std::string key = Key(input);
      const std::optional<std::string> value = Value(key, input);
      RecordView record;
      record.offset = position;
      record.key = key;
      if (value.has_value()) record.value = *value;
      // The engine gives the process up: what is in the changelog stays so.
      const absl::Status applied = opener_.OnReplayed(&task_, record);
      if (!applied.ok()) {
        ONCE_CHECK(absl::IsDataLoss(applied));
        is_refused_ = true;
        return;
      }
    }
    ONCE_CHECK(DescribeCheckpoint(task_, clock_).written_ms == base_ms);
    const absl::Duration passed = absl::Hours(static_cast<int64_t>(input->Choice(3)) * 12);
    clock_.now += passed;
    clock_.wall += passed;
    Ended(opener_.OnReplayEnd(&task_, end, clock_.now, actions));
  }

  void CheckRunning(fuzz::Input* input) {
    ONCE_CHECK(task_.frontier.incarnation() != 0);
    ONCE_CHECK(task_.parking.parked_events() >= task_.parking.blocked_aggregates());
    const std::optional<std::string> key = task_.parking.NextRunnable(clock_.now);
    if (key.has_value()) {
      const v1::AggregateStatus* status = task_.parking.FindQueue(*key);
      ONCE_CHECK(status != nullptr && status->head_sequence() < status->next_sequence());
      const absl::StatusOr<v1::ParkedEvent> head = task_.parking.Read(*key, status->head_sequence());
      ONCE_CHECK(head.ok() || absl::IsDataLoss(head.status()));
    }
    const EventIdHash id{.high = input->Number(), .low = 77};
    (void)task_.window.Reserve(id);
    ONCE_CHECK(task_.window.Seal(input->Signed(), &task_.state).ok());
    task_.state.CommitEpoch();
    task_.window.CommitEpoch();
    ONCE_CHECK(!task_.window.Reserve(id));
  }

  const TopicPartition kOrders{"orders", Partition(0)};
  ClockReading clock_{.now = absl::UnixEpoch() + absl::Hours(1), .wall = absl::FromUnixSeconds(1'700'000'000)};
  bool is_refused_ = false;
  MemoryCheckpointStore store_;
  NullLogSink log_;
  const EngineOptions options_ = [] {
    EngineOptions options;
    options.misfit_patience = absl::ZeroDuration();
    return options;
  }();
  Task task_{kTask, ThePlan(), options_, &store_, &clock_};
  TaskOpener opener_{&ThePlan(), &options_, &store_, &log_, &clock_, [] { return uint64_t{42}; }};
};

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  (void)silenced;
  once::fuzz::Input input(data, size);
  once::Scene().Run(&input);
  return 0;
}
