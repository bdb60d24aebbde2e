// Against S3, or what speaks as it, at $ONCE_TEST_S3, with the credentials in $ONCE_TEST_S3_CREDENTIALS (profiles
// default, and wrong, whose secret is not that of its key): tests/claim_check/run starts one.
#include <gmock/gmock.h>

#include <cstdlib>

#include "absl/random/random.h"
#include "absl/strings/str_cat.h"
#include "once/blob_store.h"
#include "processor/claim_check/stores.h"
#include "tests/claim_check/scene.h"
#include "tests/claim_check/store_contract.h"

namespace once {
namespace {

using ::testing::HasSubstr;
using ::testing::Not;
using ::testing::SizeIs;

std::string Variable(const char* name) {
  const char* const value = std::getenv(name);
  return value == nullptr ? "" : value;
}

S3Options OptionsOfRun() {
  static absl::BitGen random;
  return {.endpoint = Variable("ONCE_TEST_S3"),
          .bucket = "claims",
          .prefix = absl::StrCat("test/", absl::Uniform<uint64_t>(random)),
          .credentials_file = Variable("ONCE_TEST_S3_CREDENTIALS"),
          .timeout = absl::Seconds(60)};
}

std::shared_ptr<BlobStore> Open(const S3Options& options) { return OpenBlobStore({.s3 = options}).value(); }

INSTANTIATE_TEST_SUITE_P(S3, StoreContractTest,
                         ::testing::Values(StoreUnderTest{.name = "S3", .make = [] { return Open(OptionsOfRun()); }}),
                         [](const auto& info) { return info.param.name; });

TEST(S3StoreTest, ManyBlobsAreListedInSeveralAnswers) {
  const auto store = Open(OptionsOfRun());
  constexpr int kBlobs = 1003;  // An answer has a thousand.
  for (int i = 0; i < kBlobs; ++i) {
    const std::string digits = absl::StrCat(absl::Hex(i, absl::kZeroPad8));
    ASSERT_TRUE(store->Put(digits + std::string(kBlobNameDigits - 8, '0'), "x").ok());
  }
  std::set<std::string> names;
  ASSERT_TRUE(store->List([&](const BlobInfo& blob) { names.insert(blob.name); }).ok());
  EXPECT_THAT(names, SizeIs(kBlobs));
}

TEST(S3StoreTest, WrongCredentialsAndBucketsSaySoAtTheStart) {
  S3Options options = OptionsOfRun();
  options.profile = "wrong";
  const absl::Status wrong = Open(options)->Check();
  EXPECT_EQ(wrong.code(), absl::StatusCode::kPermissionDenied) << wrong;
  EXPECT_THAT(std::string(wrong.message()), Not(HasSubstr("not-the-secret")));
  EXPECT_EQ(Open(options)->Get(std::string(kBlobNameDigits, 'a'), 1).status().code(),
            absl::StatusCode::kPermissionDenied);
  options = OptionsOfRun();
  options.bucket = "not-there";
  const absl::Status missing = Open(options)->Check();
  EXPECT_EQ(missing.code(), absl::StatusCode::kFailedPrecondition) << missing;
  // That a bucket is away is no news of one blob.
  EXPECT_EQ(Open(options)->Get(std::string(kBlobNameDigits, 'a'), 1).status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(Open(options)->Put(std::string(kBlobNameDigits, 'a'), "x").code(), absl::StatusCode::kUnavailable);
}

TEST(S3StoreTest, ATopologyWritesAndReadsBlobs) {
  const auto store = Open(OptionsOfRun());
  TopologyTestDriver driver(CopyTexts(store));
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  const std::string text(1'000'000, 'x');
  SendClaim(&driver, "k", WriteClaim(store, text), "1");
  driver.RunUntilIdle();
  const auto copies = driver.Read<Bytes>("copies");
  ASSERT_THAT(copies, SizeIs(1)) << driver.dead_letters()[0].message;
  const auto blob = store->Get(NameIn(copies[0].headers), 1'000'000);
  ASSERT_TRUE(blob.ok()) << blob.status();
  EXPECT_EQ(*blob == std::string(1'000'000, 'X'), true);
  // And one that is gone is a dead letter.
  Claim claim = WriteClaim(store, "gone soon");
  ASSERT_TRUE(store->Delete(NameIn(claim.headers)).ok());
  SendClaim(&driver, "k", claim, "2");
  driver.RunUntilIdle();
  ASSERT_THAT(driver.dead_letters(), SizeIs(1));
  EXPECT_EQ(driver.dead_letters()[0].reason, "NOT_FOUND");
}

}  // namespace
}  // namespace once
