// Logical lines first, then keys and values of each, then escapes.
#include "processor/config/java_properties.h"

#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "processor/base/strings.h"

namespace once {
namespace {

bool IsBlank(char c) { return c == ' ' || c == '\t' || c == '\f'; }
bool IsEnd(char c) { return c == '\n' || c == '\r'; }

struct LogicalLine {
  std::string text;  // Without its leading blanks.
  int number = 0;    // Of its first line, from 1.
};

// Takes a file apart into lines that go on where a backslash says so.
class LineReader {
 public:
  explicit LineReader(std::string_view text) : text_(text) {}

  // Neither comments nor empty lines.
  std::optional<LogicalLine> Next() {
    while (at_ < text_.size()) {
      std::string_view line = NaturalLine();
      LogicalLine logical{.text = "", .number = number_};
      if (line.empty() || line[0] == '#' || line[0] == '!') continue;
      while (GoesOn(line)) {
        logical.text.append(line.substr(0, line.size() - 1));
        line = at_ < text_.size() ? NaturalLine() : std::string_view();
      }
      logical.text.append(line);
      if (!logical.text.empty()) return logical;
    }
    return std::nullopt;
  }

 private:
  std::string_view NaturalLine() {
    ++number_;
    while (at_ < text_.size() && IsBlank(text_[at_])) ++at_;
    const size_t begin = at_;
    while (at_ < text_.size() && !IsEnd(text_[at_])) ++at_;
    const std::string_view line = text_.substr(begin, at_ - begin);
    if (at_ < text_.size()) at_ += text_.substr(at_).starts_with("\r\n") ? 2 : 1;
    return line;
  }

  static bool GoesOn(std::string_view line) {
    size_t slashes = 0;
    while (slashes < line.size() && line[line.size() - 1 - slashes] == '\\') ++slashes;
    return slashes % 2 == 1;
  }

  const std::string_view text_;
  size_t at_ = 0;
  int number_ = 0;
};

void AppendUtf8(uint32_t rune, std::string* out) {
  if (rune < 0x80) {
    out->push_back(static_cast<char>(rune));
    return;
  }
  const int more = rune < 0x800 ? 1 : rune < 0x10000 ? 2 : 3;
  constexpr uint32_t kFirst[] = {0, 0xC0, 0xE0, 0xF0};
  out->push_back(static_cast<char>(kFirst[more] | (rune >> (6 * more))));
  for (int i = more - 1; i >= 0; --i) out->push_back(static_cast<char>(0x80 | ((rune >> (6 * i)) & 0x3F)));
}

// The four hexadecimal digits at the beginning of `text`.
std::optional<uint32_t> FourDigits(std::string_view text) {
  if (text.size() < 4) return std::nullopt;
  uint32_t unit = 0;
  for (int i = 0; i < 4; ++i) {
    const char c = absl::ascii_tolower(static_cast<unsigned char>(text[i]));
    if (!absl::ascii_isxdigit(static_cast<unsigned char>(c))) return std::nullopt;
    unit =
        unit * 16 + static_cast<uint32_t>(absl::ascii_isdigit(static_cast<unsigned char>(c)) ? c - '0' : c - 'a' + 10);
  }
  return unit;
}

bool IsHigh(uint32_t unit) { return unit >= 0xD800 && unit < 0xDC00; }
bool IsLow(uint32_t unit) { return unit >= 0xDC00 && unit < 0xE000; }

// What follows "\u", of which it takes away what it has read; Java's text is UTF-16, so a rune may be two of them.
bool TakeRune(std::string_view* rest, std::string* out) {
  const std::optional<uint32_t> unit = FourDigits(*rest);
  if (!unit.has_value() || IsLow(*unit)) return false;
  rest->remove_prefix(4);
  uint32_t rune = *unit;
  if (IsHigh(rune)) {
    if (!rest->starts_with("\\u")) return false;
    const std::optional<uint32_t> low = FourDigits(rest->substr(2));
    if (!low.has_value() || !IsLow(*low)) return false;
    rest->remove_prefix(6);
    rune = 0x10000 + ((rune - 0xD800) << 10) + (*low - 0xDC00);
  }
  AppendUtf8(rune, out);
  return true;
}

// Nothing if a "\u" is not followed by what it must be.
std::optional<std::string> Unescape(std::string_view text) {
  std::string out;
  while (!text.empty()) {
    const char c = text.front();
    text.remove_prefix(1);
    if (c != '\\' || text.empty()) {
      if (c != '\\') AppendUtf8(static_cast<unsigned char>(c), &out);
      continue;
    }
    const char escaped = text.front();
    text.remove_prefix(1);
    switch (escaped) {
      case 't':
        out.push_back('\t');
        break;
      case 'n':
        out.push_back('\n');
        break;
      case 'r':
        out.push_back('\r');
        break;
      case 'f':
        out.push_back('\f');
        break;
      case 'u':
        if (!TakeRune(&text, &out)) return std::nullopt;
        break;
      default:
        AppendUtf8(static_cast<unsigned char>(escaped), &out);
    }
  }
  return out;
}

// Where the key of a logical line ends.
size_t KeyEnd(std::string_view line) {
  for (size_t i = 0; i < line.size(); ++i) {
    if (line[i] == '\\') {
      ++i;
    } else if (line[i] == '=' || line[i] == ':' || IsBlank(line[i])) {
      return i;
    }
  }
  return line.size();
}

std::string_view ValueOf(std::string_view line, size_t key_end) {
  size_t begin = key_end;
  while (begin < line.size() && IsBlank(line[begin])) ++begin;
  if (begin < line.size() && (line[begin] == '=' || line[begin] == ':')) ++begin;
  while (begin < line.size() && IsBlank(line[begin])) ++begin;
  return line.substr(begin);
}

}  // namespace

PropertiesFile ParseJavaProperties(std::string_view name, std::string_view text) {
  PropertiesFile file;
  std::map<std::string, int> first_lines;
  LineReader lines(text);
  while (const std::optional<LogicalLine> line = lines.Next()) {
    const std::string where = absl::StrCat(ToAbsl(name), ":", line->number);
    const size_t key_end = KeyEnd(line->text);
    const std::optional<std::string> key = Unescape(std::string_view(line->text).substr(0, key_end));
    const std::optional<std::string> value = Unescape(ValueOf(line->text, key_end));
    // X10: the line may be a secret, or a part of one.
    if (!key.has_value() || !value.has_value()) {
      file.errors.push_back(absl::StrCat(
          where, ": a \\u is not followed by the four digits of a character; write \\\\ ", "for a backslash"));
      continue;
    }
    if (!IsSettingName(*key)) {
      file.errors.push_back(absl::StrCat(where, ": the line is not a setting; write name=value"));
      continue;
    }
    const auto [first, is_new] = first_lines.emplace(*key, line->number);
    if (!is_new) {
      file.errors.push_back(
          absl::StrCat(where, ": line ", first->second, " sets the same already; remove one of the two"));
      continue;
    }
    file.entries.push_back(
        {*key, std::string(absl::StripAsciiWhitespace(*value)), line->number, false, key_end == line->text.size()});
  }
  return file;
}

}  // namespace once
