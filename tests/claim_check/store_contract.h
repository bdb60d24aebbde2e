// What any blob store does.
#ifndef ONCE_TESTS_CLAIM_CHECK_STORE_CONTRACT_H_
#define ONCE_TESTS_CLAIM_CHECK_STORE_CONTRACT_H_

#include <gmock/gmock.h>

#include <functional>
#include <memory>
#include <set>
#include <string>

#include "absl/time/clock.h"
#include "once/blob_store.h"

namespace once {

struct StoreUnderTest {
  std::string name;
  std::function<std::shared_ptr<BlobStore>()> make;  // Empty.
};

class StoreContractTest : public ::testing::TestWithParam<StoreUnderTest> {
 protected:
  static std::string Name(char digit) { return std::string(kBlobNameDigits, digit); }
  std::set<std::string> Listed() {
    std::set<std::string> names;
    const absl::Status listed = store_->List([&](const BlobInfo& blob) { names.insert(blob.name); });
    EXPECT_TRUE(listed.ok()) << listed;
    return names;
  }

  const std::shared_ptr<BlobStore> store_ = GetParam().make();
};

TEST_P(StoreContractTest, WhatIsPutIsThere) {
  ASSERT_TRUE(store_->Check().ok()) << store_->Check();
  const std::string all_bytes("\0\r\n\xff<x>&", 8);
  for (const std::string& bytes : {std::string(), std::string("a"), all_bytes, std::string(3'000'000, 'x')}) {
    const absl::Status put = store_->Put(Name('a'), bytes);
    ASSERT_TRUE(put.ok()) << put;
    const auto got = store_->Get(Name('a'), static_cast<int64_t>(bytes.size()));
    ASSERT_TRUE(got.ok()) << got.status();
    EXPECT_EQ(*got == bytes, true) << bytes.size();
  }
}

TEST_P(StoreContractTest, WhatIsNotThereIsNotFound) {
  ASSERT_TRUE(store_->Put(Name('a'), "a").ok());
  EXPECT_EQ(store_->Get(Name('b'), 10).status().code(), absl::StatusCode::kNotFound);
  EXPECT_TRUE(store_->Delete(Name('b')).ok());
}

TEST_P(StoreContractTest, MoreThanWasPutIsRefused) {
  ASSERT_TRUE(store_->Put(Name('a'), std::string(200'000, 'x')).ok());
  EXPECT_EQ(store_->Get(Name('a'), 199'999).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(store_->Get(Name('a'), 10).status().code(), absl::StatusCode::kOutOfRange);
  EXPECT_TRUE(store_->Get(Name('a'), 200'000).ok());
}

TEST_P(StoreContractTest, AllAreListedWithSizeAndAgeUntilTheyAreDeleted) {
  EXPECT_TRUE(Listed().empty());
  ASSERT_TRUE(store_->Put(Name('a'), "a").ok());
  ASSERT_TRUE(store_->Put(Name('f'), "four").ok());
  EXPECT_EQ(Listed(), (std::set<std::string>{Name('a'), Name('f')}));
  ASSERT_TRUE(store_
                  ->List([&](const BlobInfo& blob) {
                    EXPECT_EQ(blob.bytes, blob.name == Name('a') ? 1 : 4);
                    EXPECT_LT(absl::AbsDuration(absl::Now() - blob.written), absl::Minutes(2));
                  })
                  .ok());
  EXPECT_TRUE(store_->Delete(Name('a')).ok());
  EXPECT_EQ(Listed(), (std::set<std::string>{Name('f')}));
  EXPECT_EQ(store_->Get(Name('a'), 10).status().code(), absl::StatusCode::kNotFound);
}

}  // namespace once

#endif  // ONCE_TESTS_CLAIM_CHECK_STORE_CONTRACT_H_
