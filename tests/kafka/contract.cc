#include "tests/kafka/contract.h"

#include <algorithm>

namespace once::kafka {
namespace {

// One blocking call's timeout; retriable results are repeated up to the test's patience.
constexpr absl::Duration kCallTimeout = absl::Seconds(10);

}  // namespace

Seen Copy(const RecordView& record, const std::vector<std::string>& topics) {
  const auto copy = [](const OptionalBytes& bytes) {
    return bytes.has_value() ? std::optional<std::string>(*bytes) : std::nullopt;
  };
  Seen seen;
  seen.topic = topics.at(record.topic_index);
  seen.partition = record.partition.value();
  seen.offset = record.offset.value();
  seen.timestamp_ms = record.timestamp_ms;
  seen.key = copy(record.key);
  seen.value = copy(record.value);
  for (const HeaderView& header : record.headers) {
    seen.headers.push_back({std::string(header.name), copy(header.value)});
  }
  return seen;
}

void ContractTest::SetUp() {
  cluster_ = GetParam().make();
  client_ = cluster_->NewClient({});
  absl::StatusOr<std::unique_ptr<Admin>> admin = client_->NewAdmin();
  ASSERT_TRUE(admin.ok()) << admin.status();
  admin_ = *std::move(admin);
}

std::string ContractTest::NewTopic(const std::string& stem, int partitions,
                                   std::map<std::string, std::string> settings) {
  const std::string name = cluster_->UniqueName(stem);
  const absl::Status status = admin_->CreateTopic({name, partitions, std::move(settings)}, kPatience);
  EXPECT_TRUE(status.ok()) << status;
  return name;
}

std::unique_ptr<TransactionalProducer> ContractTest::NewProducer(const std::string& transactional_id,
                                                                 const std::vector<std::string>& topics) {
  absl::StatusOr<std::unique_ptr<TransactionalProducer>> producer = client_->NewProducer(transactional_id, topics);
  EXPECT_TRUE(producer.ok()) << producer.status();
  return producer.ok() ? *std::move(producer) : nullptr;
}

std::unique_ptr<TransactionalProducer> ContractTest::ReadyProducer(const std::string& transactional_id,
                                                                   const std::vector<std::string>& topics) {
  std::unique_ptr<TransactionalProducer> producer = NewProducer(transactional_id, topics);
  const Result result = Init(*producer);
  EXPECT_TRUE(result.ok()) << ToString(result);
  return producer;
}

std::unique_ptr<TransactionalProducer> ContractTest::ReadyProducer(const std::vector<std::string>& topics) {
  return ReadyProducer(cluster_->UniqueName("producer"), topics);
}

std::unique_ptr<GroupConsumer> ContractTest::NewConsumer(const std::string& group,
                                                         const std::vector<std::string>& topics) {
  absl::StatusOr<std::unique_ptr<GroupConsumer>> consumer = client_->NewGroupConsumer(group, topics);
  EXPECT_TRUE(consumer.ok()) << consumer.status();
  return consumer.ok() ? *std::move(consumer) : nullptr;
}

std::unique_ptr<LogReader> ContractTest::NewReader(const std::vector<std::string>& topics) {
  absl::StatusOr<std::unique_ptr<LogReader>> reader = client_->NewLogReader(topics);
  EXPECT_TRUE(reader.ok()) << reader.status();
  return reader.ok() ? *std::move(reader) : nullptr;
}

namespace {

Result Repeat(ClusterFixture& cluster, absl::Duration patience, const std::function<Result()>& call) {
  Result result;
  cluster.Await(patience, [&] {
    result = call();
    return result.error != ErrorClass::kRetriable;
  });
  return result;
}

}  // namespace

Result ContractTest::Init(TransactionalProducer& producer) {
  return Repeat(*cluster_, kPatience, [&] { return producer.InitTransactions(kCallTimeout); });
}
Result ContractTest::Flush(TransactionalProducer& producer) {
  return Repeat(*cluster_, kPatience, [&] { return producer.Flush(kCallTimeout); });
}
Result ContractTest::SendOffsets(TransactionalProducer& producer, const std::vector<TopicPartitionOffset>& offsets,
                                 const GroupMetadata& group) {
  return Repeat(*cluster_, kPatience, [&] { return producer.SendOffsets(offsets, group, kCallTimeout); });
}
Result ContractTest::Commit(TransactionalProducer& producer) {
  return Repeat(*cluster_, kPatience, [&] { return producer.Commit(kCallTimeout); });
}
Result ContractTest::Abort(TransactionalProducer& producer) {
  return Repeat(*cluster_, kPatience, [&] { return producer.Abort(kCallTimeout); });
}

Result ContractTest::Send(TransactionalProducer& producer, const std::string& key, const std::string& value,
                          int partition) {
  OutputRecord record;
  record.partition = Partition(partition);
  record.key = key;
  record.value = value;
  return producer.Send(record);
}

void ContractTest::CommitValues(TransactionalProducer& producer, const std::vector<std::string>& values,
                                int partition) {
  Result result = producer.BeginTransaction();
  ASSERT_TRUE(result.ok()) << ToString(result);
  for (const std::string& value : values) {
    result = Send(producer, value, value, partition);
    ASSERT_TRUE(result.ok()) << ToString(result);
  }
  result = Commit(producer);
  ASSERT_TRUE(result.ok()) << ToString(result);
}

void ContractTest::AbortValues(TransactionalProducer& producer, const std::vector<std::string>& values, int partition) {
  Result result = producer.BeginTransaction();
  ASSERT_TRUE(result.ok()) << ToString(result);
  for (const std::string& value : values) {
    result = Send(producer, value, value, partition);
    ASSERT_TRUE(result.ok()) << ToString(result);
  }
  result = Flush(producer);
  ASSERT_TRUE(result.ok()) << ToString(result);
  result = Abort(producer);
  ASSERT_TRUE(result.ok()) << ToString(result);
}

std::vector<Seen> ContractTest::ReadAll(const std::string& topic, int partition, Offset* end) {
  const std::vector<std::string> topics = {topic};
  const std::unique_ptr<LogReader> reader = NewReader(topics);
  const absl::StatusOr<Offset> first = admin_->BeginningOffset(At(topic, partition), kPatience);
  EXPECT_TRUE(first.ok()) << first.status();
  const absl::StatusOr<Offset> target = admin_->HighWatermark(At(topic, partition), kPatience);
  EXPECT_TRUE(target.ok()) << target.status();
  if (!first.ok() || !target.ok()) return {};
  const absl::Status added = reader->Add({At(topic, partition), *first});
  EXPECT_TRUE(added.ok()) << added;

  std::vector<Seen> records;
  Batch batch;
  const bool reached = cluster_->Await(kPatience, [&] {
    const absl::Status status = reader->Poll(absl::Milliseconds(20), &batch);
    EXPECT_TRUE(status.ok()) << status;
    for (const RecordView& record : batch.records) records.push_back(Copy(record, topics));
    for (const PartitionError& error : batch.errors) ADD_FAILURE() << error.status;
    bool is_end = false;
    for (const EndOfPartition& each : batch.ends) {
      is_end = is_end || each.position >= *target;
      if (end != nullptr) *end = each.position;
    }
    return is_end;
  });
  EXPECT_TRUE(reached) << "the end of " << ToString(At(topic, partition)) << " was not reached";
  return records;
}

std::vector<std::string> ContractTest::ReadValues(const std::string& topic, int partition) {
  std::vector<std::string> values;
  for (const Seen& record : ReadAll(topic, partition)) values.push_back(record.value.value_or("<null>"));
  return values;
}

Offset ContractTest::HighWatermark(const std::string& topic, int partition) {
  const absl::StatusOr<Offset> high = admin_->HighWatermark(At(topic, partition), kPatience);
  EXPECT_TRUE(high.ok()) << high.status();
  return high.ok() ? *high : Offset(-1);
}

std::optional<int64_t> ContractTest::Committed(const std::string& group, const TopicPartition& partition) {
  const std::vector<TopicPartition> partitions = {partition};
  const auto offsets = admin_->StableCommittedOffsets(group, partitions, kPatience);
  EXPECT_TRUE(offsets.ok()) << offsets.status();
  if (!offsets.ok() || !offsets->contains(partition)) return std::nullopt;
  return offsets->at(partition).value();
}

Member::Member(std::unique_ptr<GroupConsumer> consumer, std::vector<std::string> topics)
    : consumer_(std::move(consumer)), topics_(std::move(topics)) {
  const absl::Status status = consumer_->Subscribe(std::span(topics_).first(1), this);
  EXPECT_TRUE(status.ok()) << status;
}

Member::~Member() = default;

void Member::Poll(absl::Duration timeout) {
  if (!to_seek_.empty()) {
    std::vector<TopicPartitionOffset> seeks;
    for (const TopicPartition& each : to_seek_) {
      seeks.push_back({each, starts_.contains(each) ? starts_[each] : Offset(0)});
    }
    const absl::Status status = consumer_->Seek(seeks);
    EXPECT_TRUE(status.ok() || absl::IsUnavailable(status)) << status;
    if (status.ok()) to_seek_.clear();  // Else it is too early, and the next Poll tries again.
  }
  const absl::Status status = consumer_->Poll(timeout, &batch_);
  EXPECT_TRUE(status.ok()) << status;
  last_polled_.clear();
  const auto is_waiting = [&](const TopicPartition& where) {
    return std::find(to_seek_.begin(), to_seek_.end(), where) != to_seek_.end();
  };
  for (const RecordView& record : batch_.records) {
    Seen seen = Copy(record, topics_);
    const TopicPartition where = At(seen.topic, seen.partition);
    EXPECT_TRUE(std::binary_search(assigned_.begin(), assigned_.end(), where))
        << ToString(where) << " is not assigned, but a record of it was returned";
    last_polled_.push_back(seen);
    if (!is_waiting(where)) records.push_back(std::move(seen));
  }
  for (const EndOfPartition& each : batch_.ends) {
    const TopicPartition where{topics_.at(each.topic_index), each.partition};
    if (!is_waiting(where)) ends[where] = each.position;
  }
  errors.insert(errors.end(), batch_.errors.begin(), batch_.errors.end());
}

void Member::ServeCallbacks() {
  const absl::Status status = consumer_->ServeCallbacks();
  EXPECT_TRUE(status.ok()) << status;
}

bool Member::is_batch_intact() const {
  bool is_intact = batch_.records.size() == last_polled_.size();
  for (size_t i = 0; is_intact && i < last_polled_.size(); ++i) {
    const Seen now = Copy(batch_.records[i], topics_);
    is_intact =
        now.offset == last_polled_[i].offset && now.key == last_polled_[i].key && now.value == last_polled_[i].value;
  }
  return is_intact;
}

absl::Status Member::Close() { return consumer_->Close(); }

std::vector<std::string> Member::values() const {
  std::vector<std::string> values;
  for (const Seen& record : records) values.push_back(record.value.value_or("<null>"));
  return values;
}

std::vector<TopicPartition> Member::WithFollowers(std::span<const TopicPartition> partitions) const {
  std::vector<TopicPartition> all;
  for (const TopicPartition& lead : partitions) {
    for (const std::string& topic : topics_) all.push_back({topic, lead.partition});
  }
  return all;
}

void Member::OnAssigned(std::span<const TopicPartition> partitions) {
  ++assigned_calls;
  const std::vector<TopicPartition> all = WithFollowers(partitions);
  const absl::Status status = consumer_->Assign(all);
  EXPECT_TRUE(status.ok()) << status;
  assigned_.insert(assigned_.end(), all.begin(), all.end());
  std::sort(assigned_.begin(), assigned_.end());
  to_seek_.insert(to_seek_.end(), all.begin(), all.end());
}

void Member::Drop(std::span<const TopicPartition> partitions) {
  const std::vector<TopicPartition> all = WithFollowers(partitions);
  const absl::Status status = consumer_->Unassign(all);
  EXPECT_TRUE(status.ok()) << status;
  for (const TopicPartition& each : all) {
    std::erase(assigned_, each);
    std::erase(to_seek_, each);
    ends.erase(each);
  }
}

void Member::OnRevoked(std::span<const TopicPartition> partitions) {
  ++revoked_calls;
  Drop(partitions);
}

void Member::OnLost(std::span<const TopicPartition> partitions) {
  ++lost_calls;
  Drop(partitions);
}

}  // namespace once::kafka
