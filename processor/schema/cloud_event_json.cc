// What comes in is anybody's; what goes out has its texts escaped, and data that is JSON is checked before it comes
// here.
#include "processor/schema/cloud_event_json.h"

#include <algorithm>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/ascii.h"
#include "absl/strings/escaping.h"
#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/base/strings.h"
#include "processor/schema/registry_messages.h"

namespace once::internal {

namespace {

using Json = nlohmann::json;

absl::Status Wrong(std::string_view name, std::string_view what) {
  return absl::InvalidArgumentError(
      absl::StrCat("the CloudEvent's attribute \"", Printable(name), "\" ", ToAbsl(what)));
}

bool IsAttributeName(const std::string& name) {
  return !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return absl::ascii_islower(static_cast<unsigned char>(c)) || absl::ascii_isdigit(static_cast<unsigned char>(c));
  });
}

// The text of an attribute, which is a string, a whole number or a boolean.
std::optional<std::string> AttributeText(const Json& value) {
  if (value.is_string()) return value.get<std::string>();
  if (value.is_boolean()) return value.get<bool>() ? "true" : "false";
  if (value.is_number_integer()) return value.dump();
  return std::nullopt;
}

absl::Status ReadAttribute(const std::string& name, const Json& value, StructuredEvent* event) {
  // "Must be ignored": an absent attribute may be written as null.
  if (value.is_null()) return absl::OkStatus();
  if (!IsAttributeName(name)) return Wrong(name, "is none: names are lower-case letters and digits");
  std::optional<std::string> text = AttributeText(value);
  if (!text.has_value()) return Wrong(name, "is neither text nor a whole number nor a boolean");
  if (name == "time" && !IsRfc3339(*text)) return Wrong(name, "is no time as RFC 3339 has it");
  const bool is_text = value.is_string() && !text->empty();
  if (name == "specversion") return *text == "1.0" ? absl::OkStatus() : Wrong(name, "is not 1.0");
  if (name == "id" || name == "source" || name == "type") {
    if (!is_text) return Wrong(name, "must be text, and not empty");
    (name == "id" ? event->id : name == "source" ? event->source : event->type) = *std::move(text);
    return absl::OkStatus();
  }
  event->more[name] = *std::move(text);
  return absl::OkStatus();
}

// By datacontenttype, JSON unless that says otherwise.
bool SaysJson(const StructuredEvent& event) {
  const auto found = event.more.find("datacontenttype");
  if (found == event.more.end()) return true;
  std::string type = found->second.substr(0, found->second.find(';'));
  type = absl::AsciiStrToLower(absl::StripAsciiWhitespace(type));
  return absl::EndsWith(type, "/json") || absl::EndsWith(type, "+json");
}

absl::Status ReadData(const Json& object, StructuredEvent* event) {
  const auto plain = object.find("data");
  const auto base64 = object.find("data_base64");
  if (plain != object.end() && base64 != object.end()) return Wrong("data", "stands beside data_base64");
  if (base64 != object.end() && !base64->is_null()) {
    std::string bytes;
    if (!base64->is_string() || !absl::Base64Unescape(base64->get_ref<const std::string&>(), &bytes)) {
      return Wrong("data_base64", "is no base64");
    }
    event->data = std::move(bytes);
  } else if (plain != object.end() && !plain->is_null()) {
    event->is_json = SaysJson(*event);
    // Text of another type stands in a string.
    event->data = !event->is_json && plain->is_string() ? plain->get<std::string>() : plain->dump();
    if (!plain->is_string()) event->is_json = true;
  }
  return absl::OkStatus();
}

}  // namespace

bool IsRfc3339(const std::string& text) {
  absl::Time time;
  std::string error;
  // absl takes "infinite-future" and spaces around as well.
  return !text.empty() && absl::ascii_isdigit(static_cast<unsigned char>(text.front())) &&
         !absl::ascii_isspace(static_cast<unsigned char>(text.back())) &&
         absl::ParseTime(absl::RFC3339_full, text, &time, &error);
}

absl::StatusOr<StructuredEvent> ReadStructuredEvent(std::string_view json) {
  if (!IsShallowJson(json)) return absl::DataLossError("the CloudEvent is JSON that is too deep");
  const Json object = Json::parse(json, nullptr, /*allow_exceptions=*/false);
  if (!object.is_object()) return absl::DataLossError("the CloudEvent is no JSON object");
  StructuredEvent event;
  for (const auto& [name, value] : object.items()) {
    if (name == "data" || name == "data_base64") continue;
    if (absl::Status read = ReadAttribute(name, value, &event); !read.ok()) return read;
  }
  const auto version = object.find("specversion");
  if (version == object.end() || version->is_null()) return Wrong("specversion", "is missing");
  if (event.id.empty()) return Wrong("id", "is missing");
  if (event.source.empty()) return Wrong("source", "is missing");
  if (event.type.empty()) return Wrong("type", "is missing");
  if (absl::Status read = ReadData(object, &event); !read.ok()) return read;
  return event;
}

std::string WriteStructuredEvent(const EnvelopeParts& parts) {
  Json object = {{"specversion", "1.0"},
                 {"id", std::string(parts.id)},
                 {"source", std::string(parts.source)},
                 {"type", std::string(parts.type)}};
  if (!parts.data_schema.empty()) object["dataschema"] = std::string(parts.data_schema);
  if (!parts.data_content_type.empty()) object["datacontenttype"] = std::string(parts.data_content_type);
  if (parts.time_ms >= 0) {
    object["time"] = absl::FormatTime(absl::RFC3339_full, absl::FromUnixMillis(parts.time_ms), absl::UTCTimeZone());
  }
  if (!parts.is_json) object["data_base64"] = absl::Base64Escape(ToAbsl(parts.data));
  std::string text = object.dump(-1, ' ', false, Json::error_handler_t::replace);
  // As it is: parsed and written anew numbers may come out otherwise.
  if (parts.is_json) {
    text.pop_back();
    absl::StrAppend(&text, ",\"data\":", ToAbsl(parts.data), "}");
  }
  return text;
}

}  // namespace once::internal
