// What pods ask each other: two of them, each with its file of tokens, which are changed one after the other.
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/http/pod_api.h"
#include "processor/http/tokens.h"
#include "tests/http/sample.h"
#include "tests/testkit/manual_clock.h"

namespace once::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr char kOld[] = "old-secret-of-some-length";
constexpr char kNew[] = "new-secret-of-some-length";
constexpr char kAddress[] = "10.0.0.5:8080";

class NoLog final : public LogSink {
 public:
  void Log(LogLevel, const std::string&) override {}
};

class NoOffice final : public BackOffice {
 public:
  void Ask(Question, Reply reply) override {
    ++count;
    reply({.body = "from the office"});
  }
  int count = 0;
};

class PodProofTest : public testing::Test {
 protected:
  ~PodProofTest() override { std::filesystem::remove_all(dir_); }

  std::unique_ptr<Guard> Open(const std::string& name, const std::string& tokens) {
    Write(name, tokens);
    return *OpenTokenFile(dir_ + "/" + name, &clock_, &log_);
  }
  void Write(const std::string& name, const std::string& tokens) {
    std::filesystem::create_directories(dir_);
    std::ofstream(dir_ + "/new") << tokens << "\n";
    std::filesystem::rename(dir_ + "/new", dir_ + "/" + name);
    clock_.Advance(absl::Seconds(2));
  }

  std::string Prove(std::string_view path = "/v1/status", std::string_view address = kAddress) {
    return asking_->Prove({.method = "GET", .path = path, .address = address});
  }
  Response Ask(std::string_view authorization, std::string_view path = "/v1/status") {
    return Ask(Request{.method = "GET", .path = path, .authorization = authorization, .own_address = kAddress});
  }
  // As a server asks: with its head first.
  Response Ask(const Request& request) {
    if (std::optional<Response> refusal = api_.Refuse(request); refusal.has_value()) return *refusal;
    Response response;
    std::optional<Response> now = api_.Answer(request, [&](Response later) { response = std::move(later); });
    return now.value_or(std::move(response));
  }

  const std::string dir_ = testing::TempDir() + "/pod_proof_test";
  testkit::ManualClock clock_;
  NoLog log_;
  FixedStatus status_{SamplePod()};
  NoOffice office_;
  std::unique_ptr<Guard> asking_ = Open("asking", kOld);
  std::unique_ptr<Guard> asked_ = Open("asked", kOld);
  PodApi api_{&status_, &office_, {.guard = asked_.get()}};
};

TEST_F(PodProofTest, APodIsAnsweredOnce) {
  const std::string proof = Prove();
  EXPECT_THAT(proof, Not(HasSubstr("secret")));
  EXPECT_EQ(Ask(proof).status, 200);
  const Response again = Ask(proof);
  EXPECT_EQ(again.status, 401);
  EXPECT_THAT(again.body, HasSubstr("was shown before"));
  for (const char* path : {"/v1/status", "/v1/tasks", "/v1/parked", "/v1/topology"}) {
    EXPECT_EQ(Ask(Prove(path), path).status, 200) << path;
  }
}

TEST_F(PodProofTest, ItIsOfItsTimePathAndAddress) {
  const std::string proof = Prove();
  EXPECT_EQ(Ask(proof, "/v1/tasks").status, 401);
  EXPECT_EQ(Ask(Prove("/v1/status", "10.0.0.6:8080")).status, 401) << "sent on by whoever is at that address";
  clock_.Advance(absl::Seconds(31));
  EXPECT_EQ(Ask(proof).status, 401);
  EXPECT_EQ(Ask(Prove()).status, 200);
}

TEST_F(PodProofTest, ItOpensNothingElse) {
  for (const char* path :
       {"/v1/audit", "/v1/dead-letters", "/v1/jobs/1", "/v1/aggregates/customer/alice", "/nowhere"}) {
    EXPECT_EQ(Ask(Prove(path), path).status, 401) << path;
  }
  const std::string proof = Prove("/v1/status");
  EXPECT_EQ(Ask(Request{.method = "GET",
                        .path = "/v1/status",
                        .authorization = proof,
                        .query = {{"scope", "application"}},
                        .own_address = kAddress})
                .status,
            401)
      << "pods would ask each other without end";
  const std::string posting =
      asking_->Prove({.method = "POST", .path = "/v1/commands", .body = "{}", .address = kAddress});
  EXPECT_EQ(Ask(Request{.method = "POST",
                        .path = "/v1/commands",
                        .authorization = posting,
                        .content_type = "application/json",
                        .has_body = true,
                        .content_length = 2,
                        .body = "{}",
                        .own_address = kAddress})
                .status,
            401);
  EXPECT_EQ(office_.count, 0);
}

TEST_F(PodProofTest, WhileTokensAreChangedEitherIsBelieved) {
  const std::string both = std::string(kOld) + "\n" + kNew + " name=alice";
  Write("asking", both);
  EXPECT_EQ(Ask(Prove()).status, 200) << "the asked one has the old one alone";
  Write("asked", both);
  EXPECT_EQ(Ask(Prove()).status, 200);
  Write("asked", std::string(kNew) + " name=alice");
  EXPECT_EQ(Ask(Prove()).status, 200) << "the asking one has both still";
  Write("asking", std::string(kNew) + " name=alice");
  EXPECT_EQ(Ask(Prove()).status, 200);
  Write("asking", "another-secret-of-some-length");
  const Response refused = Ask(Prove());
  EXPECT_EQ(refused.status, 401);
  EXPECT_THAT(refused.body, HasSubstr("by no token"));
}

TEST_F(PodProofTest, ATokenThatHasExpiredProvesNothing) {
  Write("asking", std::string(kOld) + " expires=1971-01-01T00:00:00Z");
  EXPECT_EQ(Prove(), "");
  Write("asking", kOld);
  Write("asked", std::string(kOld) + " expires=1971-01-01T00:00:00Z");
  EXPECT_EQ(Ask(Prove()).status, 401);
}

TEST_F(PodProofTest, BeforeItsStartNothingIsBelieved) {
  const std::string proof = Prove();
  clock_.Advance(absl::Seconds(1));
  const std::unique_ptr<Guard> restarted = Open("asked", kOld);
  PodApi api(&status_, &office_, {.guard = restarted.get()});
  const Request request{.method = "GET", .path = "/v1/status", .authorization = proof, .own_address = kAddress};
  EXPECT_TRUE(api.Refuse(request).has_value());
}

}  // namespace
}  // namespace once::http
