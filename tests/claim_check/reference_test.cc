// References are read strictly: nothing that a record brings becomes a place.
#include <gmock/gmock.h>

#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/claim_check/blob_store.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/claim_store.h"

namespace once::internal {
namespace {

using ::testing::ElementsAre;

const std::string kName(kBlobNameDigits, 'a');

TEST(ClaimReferenceTest, WhatIsWrittenIsRead) {
  for (const int64_t bytes : {int64_t{0}, int64_t{1}, int64_t{1} << 40}) {
    const auto read = ParseClaim(FormatClaim({.name = kName, .bytes = bytes}));
    ASSERT_TRUE(read.ok()) << read.status();
    EXPECT_EQ(read->name, kName);
    EXPECT_EQ(read->bytes, bytes);
  }
}

TEST(ClaimReferenceTest, AnythingElseIsNone) {
  const std::string good = FormatClaim({.name = kName, .bytes = 7});
  const std::string shorter = kName.substr(1);
  for (const std::string& text :
       std::vector<std::string>{"",
                                "once-claim-1:",
                                "once-claim-1::7",
                                absl::StrCat("once-claim-2:", kName, ":7"),
                                absl::StrCat("once-claim-1:", shorter, ":7"),
                                absl::StrCat("once-claim-1:", kName, "a:7"),
                                absl::StrCat("once-claim-1:", kName),
                                absl::StrCat("once-claim-1:", kName, ":"),
                                absl::StrCat("once-claim-1:", kName, ":-1"),
                                absl::StrCat("once-claim-1:", kName, ":+1"),
                                absl::StrCat("once-claim-1:", kName, ":07"),
                                absl::StrCat("once-claim-1:", kName, ": 7"),
                                absl::StrCat("once-claim-1:", kName, ":7 "),
                                absl::StrCat("once-claim-1:", kName, ":9999999999999999999"),
                                absl::StrCat("once-claim-1:", shorter, "A:7"),
                                absl::StrCat("once-claim-1:", shorter, "/:7"),
                                absl::StrCat("once-claim-1:", shorter, ".:7"),
                                absl::StrCat("once-claim-1:", shorter, std::string(1, 0), ":7"),
                                "once-claim-1:../../../../etc/passwd:7",
                                "once-claim-1:http://evil.example/x:7",
                                " " + good,
                                good + "\n",
                                good + std::string(1, '\0')}) {
    EXPECT_EQ(ParseClaim(text).status().code(), absl::StatusCode::kDataLoss) << text;
  }
}

TEST(ClaimReferenceTest, OnlyARecordWhoseValueSaysSoHasOne) {
  const std::string good = FormatClaim({.name = kName, .bytes = 7});
  const std::vector<HeaderView> headers = {{kClaimHeader, good}};
  RecordView record;
  record.headers = headers;
  record.value = "another value";
  EXPECT_EQ(*ClaimOf(record), std::nullopt);
  record.value = std::nullopt;
  EXPECT_EQ(*ClaimOf(record), std::nullopt);
  record.value = kClaimValue;
  ASSERT_TRUE(ClaimOf(record).ok());
  EXPECT_EQ((*ClaimOf(record))->name, kName);
  record.headers = {};
  EXPECT_EQ(ClaimOf(record).status().code(), absl::StatusCode::kDataLoss);
}

TEST(ClaimReferenceTest, ReferencesAreFoundInAnyBytes) {
  const std::string other(kBlobNameDigits, 'b');
  std::string bytes("\x0a\xff", 2);
  bytes += FormatClaim({.name = kName, .bytes = 7}) + "once-claim-1:" + "once-claim-1:" + other + "once-claim-1:abc";
  std::vector<std::string> names;
  FindClaims(bytes, [&](std::string_view name) { names.emplace_back(name); });
  EXPECT_THAT(names, ElementsAre(kName, other));
}

TEST(ClaimReferenceTest, BytesAreHeldAgainstTheirNameAndSize) {
  const std::string bytes = "payload";
  // By sha256sum.
  EXPECT_EQ(Sha256Hex("abc"), "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad");
  const ClaimReference reference{.name = Sha256Hex(bytes) + std::string(16, '0'), .bytes = 7};
  EXPECT_TRUE(CheckBlob(reference, bytes).ok());
  EXPECT_EQ(CheckBlob(reference, "Payload").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CheckBlob(reference, "payloa").code(), absl::StatusCode::kDataLoss);
  EXPECT_EQ(CheckBlob(reference, "").code(), absl::StatusCode::kDataLoss);
}

TEST(BlobNamesTest, ANameIsUsedAgainForAWhileAndThenNeverMore) {
  absl::Time now = SteadyNow();
  BlobNames names([&] { return now; }), others([&] { return now; });
  const std::string first = names.NameFor("x");
  EXPECT_TRUE(IsBlobName(first));
  EXPECT_EQ(first.substr(0, 64), Sha256Hex("x"));
  now += BlobNames::kDrawnFor - absl::Seconds(1);
  EXPECT_EQ(names.NameFor("x"), first);
  EXPECT_NE(names.NameFor("y").substr(0, 64), first.substr(0, 64));
  now += absl::Seconds(1);
  EXPECT_NE(names.NameFor("x"), first);
  EXPECT_NE(others.NameFor("x"), names.NameFor("x"));
}

}  // namespace
}  // namespace once::internal
