// X3: what an event that ends its process leaves in the frontier, and how carefully a task is run because of it.
#include "processor/engine/crash_memory.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

// The event is done, unless it is parked.
bool IsPast(const v1::Frontier& frontier, const Place& place) {
  return std::any_of(frontier.inputs().begin(), frontier.inputs().end(), [&](const v1::InputOffset& input) {
    return input.topic() == place.where.topic && place.offset.value() < input.next_offset();
  });
}

}  // namespace

CrashMemory::CrashMemory(std::vector<TopicPartition> inputs, int64_t epoch_events)
    : inputs_(std::move(inputs)), epoch_events_(epoch_events), lanes_(inputs_.size() + 1) {}

std::string CrashMemory::Load(const v1::Frontier& frontier, Suspects* suspects) {
  // A task that is opened anew in one process has ended none.
  if (is_loaded_) return "";
  is_loaded_ = true;
  const auto load = [](const v1::CrashWatch& watch, Lane* lane) {
    lane->starts = watch.starts();
    lane->left = static_cast<int64_t>(std::min<uint64_t>(watch.events_left(), INT64_MAX));
    // Written of lanes that are run in small epochs only, so one of these has ended the process.
    if (lane->left > 0) lane->alone = kSmallEpoch;
  };
  for (const v1::InputOffset& input : frontier.inputs()) {
    for (size_t i = 0; i < inputs_.size(); ++i) {
      if (inputs_[i].topic == input.topic()) load(input.watch(), &lanes_[i]);
    }
  }
  load(frontier.parked_watch(), &lanes_.back());
  std::string told;
  uint32_t starts = 0;
  for (const Lane& lane : lanes_) starts = std::max(starts, lane.starts);
  if (starts + 1 >= kSmallEpochsFrom) {
    told = absl::StrCat("was ended without a word ", starts, starts == 1 ? " time" : " times",
                        ", before any event took effect; its events are run in small transactions for a while");
  }
  for (const v1::RunMark& mark : frontier.run_marks()) {
    const Place place{{mark.topic(), inputs_.front().partition}, Offset(mark.offset())};
    // It took effect, whoever has run it.
    if (!mark.is_parked() && IsPast(frontier, place)) continue;
    marks_[place] = {mark.runs(), mark.is_parked()};
    const std::string words =
        absl::StrCat("the process ended ", mark.runs(), mark.runs() == 1 ? " time" : " times",
                     " while the handlers of event ", ToString(place.where, place.offset), " ran, alone");
    absl::StrAppend(&told, told.empty() ? "" : "; ", words);
    if (mark.runs() < kBlamedAfter) continue;
    suspects->Warn(place, words);
    absl::StrAppend(&told, ": it fails without being run");
  }
  SetCalm();
  return told;
}

void CrashMemory::OnOpened(const std::function<bool(const Place&)>& is_over) {
  std::erase_if(marks_, [&](const auto& mark) { return is_over(mark.first); });
  SetCalm();
}

void CrashMemory::SetCalm() {
  for (Lane& lane : lanes_) {
    lane.is_calm = lane.begun == Begun::kYes && lane.left == 0 && marks_.empty() && !about_.has_value();
  }
}

void CrashMemory::Begin(size_t lane, int64_t round) {
  Lane& begun = lanes_[lane];
  begun.begun = Begun::kBeing;
  begun.progressed = false;
  begun.round = round;
  begun.turns = 0;
  if (begun.left == 0 && begun.starts + 1 >= kSmallEpochsFrom) begun.left = std::min(epoch_events_, kCarefulEvents);
  // Whose turn it was is not known any more, so it may be each one's before that of a deadly event.
  if (begun.alone > 0) begun.alone = std::max(begun.alone, round);
  SetCalm();
}

Suspects::Treatment CrashMemory::TreatmentOf(size_t lane, const Place& place) const {
  const Lane& its = lanes_[lane];
  const bool is_alone = its.alone > its.ran || (lane == parked_lane() && !marks_.empty());
  if (is_alone || marks_.contains(place)) return Suspects::Treatment::kAlone;
  return its.left > 0 ? Suspects::Treatment::kGrouped : Suspects::Treatment::kFree;
}

void CrashMemory::Announce(size_t lane, const Place& place) {
  about_ = place;
  is_about_parked_ = lane == parked_lane();
  // That is so when a commit has said it.
  is_announced_ = false;
  // T5: an epoch may take effect without our knowing.
  may_be_named_ = true;
  SetCalm();
}

void CrashMemory::CameBack() {
  // Also one that is not known to be committed may be.
  has_news_ = has_news_ || about_.has_value();
  about_.reset();
  is_announced_ = false;
  SetCalm();
}

void CrashMemory::ForgetBlamed() {
  std::erase_if(marks_, [](const auto& entry) { return entry.second.runs >= kBlamedAfter; });
  SetCalm();
}

void CrashMemory::NoteRan(size_t lane, const std::optional<Place>& place, bool is_last) {
  Lane& its = lanes_[lane];
  ++its.ran;
  if (place.has_value() && (about_ == place || marks_.contains(*place))) done_.insert(*place);
  if (lane != parked_lane()) return;
  its.is_empty = is_last;
  // Parked events move no offset: progress is that each of them has had its turn.
  if (is_last || its.turns + its.ran >= its.round) its.moved = true;
}

void CrashMemory::NoteEnded(const Place& place) {
  if (marks_.contains(place)) done_.insert(place);
}

void CrashMemory::AddTo(bool has_parked, v1::Frontier* frontier) const {
  for (size_t i = 0; i < lanes_.size(); ++i) {
    const Lane& lane = lanes_[i];
    // An epoch that moves the lane is progress: only ends without any in between count.
    const uint32_t starts = lane.moved ? 0 : lane.written_starts();
    const int64_t left = lane.left_then();
    const bool is_input = i < inputs_.size();
    if (!is_input) frontier->clear_parked_watch();
    // Absent is zero: frontiers of tasks that nothing has happened to have nothing of this.
    if (starts == 0 && left == 0) continue;
    v1::CrashWatch* watch =
        is_input ? frontier->mutable_inputs(static_cast<int>(i))->mutable_watch() : frontier->mutable_parked_watch();
    watch->set_starts(starts);
    watch->set_events_left(static_cast<uint64_t>(left));
  }
  std::map<Place, Mark> marks = marks_;
  // Counted as a run that never came back until a later frontier takes that back.
  if (about_.has_value() && !done_.contains(*about_)) {
    Mark& mark = marks[*about_];
    mark.is_parked = is_about_parked_;
    ++mark.runs;
  }
  frontier->clear_run_marks();
  for (const auto& [place, mark] : marks) {
    const bool is_over = mark.is_parked ? !has_parked : IsPast(*frontier, place);
    if (is_over || done_.contains(place)) continue;
    v1::RunMark* written = frontier->add_run_marks();
    written->set_topic(place.where.topic);
    written->set_offset(place.offset.value());
    written->set_runs(mark.runs);
    written->set_is_parked(mark.is_parked);
  }
  // E7: the frontier has a largest size, see LargestFrontierRecord.
  const int too_many = frontier->run_marks_size() - static_cast<int>(kMaxMarks);
  if (too_many > 0) frontier->mutable_run_marks()->DeleteSubrange(0, too_many);
}

void CrashMemory::OnCommitted() {
  for (Lane& lane : lanes_) {
    if (lane.begun == Begun::kBeing) lane.begun = Begun::kYes;
    lane.turns += lane.ran;
    if (lane.moved) {
      lane.starts = 0;
      lane.progressed = true;
    }
    lane.left = lane.left_then();
    lane.alone = std::max(int64_t{0}, std::min(lane.left, lane.alone - lane.ran));
    lane.moved = false;
    lane.is_empty = false;
    lane.ran = 0;
  }
  for (const Place& place : done_) {
    marks_.erase(place);
    if (about_ == place) about_.reset();
  }
  done_.clear();
  has_news_ = false;
  // What is about to be run is committed as such by now.
  is_announced_ = may_be_named_ = about_.has_value();
  SetCalm();
}

void CrashMemory::OnDropped() {
  for (Lane& lane : lanes_) {
    // Nothing that is committed says that it began, so that is said again before anything of it runs.
    if (lane.begun == Begun::kBeing) lane.begun = Begun::kNo;
    lane.moved = false;
    lane.is_empty = false;
    lane.ran = 0;
  }
  // It came back, or it was not even announced.
  if (about_.has_value() && (!is_announced_ || done_.contains(*about_))) CameBack();
  done_.clear();
  SetCalm();
}

bool CrashMemory::TakeBack() {
  bool is_needed = has_news_ || about_.has_value();
  for (Lane& lane : lanes_) {
    // It began and did nothing: left so, it would count as an end without a word at the next opening.
    is_needed = is_needed || (lane.begun == Begun::kYes && !lane.progressed && !lane.moved);
    if (lane.begun != Begun::kNo && !lane.progressed) lane.begun = Begun::kNo;
  }
  about_.reset();
  is_announced_ = false;
  has_news_ = false;
  SetCalm();
  return is_needed;
}

// What its successor writes counts, and of ours nothing is written.
void CrashMemory::GiveUp() {
  TakeBack();
  may_be_named_ = false;
}

}  // namespace once
