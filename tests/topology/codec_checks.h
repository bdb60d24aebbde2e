// What tests of codecs ask of each.
#ifndef ONCE_TESTS_TOPOLOGY_CODEC_CHECKS_H_
#define ONCE_TESTS_TOPOLOGY_CODEC_CHECKS_H_

#include <gtest/gtest.h>

#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "processor/codec.h"

namespace once {

template <typename T>
std::string Encode(const T& value) {
  Arena arena;
  return std::string(Codec<T>::Encode(value, &arena));
}

template <typename T>
absl::StatusOr<T> Decode(std::string_view bytes) {
  T value{};
  const absl::Status status = Codec<T>::Decode(bytes, &value);
  if (!status.ok()) return status;
  return value;
}

// What a Java client writes for the value, and what it looks like to people.
template <typename T>
void ExpectBothWays(const T& value, const std::string& bytes, const std::string& text) {
  EXPECT_EQ(Encode(value), bytes);
  EXPECT_EQ(*Decode<T>(bytes), value);
  EXPECT_EQ(Codec<T>::ToText(value), text);
  EXPECT_EQ(*Codec<T>::FromText(text), value);
}

}  // namespace once

#endif  // ONCE_TESTS_TOPOLOGY_CODEC_CHECKS_H_
