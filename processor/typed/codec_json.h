// Keys and values as operators read and write them: keys as their codec's text, messages as protobuf's JSON, all other
// values as JSON strings of their codec's text. Guarded like every call of a codec (rule X3).
#ifndef ONCE_PROCESSOR_TYPED_CODEC_JSON_H_
#define ONCE_PROCESSOR_TYPED_CODEC_JSON_H_

#include <concepts>
#include <string>
#include <string_view>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "google/protobuf/message.h"
#include "processor/base/arena.h"
#include "processor/base/guarded.h"
#include "processor/topology/graph.h"
#include "processor/typed/codec_calls.h"

namespace once::internal {

// With the fields' names as in the .proto file, on one line.
absl::StatusOr<std::string> MessageToJson(const google::protobuf::Message& message);
// Takes these names and protobuf's own (lowerCamelCase). InvalidArgument, which says what is wrong, for text that is no
// JSON of this message, unknown fields included.
absl::Status JsonToMessage(const std::string& json, google::protobuf::Message* message);
// `text` as a JSON string.
std::string TextToJson(const std::string& text);
// The text of a JSON string, number or boolean. InvalidArgument if it is none.
absl::StatusOr<std::string> JsonToText(const std::string& json);

// A value by the codec, after its own check, if it has one.
template <typename T>
absl::StatusOr<std::string> EncodeChecked(const T& value) {
  if constexpr (HasCheck<T>) {
    if (absl::Status checked = Codec<T>::Check(value); !checked.ok()) return checked;
  }
  Arena arena;
  return std::string(Codec<T>::Encode(value, &arena));
}

// DataLoss if the bytes are no `T`.
template <typename T>
absl::StatusOr<std::string> JsonOfBytes(std::string_view bytes) {
  std::string json;
  const absl::Status told = Guarded(absl::StatusCode::kDataLoss, "the codec", [&]() -> absl::Status {
    T value{};
    if (absl::Status decoded = Codec<T>::Decode(bytes, &value); !decoded.ok()) return decoded;
    absl::StatusOr<std::string> text = std::string();
    if constexpr (std::derived_from<T, google::protobuf::Message>) {
      text = MessageToJson(value);
    } else {
      text = TextToJson(Codec<T>::ToText(value));
    }
    if (text.ok()) json = *std::move(text);
    return text.status();
  });
  if (told.ok()) return json;
  return told;
}

// InvalidArgument, or what the codec says, if the JSON is no `T`.
template <typename T>
absl::StatusOr<std::string> BytesOfJson(const std::string& json) {
  std::string bytes;
  const absl::Status told = Guarded(absl::StatusCode::kInvalidArgument, "the codec", [&]() -> absl::Status {
    absl::StatusOr<std::string> encoded = std::string();
    if constexpr (std::derived_from<T, google::protobuf::Message>) {
      T value{};
      if (absl::Status parsed = JsonToMessage(json, &value); !parsed.ok()) return parsed;
      encoded = EncodeChecked(value);
    } else {
      const absl::StatusOr<std::string> text = JsonToText(json);
      if (!text.ok()) return text.status();
      const absl::StatusOr<T> value = Codec<T>::FromText(*text);
      if (!value.ok()) return value.status();
      encoded = EncodeChecked(*value);
    }
    if (encoded.ok()) bytes = *std::move(encoded);
    return encoded.status();
  });
  if (told.ok()) return bytes;
  return told;
}

// A key that was typed. InvalidArgument, or what the codec says, if the text is no `T`.
template <typename T>
absl::StatusOr<std::string> BytesOfText(const std::string& text) {
  std::string bytes;
  const absl::Status told = Guarded(absl::StatusCode::kInvalidArgument, "the codec", [&]() -> absl::Status {
    const absl::StatusOr<T> value = Codec<T>::FromText(text);
    if (!value.ok()) return value.status();
    absl::StatusOr<std::string> encoded = EncodeChecked(*value);
    if (encoded.ok()) bytes = *std::move(encoded);
    return encoded.status();
  });
  if (told.ok()) return bytes;
  return told;
}

template <typename T>
JsonForm JsonFormOf() {
  return {.of_bytes = &JsonOfBytes<T>, .to_bytes = &BytesOfJson<T>};
}

}  // namespace once::internal

#endif  // ONCE_PROCESSOR_TYPED_CODEC_JSON_H_
