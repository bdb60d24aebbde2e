// Signatures against those of AWS's own library, which tests/security/msk_golden.py has made.
#include "processor/msk_iam.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <stdlib.h>

#include <string>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "processor/base/sha256.h"

namespace once {
namespace {

using ::testing::HasSubstr;

constexpr char kFirst[] =
    "https://kafka.eu-central-1.amazonaws.com/"
    "?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=AKIDEXAMPLE%2F20260102%2Feu-central-1%2Fkafka-cluster%2Faws4_request"
    "&X-Amz-Date=20260102T030405Z&X-Amz-Expires=900&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=00629abe90095b91c1a9e460b67a01a8e4e7499b99f571276b99dd9258dd65e5&User-Agent=once";
constexpr char kSecond[] =
    "https://kafka.us-east-1.amazonaws.com/"
    "?Action=kafka-cluster%3AConnect&X-Amz-Algorithm=AWS4-HMAC-SHA256"
    "&X-Amz-Credential=ASIAEXAMPLE%2F20260102%2Fus-east-1%2Fkafka-cluster%2Faws4_request"
    "&X-Amz-Date=20260102T030405Z&X-Amz-Expires=60"
    "&X-Amz-Security-Token=a%2Ftoken%2Bwith%3Dsigns%20and%20blanks~&X-Amz-SignedHeaders=host"
    "&X-Amz-Signature=ff8e8c781dc2202eaa9cb93a0b57af25fd52d7021cc6d28882ea2271a3afc704&User-Agent=once";

absl::Time Now() { return absl::FromCivil(absl::CivilSecond(2026, 1, 2, 3, 4, 5), absl::UTCTimeZone()); }

std::string UrlOf(const kafka::OauthToken& token) {
  std::string url;
  return absl::WebSafeBase64Unescape(token.value, &url) ? url : "no base64: " + token.value;
}

TEST(MskIamTest, ATokenIsTheUrlThatAwssLibrarySigns) {
  const auto function =
      MskIamTokens({.region = "eu-central-1",
                    .credentials =
                        [] {
                          return AwsCredentials{"AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"};
                        },
                    .now = Now});
  const auto token = function();
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(UrlOf(*token), kFirst);
  EXPECT_EQ(token->value.find('='), std::string::npos);
  EXPECT_EQ(token->principal, "AKIDEXAMPLE");
  EXPECT_EQ(token->expires_at, Now() + absl::Minutes(15));
}

TEST(MskIamTest, ATokenLivesNoLongerThanItsCredentials) {
  AwsCredentials credentials{"ASIAEXAMPLE", "secret", "a/token+with=signs and blanks~", Now() + absl::Minutes(1)};
  const auto function = MskIamTokens({.region = "us-east-1", .credentials = [&] { return credentials; }, .now = Now});
  const auto token = function();
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(UrlOf(*token), kSecond);
  EXPECT_EQ(token->expires_at, Now() + absl::Minutes(1));
  credentials.expires_at = Now();
  EXPECT_TRUE(absl::IsUnavailable(function().status()));
}

TEST(MskIamTest, WhatIsNotGivenComesFromTheEnvironment) {
  for (const char* name : {"AWS_REGION", "AWS_DEFAULT_REGION", "AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"}) {
    unsetenv(name);
  }
  const auto function = MskIamTokens({.now = Now});
  EXPECT_THAT(function().status().ToString(), HasSubstr("set AWS_REGION"));
  setenv("AWS_REGION", "eu-central-1", 1);
  EXPECT_THAT(function().status().ToString(), HasSubstr("set AWS_ACCESS_KEY_ID"));
  setenv("AWS_ACCESS_KEY_ID", "AKIDEXAMPLE", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY", 1);
  const auto token = function();
  ASSERT_TRUE(token.ok()) << token.status();
  EXPECT_EQ(UrlOf(*token), kFirst);
}

TEST(MskIamTest, AFailureOfTheCredentialsIsHandedOn) {
  const auto function =
      MskIamTokens({.region = "r", .credentials = [] { return absl::DeadlineExceededError("no answer"); }});
  EXPECT_TRUE(absl::IsDeadlineExceeded(function().status()));
}

std::string Hex(const std::string& bytes) { return absl::BytesToHexString(bytes); }

// FIPS 180-4's examples, and RFC 4231's second and sixth.
TEST(Sha256Test, IsTheStandards) {
  EXPECT_EQ(Hex(Sha256("")), "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855");
  EXPECT_EQ(Hex(Sha256("abc")), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  EXPECT_EQ(Hex(Sha256("abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq")),
            "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1");
  EXPECT_EQ(Hex(Sha256(std::string(1'000'000, 'a'))),
            "cdc76e5c9914fb9281a1c7e284d73e67f1809a48a497200e046d39ccc7112cd0");
  EXPECT_EQ(Hex(HmacSha256("Jefe", "what do ya want for nothing?")),
            "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843");
  EXPECT_EQ(Hex(HmacSha256(std::string(131, '\xaa'), "Test Using Larger Than Block-Size Key - Hash Key First")),
            "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54");
}

}  // namespace
}  // namespace once
