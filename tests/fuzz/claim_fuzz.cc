// References to blobs of anybody, and lists of buckets: what is taken is a name of digits, whatever surrounds it.
#include <string>
#include <vector>

#include "processor/claim_check/blob_store.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/stores.h"
#include "tests/fuzz/input.h"

namespace once::internal {
namespace {

void CheckName(std::string_view name) {
  ONCE_CHECK(name.size() == kBlobNameDigits);
  ONCE_CHECK(name.find_first_not_of("0123456789abcdef") == std::string_view::npos);
}

void CheckHeader(const std::string& text) {
  const auto reference = ParseClaim(text);
  bool is_found = false;
  FindClaims(text, [&](std::string_view name) {
    CheckName(name);
    if (reference.ok()) is_found = is_found || name == reference->name;
  });
  if (!reference.ok()) return;
  CheckName(reference->name);
  // Who looks for references finds each that is taken; and a reference is written in one way.
  ONCE_CHECK(is_found && reference->bytes >= 0 && FormatClaim(*reference) == text);
}

void CheckRecord(const std::string& header, const std::string& value, bool is_claimed) {
  const std::vector<HeaderView> headers = {{kClaimHeader, header}};
  RecordView record;
  record.headers = headers;
  record.value = is_claimed ? kClaimValue : std::string_view(value);
  const auto claim = ClaimOf(record);
  const bool has_value = record.value != kClaimValue;
  ONCE_CHECK(has_value ? claim.ok() && !claim->has_value() : claim.ok() == ParseClaim(header).ok());
}

void CheckListing(const std::string& xml) {
  const auto listing = ParseListing(xml, "p");
  if (!listing.ok()) return;
  for (const BlobInfo& blob : listing->blobs) CheckName(blob.name);
  ONCE_CHECK(!listing->is_truncated || !listing->last_key.empty());
}

}  // namespace
}  // namespace once::internal

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  switch (input.Choice(3)) {
    case 0:
      once::internal::CheckHeader(std::string(input.Rest()));
      break;
    case 1: {
      const bool is_claimed = input.Choice(2) == 0;
      const std::string header(input.Bytes());
      once::internal::CheckRecord(header, std::string(input.Rest()), is_claimed);
      break;
    }
    default:
      once::internal::CheckListing(std::string(input.Rest()));
  }
  return 0;
}
