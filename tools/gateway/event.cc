#include "tools/gateway/event.h"

#include <sys/random.h>

#include <bit>
#include <limits>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

constexpr char kMembers[] =
    "topic key key_type type value value_text value_base64 headers event_id source partition timestamp_ms";
constexpr size_t kMostIdBytes = 512;

template <typename Unsigned>
std::string BigEndian(Unsigned bits) {
  std::string bytes;
  for (int shift = 8 * (static_cast<int>(sizeof(bits)) - 1); shift >= 0; shift -= 8) {
    bytes += static_cast<char>(bits >> shift);
  }
  return bytes;
}

// One event's members, and where it stands for messages.
class Decoder {
 public:
  Decoder(const Json& json, std::string where, const Types& types, const EventLimits& limits)
      : json_(json), where_(std::move(where)), types_(types), limits_(limits) {}

  absl::StatusOr<Event> Decode() {
    if (!json_.is_object()) return Wrong("", "is no object");
    if (absl::Status known = CheckMembers(json_, where_, kMembers); !known.ok()) return known;
    for (const auto step : {&Decoder::TakeTopic, &Decoder::TakePlace, &Decoder::TakeKey, &Decoder::TakeIdentity,
                            &Decoder::TakeValue, &Decoder::TakeHeaders}) {
      if (absl::Status taken = (this->*step)(); !taken.ok()) return taken;
    }
    return std::move(event_);
  }

 private:
  absl::Status Wrong(std::string_view member, std::string_view why) const {
    return absl::InvalidArgumentError(
        absl::StrCat(where_, member.empty() ? "" : ".", ToAbsl(member), why.starts_with(':') ? "" : " ", ToAbsl(why)));
  }

  // A text member; empty if it is not there.
  absl::StatusOr<std::string> Text(const char* member, size_t most) const {
    const auto found = json_.find(member);
    if (found == json_.end()) return std::string();
    if (!found->is_string()) return Wrong(member, "is no string");
    const auto& text = found->get_ref<const std::string&>();
    if (text.empty()) return Wrong(member, "is empty; leave it out");
    if (text.size() > most) return Wrong(member, absl::StrCat("is longer than ", most, " bytes"));
    return text;
  }

  absl::Status TakeTopic() {
    absl::StatusOr<std::string> topic = Text("topic", 249);
    if (!topic.ok()) return topic.status();
    if (topic->empty()) return Wrong("topic", "is missing");
    if (std::string mistake = TopicNameMistake(*topic); !mistake.empty()) return Wrong("topic", mistake);
    event_.topic = *std::move(topic);
    return absl::OkStatus();
  }

  absl::Status TakePlace() {
    if (const auto found = json_.find("partition"); found != json_.end()) {
      if (!found->is_number_unsigned() || found->get<uint64_t>() > std::numeric_limits<int32_t>::max()) {
        return Wrong("partition", "is no number of a partition");
      }
      event_.partition = Partition(found->get<int32_t>());
    }
    if (const auto found = json_.find("timestamp_ms"); found != json_.end()) {
      if (!found->is_number_unsigned() || found->get<uint64_t>() > std::numeric_limits<int64_t>::max()) {
        return Wrong("timestamp_ms", "is no count of Unix milliseconds");
      }
      event_.timestamp_ms = found->get<int64_t>();
    }
    return absl::OkStatus();
  }

  absl::Status TakeKey() {
    absl::StatusOr<std::string> type = Text("key_type", 16);
    if (!type.ok()) return type.status();
    const auto found = json_.find("key");
    if (found == json_.end() || found->is_null()) {
      return type->empty() ? absl::OkStatus() : Wrong("key_type", "is of a key that is missing");
    }
    if (type->empty()) *type = found->is_string() ? "string" : found->is_number_float() ? "double" : "int64";
    absl::StatusOr<std::string> bytes = KeyBytes(*found, *type);
    if (!bytes.ok()) return bytes.status();
    if (bytes->size() > limits_.max_key_bytes) {
      return Wrong("key", absl::StrCat("is longer than ", limits_.max_key_bytes, " bytes"));
    }
    event_.key = *std::move(bytes);
    return absl::OkStatus();
  }

  absl::StatusOr<std::string> KeyBytes(const Json& key, const std::string& type) const {
    if (type == "string" || type == "bytes") {
      if (!key.is_string()) return Wrong("key", "is no string");
      if (type == "string") return key.get<std::string>();
      absl::StatusOr<std::string> bytes = FromBase64(key.get_ref<const std::string&>());
      if (!bytes.ok()) return Wrong("key", "is no base64");
      return bytes;
    }
    if (type == "double") {
      if (!key.is_number()) return Wrong("key", "is no number");
      return BigEndian(std::bit_cast<uint64_t>(key.get<double>()));
    }
    if (type != "int64" && type != "int32") {
      return Wrong("key_type", "is none of string, bytes, int32, int64, double");
    }
    const bool fits = key.is_number_integer() &&
                      (!key.is_number_unsigned() || key.get<uint64_t>() <= std::numeric_limits<int64_t>::max());
    if (!fits) return Wrong("key", "is neither a string nor a number that fits 64 bits");
    const auto number = key.get<int64_t>();
    if (type == "int64") return BigEndian(static_cast<uint64_t>(number));
    if (number < std::numeric_limits<int32_t>::min() || number > std::numeric_limits<int32_t>::max()) {
      return Wrong("key", "does not fit 32 bits");
    }
    return BigEndian(static_cast<uint32_t>(number));
  }

  absl::Status TakeIdentity() {
    absl::StatusOr<std::string> id = Text("event_id", kMostIdBytes);
    if (!id.ok()) return id.status();
    absl::StatusOr<std::string> source = Text("source", kMostIdBytes);
    if (!source.ok()) return source.status();
    absl::StatusOr<std::string> type = Text("type", kMostIdBytes);
    if (!type.ok()) return type.status();
    event_.event_id = id->empty() ? RandomId() : *std::move(id);
    event_.headers.emplace_back("ce_id", event_.event_id);
    if (!type->empty()) event_.headers.emplace_back("ce_type", *type);
    if (!source->empty()) event_.headers.emplace_back("ce_source", *std::move(source));
    type_ = *std::move(type);
    return absl::OkStatus();
  }

  absl::Status TakeValue() {
    const auto value = json_.find("value");
    const auto text = json_.find("value_text");
    const auto base64 = json_.find("value_base64");
    const int given = (value != json_.end()) + (text != json_.end()) + (base64 != json_.end());
    if (given != 1) return Wrong("value", "is to be given once, as value, value_text or value_base64");
    // A tombstone.
    if (value != json_.end() && value->is_null()) return absl::OkStatus();
    if (value != json_.end()) {
      if (type_.empty()) return Wrong("type", "is missing; without one give value_text or value_base64");
      absl::StatusOr<std::string> bytes = types_.Encode(type_, *value);
      if (!bytes.ok()) {
        return Wrong(absl::IsNotFound(bytes.status()) ? "type" : "value",
                     absl::StrCat(": ", std::string(bytes.status().message())));
      }
      event_.value = *std::move(bytes);
      return absl::OkStatus();
    }
    if (!limits_.allow_raw) return Wrong("value", "without a type is not taken here (--allow_raw)");
    const std::string_view member = text != json_.end() ? "value_text" : "value_base64";
    const Json& raw = text != json_.end() ? *text : *base64;
    if (!raw.is_string()) return Wrong(member, "is no string");
    absl::StatusOr<std::string> bytes = raw.get<std::string>();
    if (text == json_.end()) bytes = FromBase64(*bytes);
    if (!bytes.ok()) return Wrong(member, "is no base64");
    // What says that it is of a type is of it.
    if (!type_.empty() && types_.Knows(type_) && !types_.Decode(type_, *bytes).ok()) {
      return Wrong(member, absl::StrCat("is no ", type_));
    }
    event_.value = *std::move(bytes);
    return absl::OkStatus();
  }

  absl::Status TakeHeaders() {
    const auto found = json_.find("headers");
    if (found == json_.end()) return absl::OkStatus();
    if (!found->is_object()) return Wrong("headers", "is no object");
    if (found->size() > limits_.max_headers) {
      return Wrong("headers", absl::StrCat("are more than ", limits_.max_headers));
    }
    size_t bytes = 0;
    for (const auto& header : found->items()) {
      const std::string where = absl::StrCat("headers.", Printable(header.key()));
      if (header.key().empty()) return Wrong("headers", "have one without a name");
      if (absl::StartsWith(header.key(), "ce_") || absl::StartsWith(header.key(), "once.")) {
        return Wrong(where, "is a name of Once's own; event_id, type and source set those that can be set");
      }
      if (!header.value().is_string()) return Wrong(where, "is no string");
      const auto& value = header.value().get_ref<const std::string&>();
      bytes += header.key().size() + value.size();
      if (bytes > limits_.max_header_bytes) {
        return Wrong("headers", absl::StrCat("are longer than ", limits_.max_header_bytes, " bytes"));
      }
      event_.headers.emplace_back(header.key(), value);
    }
    return absl::OkStatus();
  }

  const Json& json_;
  const std::string where_;
  const Types& types_;
  const EventLimits& limits_;
  std::string type_;
  Event event_;
};

}  // namespace

size_t Event::bytes() const {
  size_t sum = topic.size() + (key.has_value() ? key->size() : 0) + (value.has_value() ? value->size() : 0) + 64;
  for (const auto& [name, text] : headers) sum += name.size() + text.size() + 8;
  return sum;
}

absl::StatusOr<std::vector<Event>> DecodeEvents(const Json& body, const Types& types, const EventLimits& limits) {
  const auto list = body.find("events");
  if (list == body.end() || !list->is_array() || list->empty()) {
    return absl::InvalidArgumentError("events is missing: a list of at least one event");
  }
  if (list->size() > limits.max_events) {
    return absl::OutOfRangeError(absl::StrCat("events: ", list->size(), " are more than ", limits.max_events));
  }
  std::vector<Event> events;
  for (size_t i = 0; i < list->size(); ++i) {
    absl::StatusOr<Event> event = Decoder((*list)[i], absl::StrCat("events[", i, "]"), types, limits).Decode();
    if (!event.ok()) return event.status();
    events.push_back(*std::move(event));
  }
  return events;
}

std::string RandomId() {
  uint64_t bits[2] = {};
  // Of this size it is never cut short.
  while (getrandom(bits, sizeof(bits), 0) != static_cast<ssize_t>(sizeof(bits))) {
  }
  return absl::StrFormat("%016x%016x", bits[0], bits[1]);
}

}  // namespace once::gateway
