// What ports do where their adapters have nothing better.
#include "processor/kafka/kafka.h"

#include "absl/strings/str_cat.h"

namespace once::kafka {

std::string ToString(const Result& result) { return absl::StrCat(result.code, ": ", result.message); }

absl::StatusOr<std::unique_ptr<GroupConsumer>> Client::NewStaticGroupConsumer(const std::string& group,
                                                                              const std::string& member_name,
                                                                              const std::vector<std::string>&) {
  return absl::UnimplementedError(
      absl::StrCat("static member ", member_name, " of group ", group,
                   ": this client knows dynamic members only; run without --static_membership"));
}

// Nothing has a name to show.
std::unique_ptr<Client> Client::Named(const std::string&) { return nullptr; }
// One by one; adapters that can ask for many at once do so.
CommittedOffsets Admin::ReadCommittedOffsets(const std::string& group, std::span<const TopicPartition> partitions,
                                             absl::Duration timeout) {
  CommittedOffsets answers;
  for (const TopicPartition& each : partitions) {
    absl::StatusOr<std::map<TopicPartition, Offset>> found = StableCommittedOffsets(group, {&each, 1}, timeout);
    if (!found.ok()) {
      answers.emplace(each, found.status());
      continue;
    }
    const auto offset = found->find(each);
    answers.emplace(each, offset == found->end() ? std::optional<Offset>() : std::optional<Offset>(offset->second));
  }
  return answers;
}

LogOffsets Admin::ReadLogOffsets(LogPoint point, std::span<const TopicPartition> partitions, absl::Duration timeout) {
  LogOffsets answers;
  for (const TopicPartition& each : partitions) {
    answers.emplace(each,
                    point == LogPoint::kBeginning ? BeginningOffset(each, timeout) : HighWatermark(each, timeout));
  }
  return answers;
}

// What is not told is not known, and nothing is held against it.
absl::StatusOr<std::map<std::string, std::string>> Admin::ReadTopicIds(std::span<const std::string>, absl::Duration) {
  return std::map<std::string, std::string>();
}

std::vector<SeekFailure> GroupConsumer::SeekEach(std::span<const TopicPartitionOffset> offsets) {
  std::vector<SeekFailure> failures;
  absl::Status status = Seek(offsets);
  if (status.ok()) return failures;
  // A failed call of many says nothing of each (X5h), so each is asked for by itself.
  if (offsets.size() == 1) return {{offsets.front(), std::move(status)}};
  for (const TopicPartitionOffset& each : offsets) {
    if (absl::Status sought = Seek({&each, 1}); !sought.ok()) failures.push_back({each, std::move(sought)});
  }
  return failures;
}

}  // namespace once::kafka
