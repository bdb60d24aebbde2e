// What the simulated run's commands must come to (R7): each one result, in the transaction that commits its offset, and
// what that says.
#ifndef ONCE_TESTS_SIM_COMMAND_MODEL_H_
#define ONCE_TESTS_SIM_COMMAND_MODEL_H_

#include <cstdint>
#include <map>
#include <set>
#include <string>
#include <vector>

#include "once/v1/control.pb.h"
#include "processor/engine/plan.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

class CommandModel {
 public:
  // Both must outlive this.
  CommandModel(const Plan* plan, testkit::MemoryCluster* cluster) : plan_(plan), cluster_(cluster) {}

  // A command that was passed in the transaction under judgement, and its result, if that was in it.
  struct Passed {
    v1::Command command;
    v1::CommandResult result;  // outcome UNKNOWN: to come.
  };

  // It is in the control topic now.
  void OnSent(int32_t partition, int64_t offset, const v1::Command& command);
  // Reads a transaction; empty, or what is wrong with it.
  std::string Read(const testkit::CommittedTransaction& transaction);
  // Of the transaction read last, in their order.
  const std::vector<Passed>& passed(int32_t partition) { return tasks_[partition].passed; }

  // Whether the event with this ID must end unprocessed in the transaction read last, or may.
  bool MustEnd(int32_t partition, const std::string& event_id) const;
  bool MayEnd(int32_t partition, const std::string& event_id) const;
  // There is or was such a rule: its head was run, so that it ends, and the rule may have gone before its turn.
  bool WasMatched(int32_t partition, const std::string& event_id) const;
  // Its inputs were paused before that transaction, and still are.
  bool IsPaused(int32_t partition) const;

  // A command without its result; empty if there is none.
  std::string Unsettled() const;

 private:
  struct TaskModel {
    std::map<int64_t, v1::Command> sent;
    int64_t committed = 0;
    std::set<std::string> seen;  // IDs.
    std::set<int64_t> under_way;
    std::set<std::string> rules;
    std::set<std::string> all_rules;      // That there ever were.
    std::set<std::string> changed_rules;  // In the transaction read last.
    bool is_paused = false;
    bool was_paused = false;  // Before the transaction read last, and all through it.
    std::vector<Passed> passed;
  };

  std::string Pass(TaskModel* task, int64_t offset, Passed* passed);
  static std::string Describe(const TaskModel& task, int64_t offset);

  const Plan* const plan_;
  testkit::MemoryCluster* const cluster_;
  std::map<int32_t, TaskModel> tasks_;
};

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_COMMAND_MODEL_H_
