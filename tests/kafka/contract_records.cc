// What is sent is what is read, byte for byte.
#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

using testing::IsEmpty;

TEST_P(ContractTest, NullAndEmptyAreDifferent) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  const std::vector<OptionalBytes> forms = {std::nullopt, std::string_view(), std::string_view("x")};
  ASSERT_TRUE(producer->BeginTransaction().ok());
  for (const OptionalBytes& key : forms) {
    for (const OptionalBytes& value : forms) {
      OutputRecord record;
      record.partition = Partition(0);
      record.key = key;
      record.value = value;
      ASSERT_TRUE(producer->Send(record).ok());
      const HeaderView header = {.name = "with", .value = "headers"};
      record.headers = std::span(&header, 1);
      ASSERT_TRUE(producer->Send(record).ok());
    }
  }
  ASSERT_TRUE(Commit(*producer).ok());
  const std::vector<Seen> records = ReadAll(topic);
  ASSERT_EQ(records.size(), 18u);
  size_t i = 0;
  for (const OptionalBytes& key : forms) {
    for (const OptionalBytes& value : forms) {
      for (const size_t headers : {0, 1}) {
        const Seen& seen = records[i++];
        EXPECT_EQ(seen.key.has_value(), key.has_value());
        EXPECT_EQ(seen.key.value_or(""), key.value_or(""));
        EXPECT_EQ(seen.value.has_value(), value.has_value());
        EXPECT_EQ(seen.value.value_or(""), value.value_or(""));
        EXPECT_EQ(seen.headers.size(), headers);
      }
    }
  }
}

// As two sinks of one topology on one topic.
TEST_P(ContractTest, ATopicThatIsNamedTwiceTakesTheRecordsOfBoth) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic, topic});
  for (int transaction = 0; transaction < 2; ++transaction) {
    ASSERT_TRUE(producer->BeginTransaction().ok());
    for (const uint32_t index : {0u, 1u, 0u}) {
      OutputRecord record;
      record.topic_index = index;
      record.partition = Partition(0);
      record.value = index == 0 ? "first" : "second";
      ASSERT_TRUE(producer->Send(record).ok());
    }
    ASSERT_TRUE(Commit(*producer).ok());
  }
  EXPECT_EQ(ReadAll(topic).size(), 6u);
}

TEST_P(ContractTest, HeadersKeepOrderDuplicatesAndNulls) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  const std::string binary("\0\xff\n", 3);
  const std::vector<HeaderView> headers = {{.name = "b", .value = "1"},
                                           {.name = "a", .value = "2"},
                                           {.name = "b", .value = ""},
                                           {.name = "b", .value = std::nullopt},
                                           {.name = "", .value = binary}};
  OutputRecord record;
  record.partition = Partition(0);
  record.value = "v";
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(producer->Send(record).ok());
  record.headers = headers;
  ASSERT_TRUE(producer->Send(record).ok());
  record.headers = std::span(headers).first(1);
  ASSERT_TRUE(producer->Send(record).ok());
  ASSERT_TRUE(Commit(*producer).ok());

  const std::vector<Seen> records = ReadAll(topic);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_THAT(records[0].headers, IsEmpty());
  const decltype(Seen::headers) expected = {{"b", "1"}, {"a", "2"}, {"b", ""}, {"b", std::nullopt}, {"", binary}};
  EXPECT_EQ(records[1].headers, expected);
  const decltype(Seen::headers) only_first = {{"b", "1"}};
  EXPECT_EQ(records[2].headers, only_first);
}

TEST_P(ContractTest, TimestampsAreKept) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  constexpr int64_t kStamp = 1'700'000'000'123;
  OutputRecord record;
  record.partition = Partition(0);
  record.value = "v";
  ASSERT_TRUE(producer->BeginTransaction().ok());
  for (const int64_t stamp : {kStamp, kStamp - 5, int64_t{0}, int64_t{-1}}) {
    record.timestamp_ms = stamp;
    ASSERT_TRUE(producer->Send(record).ok());
  }
  ASSERT_TRUE(Commit(*producer).ok());
  const std::vector<Seen> records = ReadAll(topic);
  ASSERT_EQ(records.size(), 4u);
  EXPECT_EQ(records[0].timestamp_ms, kStamp);
  EXPECT_EQ(records[1].timestamp_ms, kStamp - 5);
  EXPECT_LE(records[2].timestamp_ms, 1) << "librdkafka cannot send 0";
  EXPECT_GE(records[3].timestamp_ms, 0) << "the time of sending";
}

TEST_P(ContractTest, BytesOfAnyKindAndSizeArrive) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  std::string all_bytes;
  for (int i = 0; i < 256; ++i) all_bytes.push_back(static_cast<char>(i));
  std::string large(900'000, 'x');
  for (size_t i = 0; i < large.size(); ++i) large[i] = static_cast<char>(i * 2654435761u >> 13);
  ASSERT_TRUE(producer->BeginTransaction().ok());
  ASSERT_TRUE(Send(*producer, all_bytes, all_bytes).ok());
  ASSERT_TRUE(Send(*producer, "large", large).ok());
  ASSERT_TRUE(Send(*producer, "large", large).ok());
  ASSERT_TRUE(Commit(*producer).ok());
  const std::vector<Seen> records = ReadAll(topic);
  ASSERT_EQ(records.size(), 3u);
  EXPECT_EQ(records[0].key, all_bytes);
  EXPECT_EQ(records[0].value, all_bytes);
  EXPECT_TRUE(records[1].value == large);
  EXPECT_TRUE(records[2].value == large);
}

TEST_P(ContractTest, SentBytesMayBeReusedAtOnce) {
  const std::string topic = NewTopic("t");
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  for (const bool has_header : {false, true}) {
    std::string buffer = "key value name header";
    const std::string_view view = buffer;
    const HeaderView header = {.name = view.substr(10, 4), .value = view.substr(15)};
    OutputRecord record;
    record.partition = Partition(0);
    record.key = view.substr(0, 3);
    record.value = view.substr(4, 5);
    if (has_header) record.headers = std::span(&header, 1);
    ASSERT_TRUE(producer->Send(record).ok());
    buffer.assign(buffer.size(), '!');
  }
  ASSERT_TRUE(Commit(*producer).ok());
  const std::vector<Seen> records = ReadAll(topic);
  ASSERT_EQ(records.size(), 2u);
  for (const Seen& record : records) {
    EXPECT_EQ(record.key, "key");
    EXPECT_EQ(record.value, "value");
  }
  const decltype(Seen::headers) expected = {{"name", "header"}};
  EXPECT_EQ(records[1].headers, expected);
}

TEST_P(ContractTest, RecordsWithoutKeyMayGoAnywhere) {
  const std::string topic = NewTopic("t", 3);
  auto producer = ReadyProducer({topic});
  ASSERT_TRUE(producer->BeginTransaction().ok());
  OutputRecord record;
  record.value = "v";
  for (int i = 0; i < 10; ++i) ASSERT_TRUE(producer->Send(record).ok());
  ASSERT_TRUE(Commit(*producer).ok());
  size_t count = 0;
  for (int partition = 0; partition < 3; ++partition) count += ReadAll(topic, partition).size();
  EXPECT_EQ(count, 10u);
}

}  // namespace
}  // namespace once::kafka
