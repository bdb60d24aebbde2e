// Names that follow from the graph. Those of internal topics are on the brokers: changing one loses what it holds.
#include "processor/topology/graph.h"

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once {

const char* KindName(NodeKind kind) { return kind == NodeKind::kAggregate ? "aggregate" : "transform"; }

std::string ChangelogTopic(std::string_view application_id, const TaskGroupSpec& group) {
  return absl::StrCat(ToAbsl(application_id), "-", group.name, "-changelog");
}

std::string ControlTopic(std::string_view application_id, const TaskGroupSpec& group) {
  return absl::StrCat(ToAbsl(application_id), "-", group.name, "-control");
}

std::string AuditTopic(std::string_view application_id, const TaskGroupSpec& group) {
  return absl::StrCat(ToAbsl(application_id), "-", group.name, "-audit");
}

}  // namespace once
