// A key, value or state whose codec throws when its text says so.
#ifndef ONCE_TESTS_TOPOLOGY_THROWING_H_
#define ONCE_TESTS_TOPOLOGY_THROWING_H_

#include <stdexcept>
#include <string>
#include <string_view>

#include "processor/codec.h"

namespace once::test {

struct Fickle {
  std::string text = {};
};

// Throws if `text` has "!`when`", and what is no std::exception if it has "!!`when`".
inline void MayThrow(std::string_view text, const std::string& when) {
  if (text.find("!!" + when) != std::string_view::npos) throw 42;
  if (text.find("!" + when) != std::string_view::npos) throw std::runtime_error("no " + when);
}

}  // namespace once::test

template <>
struct once::Codec<once::test::Fickle> {
  static std::string TypeName() { return "Fickle"; }
  static absl::Status Decode(std::string_view bytes, test::Fickle* value) {
    value->text = std::string(bytes);
    test::MayThrow(bytes, "decode");
    return absl::OkStatus();
  }
  static absl::Status Check(const test::Fickle& value) {
    test::MayThrow(value.text, "check");
    return absl::OkStatus();
  }
  static std::string_view Encode(const test::Fickle& value, Arena* arena) {
    test::MayThrow(value.text, "encode");
    return arena->Copy(value.text);
  }
  static std::string ToText(const test::Fickle& value) {
    test::MayThrow(value.text, "text");
    return "<" + value.text + ">";
  }
  static absl::StatusOr<test::Fickle> FromText(const std::string& text) { return test::Fickle{text}; }
};

#endif  // ONCE_TESTS_TOPOLOGY_THROWING_H_
