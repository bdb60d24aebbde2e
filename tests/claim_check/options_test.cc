// Where a store is, its credentials, and what S3 lists: what is taken, and what is refused without telling secrets.
#include <gmock/gmock.h>
#include <stdlib.h>

#include <fstream>

#include "absl/strings/str_cat.h"
#include "once/blob_store.h"
#include "processor/claim_check/stores.h"

namespace once {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;

std::string WhyNot(const BlobStoreOptions& options) {
  const auto store = OpenBlobStore(options);
  return store.ok() ? "" : std::string(store.status().message());
}

S3Options Good() { return {.endpoint = "http://127.0.0.1:9000", .bucket = "claims"}; }

TEST(BlobStoreOptionsTest, WhatCannotBeRightIsRefused) {
  EXPECT_EQ(WhyNot({.s3 = Good()}), "");
  EXPECT_EQ(WhyNot({.directory = "/srv/claims"}), "");
  EXPECT_THAT(WhyNot({.directory = "claims"}), HasSubstr("absolute"));
  EXPECT_THAT(WhyNot({.directory = "/srv/claims", .s3 = Good()}), HasSubstr("set one"));
  for (const char* endpoint : {"127.0.0.1:9000", "ftp://host", "http://", "http://user:secret@host", "http://host/path",
                               "http://host?x", "https://host#x", "http://ho st"}) {
    S3Options s3 = Good();
    s3.endpoint = endpoint;
    EXPECT_THAT(WhyNot({.s3 = s3}), HasSubstr("claim_store_s3_endpoint")) << endpoint;
    EXPECT_THAT(WhyNot({.s3 = s3}), Not(HasSubstr("secret")));
  }
  for (const char* bucket : {"", "a/b", "..", "a?b"}) {
    S3Options s3 = Good();
    s3.bucket = bucket;
    EXPECT_THAT(WhyNot({.s3 = s3}), HasSubstr("claim_store_s3_bucket")) << bucket;
  }
  for (const char* prefix : {"", "/a", "a/", "a//b", "a/../b", "a b", "a&b"}) {
    S3Options s3 = Good();
    s3.prefix = prefix;
    EXPECT_THAT(WhyNot({.s3 = s3}), HasSubstr("claim_store_s3_prefix")) << prefix;
  }
  S3Options deep = Good();
  deep.prefix = "team/claims.v1";
  EXPECT_EQ(WhyNot({.s3 = deep}), "");
}

TEST(BlobStoreOptionsTest, AServerThatIsNotThereIsUnavailable) {
  S3Options s3 = Good();
  s3.endpoint = "http://127.0.0.1:1";
  s3.credentials = [] { return AwsCredentials{.access_key_id = "id", .secret_access_key = "very-secret"}; };
  const auto store = OpenBlobStore({.s3 = s3}).value();
  const absl::Status put = store->Put(std::string(kBlobNameDigits, 'a'), "x");
  EXPECT_EQ(put.code(), absl::StatusCode::kUnavailable);
  EXPECT_THAT(std::string(put.message()), HasSubstr("does not answer at http://127.0.0.1:1/claims/once-claims/aaa"));
  EXPECT_THAT(std::string(put.message()), Not(HasSubstr("very-secret")));
}

class CredentialsTest : public ::testing::Test {
 protected:
  absl::StatusOr<AwsCredentials> Read(const std::string& text, const std::string& profile = "default") {
    const std::string path = absl::StrCat(testing::TempDir(), "/credentials");
    std::ofstream(path, std::ios::trunc) << text;
    return internal::ReadCredentialsFile(path, profile);
  }
};

TEST_F(CredentialsTest, AFileIsReadByProfile) {
  const std::string text =
      "# mine\n[default]\naws_access_key_id = A\naws_secret_access_key=S/+=\n\n[ other ]\n[other]\n"
      "aws_access_key_id=B\r\naws_secret_access_key=T\naws_session_token = token==\n";
  const auto mine = Read(text);
  ASSERT_TRUE(mine.ok()) << mine.status();
  EXPECT_EQ(mine->access_key_id, "A");
  EXPECT_EQ(mine->secret_access_key, "S/+=");
  EXPECT_EQ(mine->session_token, "");
  const auto other = Read(text, "other");
  ASSERT_TRUE(other.ok());
  EXPECT_EQ(other->access_key_id, "B");
  EXPECT_EQ(other->session_token, "token==");
}

TEST_F(CredentialsTest, WhatIsNotWholeIsUnavailableAndNotTold) {
  for (const char* text : {"", "[default]\naws_access_key_id=hidden\n",
                           "[other]\naws_access_key_id=hidden\naws_secret_access_key=hidden\n",
                           "aws_access_key_id=hidden\naws_secret_access_key=hidden\n",
                           "[default]\naws_access_key_id=hidden\naws_secret_access_key=hid den\n"}) {
    const auto read = Read(text);
    EXPECT_EQ(read.status().code(), absl::StatusCode::kUnavailable) << text;
    EXPECT_THAT(std::string(read.status().message()), Not(HasSubstr("hid")));
  }
  EXPECT_EQ(internal::ReadCredentialsFile("/not/there", "default").status().code(), absl::StatusCode::kUnavailable);
}

TEST_F(CredentialsTest, TheEnvironmentsCountWithoutAFile) {
  unsetenv("AWS_ACCESS_KEY_ID");
  EXPECT_EQ(internal::CredentialsOfEnvironment().status().code(), absl::StatusCode::kInvalidArgument);
  setenv("AWS_ACCESS_KEY_ID", "A", 1);
  setenv("AWS_SECRET_ACCESS_KEY", "S", 1);
  unsetenv("AWS_SESSION_TOKEN");
  const auto credentials = internal::CredentialsOfEnvironment();
  ASSERT_TRUE(credentials.ok());
  EXPECT_EQ(credentials->secret_access_key, "S");
}

TEST(S3ListingTest, BlobsAreTakenAndAllElseIsPassedOver) {
  const std::string name(kBlobNameDigits, 'a');
  const auto contents = [](const std::string& key, const std::string& modified) {
    return absl::StrCat("<Contents><Key>", key, "</Key><LastModified>", modified, "</LastModified><ETag>&quot;x&quot;",
                        "</ETag><Size>12</Size></Contents>");
  };
  const auto list = internal::ParseListing(
      absl::StrCat("<?xml?><ListBucketResult xmlns=\"x\"><IsTruncated>true</IsTruncated>",
                   contents("claims/" + name, "2026-01-02T03:04:05.000Z"),
                   contents("claims/other", "2026-01-02T03:04:05Z"), contents("claimsx" + name, "2026-01-02T03:04:05Z"),
                   contents("claims/x/" + name, ""),
                   contents("claims/" + std::string(kBlobNameDigits, 'b'), "yesterday"), "</ListBucketResult>"),
      "claims");
  ASSERT_TRUE(list.ok()) << list.status();
  ASSERT_EQ(list->blobs.size(), 2);
  EXPECT_EQ(list->blobs[0].name, name);
  EXPECT_EQ(list->blobs[0].bytes, 12);
  EXPECT_EQ(list->blobs[0].written, absl::FromUnixSeconds(1767323045));
  // Without an age it is never old enough to be swept.
  EXPECT_EQ(list->blobs[1].written, absl::InfiniteFuture());
  EXPECT_TRUE(list->is_truncated);
  EXPECT_EQ(list->last_key, "claimsx" + name);
  EXPECT_FALSE(internal::ParseListing("<html>", "claims").ok());
  EXPECT_FALSE(internal::ParseListing("<ListBucketResult><IsTruncated>true</IsTruncated>", "claims").ok());
}

}  // namespace
}  // namespace once
