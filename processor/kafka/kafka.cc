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
    switch (point) {
      case LogPoint::kBeginning:
        answers.emplace(each, BeginningOffset(each, timeout));
        break;
      case LogPoint::kHighWatermark:
        answers.emplace(each, HighWatermark(each, timeout));
        break;
      case LogPoint::kLastStable:
        answers.emplace(each, absl::UnimplementedError("reading last stable offsets: not with this client"));
        break;
    }
  }
  return answers;
}

// What is not told is not known, and nothing is held against it.
absl::StatusOr<std::map<std::string, std::string>> Admin::ReadTopicIds(std::span<const std::string>, absl::Duration) {
  return std::map<std::string, std::string>();
}

absl::StatusOr<uint32_t> TransactionalProducer::AddTopic(const std::string& topic) {
  return absl::UnimplementedError(absl::StrCat("adding topic ", topic, " to a producer: not with this client"));
}

absl::StatusOr<std::unique_ptr<LogReader>> Client::NewUncommittedLogReader(const std::vector<std::string>&) {
  return absl::UnimplementedError("reading what is not committed: not with this client");
}

absl::StatusOr<GroupDescription> Admin::DescribeGroup(const std::string& group, absl::Duration) {
  return absl::UnimplementedError(absl::StrCat("describing group ", group, ": not with this client"));
}

absl::StatusOr<ClusterDescription> Admin::DescribeCluster(absl::Duration) {
  return absl::UnimplementedError("describing the cluster: not with this client");
}

absl::Status Admin::DeleteTopic(const std::string& topic, absl::Duration) {
  return absl::UnimplementedError(absl::StrCat("deleting topic ", topic, ": not with this client"));
}

absl::Status Admin::DeleteGroup(const std::string& group, absl::Duration) {
  return absl::UnimplementedError(absl::StrCat("deleting group ", group, ": not with this client"));
}

LogOffsets Admin::ReadOffsetsAt(absl::Time, std::span<const TopicPartition> partitions, absl::Duration) {
  LogOffsets answers;
  for (const TopicPartition& each : partitions) {
    answers.emplace(each, absl::UnimplementedError("looking offsets up by time: not with this client"));
  }
  return answers;
}

absl::StatusOr<std::map<std::string, std::set<std::string>>> Admin::ReadTopicRights(std::span<const std::string>,
                                                                                    absl::Duration) {
  return std::map<std::string, std::set<std::string>>();
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
