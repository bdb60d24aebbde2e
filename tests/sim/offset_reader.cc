#include "tests/sim/offset_reader.h"

#include <utility>

namespace once::sim {

void SimOffsetReader::Read(int worker, const action::FetchTaskOffsets& request) {
  ++under_way_;
  scheduler_->Spawn(process_, [this, worker, request] {
    ReadTaskOffsets(*plan_, admin_, request, [this, worker](event::TaskOffsetsFetched fetched) {
      if (delay_ > absl::ZeroDuration()) scheduler_->Sleep(random_->Between(absl::ZeroDuration(), delay_));
      NoteChangelogId(worker, fetched);
      results_[worker].push_back(std::move(fetched));
    });
    --under_way_;
  });
}

void SimOffsetReader::NoteChangelogId(int worker, const event::TaskOffsetsFetched& fetched) {
  std::string& id = changelog_ids_[{worker, fetched.task}];
  id.clear();
  if (!fetched.offsets.ok()) return;
  const auto found = fetched.offsets->topic_ids.find(plan_->changelog(fetched.task).topic);
  if (found != fetched.offsets->topic_ids.end()) id = found->second;
}

std::string SimOffsetReader::ChangelogIdOf(int worker, const TaskId& task) const {
  const auto found = changelog_ids_.find({worker, task});
  return found == changelog_ids_.end() ? std::string() : found->second;
}

void SimOffsetReader::ReadStable(int worker, const std::vector<TopicPartition>& places) {
  ++under_way_;
  scheduler_->Spawn(process_, [this, worker, places] {
    stable_[worker] = admin_->ReadLogOffsets(kafka::LogPoint::kLastStable, places, kStablePatience);
    --under_way_;
  });
}

kafka::LogOffsets SimOffsetReader::TakeStable(int worker) { return std::exchange(stable_[worker], {}); }

void SimOffsetReader::Finish() {
  while (under_way_ > 0) scheduler_->Sleep(absl::Milliseconds(1));
}

std::vector<event::TaskOffsetsFetched> SimOffsetReader::TakeResults(int worker) {
  return std::exchange(results_[worker], {});
}

}  // namespace once::sim
