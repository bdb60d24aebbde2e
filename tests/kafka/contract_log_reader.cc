// Reading without a group.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using testing::ElementsAre;
using testing::IsEmpty;

// Polls a reader and keeps what came.
struct Log {
  Log(ClusterFixture& cluster, std::unique_ptr<LogReader> reader, std::vector<std::string> topics)
      : cluster(cluster), reader(std::move(reader)), topics(std::move(topics)) {}

  bool Until(const std::function<bool()>& done) {
    return cluster.Await(absl::Seconds(60), [&] {
      const absl::Status status = reader->Poll(absl::Milliseconds(20), &batch);
      EXPECT_TRUE(status.ok()) << status;
      for (const RecordView& record : batch.records) records.push_back(Copy(record, topics));
      for (const EndOfPartition& each : batch.ends) {
        ends[TopicPartition{topics.at(each.topic_index), each.partition}] = each.position;
      }
      errors.insert(errors.end(), batch.errors.begin(), batch.errors.end());
      return done();
    });
  }
  std::vector<std::string> Values(const TopicPartition& where) const {
    std::vector<std::string> values;
    for (const Seen& record : records) {
      if (At(record.topic, record.partition) == where) values.push_back(record.value.value_or("<null>"));
    }
    return values;
  }

  ClusterFixture& cluster;
  std::unique_ptr<LogReader> reader;
  const std::vector<std::string> topics;
  Batch batch;
  std::vector<Seen> records;
  std::map<TopicPartition, Offset> ends;
  std::vector<PartitionError> errors;
};

TEST_P(ContractTest, ReaderReadsSeveralPartitionsFromGivenOffsets) {
  const std::vector<std::string> topics = {NewTopic("one", 2), NewTopic("two")};
  auto one = ReadyProducer({topics[0]});
  auto two = ReadyProducer({topics[1]});
  CommitValues(*one, {"a", "b"}, 0);
  CommitValues(*one, {"c", "d"}, 1);
  AbortValues(*two, {"dropped"});
  CommitValues(*two, {"e"});  // Offset 2, and its marker at 3.
  Log log(cluster(), NewReader(topics), topics);
  ASSERT_TRUE(log.reader->Add(At(topics[0], 0, 1)).ok());
  ASSERT_TRUE(log.reader->Add(At(topics[0], 1, 0)).ok());
  ASSERT_TRUE(log.reader->Add(At(topics[1], 0, 0)).ok());
  ASSERT_TRUE(log.Until([&] { return log.ends.size() == 3 && log.ends[At(topics[1], 0)] == Offset(4); }));
  EXPECT_THAT(log.Values(At(topics[0], 0)), ElementsAre("b"));
  EXPECT_THAT(log.Values(At(topics[0], 1)), ElementsAre("c", "d"));
  EXPECT_THAT(log.Values(At(topics[1], 0)), ElementsAre("e"));
  EXPECT_EQ(log.ends[At(topics[0], 0)], Offset(3));
}

TEST_P(ContractTest, ReaderReportsTheEndAgainAfterMore) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  Log log(cluster(), NewReader({topic}), {topic});
  ASSERT_TRUE(log.reader->Add(At(topic, 0, 0)).ok());
  ASSERT_TRUE(log.Until([&] { return log.ends.contains(At(topic, 0)); }));
  EXPECT_EQ(log.ends[At(topic, 0)], Offset(0));
  for (int i = 0; i < 3; ++i) {
    CommitValues(*producer, {"v"});
    ASSERT_TRUE(log.Until([&] { return log.ends[At(topic, 0)] == Offset(2 * (i + 1)); }));
  }
  EXPECT_EQ(log.records.size(), 3u);
}

TEST_P(ContractTest, RemovedPartitionIsReadNoMore) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  const std::vector<std::string> many(2000, std::string(100, 'x'));
  CommitValues(*producer, many, 0);
  CommitValues(*producer, many, 1);
  Log log(cluster(), NewReader({topic}), {topic});
  ASSERT_TRUE(log.reader->Add(At(topic, 0, 0)).ok());
  ASSERT_TRUE(log.reader->Add(At(topic, 1, 0)).ok());
  ASSERT_TRUE(log.Until([&] { return !log.records.empty(); }));
  ASSERT_TRUE(log.reader->Remove(At(topic, 0)).ok());
  log.records.clear();
  CommitValues(*producer, {"more"}, 0);
  CommitValues(*producer, {"last"}, 1);
  ASSERT_TRUE(log.Until([&] { return !log.records.empty() && log.records.back().value == "last"; }));
  EXPECT_THAT(log.Values(At(topic, 0)), IsEmpty());

  log.records.clear();
  log.ends.clear();
  ASSERT_TRUE(log.reader->Add(At(topic, 0, 1990)).ok());
  ASSERT_TRUE(log.Until([&] { return log.ends.contains(At(topic, 0)); }));
  EXPECT_EQ(log.Values(At(topic, 0)).size(), 11u);
  EXPECT_EQ(log.records.front().offset, 1990);
}

TEST_P(ContractTest, MisuseOfAReaderIsRefused) {
  const std::string topic = NewTopic("t");
  auto reader = NewReader({topic});
  ASSERT_TRUE(reader->Add(At(topic, 0, 0)).ok());
  EXPECT_TRUE(absl::IsFailedPrecondition(reader->Add(At(topic, 0, 0))));
  ASSERT_TRUE(reader->Remove(At(topic, 0)).ok());
  EXPECT_FALSE(reader->Remove(At(topic, 0)).ok());
  EXPECT_TRUE(reader->Add(At(topic, 0, 0)).ok());
}

TEST_P(ContractTest, ReaderReportsOffsetsOutsideTheLog) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  CommitValues(*producer, {"a", "b", "c"}, 0);
  cluster().DeleteRecordsBefore(At(topic, 0, 2));
  Log log(cluster(), NewReader({topic}), {topic});
  ASSERT_TRUE(log.reader->Add(At(topic, 0, 0)).ok());
  ASSERT_TRUE(log.reader->Add(At(topic, 1, 7)).ok());
  ASSERT_TRUE(log.Until([&] { return log.errors.size() >= 2; }));
  for (const PartitionError& error : log.errors) EXPECT_TRUE(absl::IsOutOfRange(error.status)) << error.status;
  ASSERT_TRUE(log.reader->Remove(At(topic, 0)).ok());
  ASSERT_TRUE(log.reader->Add(At(topic, 0, 2)).ok());
  ASSERT_TRUE(log.Until([&] { return !log.records.empty(); }));
  EXPECT_THAT(log.Values(At(topic, 0)), ElementsAre("c"));
}

}  // namespace
}  // namespace once::kafka
