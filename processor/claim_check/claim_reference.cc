// Read strictly: whatever a header says becomes part of a file's name or of a URL's path only as hexadecimal digits.
#include "processor/claim_check/claim_reference.h"

#include <openssl/evp.h>

#include <algorithm>

#include "absl/strings/escaping.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/claim_check/blob_store.h"

namespace once::internal {

namespace {

constexpr std::string_view kPrefix = "once-claim-1:";
constexpr size_t kHashDigits = 64;
constexpr size_t kMaxSizeDigits = 18;

bool IsHex(char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); }

}  // namespace

std::string FormatClaim(const ClaimReference& reference) {
  return absl::StrCat(ToAbsl(kPrefix), reference.name, ":", reference.bytes);
}

bool IsBlobName(std::string_view name) {
  return name.size() == kBlobNameDigits && std::all_of(name.begin(), name.end(), IsHex);
}

absl::StatusOr<ClaimReference> ParseClaim(std::string_view text) {
  const auto wrong = [text] {
    return absl::DataLossError(absl::StrCat("the header once.claim is \"", Printable(text.substr(0, 128)),
                                            "\", which is no reference; it is once-claim-1:NAME:SIZE"));
  };
  if (!text.starts_with(kPrefix)) return wrong();
  text.remove_prefix(kPrefix.size());
  const std::string_view name = text.substr(0, kBlobNameDigits);
  if (!IsBlobName(name) || text.size() <= kBlobNameDigits + 1 || text[kBlobNameDigits] != ':') return wrong();
  const std::string_view size = text.substr(kBlobNameDigits + 1);
  const bool is_number = size.size() <= kMaxSizeDigits && (size.size() == 1 || size[0] != '0') &&
                         std::all_of(size.begin(), size.end(), [](char c) { return c >= '0' && c <= '9'; });
  ClaimReference reference{.name = std::string(name)};
  if (!is_number || !absl::SimpleAtoi(ToAbsl(size), &reference.bytes)) return wrong();
  return reference;
}

absl::StatusOr<std::optional<ClaimReference>> ClaimOf(const RecordView& record) {
  // A value that somebody gave the record since, such as by `parked replace`, counts, whatever its headers say.
  if (record.value != kClaimValue) return std::optional<ClaimReference>();
  const OptionalBytes header = FindHeader(record.headers, kClaimHeader);
  if (!header.has_value()) {
    return absl::DataLossError("the value lies in a blob store, but the header once.claim, which names it, is missing");
  }
  absl::StatusOr<ClaimReference> reference = ParseClaim(*header);
  if (!reference.ok()) return reference.status();
  return *std::move(reference);
}

void FindClaims(std::string_view bytes, const std::function<void(std::string_view name)>& take) {
  for (size_t at = bytes.find(kPrefix); at != std::string_view::npos; at = bytes.find(kPrefix, at + 1)) {
    const std::string_view name = bytes.substr(at + kPrefix.size(), kBlobNameDigits);
    if (IsBlobName(name)) take(name);
  }
}

std::string Sha256Hex(std::string_view bytes) {
  unsigned char hash[EVP_MAX_MD_SIZE];
  unsigned size = 0;
  // OpenSSL fails here without memory only; what it left is no hash of anything then, and is refused where it is read.
  if (EVP_Digest(bytes.data(), bytes.size(), hash, &size, EVP_sha256(), nullptr) != 1) size = 0;
  return absl::BytesToHexString(absl::string_view(reinterpret_cast<const char*>(hash), size));
}

absl::Status CheckBlob(const ClaimReference& reference, std::string_view bytes) {
  if (static_cast<int64_t>(bytes.size()) != reference.bytes) {
    return absl::DataLossError(
        absl::StrCat("the blob ", reference.name, " has ", bytes.size(), " bytes instead of ", reference.bytes));
  }
  if (Sha256Hex(bytes) != reference.name.substr(0, kHashDigits)) {
    return absl::DataLossError(absl::StrCat("the blob ", reference.name, " has other bytes than were put there"));
  }
  return absl::OkStatus();
}

}  // namespace once::internal
