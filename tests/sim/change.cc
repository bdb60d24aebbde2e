#include "tests/sim/change.h"

#include "absl/strings/str_cat.h"

namespace once::sim {
namespace {

// With the name of its task group it makes the same changelog as the usual application with its own.
constexpr char kOtherApplicationId[] = "sim-x";
constexpr char kNewApplicationId[] = "sim-anew";
constexpr char kOtherName[] = "orders";
constexpr char kGroup[] = "group";

}  // namespace

const char* NameOf(Change change) {
  switch (change) {
    case Change::kNone:
      return "none";
    case Change::kRemakeSource:
      return "the first source's topic is made anew";
    case Change::kGrowSources:
      return "the sources' topics get a partition more";
    case Change::kLoseChangelog:
      return "the changelog, or its beginning, is lost";
    case Change::kGrowChangelog:
      return "the changelog gets a partition more";
    case Change::kCleanupPolicy:
      return "the changelog is no longer compacted";
    case Change::kAddSource:
      return "a source is added";
    case Change::kJoinGroups:
      return "two task groups are joined";
    case Change::kRenameSource:
      return "the source is renamed";
    case Change::kRenameInGroup:
      return "the source of a named group is renamed";
    case Change::kRemoveSource:
      return "a source is removed";
    case Change::kReplaceTopic:
      return "the source reads another topic";
    case Change::kSwapPolicy:
      return "the policy is swapped";
    case Change::kOtherApplication:
      return "another application has the same changelog";
    case Change::kNewerFormat:
      return "a newer version has written";
  }
  return "";
}

Answer AnswerTo(Change change) {
  switch (change) {
    case Change::kNone:
    case Change::kAddSource:
    case Change::kRenameInGroup:
    case Change::kSwapPolicy:
      return Answer::kGoesOn;
    case Change::kRemakeSource:
      return Answer::kRefusesAfter;
    default:
      return Answer::kRefuses;
  }
}

std::vector<std::string> WordsOf(Change change) {
  switch (change) {
    case Change::kRemakeSource:
      return {"made anew", "not in the log", "no committed offset"};
    case Change::kGrowSources:
    case Change::kGrowChangelog:
      return {"partitions and has", "partitions but source topic", "equally many partitions"};
    case Change::kLoseChangelog:
      return {"made anew", "the changelog was lost", "its first records were deleted"};
    case Change::kCleanupPolicy:
      return {"cleanup.policy=delete"};
    case Change::kJoinGroups:
      return {"another task group"};
    case Change::kRenameSource:
      return {"the changelog was lost"};
    case Change::kRemoveSource:
    case Change::kReplaceTopic:
      return {"no source of that group reads there"};
    case Change::kOtherApplication:
      return {"of another application"};
    case Change::kNewerFormat:
      return {"a newer version"};
    default:
      return {};
  }
}

Mending MendingOf(Change change, Random* random) {
  switch (change) {
    case Change::kRemakeSource:
    case Change::kGrowSources:
    case Change::kLoseChangelog:
    case Change::kGrowChangelog:
      return Mending::kNewApplication;
    case Change::kRenameSource:
      return Mending::kNameGroup;
    case Change::kJoinGroups:
      return random->Chance(50) ? Mending::kPutBack : Mending::kNewApplication;
    default:
      return Mending::kPutBack;
  }
}

Version Before(Change change, const TopologyOptions& usual) {
  Version version{.topology = usual};
  TopologyOptions& topology = version.topology;
  switch (change) {
    case Change::kAddSource:
    case Change::kJoinGroups:
      topology.kind = TopologyKind::kCount;
      topology.second_apart = change == Change::kJoinGroups;
      break;
    case Change::kRenameInGroup:
      topology.group = kGroup;
      break;
    case Change::kSwapPolicy:
      topology.kind = usual.kind == TopologyKind::kPark ? TopologyKind::kSkip : TopologyKind::kPark;
      break;
    case Change::kOtherApplication:
      version.application = kOtherApplicationId;
      break;
    default:
      break;
  }
  return version;
}

Version After(Change change, const TopologyOptions& usual) {
  Version version{.topology = usual};
  TopologyOptions& topology = version.topology;
  switch (change) {
    case Change::kRenameSource:
      topology.first_name = kOtherName;
      break;
    case Change::kRenameInGroup:
      topology.group = kGroup;
      topology.first_name = kOtherName;
      break;
    case Change::kRemoveSource:
      topology.kind = TopologyKind::kCount;
      break;
    case Change::kReplaceTopic:
      topology.first_topic = SourceTopic(2);
      break;
    case Change::kOtherApplication:
      topology.group = absl::StrCat("x-", SourceTopic(0));
      break;
    default:
      break;
  }
  return version;
}

Version Mended(Change change, Mending mending, const TopologyOptions& usual) {
  switch (mending) {
    case Mending::kPutBack:
      return Before(change, usual);
    case Mending::kNameGroup: {
      Version version = After(change, usual);
      version.topology.group = SourceTopic(0);
      return version;
    }
    case Mending::kNewApplication:
      break;
  }
  Version version = After(change, usual);
  version.application = kNewApplicationId;
  return version;
}

TopologyKind KindFor(Change change, TopologyKind drawn) {
  switch (change) {
    case Change::kAddSource:
    case Change::kJoinGroups:
    case Change::kRemoveSource:
      return TopologyKind::kJoin;
    case Change::kSwapPolicy:
      return drawn == TopologyKind::kPark ? TopologyKind::kPark : TopologyKind::kSkip;
    default:
      return drawn;
  }
}

}  // namespace once::sim
