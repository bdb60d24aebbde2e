// Events that no record can hold, in the store of claim checks and by its rules: names, sizes, hashes, what is final.
#include <utility>

#include "processor/claim_check/claim_check.h"

namespace once {

namespace {

class LargeEvents final : public LargeValues {
 public:
  LargeEvents(std::shared_ptr<BlobStore> store, const ClaimCheckOptions& options)
      : store_(std::move(store), options) {}

  absl::StatusOr<std::string> Keep(std::string_view value) override {
    const absl::StatusOr<internal::ClaimReference> reference = store_.Store(value);
    if (!reference.ok()) return reference.status();
    return internal::FormatClaim(*reference);
  }

  absl::StatusOr<std::string> Fetch(std::string_view reference) override {
    const absl::StatusOr<internal::ClaimReference> claim = internal::ParseClaim(reference);
    if (!claim.ok()) return claim.status();
    std::string bytes;
    if (absl::Status fetched = store_.Fetch(*claim, &bytes); !fetched.ok()) return fetched;
    return bytes;
  }

  absl::Status CheckAtStart() override { return store_.CheckAtStart(); }

 private:
  const internal::ClaimStore store_;
};

}  // namespace

std::shared_ptr<LargeValues> KeepIn(std::shared_ptr<BlobStore> store, const ClaimCheckOptions& options) {
  return std::make_shared<LargeEvents>(std::move(store), options);
}

}  // namespace once
