// Judges a simulated run from the outside, at every commit: what the engine may not break (I1 to I7).
//
// It sees each committed transaction as a whole, and holds it against a model that knows only the events that were sent
// and what the handlers do with each.
#ifndef ONCE_TESTS_SIM_CHECKER_H_
#define ONCE_TESTS_SIM_CHECKER_H_

#include <cstdint>
#include <deque>
#include <map>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "processor/engine/plan.h"
#include "tests/sim/workload.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

class Checker {
 public:
  // All must outlive this. `events` by number; an event's offset is filled in when it is in its log.
  Checker(TopologyKind topology, const Plan* plan, testkit::MemoryCluster* cluster, std::vector<SimEvent>* events);

  // The event is in its log now.
  void OnSent(const SimEvent& event);
  // Frontiers need not name more inputs than this; all unless it is called.
  void set_min_inputs(int inputs) { min_inputs_ = inputs; }
  // The source's topic is another one from now on: its events begin anew at 0.
  void OnRemade(int source);
  // An event that lay below the committed offset when it was sent: nobody will read it. Empty if there is none.
  const std::string& passed_over() const { return passed_over_; }
  // Call it from MemoryCluster::OnCommit.
  void OnCommit(const testkit::CommittedTransaction& transaction);

  // An event up to the ends of the logs that is not settled though it is not parked for good; empty if there is none.
  std::string Unsettled() const;
  // The committed changelog of a partition, folded.
  const std::map<std::string, std::string>& Fold(int32_t partition) const { return tasks_[partition].fold; }
  int32_t partitions() const { return static_cast<int32_t>(tasks_.size()); }

  // Empty as long as all is well; then what was found first.
  const std::string& violation() const { return violation_; }
  int64_t commits() const { return commits_; }

 private:
  struct Effects {
    std::vector<std::string> outputs;  // Values in the main sink.
    int others = 0;                    // Records in the second sink.
    int failed = 0;
    int blocked = 0;
    int rejected = 0;
  };
  // What is known of one record key within its task.
  struct KeyState {
    std::deque<const SimEvent*> waiting[2];  // By source: not settled, in the order of the log.
    History history;
    const SimEvent* failed = nullptr;  // The head that blocks the key.
    std::set<int64_t> noticed;         // Events with a BLOCKED notice.
  };
  struct TaskModel {
    std::map<std::string, std::string> fold;
    std::map<std::string, KeyState> keys;
    std::vector<std::map<int64_t, const SimEvent*>> sent;  // By source and offset.
    std::vector<int64_t> committed;                        // By source: next offset.
    std::set<std::pair<int, std::string>> seen;            // Source and event ID.
  };

  void Fail(const std::string& what);
  void Advance(int32_t partition, std::set<std::string>* touched);
  void ReadChangelog(const testkit::CommittedTransaction& transaction, std::vector<std::set<std::string>>* touched);
  void ReadOutput(const testkit::StoredRecord& record, bool is_main);
  void ReadDeadLetter(const testkit::StoredRecord& record);
  Effects* EffectsOf(int64_t number, const std::string& what);
  void Settle(int32_t partition, const std::string& key);
  // A keyless event waits for nobody and blocks nobody.
  bool SettleKeyless(const SimEvent& event, const Effects& effects);
  // False if the event stays.
  bool SettleOne(KeyState* state, const SimEvent& event, bool is_behind_another, bool was_failed);
  void CheckParked(const TaskModel& task, const std::string& key, const KeyState& state);
  void CheckState(const TaskModel& task, const std::string& key, const KeyState& state);
  void CheckFrontier(int32_t partition);

  const TopologyKind topology_;
  const Plan* const plan_;
  testkit::MemoryCluster* const cluster_;
  std::vector<SimEvent>* const events_;
  const std::vector<std::string> sources_;
  std::vector<TaskModel> tasks_;
  // Of the transaction under judgement, by event number.
  std::map<int64_t, Effects> effects_;
  // Main outputs in the order of the log, to be folded into the histories.
  std::vector<std::pair<int64_t, std::string>> main_outputs_;
  int min_inputs_;
  std::string passed_over_;
  std::string violation_;
  int64_t commits_ = 0;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_CHECKER_H_
