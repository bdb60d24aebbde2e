// A dead letter: the event as it was, with headers that say why, from where, and how often, cut to what the topic
// takes.
#include "processor/engine/dead_letter.h"

#include <algorithm>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/time.h"
#include "processor/base/own_headers.h"
#include "processor/base/strings.h"
#include "processor/engine/foreign_headers.h"

namespace once {

namespace {

// Of the forms that are smaller than the whole one.
constexpr size_t kShortMessageBytes = 128;
constexpr size_t kTinyTextBytes = 64;

// How much of the event and of the explanation a dead letter carries; each level is smaller than the one before.
enum class Detail { kFull, kShort, kNoValue, kNoKey, kMinimal, kPlace };

// At most `bytes` of it, as text: handlers and events may say any bytes.
std::string_view TextOf(std::string_view text, size_t bytes, Arena* arena) {
  return arena->Copy(CutUtf8(PlainText(CutUtf8(text, bytes)), bytes));
}

std::string_view DispositionName(Disposition disposition) {
  switch (disposition) {
    case Disposition::kFailed:
      return "FAILED";
    case Disposition::kBlocked:
      return "BLOCKED";
    case Disposition::kRejected:
      return "REJECTED";
    case Disposition::kSkipped:
      return "SKIPPED";
    case Disposition::kDiscarded:
      return "DISCARDED";
    case Disposition::kNeverProcessed:
      return "NEVER_PROCESSED";
  }
  return "";
}

std::string_view Number(int64_t number, Arena* arena) { return arena->Copy(absl::StrCat(number)); }

// Whether an event says its own time itself, from before its record lost it.
bool IsStamp(std::string_view text) {
  constexpr size_t kMaxDigits = 19;
  return !text.empty() && text.size() <= kMaxDigits &&
         std::all_of(text.begin(), text.end(), [](char c) { return c >= '0' && c <= '9'; });
}

void AppendOnceHeaders(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                       std::string_view message, size_t text_bytes, Arena* arena, std::vector<HeaderView>* headers) {
  headers->push_back({"once.disposition", DispositionName(letter.disposition)});
  headers->push_back({"once.reason", arena->Copy(letter.reason)});
  headers->push_back({"once.message", message});
  if (letter.disposition == Disposition::kBlocked) {
    headers->push_back({"once.blocked_by", arena->Copy(CutUtf8(letter.blocked_by, text_bytes))});
  }
  if (!letter.node.empty()) headers->push_back({"once.node", CutUtf8(letter.node, text_bytes)});
  headers->push_back({"once.attempts", Number(letter.attempts, arena)});
  headers->push_back(
      {"once.first_failure_time",
       arena->Copy(absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", absl::FromUnixMillis(letter.first_failure_ms),
                                    absl::UTCTimeZone()))});
  headers->push_back({"once.origin", arena->Copy(OriginOf(record, topic))});
  // The plan's own, which outlives every record.
  headers->push_back({"once.application", letter.application});
  headers->push_back({"once.aggregate", TextOf(letter.aggregate, text_bytes, arena)});
  if (letter.round > 0) headers->push_back({"once.round", Number(letter.round, arena)});
}

// Whether the event comes with what a dead letter of Once said of it.
bool WasLetter(const RecordView& record) {
  return FindHeader(record.headers, "once.origin").has_value() &&
         FindHeader(record.headers, "once.disposition").has_value();
}

// The event's headers, without those of an earlier round; and the event's time. What another framework said of an event
// that it gave up stays, unless this letter says the same by those names.
void AppendEventHeaders(const RecordView& record, bool all, const LetterFamilies& families, Arena* arena,
                        std::vector<HeaderView>* headers) {
  std::string_view stamp;
  const bool was_letter = WasLetter(record);
  for (const HeaderView& header : record.headers) {
    const bool is_stamp = header.name == kTimestampHeader;
    if (is_stamp && stamp.empty() && IsStamp(header.value.value_or(std::string_view()))) stamp = *header.value;
    const bool is_told = was_letter ? IsLetterHeader(header.name)
                                    : IsOnceLetterHeader(header.name) || IsForeignHeader(header.name, families);
    if (all && !is_stamp && !is_told) headers->push_back(header);
  }
  if (stamp.empty() && record.timestamp_ms >= 0) stamp = Number(record.timestamp_ms, arena);
  if (!stamp.empty()) headers->push_back({kTimestampHeader, stamp});
}

OutputRecord Compose(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                     const DeadLetterLimits& limits, Detail detail, Arena* arena) {
  std::vector<HeaderView> headers;
  if (detail >= Detail::kMinimal) {
    headers.push_back({"once.disposition", DispositionName(letter.disposition)});
    headers.push_back({"once.origin", arena->Copy(OriginOf(record, topic))});
    if (detail == Detail::kMinimal) {
      headers.push_back({"once.application", letter.application});
      if (letter.round > 0) headers.push_back({"once.round", Number(letter.round, arena)});
      headers.push_back({"once.omitted", std::string_view("key,value")});
    }
  } else {
    const size_t message_bytes = detail == Detail::kFull ? kMaxStoredMessageBytes : kShortMessageBytes;
    const size_t text_bytes = detail == Detail::kNoKey ? kTinyTextBytes : kMaxStoredTextBytes;
    const std::string_view message = TextOf(letter.message, message_bytes, arena);
    // Headers too large are the event's own; ours say where to find them.
    AppendEventHeaders(record, detail < Detail::kNoValue, limits.families, arena, &headers);
    AppendOnceHeaders(record, topic, letter, message, text_bytes, arena, &headers);
    if (detail == Detail::kFull) {
      AppendForeignHeaders(record, topic, letter, message, limits.families, arena, &headers);
    }
    if (detail == Detail::kNoValue) headers.push_back({"once.omitted", std::string_view("value")});
    if (detail == Detail::kNoKey) headers.push_back({"once.omitted", std::string_view("key,value")});
  }
  HeaderView* stored = arena->NewArray<HeaderView>(headers.size());
  std::copy(headers.begin(), headers.end(), stored);

  OutputRecord out;
  out.timestamp_ms = limits.stamp_ms;
  if (detail < Detail::kNoKey) out.key = record.key;
  if (limits.needs_key && !out.key.has_value()) out.key = arena->Copy(OriginOf(record, topic));
  if (detail < Detail::kNoValue) {
    out.value = record.value;
  } else if (limits.needs_key) {
    out.value = std::string_view("");  // Without one it would delete earlier letters of its key.
  }
  out.headers = {stored, headers.size()};
  return out;
}

}  // namespace

OutputRecord MakeDeadLetter(const RecordView& record, const std::string& topic, const DeadLetter& letter,
                            const DeadLetterLimits& limits, Arena* arena) {
  for (const Detail detail : {Detail::kFull, Detail::kShort, Detail::kNoValue, Detail::kNoKey, Detail::kMinimal}) {
    // R3b: the broker has refused a larger form, whatever its limit was said to be.
    if (limits.only_minimal && detail < Detail::kMinimal) continue;
    if (letter.value_is_lost && detail < Detail::kNoValue) continue;
    // What a form that is too large took of the arena is free again when the step has ended.
    const OutputRecord out = Compose(record, topic, letter, limits, detail, arena);
    if (EstimatedSize(out) <= limits.max_bytes) return out;
  }
  // It comes whatever the limit; who sends it looks at its size (Failures::EmitDeadLetter).
  return Compose(record, topic, letter, limits, Detail::kPlace, arena);
}

bool IsLetterHeader(std::string_view name) {
  // Whatever was asked for when the letter was written.
  constexpr LetterFamilies kAll{.kafka_streams = true, .spring = true, .connect = true};
  return IsOnceLetterHeader(name) || IsForeignHeader(name, kAll);
}

std::string StatusCodeName(absl::StatusCode code) { return absl::StatusCodeToString(code); }

absl::StatusCode StatusCodeOf(std::string_view name) {
  for (size_t i = 0; i < DeadLetterCounts::kReasons; ++i) {
    const auto code = static_cast<absl::StatusCode>(i);
    if (StatusCodeName(code) == name) return code;
  }
  return absl::StatusCode::kUnknown;
}

std::string OriginOf(const RecordView& record, const std::string& topic) {
  return absl::StrCat(topic, "-", record.partition.value(), "-", record.offset.value());
}

std::string EventIdOf(const RecordView& record, const std::string& topic) {
  const OptionalBytes id = FindHeader(record.headers, "ce_id");
  // Its place stands in: unique, and stable.
  if (id.has_value() && !id->empty()) return std::string(*id);
  return OriginOf(record, topic);
}

}  // namespace once
