// How the rest of Once calls codecs: guarded, so that what one throws fails the event that it was called for, and
// nothing else (rule X3). Codecs themselves are the user's side: once/codec.h.
#ifndef ONCE_PROCESSOR_TYPED_CODEC_CALLS_H_
#define ONCE_PROCESSOR_TYPED_CODEC_CALLS_H_

#include <concepts>
#include <string>
#include <string_view>
#include <type_traits>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/arena.h"
#include "processor/base/guarded.h"
#include "processor/base/strings.h"

namespace once {

// Specialised in once/codec.h, and by users for types of their own.
template <typename T>
struct Codec;

namespace internal {

// Whether all five members are there, as once/codec.h shows them.
template <typename T>
concept HasCodec = requires(std::string_view bytes, const T& value, T* out, Arena* arena, const std::string& text) {
  { Codec<T>::TypeName() } -> std::convertible_to<std::string>;
  { Codec<T>::Decode(bytes, out) } -> std::convertible_to<absl::Status>;
  { Codec<T>::Encode(value, arena) } -> std::convertible_to<std::string_view>;
  { Codec<T>::ToText(value) } -> std::convertible_to<std::string>;
  { Codec<T>::FromText(text) } -> std::convertible_to<absl::StatusOr<T>>;
};

template <typename T>
concept HasCheck = requires(const T& value) {
  { Codec<T>::Check(value) } -> std::same_as<absl::Status>;
};

// Whether Decode leaves nothing of what the value was, as the codecs of once/codec.h say of themselves: theirs need no
// default value first, and strings and messages keep their memory from event to event. A codec that is derived from one
// of them is for another type, and may do what it likes.
template <typename T>
concept DecodeReplaces = requires {
  typename Codec<T>::DecodeReplaces;
  requires std::same_as<typename Codec<T>::DecodeReplaces, T>;
};

// `*value` may hold anything, such as another event's value: nothing of it is left (X3).
template <typename T>
absl::Status DecodeBytes(std::string_view bytes, T* value) {
  return Guarded(absl::StatusCode::kDataLoss, "the codec", [&]() -> absl::Status {
    if constexpr (!DecodeReplaces<T>) {
      constexpr bool kFits = std::is_default_constructible_v<T> && std::is_move_assignable_v<T>;
      static_assert(kFits, "a type that has a codec is default-constructible and move-assignable");
      if constexpr (kFits) *value = T{};
    }
    return Codec<T>::Decode(bytes, value);
  });
}

// Whether the bytes are a `T`; without making one, if the codec can.
template <typename T>
absl::Status CheckBytes(std::string_view bytes) {
  return Guarded(absl::StatusCode::kDataLoss, "the codec", [&]() -> absl::Status {
    if constexpr (requires { Codec<T>::Check(bytes); }) {
      return Codec<T>::Check(bytes);
    } else {
      T value{};
      return Codec<T>::Decode(bytes, &value);
    }
  });
}

// The codec's text of an encoded `T`; if it has none, the bytes in a form that can be printed.
template <typename T>
std::string TextOfBytes(std::string_view bytes) {
  std::string text;
  const absl::Status told = Guarded(absl::StatusCode::kDataLoss, "the codec", [&]() -> absl::Status {
    T value{};
    absl::Status decoded = Codec<T>::Decode(bytes, &value);
    if (decoded.ok()) text = Codec<T>::ToText(value);
    return decoded;
  });
  return told.ok() ? text : Printable(bytes, bytes.size());
}

}  // namespace internal

}  // namespace once

#endif  // ONCE_PROCESSOR_TYPED_CODEC_CALLS_H_
