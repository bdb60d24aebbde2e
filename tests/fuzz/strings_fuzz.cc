// Which bytes are text: the UTF-8 check against a decoder to code points and back, and what messages show of any bytes.
#include <optional>
#include <string>

#include "processor/base/strings.h"
#include "tests/fuzz/input.h"

namespace {

std::string Utf8Of(uint32_t point) {
  std::string text;
  const auto tail = [&](int shift) { text.push_back(static_cast<char>(0x80 | ((point >> shift) & 0x3f))); };
  if (point < 0x80) {
    text.push_back(static_cast<char>(point));
  } else if (point < 0x800) {
    text.push_back(static_cast<char>(0xc0 | point >> 6));
    tail(0);
  } else if (point < 0x10000) {
    text.push_back(static_cast<char>(0xe0 | point >> 12));
    tail(6), tail(0);
  } else {
    text.push_back(static_cast<char>(0xf0 | point >> 18));
    tail(12), tail(6), tail(0);
  }
  return text;
}

// Reads leniently and writes anew: valid is what comes out as it went in, without surrogates and within Unicode.
bool Reference(std::string_view text) {
  std::string written;
  for (size_t i = 0; i < text.size();) {
    const auto lead = static_cast<uint8_t>(text[i]);
    const size_t length = lead < 0x80 ? 1 : lead < 0xc0 ? 0 : lead < 0xe0 ? 2 : lead < 0xf0 ? 3 : lead < 0xf8 ? 4 : 0;
    if (length == 0 || length > text.size() - i) return false;
    uint32_t point = length == 1 ? lead : lead & (0xffu >> (length + 1));
    for (size_t k = 1; k < length; ++k) point = point << 6 | (static_cast<uint8_t>(text[i + k]) & 0x3f);
    if (point > 0x10ffff || (point >= 0xd800 && point <= 0xdfff)) return false;
    written += Utf8Of(point);
    i += length;
  }
  return written == text;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  const size_t max_bytes = input.Byte();
  const std::string_view text = input.Rest();
  ONCE_CHECK(once::IsValidUtf8(text) == Reference(text));
  const std::string shown = once::Printable(text, max_bytes);
  ONCE_CHECK(shown.size() <= 4 * std::min(max_bytes, text.size()) + 3);
  ONCE_CHECK(shown.size() >= std::min(max_bytes, text.size()));
  for (const char c : shown) ONCE_CHECK(c >= 0x20 && c < 0x7f);
  return 0;
}
