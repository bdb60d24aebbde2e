// The text of keys and values that are bytes or numbers, and back: what the codecs of once/codec.h have in common.
#ifndef ONCE_PROCESSOR_TYPED_CODEC_TEXT_H_
#define ONCE_PROCESSOR_TYPED_CODEC_TEXT_H_

#include <cstdint>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace once::internal {

std::string BytesToHex(std::string_view bytes);
std::string DoubleToText(double value);  // The shortest text that reads back as the same number.

// InvalidArgument if the text is none.
absl::StatusOr<std::string> HexToBytes(const std::string& text);
absl::StatusOr<int32_t> TextToInt32(const std::string& text);
absl::StatusOr<int64_t> TextToInt64(const std::string& text);
absl::StatusOr<double> TextToDouble(const std::string& text);

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TYPED_CODEC_TEXT_H_
