#include "processor/engine/foreign_headers.h"

#include <algorithm>
#include <cstdint>
#include <iterator>
#include <span>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

// R6: what is named here is taken off an event that is sent back, so each header that is appended must be.
constexpr std::string_view kStreamsHeaders[] = {"__streams.errors.exception",  "__streams.errors.message",
                                                "__streams.errors.stacktrace", "__streams.errors.topic",
                                                "__streams.errors.partition",  "__streams.errors.offset"};
constexpr std::string_view kSpringHeaders[] = {"kafka_dlt-original-topic",          "kafka_dlt-original-partition",
                                               "kafka_dlt-original-offset",         "kafka_dlt-original-timestamp",
                                               "kafka_dlt-original-timestamp-type", "kafka_dlt-original-consumer-group",
                                               "kafka_dlt-exception-fqcn",          "kafka_dlt-exception-cause-fqcn",
                                               "kafka_dlt-exception-message",       "kafka_dlt-exception-stacktrace"};
constexpr std::string_view kConnectHeaders[] = {"__connect.errors.topic",
                                                "__connect.errors.partition",
                                                "__connect.errors.offset",
                                                "__connect.errors.connector.name",
                                                "__connect.errors.task.id",
                                                "__connect.errors.stage",
                                                "__connect.errors.class.name",
                                                "__connect.errors.exception.class.name",
                                                "__connect.errors.exception.message",
                                                "__connect.errors.exception.stacktrace"};

std::string_view Number(int64_t number, Arena* arena) { return arena->Copy(absl::StrCat(number)); }

// As Java's ByteBuffer has it.
template <typename T>
std::string_view BigEndian(T number, Arena* arena) {
  std::string bytes;
  for (int shift = 8 * static_cast<int>(sizeof(T)) - 8; shift >= 0; shift -= 8) {
    bytes.push_back(static_cast<char>(static_cast<uint64_t>(number) >> shift));
  }
  return arena->Copy(bytes);
}

// Appends one header for each name, in their order.
void Append(std::span<const std::string_view> names, const std::vector<std::string_view>& values,
            std::vector<HeaderView>* headers) {
  for (size_t i = 0; i < names.size(); ++i) headers->push_back({names[i], values[i]});
}

bool IsAmong(std::span<const std::string_view> names, std::string_view name) {
  return std::find(names.begin(), names.end(), name) != names.end();
}

}  // namespace

void AppendForeignHeaders(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                          std::string_view message, const LetterFamilies& families, Arena* arena,
                          std::vector<HeaderView>* headers) {
  const std::string_view reason = arena->Copy(letter.reason);
  const std::string_view origin = arena->Copy(topic);
  const std::string_view none = "";
  const int32_t partition = record.partition.value();
  const int64_t offset = record.offset.value();
  if (families.kafka_streams) {
    Append(kStreamsHeaders, {reason, message, none, origin, Number(partition, arena), Number(offset, arena)}, headers);
  }
  if (families.spring) {
    // A record without a time has -1 there, as a client of Java's says it.
    const std::string_view kind = record.timestamp_ms < 0 ? "NoTimestampType" : "CreateTime";
    Append(kSpringHeaders,
           {origin, BigEndian(partition, arena), BigEndian(offset, arena), BigEndian(record.timestamp_ms, arena), kind,
            letter.application, reason, reason, message, none},
           headers);
  }
  if (families.connect) {
    const std::string_view stage = letter.reason == "DATA_LOSS" ? "VALUE_CONVERTER" : "TRANSFORMATION";
    const std::string_view number = Number(partition, arena);
    Append(
        kConnectHeaders,
        {origin, number, Number(offset, arena), letter.application, number, stage, letter.node, reason, message, none},
        headers);
  }
}

bool IsForeignHeader(std::string_view name, const LetterFamilies& families) {
  return (families.kafka_streams && IsAmong(kStreamsHeaders, name)) ||
         (families.spring && IsAmong(kSpringHeaders, name)) || (families.connect && IsAmong(kConnectHeaders, name));
}

}  // namespace once
