// Where payloads lie that are too large for records (once/claim_check.h): a directory, a bucket of S3, or memory.
//
//   absl::StatusOr<std::shared_ptr<once::BlobStore>> store = once::OpenBlobStore(once::BlobStoreOptionsFrom(config));
//
// Where a store is says configuration alone, nothing that came with a record.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_BLOB_STORE_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_BLOB_STORE_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/config.h"
#include "once/msk_iam.h"

namespace once {

// 80 hexadecimal digits in lower case: SHA-256 of the bytes, and 16 more, so that no name is used again later.
inline constexpr size_t kBlobNameDigits = 80;

struct BlobInfo {
  std::string name = {};
  int64_t bytes = 0;
  absl::Time written = absl::InfiniteFuture();  // By the store's clock.
};

// Thread-safe. Calls block, for as long as the store's timeout. Errors: NotFound, the store says that there is no such
// blob; PermissionDenied, it refuses the credentials or the right; Unavailable, anything that may pass; all with the
// place. InvalidArgument of names that are none.
class BlobStore {
 public:
  virtual ~BlobStore() = default;
  // Durable when it returns, and there as a whole or not at all; what has the name is replaced, and as new as any.
  virtual absl::Status Put(const std::string& name, std::string_view bytes) = 0;
  // At most `max_bytes` of it: a larger one is OutOfRange.
  virtual absl::StatusOr<std::string> Get(const std::string& name, int64_t max_bytes) = 0;
  // All blobs, in no order; other things that lie there are passed over.
  virtual absl::Status List(const std::function<void(const BlobInfo&)>& take) = 0;
  // OK if there is none.
  virtual absl::Status Delete(const std::string& name) = 0;
  // Whether it is there and may be written to. Of a start.
  virtual absl::Status Check() = 0;
  // Deletes what puts that were interrupted before then have left behind.
  virtual absl::Status DropLeftovers(absl::Time) { return absl::OkStatus(); }
};

struct S3Options {
  std::string endpoint = {};           // http(s)://HOST[:PORT]; addressed by path: ENDPOINT/BUCKET/PREFIX/NAME.
  std::string region = "us-east-1";    // That requests are signed for.
  std::string bucket = {};             // Must be there.
  std::string prefix = "once-claims";  // Of letters, digits and -_./; one application's or several'.
  // AWS's file of credentials, read for each call, so that new ones count at once; empty: $AWS_ACCESS_KEY_ID,
  // $AWS_SECRET_ACCESS_KEY and, if it is set, $AWS_SESSION_TOKEN.
  std::string credentials_file = {};
  std::string profile = "default";
  // Instead of both: called for each request; thread-safe.
  std::function<absl::StatusOr<AwsCredentials>()> credentials = {};
  std::string ca_file = {};  // PEM of the authorities to trust; empty: the system's.
  absl::Duration connect_timeout = absl::Seconds(2);
  absl::Duration timeout = absl::Seconds(10);  // Of a whole call.
};

struct BlobStoreOptions {
  std::string directory = {};  // An absolute path, of a directory that is there; instead of s3.
  S3Options s3 = {};
};

// Asks for the options claim_store_directory, claim_store_s3_endpoint, claim_store_s3_region, claim_store_s3_bucket,
// claim_store_s3_prefix, claim_store_s3_credentials_file, claim_store_s3_profile, claim_store_s3_ca_file and
// claim_store_timeout.
BlobStoreOptions BlobStoreOptionsFrom(const Config& config);

// InvalidArgument for options that cannot be right. Touches neither disk nor network. Without a directory and without
// an endpoint it is a store that refuses each start, so that --help needs none.
absl::StatusOr<std::shared_ptr<BlobStore>> OpenBlobStore(const BlobStoreOptions& options);

}  // namespace once

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_BLOB_STORE_H_
