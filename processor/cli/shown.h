// How commands show what is in topics, and find what their arguments name, by the application's own topology.
#ifndef ONCE_PROCESSOR_CLI_SHOWN_H_
#define ONCE_PROCESSOR_CLI_SHOWN_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "once/v1/changelog.pb.h"
#include "once/v1/control.pb.h"
#include "processor/base/record.h"
#include "processor/base/types.h"
#include "processor/cli/output.h"
#include "processor/topology/graph.h"

namespace once::cli {

// All of it is of one graph, which outlives this.
class Shown {
 public:
  explicit Shown(const Graph* graph) : graph_(graph) {}

  // The source that reads a topic; null: none does.
  const SourceSpec* SourceOfTopic(std::string_view topic) const;
  // The task group of an aggregate, a source, or a group, by its name. InvalidArgument that names all there are.
  absl::StatusOr<uint16_t> FindGroup(const std::string& name) const;
  // The same of a task group's name; without one the only group there is. InvalidArgument that names all there are.
  absl::StatusOr<uint16_t> FindOnlyGroup(const std::string& name) const;
  // "customer", or "customer,account": the aggregates of a group, or, where there is none, its lead source.
  std::string NameOfGroup(uint16_t group) const;

  // The text of a record's key in a group, and back. InvalidArgument that says what keys are like.
  std::string KeyText(uint16_t group, std::string_view key) const;
  absl::StatusOr<std::string> KeyBytes(uint16_t group, const std::string& text) const;

  // What the event is taken for: its ce_type, or what the topology says of those without one; empty: not known.
  std::string TypeOf(const SourceSpec& source, OptionalBytes ce_type) const;
  // How values of that type are read and written; null if no handler of the source takes it.
  const JsonForm* FormOf(const SourceSpec& source, const std::string& type) const;
  // The value decoded: JSON, or, of what cannot be, {"text":...} or {"base64":...}; null for none. `kept` is
  // what the record's header once.kept says: of a value that lies elsewhere, which is fetched, and that may block, or
  // the cell says why it is not.
  Cell Value(const SourceSpec* source, const std::string& type, OptionalBytes value,
             OptionalBytes kept = std::nullopt) const;

 private:
  SourceIndex IndexOf(const SourceSpec& source) const;
  const Graph* const graph_;
};

// "TOPIC-PARTITION-OFFSET", as events are called that have no ID. InvalidArgument if the text is none.
absl::StatusOr<TopicPartitionOffset> ParseOrigin(const std::string& text);
// The text, if it can be printed as one; else base64. As a cell: {"text":...} or {"base64":...}.
Cell RawValue(std::string_view bytes);
// Headers as an object of texts, the last value of each name.
Json HeadersJson(const std::vector<std::pair<std::string, OptionalBytes>>& headers);
// As one word of a shell's command line, whatever it has in it.
std::string ShellQuoted(std::string_view word);
// JSON of several lines, for people.
std::string PrettyJson(const std::string& json);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_SHOWN_H_
