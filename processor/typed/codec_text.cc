// Keys appear in logs, headers, URLs and on command lines; what is read back there must be the same key.
#include "processor/typed/codec_text.h"

#include <charconv>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"

namespace once::internal {

std::string BytesToHex(std::string_view bytes) {
  static constexpr char kHex[] = "0123456789abcdef";
  std::string text;
  text.reserve(2 * bytes.size());
  for (const char c : bytes) {
    text.push_back(kHex[static_cast<uint8_t>(c) >> 4]);
    text.push_back(kHex[static_cast<uint8_t>(c) & 15]);
  }
  return text;
}

absl::StatusOr<std::string> HexToBytes(const std::string& text) {
  const auto digit = [](char c) {
    if (c >= '0' && c <= '9') return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    if (c >= 'A' && c <= 'F') return c - 'A' + 10;
    return -1;
  };
  std::string bytes;
  for (size_t i = 0; i < text.size(); i += 2) {
    const int high = digit(text[i]);
    // A digit without another is half a byte.
    const int low = i + 1 < text.size() ? digit(text[i + 1]) : -1;
    if (high < 0 || low < 0) return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is not hexadecimal"));
    bytes.push_back(static_cast<char>(high * 16 + low));
  }
  return bytes;
}

namespace {

template <typename Number>
absl::StatusOr<Number> ParseNumber(const std::string& text, bool parsed, Number value) {
  if (parsed) return value;
  return absl::InvalidArgumentError(absl::StrCat("\"", text, "\" is no number of this type"));
}

}  // namespace

absl::StatusOr<int32_t> TextToInt32(const std::string& text) {
  int32_t value = 0;
  const bool parsed = absl::SimpleAtoi(text, &value);
  return ParseNumber(text, parsed, value);
}

absl::StatusOr<int64_t> TextToInt64(const std::string& text) {
  int64_t value = 0;
  const bool parsed = absl::SimpleAtoi(text, &value);
  return ParseNumber(text, parsed, value);
}

std::string DoubleToText(double value) {
  // More than any double takes.
  char text[32];
  // Without a format: the shortest that is exact.
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  return std::string(text, end.ptr);
}

absl::StatusOr<double> TextToDouble(const std::string& text) {
  double value = 0;
  const bool parsed = absl::SimpleAtod(text, &value);
  return ParseNumber(text, parsed, value);
}

}  // namespace once::internal
