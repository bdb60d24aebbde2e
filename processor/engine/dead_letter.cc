#include "processor/engine/dead_letter.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/base/strings.h"

namespace once {

namespace {

constexpr size_t kMaxMessageBytes = 4096;
constexpr size_t kShortMessageBytes = 128;
constexpr size_t kMaxTextBytes = 1024;  // Of keys and IDs, which records carry in full.

// How much of the explanation a dead letter carries; each level is smaller than the one before.
enum class Detail { kFull, kShort, kNoValue };

std::string_view DispositionName(Disposition disposition) {
  switch (disposition) {
    case Disposition::kFailed:
      return "FAILED";
    case Disposition::kBlocked:
      return "BLOCKED";
    case Disposition::kRejected:
      return "REJECTED";
  }
  return "";
}

std::string_view Number(int64_t number, Arena* arena) { return arena->Copy(absl::StrCat(number)); }

// The longest prefix of at most `bytes` bytes that cuts no UTF-8 sequence.
std::string_view CutText(std::string_view text, size_t bytes) {
  if (text.size() <= bytes) return text;
  size_t end = bytes;
  while (end > 0 && (static_cast<uint8_t>(text[end]) & 0xc0) == 0x80) --end;
  return text.substr(0, end);
}

void AppendOnceHeaders(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                       std::string_view message, Arena* arena, std::vector<HeaderView>* headers) {
  headers->push_back({"once.disposition", DispositionName(letter.disposition)});
  headers->push_back({"once.reason", arena->Copy(letter.reason)});
  headers->push_back({"once.message", message});
  if (letter.disposition == Disposition::kBlocked) {
    headers->push_back({"once.blocked_by", arena->Copy(CutText(letter.blocked_by, kMaxTextBytes))});
  }
  headers->push_back({"once.attempts", Number(letter.attempts, arena)});
  headers->push_back(
      {"once.first_failure_time",
       arena->Copy(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(letter.first_failure_ms),
                                    absl::UTCTimeZone()))});
  headers->push_back({"once.origin", arena->Copy(OriginOf(record, topic))});
  headers->push_back({"once.application", letter.application});
  headers->push_back({"once.aggregate", arena->Copy(CutText(letter.aggregate, kMaxTextBytes))});
}

void AppendStreamsHeaders(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                          std::string_view message, Arena* arena, std::vector<HeaderView>* headers) {
  headers->push_back({"__streams.errors.exception", arena->Copy(letter.reason)});
  headers->push_back({"__streams.errors.message", message});
  headers->push_back({"__streams.errors.stacktrace", std::string_view("")});
  headers->push_back({"__streams.errors.topic", arena->Copy(topic)});
  headers->push_back({"__streams.errors.partition", Number(record.partition.value(), arena)});
  headers->push_back({"__streams.errors.offset", Number(record.offset.value(), arena)});
}

OutputRecord Compose(const RecordView& record, const std::string& topic, const DeadLetter& letter, Detail detail,
                     Arena* arena) {
  const size_t message_bytes = detail == Detail::kFull ? kMaxMessageBytes : kShortMessageBytes;
  const std::string_view message = arena->Copy(CutText(letter.message, message_bytes));
  std::vector<HeaderView> headers(record.headers.begin(), record.headers.end());
  AppendOnceHeaders(record, topic, letter, message, arena, &headers);
  if (detail == Detail::kFull) AppendStreamsHeaders(record, topic, letter, message, arena, &headers);
  if (detail == Detail::kNoValue) {
    headers.push_back({"once.omitted", std::string_view("value")});
    // Headers this large are the record's own; ours say where to find them.
    headers.erase(headers.begin(), headers.begin() + static_cast<ptrdiff_t>(record.headers.size()));
  }
  HeaderView* stored = arena->NewArray<HeaderView>(headers.size());
  std::copy(headers.begin(), headers.end(), stored);

  OutputRecord out;
  out.timestamp_ms = record.timestamp_ms;
  out.key = record.key;
  if (detail != Detail::kNoValue) out.value = record.value;
  out.headers = {stored, headers.size()};
  return out;
}

}  // namespace

OutputRecord MakeDeadLetter(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                            size_t max_bytes, Arena* arena) {
  for (const Detail detail : {Detail::kFull, Detail::kShort}) {
    const OutputRecord out = Compose(record, topic, letter, detail, arena);
    if (EstimatedSize(out) <= max_bytes) return out;
  }
  return Compose(record, topic, letter, Detail::kNoValue, arena);
}

std::string StatusCodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

std::string OriginOf(const RecordView& record, const std::string& topic) {
  return absl::StrCat(topic, "-", record.partition.value(), "-", record.offset.value());
}

std::string EventIdOf(const RecordView& record, const std::string& topic) {
  const OptionalBytes id = FindHeader(record.headers, "ce_id");
  if (id.has_value() && !id->empty()) return std::string(*id);
  return OriginOf(record, topic);
}

}  // namespace once
