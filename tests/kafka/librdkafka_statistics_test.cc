// What is read from librdkafka's statistics.
#include <cstring>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/statistics.h"

namespace once::kafka {
namespace {

using testing::IsNull;

std::string BrokerJson(const std::string& name, int id, const std::string& source, const std::string& state,
                       const std::string& more) {
  return absl::StrCat("\"", name, "\":{\"name\":\"", name, "\",\"nodeid\":", id, ",\"source\":\"", source,
                      "\",\"state\":\"", state, "\",", more,
                      "\"toppars\":{\"t-0\":{\"topic\":\"t\",\"partition\":0}}}");
}

std::string PartitionJson(int partition, int records, int bytes) {
  return absl::StrCat("\"", partition, "\":{\"partition\":", partition, ",\"fetchq_cnt\":", records,
                      ",\"fetchq_size\":", bytes,
                      ",\"leader\":1,\"desired\":true,\"fetch_state\":\"active\",\"query_offset\":-1001,"
                      "\"next_offset\":4711,\"app_offset\":4711,\"stored_offset\":-1001,\"committed_offset\":-1001,"
                      "\"eof_offset\":4711,\"lo_offset\":0,\"hi_offset\":4711,\"ls_offset\":4711,\"consumer_lag\":0}");
}

std::string ConsumerJson(const std::vector<std::string>& brokers, const std::vector<std::string>& partitions) {
  return absl::StrCat("{\"name\":\"c\",\"type\":\"consumer\",\"time\":1700000000,\"msg_cnt\":3,\"msg_size\":99,",
                      "\"brokers\":{", absl::StrJoin(brokers, ","), "},\"topics\":{\"t\":{\"topic\":\"t\",",
                      "\"batchsize\":{\"avg\":1},\"partitions\":{", absl::StrJoin(partitions, ","),
                      "}}},\"cgrp\":{\"state\":\"up\",\"rebalance_cnt\":2}}");
}

const BrokerStatistics* Find(const ClientStatistics& statistics, const std::string& name) {
  for (const BrokerStatistics& broker : statistics.brokers) {
    if (broker.broker == name) return &broker;
  }
  return nullptr;
}

void Put(StatisticsBox* box, const std::string& json) {
  char* text = static_cast<char*>(std::malloc(json.size()));
  std::memcpy(text, json.data(), json.size());
  box->Put(text, json.size());
}

TEST(StatisticsTest, WhatIsSaidOfAClient) {
  const auto said = ParseStatistics(ConsumerJson({}, {PartitionJson(0, 40, 4000), PartitionJson(1, 40, 4000)}));
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->at, absl::FromUnixSeconds(1'700'000'000));
  EXPECT_EQ(said->queued_records, 3);
  EXPECT_EQ(said->queued_bytes, 99);
  EXPECT_EQ(said->rebalances, 2);
  // One queue for all.
  EXPECT_EQ(said->fetched_records, 40);
  EXPECT_EQ(said->fetched_bytes, 4000);
}

TEST(StatisticsTest, BrokersByWhatTheyAre) {
  const auto said = ParseStatistics(ConsumerJson(
      {BrokerJson("a:9092/1", 1, "learned", "UP",
                  "\"tx\":9,\"rx\":8,\"txbytes\":900,\"rxbytes\":800,\"txerrs\":1,\"rxerrs\":2,\"txretries\":3,"
                  "\"req_timeouts\":4,\"disconnects\":5,\"outbuf_cnt\":6,\"waitresp_cnt\":7,"
                  "\"rtt\":{\"avg\":2500,\"p99\":9000,\"cnt\":8},\"throttle\":{\"avg\":10,\"max\":250,\"cnt\":8},"),
       BrokerJson("b:9092/2", 2, "learned", "TRY_CONNECT", "\"tx\":0,\"rtt\":{\"avg\":0,\"p99\":0,\"cnt\":0},"),
       BrokerJson("c:9092/3", 3, "learned", "INIT", ""),
       // It leads to broker 1, and says so.
       BrokerJson("GroupCoordinator", 1, "logical", "UP", "\"tx\":20,"),
       BrokerJson("x:9092/bootstrap", -1, "configured", "DOWN", "\"tx\":1,\"disconnects\":1,"),
       BrokerJson("y:9092/bootstrap", -1, "configured", "INIT", "\"tx\":2,\"disconnects\":1,"),
       BrokerJson(":0/internal", -1, "internal", "UP", "")},
      {}));
  ASSERT_TRUE(said.has_value());
  ASSERT_EQ(said->brokers.size(), 5u);
  const BrokerStatistics* up = Find(*said, "1");
  ASSERT_NE(up, nullptr);
  EXPECT_EQ(up->state, BrokerStatistics::State::kUp);
  EXPECT_EQ(up->requests, 9);
  EXPECT_EQ(up->responses, 8);
  EXPECT_EQ(up->sent_bytes, 900);
  EXPECT_EQ(up->received_bytes, 800);
  EXPECT_EQ(up->send_errors, 1);
  EXPECT_EQ(up->receive_errors, 2);
  EXPECT_EQ(up->retries, 3);
  EXPECT_EQ(up->timeouts, 4);
  EXPECT_EQ(up->disconnects, 5);
  EXPECT_EQ(up->queued_requests, 6);
  EXPECT_EQ(up->waiting_requests, 7);
  ASSERT_TRUE(up->round_trip.has_value());
  EXPECT_EQ(up->round_trip->average, absl::Microseconds(2500));
  EXPECT_EQ(up->round_trip->p99, absl::Milliseconds(9));
  EXPECT_EQ(up->throttle_average, absl::Milliseconds(10));
  EXPECT_EQ(up->throttle_longest, absl::Milliseconds(250));
  EXPECT_EQ(Find(*said, "2")->state, BrokerStatistics::State::kDown);
  EXPECT_FALSE(Find(*said, "2")->round_trip.has_value());
  EXPECT_EQ(Find(*said, "3")->state, BrokerStatistics::State::kIdle);
  EXPECT_EQ(Find(*said, "coordinator")->requests, 20);
  EXPECT_EQ(Find(*said, "bootstrap")->requests, 3);
  EXPECT_EQ(Find(*said, "bootstrap")->disconnects, 2);
  EXPECT_EQ(Find(*said, "bootstrap")->state, BrokerStatistics::State::kDown);
}

TEST(StatisticsTest, WhatIsNoSuchTextIsNothing) {
  for (const char* text : {"", "{", "[]", "7", "null", "{\"brokers\":"}) {
    EXPECT_FALSE(ParseStatistics(text).has_value()) << text;
  }
  const auto odd = ParseStatistics("{\"brokers\":[{\"tx\":\"many\"},7],\"topics\":3,\"cgrp\":null,\"msg_cnt\":\"x\"}");
  ASSERT_TRUE(odd.has_value());
  EXPECT_EQ(odd->queued_records, 0);
}

TEST(StatisticsBoxTest, KeepsTheNewestAndWhatCouldBeRead) {
  StatisticsBox box;
  EXPECT_THAT(box.Look(), IsNull());
  Put(&box, "{\"msg_cnt\":1}");
  Put(&box, "{\"msg_cnt\":2}");
  const auto second = box.Look();
  ASSERT_NE(second, nullptr);
  EXPECT_EQ(second->queued_records, 2);
  EXPECT_EQ(box.Look(), second) << "it is read once";
  Put(&box, "no JSON");
  EXPECT_EQ(box.Look(), second);
}

TEST(StatisticsBoxTest, ReadersAndWriterAtOnce) {
  StatisticsBox box;
  std::thread reader([&box] {
    int64_t last = 0;
    while (last < 1000) {
      const auto said = box.Look();
      if (said == nullptr) continue;
      EXPECT_GE(said->queued_records, last);
      last = said->queued_records;
    }
  });
  for (int i = 1; i <= 1000; ++i) Put(&box, absl::StrCat("{\"msg_cnt\":", i, "}"));
  reader.join();
}

// What a scrape pays, once in ten seconds.
TEST(StatisticsTest, AThousandPartitionsAreReadInMilliseconds) {
  std::vector<std::string> partitions;
  for (int i = 0; i < 1000; ++i) partitions.push_back(PartitionJson(i, 5, 50));
  const std::string json = ConsumerJson({}, partitions);
  const absl::Time began = absl::Now();
  const auto said = ParseStatistics(json);
  RecordProperty("milliseconds", static_cast<int>(absl::ToInt64Milliseconds(absl::Now() - began)));
  ASSERT_TRUE(said.has_value());
  EXPECT_EQ(said->fetched_records, 5);
}

}  // namespace
}  // namespace once::kafka
