// What commands have left in a task: which of them are done, never-process rules, whether its inputs are paused, and
// commands that are carried out in portions.
//
// Everything is written to the task's state, so it is in the changelog of the transaction in which a command takes
// effect; this class is the index over it. An epoch that drops calls Revert, which reads all afresh: commands are rare.
#ifndef ONCE_PROCESSOR_ENGINE_CONTROL_STATE_H_
#define ONCE_PROCESSOR_ENGINE_CONTROL_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/status/status.h"
#include "absl/time/time.h"
#include "once/v1/control.pb.h"
#include "processor/base/record.h"
#include "processor/base/strings.h"
#include "state/changelog.h"
#include "state/task_state.h"

namespace once {

// So many commands are remembered by their IDs, of each task; and so many rules may there be.
inline constexpr size_t kMaxCommandsRemembered = 10'000;
inline constexpr size_t kMaxNeverRules = 10'000;

// The name of a rule, by which it is kept and found; empty if the rule says nothing.
std::string NameOf(const v1::NeverRule& rule);
// In words: `event ID "17"`.
std::string Describe(const v1::NeverRule& rule);

// Not thread-safe. `state` must outlive this.
class ControlState {
 public:
  explicit ControlState(TaskState* state) : state_(state) {}

  // What became of the command with this ID; null if the task has had none, or has forgotten it.
  const v1::CommandDone* FindDone(std::string_view id) const;
  absl::Status AddDone(const v1::CommandDone& done);

  // No rule: nothing is to be asked.
  bool has_rules() const { return !rules_.empty(); }
  size_t rule_count() const { return rules_.size(); }
  // Why the record is never to be processed: the rule that it matches; null if there is none. One look-up for each kind
  // of rule that there is.
  const v1::NeverRuleAdded* FindRule(const RecordView& record, const std::string& topic) const;
  // All rules, in words, in the order of their names.
  std::vector<std::string> DescribeRules() const;
  bool HasRule(const v1::NeverRule& rule) const { return rules_.contains(NameOf(rule)); }
  absl::Status AddRule(const v1::NeverRuleAdded& added);
  absl::Status RemoveRule(const v1::NeverRule& rule);

  // By whom the inputs are paused; null if they are not.
  const v1::InputsPaused* paused() const { return paused_.has_value() ? &*paused_ : nullptr; }
  absl::Status SetPaused(const std::optional<v1::InputsPaused>& paused);

  // By sequence.
  const std::map<uint64_t, v1::CommandUnderWay>& under_way() const { return under_way_; }
  absl::Status AddUnderWay(const v1::CommandUnderWay& command);
  absl::Status SetUnderWay(uint64_t sequence, const v1::CommandUnderWay& command);
  absl::Status EndUnderWay(uint64_t sequence);
  // Of one under way, that it has ended. Nothing if it is forgotten.
  absl::Status UpdateDone(const v1::CommandDone& done);

  // How far one under way has come, in memory alone.
  struct Walk {
    bool is_laid = false;
    std::vector<std::string> left = {};      // Queues that are to be looked at, the last one first.
    absl::Time next = absl::InfinitePast();  // When it goes on.
  };
  Walk& WalkOf(uint64_t sequence) { return walks_[sequence]; }
  // The one that goes on next, and when; one must be under way. InfiniteFuture if none is.
  uint64_t NextPortion() const;
  absl::Time NextPortionAt() const;

  // Whether the epoch changes anything of it.
  bool is_changed() const { return is_changed_; }
  // The epoch's changes stay / are undone.
  void Commit() { is_changed_ = false; }
  absl::Status Revert();
  // Reads everything from the state.
  absl::Status Load();

 private:
  absl::Status Write(ControlKind kind, std::string_view name, OptionalBytes value);
  absl::Status LoadOne(std::string_view key, std::string_view value);
  void Index(std::string name, v1::NeverRuleAdded rule);

  TaskState* const state_;
  std::map<uint64_t, v1::CommandDone> done_;  // By sequence: the oldest is forgotten first.
  absl::flat_hash_map<std::string, uint64_t, StringHash, StringEq> done_by_id_;
  absl::flat_hash_map<std::string, v1::NeverRuleAdded, StringHash, StringEq> rules_;
  std::array<int, 8> rules_by_kind_ = {};  // By NeverRule's field number: how many there are.
  std::optional<v1::InputsPaused> paused_;
  std::map<uint64_t, v1::CommandUnderWay> under_way_;
  std::map<uint64_t, Walk> walks_;
  bool is_changed_ = false;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_CONTROL_STATE_H_
