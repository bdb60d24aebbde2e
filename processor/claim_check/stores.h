// The kinds of stores.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_STORES_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_STORES_H_

#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/claim_check/blob_store.h"

namespace once::internal {

// Files DIRECTORY/ab/abcd..., by the first two digits of their names; what is being written is in DIRECTORY/incoming.
std::shared_ptr<BlobStore> NewDirectoryStore(const std::string& directory);

// InvalidArgument for options that cannot be right.
absl::StatusOr<std::shared_ptr<BlobStore>> NewS3Store(const S3Options& options);

// Those of a profile in a file of credentials as AWS's tools have it. Unavailable, without anything that the file says,
// if it cannot be read or lacks them.
absl::StatusOr<AwsCredentials> ReadCredentialsFile(const std::string& path, const std::string& profile);
// Of the environment. InvalidArgument if they are not set.
absl::StatusOr<AwsCredentials> CredentialsOfEnvironment();

// An answer to ListObjectsV2: blobs in it, the last key of all, and whether there are more. Unavailable if it is none.
struct S3Listing {
  std::vector<BlobInfo> blobs = {};
  std::string last_key = {};
  bool is_truncated = false;
};
absl::StatusOr<S3Listing> ParseListing(std::string_view xml, const std::string& prefix);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_STORES_H_
