#include "processor/typed/codec_json.h"

#include "absl/strings/str_cat.h"
#include "google/protobuf/struct.pb.h"
#include "google/protobuf/util/json_util.h"
#include "processor/base/strings.h"

namespace once::internal {

namespace {

// protobuf 3.21 and newer ones have their own classes of status.
template <typename ProtobufStatus>
absl::Status JsonError(const std::string& type, const ProtobufStatus& status) {
  return absl::InvalidArgumentError(absl::StrCat("this is no JSON of ", type, ": ", OneLine(status.ToString())));
}

}  // namespace

absl::StatusOr<std::string> MessageToJson(const google::protobuf::Message& message) {
  google::protobuf::util::JsonPrintOptions options;
  options.preserve_proto_field_names = true;
  std::string json;
  const auto status = google::protobuf::util::MessageToJsonString(message, &json, options);
  // Such as an Any of a type that is not linked.
  if (!status.ok()) return JsonError(message.GetTypeName(), status);
  return json;
}

absl::Status JsonToMessage(const std::string& json, google::protobuf::Message* message) {
  google::protobuf::util::JsonParseOptions options;
  options.ignore_unknown_fields = false;
  const auto status = google::protobuf::util::JsonStringToMessage(json, message, options);
  return status.ok() ? absl::OkStatus() : JsonError(message->GetTypeName(), status);
}

std::string TextToJson(const std::string& text) {
  google::protobuf::Value value;
  value.set_string_value(IsValidUtf8(text) ? text : PlainText(text));
  // It is valid UTF-8, so this cannot fail.
  return MessageToJson(value).value_or("\"\"");
}

absl::StatusOr<std::string> JsonToText(const std::string& json) {
  google::protobuf::Value value;
  const auto status = google::protobuf::util::JsonStringToMessage(json, &value);
  if (status.ok() && value.has_string_value()) return value.string_value();
  // Numbers as they stand there: a double would lose digits.
  if (status.ok() && (value.has_number_value() || value.has_bool_value())) {
    const size_t begin = json.find_first_not_of(" \t\r\n"), end = json.find_last_not_of(" \t\r\n");
    return json.substr(begin, end - begin + 1);
  }
  return absl::InvalidArgumentError("this is no JSON string or number");
}

}  // namespace once::internal
