// A JSON value that is put together and written, not read: what commands tell scripts.
#ifndef ONCE_PROCESSOR_CLI_JSON_H_
#define ONCE_PROCESSOR_CLI_JSON_H_

#include <concepts>
#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace once::cli {

class Json {
 public:
  Json() = default;  // null
  template <std::same_as<bool> Bool>
  Json(Bool value) : kind_(Kind::kVerbatim), text_(value ? "true" : "false") {}
  template <std::integral Int>
  requires(!std::same_as<Int, bool>) Json(Int value) : kind_(Kind::kVerbatim), text_(std::to_string(value)) {}
  Json(double value);
  // Text. Bytes that are no UTF-8 come as "\xNN".
  Json(std::string text) : kind_(Kind::kText), text_(std::move(text)) {}
  Json(std::string_view text) : Json(std::string(text)) {}
  Json(const char* text) : Json(std::string(text)) {}

  static Json Object() { return Json(Kind::kObject, ""); }
  static Json Array() { return Json(Kind::kArray, ""); }
  // What is JSON already.
  static Json Verbatim(std::string json) { return Json(Kind::kVerbatim, std::move(json)); }

  // Adds a member to an object; a name is set once. Members are written in the order of setting.
  Json& Set(std::string name, Json value);
  // Adds an element to an array.
  Json& Append(Json value);

  bool is_null() const { return kind_ == Kind::kNull; }
  // On one line, without blanks but those of texts.
  std::string ToString() const;
  // Of text and numbers the plain form, of null nothing, of others ToString().
  std::string ToPlainText() const;

 private:
  enum class Kind { kNull, kVerbatim, kText, kArray, kObject };
  Json(Kind kind, std::string text) : kind_(kind), text_(std::move(text)) {}
  void AppendTo(std::string* out) const;

  Kind kind_ = Kind::kNull;
  std::string text_;
  std::vector<std::string> names_;  // Of an object's members.
  std::vector<Json> values_;        // Of its members, or an array's elements.
};

// `text` as a JSON string, with its quotes.
std::string QuoteJson(std::string_view text);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_JSON_H_
