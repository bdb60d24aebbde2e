// What operators' commands did to events, by the audit topic; and what no order of commands and events can be told by:
// which rule an event met, and what waits at the end.
//
// Of each aggregate the commands that were applied come in the order of the audit topic, and each names the event that
// headed the queue then. With that a single-threaded run is told exactly what became of every event, whatever came
// between. See docs/commands.md.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_FATES_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_FATES_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "examples/order_totals/verifier_record.h"
#include "examples/order_totals/verifier_report.h"
#include "once/v1/control.pb.h"

namespace orders::verifier {

// A command that was applied to the queue of one key.
struct Applied {
  enum class Kind { kRelease, kSkip, kDiscard, kReplace };
  Kind kind = Kind::kRelease;
  std::string id = {};
  std::string event_id = {};              // Which headed the queue.
  int64_t events = 0;                     // Of a discard.
  std::optional<std::string> value = {};  // Of a replacement.
  bool release = false;                   // Likewise: it was released, too.
  std::string hash_before = {};           // Likewise.
  std::string hash_after = {};
};

// Not thread-safe. First all that is added, in any order of the topics, each partition in the order of its offsets.
class Fates {
 public:
  Fates(std::string application_id, int max_shown);

  void AddCommand(const Record& record);  // Of the control topic.
  void AddResult(const Record& record);   // Of the audit topic.
  void AddLetter(const Record& record);   // Of the dead-letter topic.
  void AddChangelog(const Record& record);

  // Whether there were commands at all.
  bool empty() const { return commands_.empty() && results_ == 0; }

  // The next command that was applied to the queue of this key when this event headed it; null if that is none.
  const Applied* Next(int32_t partition, const std::string& key, const std::string& event_id) const;
  void Take(int32_t partition, const std::string& key) { ++applied_[{partition, key}].next; }
  // Whether commands concerned this key, or may have.
  bool Concern(int32_t partition, const std::string& key) const;
  // Commands that released all queues of the partition that are blocked for this reason: of each any number of these,
  // since which queues they met is not told.
  int64_t BroadReleases(int32_t partition, const std::string& reason) const;
  // Whether a rule that was ever added to the partition matches the event; or one that still holds.
  bool MeetsRule(const Record& event, const std::string& event_id, bool at_end) const;
  // Whether the event has a dead letter of this disposition.
  bool HasLetter(const std::string& disposition, const std::string& origin) const {
    return letters_.contains({disposition, origin});
  }
  // Whether the changelog keeps it at the end.
  bool IsParked(const std::string& origin) const { return parked_.contains(origin); }

  // Something that the audit topic says, and the events do not.
  void AddDifference(const std::string& kind, Difference difference) { check_.Add(kind, std::move(difference)); }
  Check Finish();

 private:
  using Place = std::pair<int32_t, int64_t>;  // Of a command: partition, offset.
  struct Queue {
    std::vector<Applied> commands = {};
    size_t next = 0;
  };
  struct Rule {
    int32_t partition = 0;
    once::v1::NeverRule rule = {};
    bool holds = true;
  };

  void Apply(const once::v1::CommandResult& result, const once::v1::Command& command);
  void CheckResult(const Record& record, const once::v1::CommandResult& result);

  const std::string application_id_;
  Check check_;
  std::map<Place, once::v1::Command> commands_;
  std::map<Place, int> answers_;
  std::vector<std::pair<Record, once::v1::CommandResult>> kept_;  // Until all commands are known.
  std::map<std::pair<int32_t, std::string>, int> carried_out_;    // By partition and ID: but for duplicates.
  int64_t results_ = 0;
  std::map<std::pair<int32_t, std::string>, Queue> applied_;
  std::vector<std::pair<int32_t, std::string>> broad_;  // Partition and reason; empty: any.
  std::vector<Rule> rules_;
  absl::flat_hash_set<int32_t> whole_partitions_;  // All of whose keys these may have met.
  absl::flat_hash_set<std::pair<std::string, std::string>> letters_;
  absl::flat_hash_map<std::pair<int32_t, std::string>, std::string> parked_keys_;  // To the origin.
  absl::flat_hash_set<std::string> parked_;
};

// 16 bytes, as results of replacements say them; of no value: empty.
std::string HashOf(const std::optional<std::string>& value);
// The ce_id of an event, or its place.
std::string EventIdOf(const Record& record);

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_FATES_H_
