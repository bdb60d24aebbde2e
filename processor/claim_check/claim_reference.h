// What a record has instead of its value: the header "once.claim", as text
//
//   once-claim-1:NAME:SIZE
//
// NAME is 80 hexadecimal digits in lower case, of which the first 64 are the SHA-256 of the bytes, SIZE their number in
// decimal. It is never a path or an address. The text is the same in states that keep it, so that whoever looks for
// references finds them in any bytes.
#ifndef ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_REFERENCE_H_
#define ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_REFERENCE_H_

#include <cstdint>
#include <functional>
#include <optional>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/record.h"

namespace once::internal {

inline constexpr std::string_view kClaimHeader = "once.claim";
// The value of a record whose payload lies elsewhere: no protobuf message and no JSON, so that a reader that knows
// nothing of it fails instead of reading an empty message.
inline constexpr std::string_view kClaimValue =
    "once: this value lies in a blob store, and the header once.claim says which it is";

struct ClaimReference {
  std::string name = {};
  int64_t bytes = 0;
};

std::string FormatClaim(const ClaimReference& reference);
// DataLoss for any other text.
absl::StatusOr<ClaimReference> ParseClaim(std::string_view text);
bool IsBlobName(std::string_view name);

// Nothing if the record has its value itself; DataLoss if it says that it has not, and not where it is.
absl::StatusOr<std::optional<ClaimReference>> ClaimOf(const RecordView& record);

// Calls `take` with each name of a blob that a reference in the bytes has.
void FindClaims(std::string_view bytes, const std::function<void(std::string_view name)>& take);

// 64 hexadecimal digits.
std::string Sha256Hex(std::string_view bytes);
// DataLoss unless they are the bytes that were meant.
absl::Status CheckBlob(const ClaimReference& reference, std::string_view bytes);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_CLAIM_CHECK_CLAIM_REFERENCE_H_
