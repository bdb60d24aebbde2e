// Codecs of all kinds of types. Bytes are refused or stay what they say; so is text, and what it makes can be decoded.
#include <google/protobuf/stubs/logging.h>

#include <string>

#include "absl/strings/numbers.h"
#include "once/codec.h"
#include "once/v1/changelog.pb.h"
#include "once/windowed_keys.h"
#include "tests/fuzz/input.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

template <typename T>
std::string Encode(const T& value) {
  static Arena arena;
  arena.Reset();
  return std::string(Codec<T>::Encode(value, &arena));
}

// Text holds no fields that the type has not.
template <typename T>
void DropUnknown(T* value) {
  if constexpr (std::derived_from<T, google::protobuf::Message>) value->DiscardUnknownFields();
}

// One way to write each value, but for protobuf's.
template <typename T>
constexpr bool kCanonical = !std::derived_from<T, google::protobuf::Message>;

template <typename T>
void CheckValue(const T& value) {
  const std::string bytes = Encode(value);
  T again{};
  ONCE_CHECK(Codec<T>::Decode(bytes, &again).ok());
  ONCE_CHECK(Encode(again) == bytes);
}

template <typename T>
void CheckText(const std::string& text) {
  const absl::StatusOr<T> value = Codec<T>::FromText(text);
  if (!value.ok()) {
    ONCE_CHECK(absl::IsInvalidArgument(value.status()));
    return;
  }
  CheckValue(*value);
}

template <typename T>
void CheckBytes(std::string_view bytes) {
  T value{};
  const absl::Status decoded = Codec<T>::Decode(bytes, &value);
  if (!decoded.ok()) {
    ONCE_CHECK(absl::IsDataLoss(decoded));
    return;
  }
  if constexpr (kCanonical<T>) ONCE_CHECK(Encode(value) == bytes);
  CheckValue(value);
  DropUnknown(&value);
  const std::string text = Codec<T>::ToText(value);
  const absl::StatusOr<T> from_text = Codec<T>::FromText(text);
  ONCE_CHECK(from_text.ok());
  ONCE_CHECK(Codec<T>::ToText(*from_text) == text);
  // What a NaN carries beside being none is lost in text.
  if (text != "nan" && text != "-nan") ONCE_CHECK(Encode(*from_text) == Encode(value));
}

template <typename T>
void Check(bool is_text, std::string_view bytes) {
  if (is_text) {
    CheckText<T>(std::string(bytes));
  } else {
    CheckBytes<T>(bytes);
  }
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  static const auto silenced = google::protobuf::SetLogHandler(nullptr);
  (void)silenced;
  once::fuzz::Input input(data, size);
  const bool is_text = input.Flag();
  const size_t type = input.Choice(11);
  const std::string_view bytes = input.Rest();
  switch (type) {
    case 0:
      once::Check<std::string>(is_text, bytes);
      break;
    case 1:
      once::Check<once::Bytes>(is_text, bytes);
      break;
    case 2:
      once::Check<int32_t>(is_text, bytes);
      break;
    case 3:
      once::Check<int64_t>(is_text, bytes);
      break;
    case 4:
      once::Check<double>(is_text, bytes);
      break;
    case 5:
      once::Check<once::test::Basket>(is_text, bytes);
      break;
    case 6:
      once::Check<once::test::Bought>(is_text, bytes);
      break;
    case 7:
      once::Check<once::v1::ParkedEvent>(is_text, bytes);
      break;
    case 8:
      once::Check<once::TimeWindowed<std::string>>(is_text, bytes);
      break;
    case 9:
      once::Check<once::SessionWindowed<once::Bytes>>(is_text, bytes);
      break;
    default:
      once::Check<once::v1::Frontier>(is_text, bytes);
  }
  return 0;
}
