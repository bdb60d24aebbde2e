// What a pod shows another one is believed once, at its time, for one request, at one address, by a token of both.
#include "processor/http/proof.h"

#include <string>
#include <string_view>
#include <vector>

#include "absl/strings/str_replace.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"

namespace once::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr ProofKey kOld = {.token = "the-old-one-that-goes", .name = "alice"};
constexpr ProofKey kNew = {.token = "the-new-one-that-comes"};
constexpr ProofSubject kSubject = {.method = "GET", .path = "/v1/status", .address = "10.0.0.5:8080"};
const absl::Time kNow = absl::FromUnixSeconds(1'700'000'000);

class ProofTest : public testing::Test {
 protected:
  static std::string Make(const std::vector<ProofKey>& keys = {kOld}, const ProofSubject& subject = kSubject,
                          absl::Time now = kNow) {
    return MakeProof(keys, subject, now, DrawNonce());
  }
  // The key's name, or why not.
  std::string Check(const std::string& proof, const std::vector<ProofKey>& keys = {kOld},
                    const ProofSubject& subject = kSubject, absl::Time now = kNow, bool is_shown = true) {
    const absl::StatusOr<std::string> name = proofs_.Check(proof, keys, subject, now, is_shown);
    return name.ok() ? "as " + *name : std::string(name.status().message());
  }

  Proofs proofs_{kNow - absl::Hours(1)};
};

TEST_F(ProofTest, WhoKnowsATokenIsBelievedOnce) {
  const std::string proof = Make();
  EXPECT_TRUE(IsProof(proof));
  EXPECT_THAT(proof, Not(HasSubstr(std::string(kOld.token))));
  EXPECT_EQ(Check(proof, {kOld}, kSubject, kNow, /*is_shown=*/false), "as alice");
  EXPECT_EQ(Check(proof), "as alice");
  EXPECT_THAT(Check(proof), HasSubstr("was shown before"));
  EXPECT_THAT(Check(proof, {kOld}, kSubject, kNow + absl::Seconds(29)), HasSubstr("was shown before"));
  EXPECT_EQ(Check(Make()), "as alice") << "another one is another";
}

TEST_F(ProofTest, ItIsOfItsTime) {
  EXPECT_EQ(Check(Make(), {kOld}, kSubject, kNow + absl::Seconds(29)), "as alice");
  EXPECT_EQ(Check(Make(), {kOld}, kSubject, kNow - absl::Seconds(29)), "as alice") << "clocks are not one";
  EXPECT_THAT(Check(Make(), {kOld}, kSubject, kNow + absl::Seconds(31)), HasSubstr("set their clocks"));
  EXPECT_THAT(Check(Make(), {kOld}, kSubject, kNow - absl::Seconds(31)), HasSubstr("set their clocks"));
  // Another time in it is another proof.
  const std::string late = absl::StrReplaceAll(Make(), {{"time=1700000000", "time=1700000031"}});
  EXPECT_THAT(Check(late, {kOld}, kSubject, kNow + absl::Seconds(31)), HasSubstr("by no token"));
  // One that starts anew does not know what was shown to it before.
  Proofs restarted(kNow + absl::Seconds(5));
  EXPECT_FALSE(restarted.Check(Make(), std::vector{kOld}, kSubject, kNow + absl::Seconds(6), true).ok());
}

TEST_F(ProofTest, ItIsForOneRequestAtOneAddress) {
  const ProofSubject others[] = {
      {.method = "POST", .path = kSubject.path, .address = kSubject.address},
      {.method = kSubject.method, .path = "/v1/tasks", .address = kSubject.address},
      {.method = kSubject.method, .path = "/v1/status?scope=application", .address = kSubject.address},
      {.method = kSubject.method, .path = kSubject.path, .body = "{}", .address = kSubject.address},
      {.method = kSubject.method, .path = kSubject.path, .address = "10.0.0.6:8080"},
      {.method = kSubject.method, .path = kSubject.path, .address = "10.0.0.5:8081"},
      {.method = kSubject.method, .path = kSubject.path, .address = ""}};
  for (const ProofSubject& other : others) {
    EXPECT_THAT(Check(Make(), {kOld}, other), HasSubstr("another request")) << other.method << other.path;
  }
}

TEST_F(ProofTest, AnAddressIsOneHoweverItIsSpelt) {
  const auto is_one = [&](std::string_view made_for, std::string_view asked_at) {
    ProofSubject made = kSubject, asked = kSubject;
    made.address = made_for;
    asked.address = asked_at;
    return Check(Make({kOld}, made), {kOld}, asked) == "as alice";
  };
  EXPECT_TRUE(is_one("[fd00:0:0:0:0:0:0:1]:80", "[fd00::1]:80"));
  EXPECT_TRUE(is_one("10.0.0.5:80", "[::ffff:10.0.0.5]:80"));
  EXPECT_FALSE(is_one("[fd00::1]:80", "[fd00::2]:80"));
  EXPECT_FALSE(is_one("[fd00::1]:80", "[fd00::1]:81"));
}

TEST_F(ProofTest, OfSeveralTokensAnyThatBothKnowIsEnough) {
  EXPECT_EQ(Check(Make({kOld}), {kOld, kNew}), "as alice");
  EXPECT_EQ(Check(Make({kNew}), {kOld, kNew}), "as ");
  EXPECT_EQ(Check(Make({kOld, kNew}), {kNew}), "as ") << "the asking pod has not read the file again yet";
  EXPECT_EQ(Check(Make({kOld, kNew}), {kOld}), "as alice");
  EXPECT_THAT(Check(Make({kOld}), {kNew}), HasSubstr("by no token"));
  EXPECT_THAT(Check(Make({kOld}), {}), HasSubstr("by no token"));
  // The name is of the token, and cannot be another's.
  const ProofKey renamed = {.token = kOld.token, .name = "root"};
  EXPECT_THAT(Check(Make({kOld}), {renamed}), HasSubstr("by no token"));
  EXPECT_THAT(Check(absl::StrReplaceAll(Make({kOld}), {{"mac=alice:", "mac=root:"}}), {renamed}),
              HasSubstr("by no token"));
  EXPECT_EQ(Make({}), "") << "there is nothing to show";
}

TEST_F(ProofTest, WhatIsNoneIsRefused) {
  const std::string right = Make();
  for (const std::string& wrong :
       {std::string("Once-Pod "), std::string("Once-Pod x"), right + ",", right + ", mac=", right + ", time=1",
        right.substr(0, right.size() - 1), absl::StrReplaceAll(right, {{"nonce=", "nonce=0"}}),
        absl::StrReplaceAll(right, {{"time=", "time=x"}}), absl::StrReplaceAll(right, {{"mac=", "mac"}}),
        "Once-Pod time=1700000000000, nonce=" + std::string(32, 'a'), std::string("Bearer x")}) {
    EXPECT_THAT(Check(wrong), HasSubstr("no proof")) << wrong;
  }
  EXPECT_EQ(Check(right), "as alice");
}

}  // namespace
}  // namespace once::http
