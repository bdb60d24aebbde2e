// Judges a simulated run from the outside, at every commit: what the engine may not break (I1 to I7).
//
// It sees each committed transaction of one application as a whole, and holds it against a model that knows only the
// events that were sent and what the handlers do with each.
#ifndef ONCE_TESTS_SIM_CHECKER_H_
#define ONCE_TESTS_SIM_CHECKER_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <set>
#include <string>
#include <string_view>
#include <tuple>
#include <unordered_map>
#include <vector>

#include "processor/base/clock.h"
#include "processor/engine/plan.h"
#include "tests/sim/command_model.h"
#include "tests/sim/workload.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

struct CheckerOptions {
  TopologyKind topology = TopologyKind::kCount;
  int min_inputs = 1;                                      // Frontiers need not name more inputs than this.
  bool slow_retries = false;                               // As the topology has it.
  absl::Duration clocks_wrong_by = {};                     // Of those that stamp records, at most.
  absl::Duration longest_kept = absl::InfiniteDuration();  // Outputs that are older by their timestamp are deleted.
  absl::Duration farthest_ahead = absl::InfiniteDuration();
};

class Checker {
 public:
  // All must outlive this. `events` by number; an event's offset is filled in when it is in its log.
  Checker(const CheckerOptions& options, const Plan* plan, testkit::MemoryCluster* cluster, Clock* clock,
          std::vector<SimEvent>* events);

  // The event is in its log now.
  void OnSent(const SimEvent& event);
  // The command is in its topic now.
  void OnCommand(int32_t partition, int64_t offset, const v1::Command& command) {
    commands_.OnSent(partition, offset, command);
  }
  // The topics have more partitions now.
  void Grow();
  // Whether who commits under that transactional id has seen the id of the changelog that there is now.
  using KnowsLog = std::function<bool(const std::string& transactional_id, int32_t partition)>;
  // The changelog was deleted and made anew: nothing may be committed to the new one by who opened the task since, or
  // before it has come as far as the one before. Until a task is opened nobody looks at the id but now and then.
  void OnChangelogRemade(KnowsLog knows);
  // Nothing is judged from now on: a source is another one, and may be passed over until somebody reads what is said.
  void Suspend() { is_suspended_ = true; }
  // What failed events do from now on; nothing of before is under way.
  void set_blocks(bool blocks) { blocks_ = blocks; }
  // kFailing is handled well from now on; events are run that were before.
  void set_mended() { is_mended_ = true; }
  // Call it from MemoryCluster::OnCommit.
  void OnCommit(const testkit::CommittedTransaction& transaction);

  // An event up to the ends of the logs that is not settled though it is not parked for good; empty if there is none.
  std::string Unsettled() const;
  // The committed changelog of a partition, folded.
  const std::map<std::string, std::string>& Fold(int32_t partition) const { return tasks_[partition].fold; }
  int32_t partitions() const { return static_cast<int32_t>(tasks_.size()); }
  // Every task has committed.
  bool HasStateEverywhere() const;

  // Empty as long as all is well; then what was found first.
  const std::string& violation() const { return violation_; }
  int64_t commits() const { return commits_; }

 private:
  struct Letter {
    std::string disposition;
    std::string origin;
    std::string round;
  };
  struct Effects {
    std::vector<std::string> outputs;  // Values in the main sink.
    int others = 0;                    // Records in the second sink.
    int failed = 0;
    int blocked = 0;
    int rejected = 0;
    int skipped = 0;
    int discarded = 0;
    int never = 0;
    std::vector<Letter> letters;

    int ended() const { return skipped + discarded + never; }

    int output_count() const { return static_cast<int>(outputs.size()) + others; }
  };
  // What is known of one record key within its task, or of one event without a key.
  struct KeyState {
    std::deque<const SimEvent*> waiting[2];  // By source: not settled, in the order of the log.
    History history;
    const SimEvent* failed = nullptr;    // The head that blocks the key.
    int releases = 0;                    // Notices of it that came back and have not made it run yet.
    int reruns = 0;                      // Times that they made it run, in vain.
    std::set<const SimEvent*> noticed;   // Events with a BLOCKED notice.
    const SimEvent* keyless = nullptr;   // The last event, if it has no key.
    std::set<int64_t> to_discard;        // Events, by number, that a command ends in their turn.
    std::set<int64_t> may_be_discarded;  // That came in the transaction of such a command, before it or after it.
    // By commands in the transaction under judgement.
    int commands = 0;
    int skips = 0;
    std::map<std::string, int> released;  // By the ID of the event that blocked.
    bool is_discarded_now = false;
  };
  struct TaskModel {
    std::map<std::string, std::string> fold;
    std::map<std::string, KeyState> keys;
    std::vector<std::map<int64_t, const SimEvent*>> sent;  // By source and offset.
    std::vector<int64_t> committed;                        // By source: next offset.
    std::set<std::tuple<int, std::string, int>> seen;      // Source, event ID, round.
    int64_t frontier_offset = -1;                          // Of the last frontier.
    int64_t lost_to = -1;                                  // That of the changelog before, if it was made anew.
  };
  // What a key went through in the transaction under judgement.
  struct Course {
    std::set<int64_t> parked;  // By number, after it.
    bool was_failed = false;   // Before it, and nobody released it.
    bool is_released = false;
    std::set<std::string> left_ids = {};  // Of events that waited before it, and are parked no more.
    bool is_parked = false;               // By the key's status, after it.
  };

  void Fail(const std::string& what);
  TaskModel NewTask() const;
  void Advance(int32_t partition, std::set<std::string>* touched);
  void Take(TaskModel* task, const SimEvent& event, std::set<std::string>* touched);
  void CheckRemadeLog(const testkit::CommittedTransaction& transaction);
  void ReadChangelog(const testkit::CommittedTransaction& transaction, std::vector<std::set<std::string>>* touched);
  // The key of an event without one, by where its status says that it is.
  std::string KeylessKey(const TaskModel& task, std::string_view place) const;
  void ReadOutput(const testkit::StoredRecord& record, bool is_main);
  void ReadDeadLetter(const testkit::StoredRecord& record);
  void CheckTime(const SimEvent& event, const testkit::StoredRecord& record, bool is_letter);
  void CheckPause(const SimEvent& event, const testkit::StoredRecord& record);
  void CheckHistories();
  Effects* EffectsOf(int64_t number, const std::string& what);
  bool MayFail(const SimEvent& event, bool is_rerun) const;
  bool MaySucceed(const SimEvent& event) const;
  void CheckLetters(const SimEvent& event, const Effects& effects);
  void ReadCommands(const testkit::CommittedTransaction& transaction, std::vector<std::set<std::string>>* touched);
  void TakeCommand(KeyState* state, const v1::Target& target, const CommandModel::Passed& passed);
  // How often commands of this transaction have released an event that failed in it.
  static int ReleasesOf(const KeyState& state, const SimEvent& event);
  void AllowRunForRule(int32_t partition, const Course& course, KeyState* state);
  void SettleEnded(int32_t partition, KeyState* state, Course* course);
  static void EndCommands(KeyState* state);
  void CheckMayRun(int32_t partition, const KeyState& state, const SimEvent& event);
  void Settle(int32_t partition, const std::string& key);
  // The head that a notice released, if it has run.
  void SettleReleased(KeyState* state, Course* course);
  // A keyless event waits for nobody and blocks nobody.
  void SettleKeyless(const SimEvent& event, const Effects& effects);
  // False if the event stays.
  bool SettleOne(KeyState* state, const SimEvent& event, bool is_behind_another, const Course& course);
  bool SettleFailure(KeyState* state, const SimEvent& event, const Effects& effects, const Course& course);
  std::set<int64_t> ParkedOf(const TaskModel& task, const std::string& key, const KeyState& state) const;
  static bool IsParked(const TaskModel& task, const std::string& key);
  void CheckParked(const TaskModel& task, const std::string& key, const KeyState& state);
  void CheckState(const TaskModel& task, const std::string& key, const KeyState& state);
  void CheckFrontier(int32_t partition);

  const CheckerOptions options_;
  const TopologyKind topology_;
  const Plan* const plan_;
  testkit::MemoryCluster* const cluster_;
  Clock* const clock_;
  std::vector<SimEvent>* const events_;
  const std::vector<std::string> sources_;
  const std::string transactional_prefix_;
  std::vector<TaskModel> tasks_;
  CommandModel commands_;
  bool blocks_;
  bool is_mended_ = false;
  bool is_suspended_ = false;
  KnowsLog knows_log_;        // Unless the changelog is the first one.
  std::set<int64_t> copied_;  // Events of which copies were sent.
  // Of the transaction under judgement, by event number.
  std::map<int64_t, Effects> effects_;
  // Main outputs in the order of the log, to be folded into the histories.
  std::vector<std::pair<int64_t, std::string>> main_outputs_;
  std::string violation_;
  int64_t commits_ = 0;
};

// For messages.
std::string TextOf(const SimEvent& event);
// By which commands and rules know it; unique only per source.
std::string IdOf(const SimEvent& event);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_CHECKER_H_
