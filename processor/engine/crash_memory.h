// What an event that ends its process leaves to whoever opens its task next (X3).
//
// The state directory remembers it as well (processor/runtime/crash_journal.h), but stays where the process was. This
// memory is in the task's frontier, so it goes with the task, from instance to instance.
//
// A task has lanes of work: each of its inputs, and its parked events. Before the first event of a lane is run, a
// transaction says that this opening of the task has begun with it; the first commit in which events of the lane take
// effect, or an orderly end, takes that back. So what is found at an opening is how many before it, in a row, have
// ended without a word and without progress in that lane. The more they were, the more carefully it is run:
//
//   openings, this one included   events of the lane are run
//   1                             like any
//   2                             in small epochs, so that what is before a deadly event takes effect
//   after an end among these      each alone, after a transaction that says that it is about to be run, and that is
//                                 taken back when it has come back
//   kBlamedAfter such runs from   not at all: the event fails
//   which it never came back
//
// So a task that was ended from outside, whenever that was, costs some small transactions; to be blamed an event must
// have been under way, alone, each time. A task that nothing happens to pays one transaction for each opening.
//
// A lane is run in small epochs for as many events as an epoch can hold, since the deadly one is among them, but for no
// more than a few seconds' worth: one that lies farther is come nearer to with each turn. Events are run alone for as
// many as a small epoch holds; parked events until none is left that could be run.
#ifndef ONCE_PROCESSOR_ENGINE_CRASH_MEMORY_H_
#define ONCE_PROCESSOR_ENGINE_CRASH_MEMORY_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "once/v1/changelog.pb.h"
#include "processor/base/types.h"
#include "processor/engine/suspects.h"

namespace once {

// Of one task, while it is ours. What it writes follows from what it holds alone, so a transaction of unknown outcome
// is simply followed by the next one. Not thread-safe.
class CrashMemory {
 public:
  static constexpr uint32_t kSmallEpochsFrom = 2;
  static constexpr uint32_t kBlamedAfter = 3;
  static constexpr int64_t kSmallEpoch = 100;       // Events.
  static constexpr int64_t kCarefulEvents = 5'000;  // In small epochs, of one turn.
  // Events that a frontier names. Of more that end their processes some are found out later.
  static constexpr size_t kMaxMarks = 16;

  // `inputs` in the order of the frontier's; `epoch_events` is what an epoch holds at most.
  CrashMemory(std::vector<TopicPartition> inputs, int64_t epoch_events);

  // The task is about to run, and this is its frontier. Counts once: later calls change nothing. `suspects` is told of
  // events that are to fail. Returns what is to be told; empty: nothing.
  std::string Load(const v1::Frontier& frontier, Suspects* suspects);

  // The task has been opened: what `is_over`, whoever has committed it, is named no more.
  void OnOpened(const std::function<bool(const Place&)>& is_over);
  // Some event is named, by openings before this one.
  bool has_marks() const { return !marks_.empty(); }

  // Lanes: the inputs by index, and this.
  size_t parked_lane() const { return lanes_.size() - 1; }
  // Nothing is to be done before or after an event of the lane; of parked events, NoteRan is.
  bool IsCalm(size_t lane) const { return lanes_[lane].is_calm; }
  bool HasBegun(size_t lane) const { return lanes_[lane].begun == Begun::kYes; }
  // The open epoch says that the lane is begun; nothing of it may run before that has committed. `round`, of parked
  // events: after so many of them each one that is due now has had its turn.
  void Begin(size_t lane, int64_t round = 0);
  // Of a lane that has begun.
  Suspects::Treatment TreatmentOf(size_t lane, const Place& place) const;

  // Some event is about to be run, or may be by what is committed.
  bool is_about_to_run() const { return about_.has_value(); }
  // What is committed may say of an event that it is about to be run: until a commit has taken that back, it would be
  // taken for what ends the process.
  bool may_be_named() const { return may_be_named_; }
  // Whether it is committed that the event is about to be run, which one that is run alone needs.
  bool IsAnnounced(const Place& place) const { return is_announced_ && about_ == place; }
  // The open epoch says it.
  void Announce(size_t lane, const Place& place);
  // The event came back without being done: nothing is about to be run.
  void CameBack();
  // Events that failed for what is known here have ended the application, as their policy has it: they are to be run
  // when it is started again.
  void ForgetBlamed();
  // An event of the lane is in the open epoch, and has come back. `is_last`, of parked events: no other one can be run
  // now.
  void NoteRan(size_t lane, const std::optional<Place>& place, bool is_last = false);

  // In the open epoch a command ends the event, which is not run any more.
  void NoteEnded(const Place& place);

  // The open epoch moves the input's offset.
  void NoteMoved(size_t input) { lanes_[input].moved = true; }
  // To the open epoch's frontier, whose inputs are set. `has_parked`: the task has parked events.
  void AddTo(bool has_parked, v1::Frontier* frontier) const;
  // How that epoch ended.
  void OnCommitted();
  void OnDropped();
  // What the frontier says of an event is no longer so, and is to be written when there is time.
  bool has_news() const { return has_news_; }

  // The task ends orderly. True if something is to be taken back: the open epoch then does.
  bool TakeBack();
  // It is lost: there is nothing more to write.
  void GiveUp();

 private:
  enum class Begun { kNo, kBeing, kYes };
  struct Lane {
    uint32_t starts = 0;  // Openings before this one.
    int64_t left = 0;     // Events to be run in small epochs.
    int64_t alone = 0;    // Events to be run alone, of these.
    Begun begun = Begun::kNo;
    bool progressed = false;  // Since it was begun.
    bool is_calm = false;
    int64_t round = 0;
    int64_t turns = 0;  // Of the round.
    // The open epoch.
    bool moved = false;
    bool is_empty = false;  // All that could be run has been.
    int64_t ran = 0;

    // What a frontier says when nothing of the open epoch counts.
    uint32_t written_starts() const { return progressed ? 0 : starts + (begun == Begun::kNo ? 0 : 1); }
    // When the open epoch has committed.
    int64_t left_then() const { return is_empty || left <= ran ? 0 : left - ran; }
  };
  struct Mark {
    uint32_t runs = 0;
    bool is_parked = false;
  };

  // After any change.
  void SetCalm();

  const std::vector<TopicPartition> inputs_;
  const int64_t epoch_events_;
  bool is_loaded_ = false;
  std::vector<Lane> lanes_;
  std::map<Place, Mark> marks_;  // Runs of openings before this one that never came back.
  std::optional<Place> about_;   // What is about to be run by this one.
  bool is_about_parked_ = false;
  bool is_announced_ = false;
  bool may_be_named_ = false;
  std::set<Place> done_;  // By the open epoch, of those that the frontier names.
  bool has_news_ = false;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_CRASH_MEMORY_H_
