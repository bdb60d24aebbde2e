// What changes for good in the course of a run, once: topics under the feet of the application, or the application
// itself between two runs. The engine must go on with all it knew, or refuse in words until somebody mends it.
#ifndef ONCE_TESTS_SIM_CHANGE_H_
#define ONCE_TESTS_SIM_CHANGE_H_

#include <string>
#include <string_view>
#include <vector>

#include "tests/sim/random.h"
#include "tests/sim/workload.h"

namespace once::sim {

enum class Change {
  kNone,
  // Of topics: while pods run, or when all are stopped.
  kRemakeSource,   // The first source's topic is deleted and made anew.
  kGrowSources,    // All sources' topics get one partition more.
  kLoseChangelog,  // The changelog is deleted and made anew, or loses its first records.
  kGrowChangelog,  // It gets one partition more.
  kCleanupPolicy,  // It is no longer compacted.
  // Of the application: all pods are killed and restart with another one.
  kAddSource,         // One source more.
  kJoinGroups,        // An aggregate hears the sources of two task groups.
  kRenameSource,      // The source that names the task group gets another name.
  kRenameInGroup,     // The same where the group has a name of its own.
  kRemoveSource,      // One source less.
  kReplaceTopic,      // A source reads another topic.
  kSwapPolicy,        // What failed events do is swapped: block, or be passed over.
  kOtherApplication,  // Another application whose changelog is called the same.
  kNewerFormat,       // A version came and went whose changelog this one cannot read.
};
inline constexpr Change kLastOfTopics = Change::kCleanupPolicy;
inline constexpr Change kLastChange = Change::kNewerFormat;

const char* NameOf(Change change);
inline bool IsOfTopics(Change change) { return change != Change::kNone && change <= kLastOfTopics; }

// How the engine must take it.
enum class Answer {
  kGoesOn,
  kRefuses,       // In words, having done nothing wrong.
  kRefusesAfter,  // In words; what it has done since is not to be judged: it may have passed over events.
};
Answer AnswerTo(Change change);
// Of these words the refusal has some in one of its lines.
std::vector<std::string> WordsOf(Change change);

// What an operator does about a refusal.
enum class Mending {
  kPutBack,         // What was there before.
  kNameGroup,       // Under the former name.
  kNewApplication,  // All begins anew under another application id.
};
Mending MendingOf(Change change, Random* random);

// The application at one time: what the pods run.
struct Version {
  std::string application = kApplication;
  TopologyOptions topology;
};
// Before the change, after it, and once it is mended. `usual` is what runs in other seeds.
Version Before(Change change, const TopologyOptions& usual);
Version After(Change change, const TopologyOptions& usual);
Version Mended(Change change, Mending mending, const TopologyOptions& usual);

// The topology that a scenario with this change has at its end, if it is not to be drawn; `drawn` if it is.
TopologyKind KindFor(Change change, TopologyKind drawn);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_CHANGE_H_
