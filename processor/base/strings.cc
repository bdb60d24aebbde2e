// Text that may be bytes: cut, shown, compared, checked.
#include "processor/base/strings.h"

#include <xxhash.h>

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <numeric>
#include <vector>

namespace once {

size_t StringHash::operator()(std::string_view text) const {
  return static_cast<size_t>(XXH3_64bits(text.data(), text.size()));
}

namespace {

void AppendHex(std::string_view bytes, std::string* out) {
  static constexpr char kHex[] = "0123456789abcdef";
  for (const char byte : bytes) {
    const auto c = static_cast<unsigned char>(byte);
    out->append({'\\', 'x', kHex[c >> 4], kHex[c & 15]});
  }
}

}  // namespace

std::string Printable(std::string_view text, size_t max_bytes) {
  std::string out;
  const size_t shown = std::min(text.size(), max_bytes);
  out.reserve(shown + 3);
  for (size_t i = 0; i < shown; ++i) {
    const auto c = static_cast<unsigned char>(text[i]);
    // ASCII alone, which every terminal and viewer shows alike.
    if (c >= 0x20 && c < 0x7f) {
      out.push_back(static_cast<char>(c));
    } else {
      AppendHex(text.substr(i, 1), &out);
    }
  }
  if (shown < text.size()) out.append("...");
  return out;
}

namespace {

// Bytes of the UTF-8 sequence that starts at `text[i]`, or 0 if it is malformed.
size_t SequenceLength(std::string_view text, size_t i) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(text[k]); };
  const uint8_t lead = byte(i);
  if (lead < 0x80) return 1;
  const size_t length = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : 2;
  // 0xc0 and 0xc1 could begin overlong forms only.
  if (lead < 0xc2 || lead > 0xf4 || i + length > text.size()) return 0;
  for (size_t k = 1; k < length; ++k) {
    if ((byte(i + k) & 0xc0) != 0x80) return 0;
  }
  const uint8_t second = byte(i + 1);
  if (lead == 0xe0 && second < 0xa0) return 0;  // overlong
  if (lead == 0xed && second > 0x9f) return 0;  // surrogate
  if (lead == 0xf0 && second < 0x90) return 0;  // overlong
  if (lead == 0xf4 && second > 0x8f) return 0;  // beyond U+10FFFF
  return length;
}

// Whether a well-formed UTF-8 sequence makes whoever shows it do something else: C0, DEL, C1, breaks of lines and
// paragraphs, and what turns the direction of writing.
bool IsControl(std::string_view sequence) {
  const auto byte = [&](size_t k) { return static_cast<uint8_t>(sequence[k]); };
  if (sequence.size() == 1) return byte(0) < 0x20 || byte(0) == 0x7f;
  // C1: U+0080 to U+009F.
  if (sequence.size() == 2) return byte(0) == 0xc2 && byte(1) < 0xa0;
  if (sequence.size() != 3 || byte(0) != 0xe2) return false;
  // U+2028 to U+202E, and U+2066 to U+2069.
  return (byte(1) == 0x80 && byte(2) >= 0xa8 && byte(2) <= 0xae) ||
         (byte(1) == 0x81 && byte(2) >= 0xa6 && byte(2) <= 0xa9);
}

std::string Escape(std::string_view text, std::string_view kept) {
  std::string out;
  out.reserve(text.size());
  const auto is_plain = [](char c) { return c >= 0x20 && c < 0x7f; };
  for (size_t i = 0; i < text.size();) {
    const size_t plain = std::find_if_not(text.begin() + i, text.end(), is_plain) - text.begin() - i;
    out.append(text.substr(i, plain));
    i += plain;
    if (i == text.size()) break;
    const size_t length = SequenceLength(text, i);
    const std::string_view sequence = text.substr(i, std::max<size_t>(length, 1));
    if (length == 0 || (IsControl(sequence) && kept.find(sequence) == std::string_view::npos)) {
      AppendHex(sequence, &out);
    } else {
      out.append(sequence);
    }
    i += sequence.size();
  }
  return out;
}

// Fewer than eight bytes in one word, each at least once.
uint64_t AllBytesOf(std::string_view text) {
  const auto first_and_last = [&](auto word) {
    decltype(word) last = 0;
    std::memcpy(&word, text.data(), sizeof(word));
    std::memcpy(&last, text.data() + text.size() - sizeof(last), sizeof(last));
    return uint64_t{word} << (8 * sizeof(word)) | last;
  };
  if (text.size() >= sizeof(uint32_t)) return first_and_last(uint32_t{0});
  if (text.size() >= sizeof(uint16_t)) return first_and_last(uint16_t{0});
  return text.empty() ? 0 : static_cast<uint8_t>(text[0]);
}

}  // namespace

std::string OneLine(std::string_view text) { return Escape(text, ""); }

std::string PlainText(std::string_view text) { return Escape(text, "\n\t"); }

std::string_view CutUtf8(std::string_view text, size_t bytes) {
  constexpr size_t kMostContinuations = 3;
  if (text.size() <= bytes) return text;
  size_t end = bytes;
  while (end > 0 && bytes - end < kMostContinuations && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  // What continues no sequence is no text: cut it where it was to be.
  const bool continues = (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80;
  return text.substr(0, continues ? bytes : end);
}

bool IsValidUtf8(std::string_view text) {
  constexpr uint64_t kHighBits = 0x8080808080808080;
  constexpr size_t kEight = sizeof(uint64_t);
  if (text.size() < kEight && (AllBytesOf(text) & kHighBits) == 0) return true;
  size_t i = 0;
  while (i < text.size()) {
    // Most text is ASCII: eight bytes at a time, the last of them with some again.
    if (text.size() >= kEight) {
      const size_t from = std::min(i, text.size() - kEight);
      uint64_t eight = 0;
      std::memcpy(&eight, text.data() + from, kEight);
      if ((eight & kHighBits) == 0) {
        i = from + kEight;
        continue;
      }
    }
    const size_t length = SequenceLength(text, i);
    if (length == 0) return false;
    i += length;
  }
  return true;
}

size_t EditDistance(std::string_view a, std::string_view b) {
  // Levenshtein's distance, by one row of its table at a time.
  std::vector<size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), size_t{0});
  for (size_t i = 1; i <= a.size(); ++i) {
    size_t diagonal = row[0];
    row[0] = i;
    for (size_t j = 1; j <= b.size(); ++j) {
      const size_t replaced = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, replaced});
    }
  }
  return row[b.size()];
}

}  // namespace once
