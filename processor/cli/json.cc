#include "processor/cli/json.h"

#include <charconv>
#include <cmath>
#include <cstddef>

#include "processor/base/strings.h"

namespace once::cli {

std::string QuoteJson(std::string_view raw) {
  // X3: keys and messages of others are any bytes, and a document that is no UTF-8 is no JSON.
  const std::string text = IsValidUtf8(raw) ? std::string(raw) : PlainText(raw);
  static constexpr char kHex[] = "0123456789abcdef";
  std::string quoted = "\"";
  for (const char c : text) {
    const auto byte = static_cast<uint8_t>(c);
    if (c == '"' || c == '\\') {
      quoted.push_back('\\');
      quoted.push_back(c);
    } else if (c == '\n') {
      quoted += "\\n";
    } else if (c == '\t') {
      quoted += "\\t";
    } else if (byte < 0x20 || byte == 0x7f) {
      quoted += "\\u00";
      quoted.push_back(kHex[byte >> 4]);
      quoted.push_back(kHex[byte & 15]);
    } else {
      quoted.push_back(c);
    }
  }
  quoted.push_back('"');
  return quoted;
}

Json::Json(double value) {
  // JSON has neither infinities nor NaN.
  if (!std::isfinite(value)) return;
  char text[32];
  const std::to_chars_result end = std::to_chars(text, text + sizeof(text), value);
  kind_ = Kind::kVerbatim;
  text_ = std::string(text, end.ptr);
}

Json& Json::Set(std::string name, Json value) {
  names_.push_back(std::move(name));
  values_.push_back(std::move(value));
  return *this;
}

Json& Json::Append(Json value) {
  values_.push_back(std::move(value));
  return *this;
}

void Json::AppendTo(std::string* out) const {
  switch (kind_) {
    case Kind::kNull:
      *out += "null";
      return;
    case Kind::kVerbatim:
      *out += text_;
      return;
    case Kind::kText:
      *out += QuoteJson(text_);
      return;
    case Kind::kArray:
    case Kind::kObject:
      break;
  }
  const bool is_object = kind_ == Kind::kObject;
  out->push_back(is_object ? '{' : '[');
  for (size_t i = 0; i < values_.size(); ++i) {
    if (i > 0) out->push_back(',');
    if (is_object) {
      *out += QuoteJson(names_[i]);
      out->push_back(':');
    }
    values_[i].AppendTo(out);
  }
  out->push_back(is_object ? '}' : ']');
}

std::string Json::ToString() const {
  std::string text;
  AppendTo(&text);
  return text;
}

std::string Json::ToPlainText() const {
  if (kind_ == Kind::kText) return text_;
  return kind_ == Kind::kNull ? "" : ToString();
}

}  // namespace once::cli
