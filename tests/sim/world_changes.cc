// What changes once in a run, what must follow, and what an operator does: mends a refusal's cause, copies dead letters
// back.
#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "once/v1/changelog.pb.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"
#include "tests/sim/letters.h"
#include "tests/sim/pod_faults.h"
#include "tests/sim/world_state.h"

namespace once::sim {
namespace {

const absl::Duration kLook = absl::Milliseconds(50);
// A refusal is due so long after the last fault has healed: dead members and hanging transactions delay openings.
const absl::Duration kRefusalBound = 2 * kTransactionTimeout;
// A version that is newer than any.
constexpr uint32_t kFutureFormat = 1000;

}  // namespace

int32_t World::PartitionCount(const std::string& topic) const { return CountPartitions(topic, cluster_); }

void World::StopPods() {
  for (const auto& pod : pods_) {
    pod->Crash(false);
    pod->set_held(true);
  }
}

void World::StartPods(const Plan* plan) {
  plan_ = plan;
  network_.set_application(plan->application_id);
  for (const auto& pod : pods_) {
    pod->set_plan(plan);
    pod->set_held(false);
    scheduler_.At(scheduler_.now() + absl::Milliseconds(10 + random_.Below(200)), [pod = pod.get()] { pod->Start(); });
  }
}

void World::WhenQuiet(std::vector<std::string> topics, std::function<void()> then) {
  const bool is_quiet = std::all_of(topics.begin(), topics.end(), [this](const std::string& topic) {
    for (int32_t p = 0; p < PartitionCount(topic); ++p) {
      const TopicPartition where{topic, Partition(p)};
      if (cluster_.LastStableOffset(where) != cluster_.HighWatermark(where)) return false;
    }
    return true;
  });
  if (is_quiet) return then();
  scheduler_.At(scheduler_.now() + absl::Milliseconds(1),
                [this, topics = std::move(topics), then = std::move(then)] { WhenQuiet(topics, then); });
}

bool World::HaveAllCommitted() const {
  return std::all_of(plan_->input_topics.begin(), plan_->input_topics.end(), [this](const std::string& topic) {
    for (int32_t p = 0; p < PartitionCount(topic); ++p) {
      if (!cluster_.PeekCommittedOffset(plan_->application_id, {topic, Partition(p)}).has_value()) return false;
    }
    return true;
  });
}

// Tasks without state have nothing to refuse for.
void World::BeginChange() {
  if (!checker_->HasStateEverywhere() || !HaveAllCommitted()) {
    return scheduler_.At(scheduler_.now() + kLook, [this] { BeginChange(); });
  }
  if (trace_.is_printed()) trace_.Print(absl::StrCat("CHANGE ", NameOf(scenario_.change)));
  ++faults_;
  change_began_ = true;
  errors_before_ = log_.errors().size();
  if (!IsOfTopics(scenario_.change) || scenario_.is_between_runs) StopPods();
  std::vector<std::string> topics = plan_->input_topics;
  topics.insert(topics.end(), plan_->changelog_topics.begin(), plan_->changelog_topics.end());
  WhenQuiet(std::move(topics), [this] { IsOfTopics(scenario_.change) ? ChangeTopics() : ChangeVersion(); });
}

// An open task of a worker was told the id of the first changelog as it is now.
bool World::KnowsChangelog(const std::string& transactional_id, int32_t partition) const {
  const TaskId id{0, Partition(partition)};
  for (const auto& pod : pods_) {
    for (size_t i = 0; i < pod->workers().size(); ++i) {
      const std::string name = absl::StrCat(plan_->application_id, "-i", pod->process_id(), "-", i, "-0");
      if (name != transactional_id) continue;
      const Task* task = pod->workers()[i]->engine().FindTask(id);
      const bool is_open = task != nullptr && (task->phase == TaskPhase::kRunning || task->phase == TaskPhase::kPaused);
      return is_open &&
             pod->offsets()->ChangelogIdOf(static_cast<int>(i), id) == cluster_.TopicId(plan_->changelog_topics[0]);
    }
  }
  return false;
}

// Sometimes somebody has written back what he had of it, again and again, until the log is longer than it was.
void World::RemakeChangelog() {
  const std::string& changelog = plan_->changelog_topics[0];
  checker_->OnChangelogRemade([this](const std::string& transactional_id, int32_t partition) {
    return KnowsChangelog(transactional_id, partition);
  });
  std::vector<Offset> ends;
  for (int32_t p = 0; p < PartitionCount(changelog); ++p)
    ends.push_back(cluster_.HighWatermark({changelog, Partition(p)}));
  cluster_.RemakeTopic(changelog);
  if (redrives_.Chance(50)) return;
  for (int32_t p = 0; p < static_cast<int32_t>(ends.size()); ++p) {
    while (cluster_.HighWatermark({changelog, Partition(p)}) <= ends[static_cast<size_t>(p)]) {
      cluster_.Append(changelog, Partition(p), StateKeyPrefix("written back"), "");
      for (const auto& [key, value] : checker_->Fold(p)) {
        if (key != FrontierKey()) cluster_.Append(changelog, Partition(p), key, value);
      }
    }
  }
}

// F10: retention, or somebody's hand, takes the beginning; pods come back without what they had on their disks.
void World::CutChangelog() {
  const std::string& changelog = plan_->changelog_topics[0];
  for (int32_t p = 0; p < PartitionCount(changelog); ++p) {
    const TopicPartition where{changelog, Partition(p)};
    const int64_t end = cluster_.HighWatermark(where).value();
    if (end > 0) cluster_.Trim({where, Offset(redrives_.Between(int64_t{1}, end))});
  }
  for (const auto& disk : disks_) disk->Lose();
}

void World::ChangeTopics() {
  const std::string& changelog = plan_->changelog_topics[0];
  switch (scenario_.change) {
    case Change::kRemakeSource:
      checker_->Suspend();
      input_->ForgetLog(0);
      cluster_.RemakeTopic(SourceTopic(0));
      break;
    case Change::kGrowSources:
      for (const std::string& topic : plan_->input_topics) cluster_.GrowTopic(topic, scenario_.partitions + 1);
      checker_->Grow();
      if (!scenario_.transactional_input) input_->set_partitions(scenario_.partitions + 1);
      break;
    case Change::kLoseChangelog:
      scenario_.is_between_runs&& redrives_.Chance(50) ? CutChangelog() : RemakeChangelog();
      break;
    case Change::kGrowChangelog:
      cluster_.GrowTopic(changelog, scenario_.partitions + 1);
      break;
    default:
      cluster_.SetTopicSetting(changelog, "cleanup.policy", "delete");
      break;
  }
  if (scenario_.is_between_runs) StartPods(plan_);
  LookForRefusal();
}

// To every partition of the changelog, as a version of that format would.
void World::WriteFrontiers(uint32_t format) {
  for (int32_t p = 0; p < checker_->partitions(); ++p) {
    v1::Frontier frontier;
    frontier.ParseFromString(checker_->Fold(p).at(FrontierKey()));
    if (format > 0) frontier.set_format(format);
    cluster_.Append(plan_->changelog_topics[0], Partition(p), FrontierKey(), frontier.SerializeAsString());
  }
}

void World::ChangeVersion() {
  if (scenario_.change == Change::kNewerFormat) WriteFrontiers(kFutureFormat);
  if (scenario_.change == Change::kSwapPolicy) checker_->set_blocks(Blocks(scenario_.topology));
  StartPods(after_plan_);
  if (AnswerTo(scenario_.change) != Answer::kGoesOn) LookForRefusal();
}

// What is due is told until the end of the bound; whoever reads it comes a moment later.
void World::LookForRefusal() {
  if (is_healed_) look_until_ = std::min(look_until_, scheduler_.now() + kRefusalBound);
  if (log_.Says(WordsOf(scenario_.change), errors_before_)) {
    const absl::Duration moment = redrives_.Between(absl::Milliseconds(50), absl::Milliseconds(600));
    return scheduler_.At(scheduler_.now() + moment, [this] { Mend(); });
  }
  if (scheduler_.now() > look_until_ + HealingBound() - kHealingBound) {
    Fail(absl::StrCat("X8: ", NameOf(scenario_.change), ", and nobody says so"));
    return scheduler_.Stop();
  }
  scheduler_.At(scheduler_.now() + kLook, [this] { LookForRefusal(); });
}

void World::Mend() {
  if (!violation_.empty()) return;
  if (trace_.is_printed()) trace_.Print("MENDED");
  StopPods();
  std::vector<std::string> topics = mended_plan_->input_topics;
  if (mending_ != Mending::kNewApplication) topics.push_back(mended_plan_->changelog_topics[0]);
  WhenQuiet(std::move(topics), [this] {
    if (scenario_.change == Change::kNewerFormat) WriteFrontiers(0);
    if (scenario_.change == Change::kCleanupPolicy) {
      cluster_.SetTopicSetting(mended_plan_->changelog_topics[0], "cleanup.policy", "compact");
    }
    if (mending_ == Mending::kNewApplication) BeginLife(mended_version_, mended_plan_);
    is_mended_ = true;
    StartPods(mended_plan_);
  });
}

// R6: from some time on, when the handler that failed is mended, somebody copies letters back, some of them twice.
void World::ScheduleRedrives() {
  if (scenario_.redrives_from == absl::ZeroDuration()) return;
  scheduler_.At(start_ + scenario_.redrives_from, [this] {
    if (trace_.is_printed()) trace_.Print("the handler is mended");
    is_handler_mended_ = true;
    checker_->set_mended();
    SendLettersBack();
  });
}

void World::SendLettersBack() {
  // Each time that an event is let run which ends its process, some more processes end: were that to go on as long as
  // letters come, little else would be seen, for minutes.
  constexpr int64_t kMostDeadlyReleases = 4;
  if (scheduler_.now() > start_ + scenario_.load) return;
  for (int64_t i = redrives_.Between(int64_t{1}, int64_t{3}); i > 0 && !letters_.empty(); --i) {
    const auto letter = letters_[static_cast<size_t>(redrives_.Below(static_cast<int64_t>(letters_.size())))];
    const bool is_deadly = IsDeadly(NumberOfLetter(*letter));
    for (int64_t times = redrives_.Chance(40) ? 2 : 1; times > 0; --times) {
      const absl::Duration way = redrives_.Between(absl::ZeroDuration(), absl::Milliseconds(200));
      if (is_deadly && ++deadly_releases_ > kMostDeadlyReleases) {
        --deadly_releases_;
        continue;
      }
      scheduler_.At(scheduler_.now() + way, [this, letter] { input_->SendBack(*letter); });
    }
  }
  scheduler_.At(scheduler_.now() + redrives_.Between(absl::Milliseconds(40), absl::Milliseconds(200)),
                [this] { SendLettersBack(); });
}

}  // namespace once::sim
