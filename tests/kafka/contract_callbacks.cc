// Rebalances that are served apart from records, and what they leave of the records.
#include <algorithm>
#include <map>
#include <memory>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

// Offsets of the partition's records, in the order in which they came.
std::vector<int64_t> OffsetsOf(const Member& member, const TopicPartition& where) {
  std::vector<int64_t> offsets;
  for (const Seen& record : member.records) {
    if (record.topic == where.topic && record.partition == where.partition.value()) offsets.push_back(record.offset);
  }
  return offsets;
}

std::vector<std::string> ValuesOf(const Member& member, const TopicPartition& where) {
  std::vector<std::string> values;
  for (const Seen& record : member.records) {
    if (record.topic == where.topic && record.partition == where.partition.value()) values.push_back(*record.value);
  }
  return values;
}

std::vector<int64_t> FirstOffsets(int count) {
  std::vector<int64_t> offsets(count);
  for (int i = 0; i < count; ++i) offsets[i] = i;
  return offsets;
}

TEST_P(ContractTest, ARebalanceIsServedBesideABacklogAndCostsNothingOfIt) {
  constexpr int kRecords = 6000;
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  auto producer = ReadyProducer({topic});
  for (int partition = 0; partition < 2; ++partition) {
    CommitValues(*producer, std::vector<std::string>(kRecords, std::string(50, 'x')), partition);
  }
  Member busy(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    busy.Poll();
    return !busy.records.empty();
  }));
  ASSERT_EQ(busy.assigned().size(), 2u);
  const size_t polled = busy.records.size();
  ASSERT_LT(polled, 2u * kRecords);

  // A member that has a batch to work on joins in no Poll.
  auto second = std::make_unique<Member>(NewConsumer(group, {topic}), std::vector<std::string>{topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    busy.ServeCallbacks();
    second->Poll();
    return busy.assigned().size() == 1 && second->assigned().size() == 1;
  }));
  EXPECT_EQ(busy.records.size(), polled);
  EXPECT_EQ(busy.lost_calls, 0);
  EXPECT_TRUE(busy.is_batch_intact()) << "what was polled before stays readable";
  const TopicPartition kept = busy.assigned()[0];
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    busy.Poll();
    return busy.has_end(kept);
  }));
  EXPECT_EQ(OffsetsOf(busy, kept), FirstOffsets(kRecords)) << "no gap, none twice, and the end behind them";

  // And in the other direction.
  ASSERT_TRUE(second->Close().ok());
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    busy.ServeCallbacks();
    return busy.assigned().size() == 2;
  }));
  CommitValues(*producer, {"more"}, kept.partition.value());
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    busy.Poll();
    return OffsetsOf(busy, kept).size() > kRecords;
  }));
  EXPECT_EQ(OffsetsOf(busy, kept).back(), kRecords + 1);
  EXPECT_EQ(OffsetsOf(busy, kept).size(), kRecords + 1u);

  // What came back is read again as well, and not beside the records of the other.
  const TopicPartition back = At(topic, 1 - kept.partition.value());
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    busy.Poll();
    return busy.has_end(back) && OffsetsOf(busy, back).size() >= kRecords;
  }));
  EXPECT_EQ(OffsetsOf(busy, back).back(), kRecords - 1);
}

// librdkafka 2.2.0 to 2.13.1 takes the end of a partition for a record when a rebalance asks where to read on.
TEST_P(ContractTest, ARebalanceAtTheEndOfAPartitionSkipsNothing) {
  const std::string topic = NewTopic("t", 2);
  auto producer = ReadyProducer({topic});
  std::map<int32_t, std::vector<std::string>> sent;
  const auto send = [&](const std::string& what) {
    for (int partition = 0; partition < 2; ++partition) {
      sent[partition].push_back(absl::StrCat(what, "/", partition));
      CommitValues(*producer, {sent[partition].back()}, partition);
    }
  };
  for (int round = 0; round < 4; ++round) {
    const std::string group = cluster().UniqueName("group");
    Member first(NewConsumer(group, {topic}), {topic});
    send(absl::StrCat("before ", round));
    ASSERT_TRUE(cluster().Await(kPatience,
                                [&] {
                                  first.Poll();
                                  return first.ends[At(topic, 0)] == HighWatermark(topic, 0) &&
                                         first.ends[At(topic, 1)] == HighWatermark(topic, 1);
                                }))
        << "round " << round;
    auto second = std::make_unique<Member>(NewConsumer(group, {topic}), std::vector<std::string>{topic});
    ASSERT_TRUE(cluster().Await(kPatience,
                                [&] {
                                  // In every other round the log grows while the rebalance is under way.
                                  if (round % 2 == 0 && first.revoked_calls == 1 && !sent[0].back().starts_with("amid"))
                                    send("amid");
                                  first.Poll();
                                  second->Poll();
                                  return first.assigned().size() == 1 && second->assigned().size() == 1;
                                }))
        << "round " << round;
    const int32_t kept = first.assigned()[0].partition.value();
    send(absl::StrCat("after ", round));
    ASSERT_TRUE(cluster().Await(kPatience,
                                [&] {
                                  first.Poll();
                                  return !first.errors.empty() ||
                                         ValuesOf(first, At(topic, kept)).back() == sent[kept].back();
                                }))
        << "round " << round;
    for (const PartitionError& error : first.errors) ADD_FAILURE() << error.status;
    ASSERT_EQ(ValuesOf(first, At(topic, kept)), sent[kept]) << "round " << round;
  }
}

// What is still to be polled may be an error after which a partition can be sought no more.
TEST_P(ContractTest, AnErrorThatIsStillToBePolledOutlivesARebalance) {
  const std::string topic = NewTopic("t", 2);
  const std::string group = cluster().UniqueName("group");
  auto producer = ReadyProducer({topic});
  for (int partition = 0; partition < 2; ++partition) CommitValues(*producer, {"a"}, partition);
  Member first(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    return first.ends.size() == 2;
  }));
  const std::vector<TopicPartitionOffset> nowhere = {At(topic, 0, 1000), At(topic, 1, 1000)};
  ASSERT_TRUE(first.consumer().Seek(nowhere).ok());
  Member second(NewConsumer(group, {topic}), {topic});
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    first.ServeCallbacks();
    second.Poll();
    return first.assigned().size() == 1 && second.assigned().size() == 1;
  }));
  const TopicPartition kept = first.assigned()[0];
  const auto is_told = [&] {
    for (const PartitionError& each : first.errors) {
      if (each.partition == kept.partition && absl::IsOutOfRange(each.status)) return true;
    }
    return false;
  };
  EXPECT_TRUE(cluster().Await(kPatience, [&] {
    first.Poll();
    return is_told();
  }));
}

}  // namespace
}  // namespace once::kafka
