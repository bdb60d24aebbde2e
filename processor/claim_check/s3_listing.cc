// Of an answer of ListObjectsV2 three elements are wanted, and keys of blobs have no character that XML escapes; so it
// is searched, and what is not as expected is passed over.
#include <algorithm>
#include <optional>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/claim_check/claim_reference.h"
#include "processor/claim_check/stores.h"

namespace once::internal {

namespace {

// What stands between <name> and </name>, from `*at` on, which goes behind it.
std::optional<std::string_view> NextElement(std::string_view xml, const std::string& name, size_t* at) {
  const std::string open = absl::StrCat("<", name, ">"), close = absl::StrCat("</", name, ">");
  const size_t begin = xml.find(open, *at);
  if (begin == std::string_view::npos) return std::nullopt;
  const size_t end = xml.find(close, begin + open.size());
  if (end == std::string_view::npos) return std::nullopt;
  *at = end + close.size();
  return xml.substr(begin + open.size(), end - begin - open.size());
}

std::string_view Element(std::string_view xml, const std::string& name) {
  size_t at = 0;
  return NextElement(xml, name, &at).value_or(std::string_view());
}

}  // namespace

absl::StatusOr<S3Listing> ParseListing(std::string_view xml, const std::string& prefix) {
  size_t at = 0;
  if (xml.find("<ListBucketResult") == std::string_view::npos) {
    return absl::UnavailableError("the blob store's answer is no list of a bucket");
  }
  S3Listing listing{.is_truncated = Element(xml, "IsTruncated") == "true"};
  while (const auto contents = NextElement(xml, "Contents", &at)) {
    const std::string_view key = Element(*contents, "Key");
    listing.last_key = std::max(listing.last_key, std::string(key));
    if (!key.starts_with(prefix) || key.substr(prefix.size(), 1) != "/") continue;
    BlobInfo blob{.name = std::string(key.substr(prefix.size() + 1))};
    if (!IsBlobName(blob.name)) continue;
    // A blob whose age is not told is as young as can be.
    std::string error;
    if (!absl::ParseTime(absl::RFC3339_full, ToAbsl(Element(*contents, "LastModified")), &blob.written, &error)) {
      blob.written = absl::InfiniteFuture();
    }
    (void)absl::SimpleAtoi(ToAbsl(Element(*contents, "Size")), &blob.bytes);
    listing.blobs.push_back(std::move(blob));
  }
  if (listing.is_truncated && listing.last_key.empty()) {
    return absl::UnavailableError("the blob store's answer says that there is more, and lists nothing");
  }
  return listing;
}

}  // namespace once::internal
