// Dead letters as commands see them (docs/failures.md): records with headers that say what happened to which event.
#ifndef ONCE_PROCESSOR_CLI_LETTERS_H_
#define ONCE_PROCESSOR_CLI_LETTERS_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/base/record.h"
#include "processor/base/types.h"
#include "processor/cli/command.h"
#include "processor/cli/context.h"
#include "processor/cli/shown.h"

namespace once::cli {

// A record, kept.
struct Letter {
  Partition partition = {};
  Offset offset = {};
  int64_t timestamp_ms = -1;
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};  // Or the beginning of it.
  size_t value_bytes = 0;                 // All of it.
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};

  // The last value of a header; empty: there is none.
  std::string Header(std::string_view name) const;
  // ce_id, or, of an event without one, its place.
  std::string EventId() const;
};

// With so much of its value at most.
Letter KeepLetter(const RecordView& record, size_t max_value_bytes = SIZE_MAX);
// The source whose event it is; null if the letter does not say, or none reads that topic.
const SourceSpec* SourceOfLetter(const Shown& shown, const Letter& letter);
// Of the event, as text.
std::string KeyOfLetter(const Shown& shown, const Letter& letter);

// Options that select letters, and whether they select this one.
std::vector<OptionSpec> LetterFilters();
bool IsAskedLetter(const Context& context, const Shown& shown, const RecordView& record);

// "PARTITION/OFFSET" in the topic. InvalidArgument if the text is none.
absl::StatusOr<TopicPartitionOffset> ParseLetterPlace(const std::string& topic, const std::string& written);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_LETTERS_H_
