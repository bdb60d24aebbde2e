// Pods find each other through their group, and one that does not answer keeps nobody waiting.
#include "processor/back_office/pods.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <nlohmann/json.hpp>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"

namespace once {
namespace {

using nlohmann::json;
using testing::ElementsAre;

constexpr char kOwn[] = "totals-a.http-8080";

kafka::GroupMember Member(const std::string& client_id, const std::string& host) {
  return {.id = client_id + "-1", .client_id = client_id, .host = host};
}

std::vector<PodPlace> Found(std::vector<kafka::GroupMember> members, const std::string& own = kOwn) {
  return FindPods({.state = "Stable", .members = std::move(members)}, "totals", own);
}

TEST(PodsTest, MarksArePutAndRead) {
  EXPECT_EQ(PodSuffix({.host = "0.0.0.0", .port = 8080}), ".http-8080");
  EXPECT_EQ(PodSuffix({.host = "127.0.0.1", .port = 1}), ".loopback-1");
  EXPECT_THAT(
      Found({Member("totals-a.http-8080-0-consumer", "/10.0.0.5"), Member("totals-b.http-9090-consumer", "/10.0.0.6"),
             Member("totals-c.http-8080-0-consumer", "/fd00:0:0:0:0:0:0:1")}),
      ElementsAre(PodPlace{.instance = "a", .address = "10.0.0.5:8080", .is_self = true},
                  PodPlace{.instance = "b", .address = "10.0.0.6:9090"},
                  PodPlace{.instance = "c", .address = "[fd00:0:0:0:0:0:0:1]:8080"}));
}

TEST(PodsTest, WorkersOfAPodAreOnePod) {
  EXPECT_EQ(
      Found({Member("totals-a.http-8080-consumer", "/10.0.0.5"), Member("totals-a.http-8080-consumer", "/10.0.0.5")})
          .size(),
      1u);
}

TEST(PodsTest, LoopbackIsAskedOnTheSameMachineAlone) {
  const std::vector<PodPlace> pods =
      Found({Member("totals-a.loopback-1-consumer", "/10.0.0.5"), Member("totals-b.loopback-2-consumer", "/10.0.0.5"),
             Member("totals-c.loopback-3-consumer", "/10.0.0.6")},
            "totals-a.loopback-1");
  ASSERT_EQ(pods.size(), 3u);
  EXPECT_TRUE(pods[0].is_self);
  EXPECT_EQ(pods[1].address, "127.0.0.1:2");
  EXPECT_EQ(pods[2].address, "");
  EXPECT_THAT(pods[2].why, testing::HasSubstr("another machine"));
}

TEST(PodsTest, NamesThatLookLikeMarksAndOthers) {
  const std::vector<PodPlace> pods = Found({Member("totals-x.http-1.http-8080-consumer", "/10.0.0.7"),
                                            Member("totals-y.http-99999-consumer", "/10.0.0.7"),
                                            Member("totals-z-consumer", "/10.0.0.7"), Member("somebody", "/10.0.0.9")});
  ASSERT_EQ(pods.size(), 4u);
  EXPECT_EQ(pods[0], (PodPlace{.instance = "a", .is_self = true})) << "though it is not in the group yet";
  EXPECT_EQ(pods[1].instance, "x.http-1");
  EXPECT_EQ(pods[1].address, "10.0.0.7:8080");
  EXPECT_EQ(pods[2].address, "");
  EXPECT_EQ(pods[3].instance, "z");
  EXPECT_THAT(pods[3].why, testing::HasSubstr("--http_listen"));
}

class OneGroup final : public kafka::Admin {
 public:
  absl::StatusOr<kafka::GroupDescription> DescribeGroup(const std::string&, absl::Duration) override {
    ++asked;
    if (!status.ok()) return status;
    return kafka::GroupDescription{.state = "Stable", .members = members};
  }
  std::vector<kafka::GroupMember> members;
  absl::Status status;
  int asked = 0;

 private:
  static absl::Status No() { return absl::UnimplementedError("nobody asks for this"); }
  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string&, absl::Duration) override { return No(); }
  absl::Status CreateTopic(const kafka::NewTopic&, absl::Duration) override { return No(); }
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string&,
                                                                          std::span<const TopicPartition>,
                                                                          absl::Duration) override {
    return No();
  }
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition&, absl::Duration) override { return No(); }
  absl::StatusOr<Offset> HighWatermark(const TopicPartition&, absl::Duration) override { return No(); }
};

TEST(PodsTest, EachAnswersForItselfAndSilenceIsTold) {
  OneGroup group;
  group.members = {Member("totals-a.http-8080-consumer", "/10.0.0.5"), Member("totals-b.http-1-consumer", "/10.0.0.6"),
                   Member("totals-c.http-2-consumer", "/10.0.0.7"), Member("totals-d.http-3-consumer", "/10.0.0.8")};
  Pods pods("totals", kOwn, &group,
            [](const std::string& address, std::string_view path, absl::Duration) -> absl::StatusOr<std::string> {
              EXPECT_EQ(path, "/v1/status");
              if (address == "10.0.0.6:1") return "{\"from\": \"b\"}";
              if (address == "10.0.0.7:2") return absl::UnavailableError("nobody answers");
              return "{\"half\":";
            });
  const json answer = json::parse(pods.Gather("/v1/status", "{\"from\": \"a\"}", absl::Seconds(1)));
  ASSERT_EQ(answer["pods"].size(), 4u);
  EXPECT_TRUE(answer["incomplete"].is_null());
  EXPECT_EQ(answer["pods"][0]["answer"]["from"], "a");
  EXPECT_EQ(answer["pods"][0]["self"], true);
  EXPECT_EQ(answer["pods"][1]["answer"]["from"], "b");
  EXPECT_EQ(answer["pods"][2]["answered"], false);
  EXPECT_EQ(answer["pods"][2]["why"], "nobody answers");
  EXPECT_EQ(answer["pods"][3]["answered"], false);
  EXPECT_TRUE(answer["pods"][3]["answer"].is_null());
  pods.Gather("/v1/status", "{}", absl::Seconds(1));
  EXPECT_EQ(group.asked, 1) << "brokers are not asked each time";
}

TEST(PodsTest, WithoutTheGroupThisPodIsShownAndWhy) {
  OneGroup group;
  group.status = absl::UnavailableError("no broker answers");
  Pods pods("totals", kOwn, &group, nullptr);
  const json answer = json::parse(pods.Gather("/v1/tasks", "{}", absl::Seconds(1)));
  ASSERT_EQ(answer["pods"].size(), 1u);
  EXPECT_EQ(answer["pods"][0]["instance"], "a");
  EXPECT_EQ(answer["pods"][0]["answered"], true);
  EXPECT_THAT(answer["incomplete"].get<std::string>(), testing::HasSubstr("no broker answers"));
}

}  // namespace
}  // namespace once
