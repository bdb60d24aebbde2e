// What happens to a run: its faults, and the time that its handlers take.
#include <algorithm>
#include <utility>

#include "tests/sim/pod_faults.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

// How much later than due a transaction may be sealed, counted in handlers' time.
const absl::Duration kSealSlack = absl::Milliseconds(50);

}  // namespace

std::string World::OutputOf(const ScheduledFault& fault) {
  static constexpr const char* kOutputs[] = {kMainSink, kSecondSink, kDeadLetters};
  return kOutputs[fault.output];
}

void World::ScheduleFaults() {
  for (const ScheduledFault& fault : scenario_.faults) {
    scheduler_.At(start_ + fault.at, [this, &fault] { Hit(fault); });
  }
}

void World::Hit(const ScheduledFault& fault) {
  SimPod& pod = *pods_[static_cast<size_t>(fault.pod)];
  const absl::Time end = scheduler_.now() + fault.length;
  if (trace_.is_printed()) trace_.Print(absl::StrCat("FAULT ", fault.ToString()));
  // A call is counted when it hits.
  if (fault.kind != FaultKind::kCall) ++faults_;
  if (HitPod(fault, *plan_, &pod, &network_, &random_)) return;
  switch (fault.kind) {
    case FaultKind::kCoordinators:
      return network_.LoseCoordinators(end);
    case FaultKind::kMoveCoordinators:
      input_->HoldUntil(end);
      if (random_.Chance(70)) cluster_.MoveTransactionCoordinator(fault.length);
      if (random_.Chance(70)) cluster_.MoveGroupCoordinator(fault.length);
      return;
    case FaultKind::kExpireMember:
      return ExpireAnyMember(plan_->application_id, &cluster_, &random_);
    case FaultKind::kHoldMarkers:
      cluster_.HoldMarkers(random_.Chance(50));
      input_->set_markers_are_held(true);
      return scheduler_.At(end, [this] { ReleaseMarkers(); });
    case FaultKind::kCompact:
      return cluster_.Compact(plan_->changelog_topics[0]);
    case FaultKind::kDenyWriting:
      cluster_.Deny(testkit::Right::kWriteTopic, OutputOf(fault));
      return scheduler_.At(end, [this, &fault] { cluster_.Allow(testkit::Right::kWriteTopic, OutputOf(fault)); });
    case FaultKind::kDeleteOutput:
      return DeleteOutput(OutputOf(fault), fault.length);
    case FaultKind::kChangedTopic:
    case FaultKind::kUnreadableChangelog:
      return FailTask(fault);
    case FaultKind::kNoLeader:
      return LoseLeader(fault, end);
    case FaultKind::kEndReadings:
      return EndReadings(fault);
    case FaultKind::kStepClock:
      return pod.SetWallClock(fault.wrong_by);
    case FaultKind::kGrowOutput:
      if (cluster_.HasPartition({OutputOf(fault), Partition(scenario_.partitions)})) return;
      if (!cluster_.TopicId(OutputOf(fault)).empty()) cluster_.GrowTopic(OutputOf(fault), scenario_.partitions + 1);
      return;
    default:  // HitPod has done it.
      return;
  }
}

void World::LoseLeader(const ScheduledFault& fault, absl::Time end) {
  const std::vector<std::string>& topics = fault.output == 2 ? plan_->changelog_topics : plan_->input_topics;
  for (const std::string& topic : topics) {
    const TopicPartition where{topic, Partition(fault.output % scenario_.partitions)};
    cluster_.SetLeaderless(where, true);
    scheduler_.At(end, [this, where] { cluster_.SetLeaderless(where, false); });
  }
}

void World::EndReadings(const ScheduledFault& fault) {
  const std::vector<std::string> topics = plan_->ConsumedTopics();
  const auto which = static_cast<size_t>(random_.Below(static_cast<int64_t>(topics.size())));
  cluster_.EndReadings({topics[which], Partition(fault.output % scenario_.partitions)});
}

// What its handler takes depends on the event and how often it was run, so that it ends one day.
absl::Duration World::HandlerTime(int64_t number, int64_t run) const {
  Random random(Mix(scenario_.seed) ^ static_cast<uint64_t>(number * 1000 + run));
  if (run == 0 && random.Chance(2)) return random.Between(absl::Milliseconds(50), kTransactionTimeout / 2);
  if (run == 0 && random.Below(1000) < 3) return random.Between(kTransactionTimeout, 2 * kTransactionTimeout);
  return random.Between(absl::ZeroDuration(), 2 * scenario_.handler_time);
}

void World::Handle(int64_t number) {
  if (scenario_.handler_time > absl::ZeroDuration()) TakeTime(number);
  if (IsDeadly(number)) Die();
}

bool World::IsDeadly(int64_t number) const {
  if (!scenario_.with_deadly_events || number < 0) return false;
  const auto index = static_cast<size_t>(number);
  return index < input_->events()->size() && (*input_->events())[index].kind == EventKind::kDeadly;
}

// The process under way ends, and is started again. What its thread does on its way out counts for nothing.
void World::Die() {
  Process* const process = scheduler_.current();
  if (process == nullptr || process->dead) return;
  SimPod* const pod = pods_[static_cast<size_t>(process->id)].get();
  const bool loses_disk = random_.Chance(50);
  scheduler_.At(scheduler_.now(), [this, pod, process, loses_disk] {
    if (process->dead) return;
    pod->Crash(loses_disk);
    scheduler_.At(scheduler_.now() + absl::Milliseconds(10 + random_.Below(200)), [pod] { pod->Start(); });
  });
  while (!process->dead) scheduler_.Pass(absl::Milliseconds(1));
}

void World::TakeTime(int64_t number) {
  const absl::Duration time = HandlerTime(number, runs_[number]++);
  const absl::Time end = scheduler_.now() + time;
  Process* const process = scheduler_.current();
  if (process == nullptr || process->dead) return;
  absl::Duration& handling = network_.handling();
  if (handling > scenario_.commit_interval + kSealSlack) {
    Fail(absl::StrCat("X1: pod ", process->id, " runs event ", number, " though its transaction has taken ",
                      absl::FormatDuration(handling), " of handlers' time and is due every ",
                      absl::FormatDuration(scenario_.commit_interval)));
  }
  handling += time;
  while (!process->dead && scheduler_.now() < end) {
    network_.KeepAlive(process);
    scheduler_.Pass(std::min(end - scheduler_.now(), kSessionTimeout / 3));
  }
}

// Not while a transaction is open in it: what was written and goes with it nobody could judge.
void World::DeleteOutput(const std::string& topic, absl::Duration gone_for) {
  if (is_healed_ || cluster_.TopicId(topic).empty()) return;
  int32_t partitions = 0;
  for (TopicPartition where{topic, Partition(0)}; cluster_.HasPartition(where);
       where.partition = Partition(++partitions)) {
    if (cluster_.LastStableOffset(where) == cluster_.HighWatermark(where)) continue;
    return scheduler_.At(scheduler_.now() + absl::Milliseconds(1),
                         [this, topic, gone_for] { DeleteOutput(topic, gone_for); });
  }
  cluster_.DeleteTopic(topic);
  missing_[topic] = partitions;
  if (gone_for == absl::ZeroDuration()) return MakeMissing();
  scheduler_.At(scheduler_.now() + gone_for, [this] { MakeMissing(); });
}

void World::MakeMissing() {
  for (const auto& [topic, partitions] : missing_) {
    cluster_.CreateTopic(topic, partitions, SettingsOf(topic));
    LowerLimit(topic);
  }
  missing_.clear();
}

void World::ReleaseMarkers() {
  cluster_.ReleaseMarkers();
  input_->set_markers_are_held(false);
}

}  // namespace once::sim
