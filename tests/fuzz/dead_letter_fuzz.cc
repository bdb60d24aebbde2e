// Dead letters of any event and any failure: the event comes first and whole, our headers say what happened and can be
// read back, and the record stays within its limit.
#include <algorithm>
#include <charconv>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/strings.h"
#include "processor/engine/dead_letter.h"
#include "tests/fuzz/input.h"

namespace once {
namespace {

// Of the smallest form, which names the origin and nothing else.
constexpr size_t kSmallestLimit = 256;

struct Failure {
  std::string reason, message, blocked_by, application, aggregate;
  DeadLetter letter;
};

// Long texts out of few bytes.
std::string Text(fuzz::Input* input) {
  const std::string_view part = input->Bytes();
  const size_t times = input->Flag() ? 1 : size_t{1} << input->Choice(10);
  std::string text;
  while (text.size() < part.size() * times && text.size() < 20'000) text.append(part);
  return text;
}

void ReadFailure(fuzz::Input* input, Failure* failure) {
  failure->reason = StatusCodeName(static_cast<absl::StatusCode>(input->Choice(17)));
  failure->message = Text(input);
  failure->blocked_by = Text(input);
  failure->application = "app";
  failure->aggregate = Text(input);
  failure->letter = {.disposition = static_cast<Disposition>(input->Choice(3)),
                     .reason = failure->reason,
                     .message = failure->message,
                     .blocked_by = failure->blocked_by,
                     .attempts = static_cast<uint32_t>(input->Number()),
                     .first_failure_ms = input->Signed(),
                     .application = failure->application,
                     .aggregate = failure->aggregate};
}

// A text, cut or not: a prefix of what may be shown of it, and text whatever it was.
void CheckCut(std::string_view shown, std::string_view text) {
  ONCE_CHECK(IsValidUtf8(shown));
  ONCE_CHECK(PlainText(text).starts_with(shown));
}

// The smallest form: what became of the event, and where it is.
bool IsPlace(const OutputRecord& out) { return out.headers.size() == 2; }

int64_t NumberOf(const OutputRecord& record, std::string_view name) {
  const std::string_view text = FindHeader(record.headers, name).value_or("");
  int64_t number = 0;
  const std::from_chars_result read = std::from_chars(text.data(), text.data() + text.size(), number);
  ONCE_CHECK(!text.empty() && read.ec == std::errc() && read.ptr == text.data() + text.size());
  return number;
}

void CheckOurHeaders(const OutputRecord& out, const RecordView& record, const Failure& failure) {
  const auto header = [&](std::string_view name) { return FindHeader(out.headers, name); };
  static constexpr std::string_view kDispositions[] = {"FAILED", "BLOCKED", "REJECTED"};
  ONCE_CHECK(header("once.disposition") == kDispositions[static_cast<size_t>(failure.letter.disposition)]);
  ONCE_CHECK(header("once.origin") == OriginOf(record, "orders"));
  if (IsPlace(out)) return;
  ONCE_CHECK(header("once.application") == failure.application);
  if (!header("once.reason").has_value()) {
    ONCE_CHECK(out.headers.size() == 4 && header("once.omitted") == "key,value");
    return;
  }
  ONCE_CHECK(header("once.reason") == failure.reason);
  ONCE_CHECK(NumberOf(out, "once.attempts") == failure.letter.attempts);
  CheckCut(header("once.message").value(), failure.message);
  CheckCut(header("once.aggregate").value(), failure.aggregate);
  if (failure.letter.disposition == Disposition::kBlocked)
    ONCE_CHECK(std::string_view(failure.blocked_by).starts_with(header("once.blocked_by").value()));
  // Years beyond four digits are no RFC 3339; no clock says them.
  absl::Time time;
  const int64_t milliseconds = failure.letter.first_failure_ms;
  if (milliseconds >= 0 && milliseconds < 253'402'300'800'000) {
    ONCE_CHECK(absl::ParseTime(absl::RFC3339_full, ToAbsl(header("once.first_failure_time").value()), &time, nullptr));
    ONCE_CHECK(absl::ToUnixMillis(time) == milliseconds);
  }
}

void CheckEvent(const OutputRecord& out, const RecordView& record, const DeadLetterLimits& limits) {
  ONCE_CHECK(out.timestamp_ms == limits.stamp_ms);
  ONCE_CHECK(!limits.needs_key || out.key.has_value());
  const OptionalBytes omitted = FindHeader(out.headers, "once.omitted");
  if (omitted.has_value() || IsPlace(out)) {
    ONCE_CHECK(!record.key.has_value() || omitted != OptionalBytes("value") || out.key == record.key);
    ONCE_CHECK(limits.needs_key ? out.value == OptionalBytes("") : !out.value.has_value());
    return;
  }
  ONCE_CHECK(!record.key.has_value() || out.key == record.key);
  ONCE_CHECK(out.value == record.value && out.headers.size() > record.headers.size());
  for (size_t i = 0; i < record.headers.size(); ++i) {
    ONCE_CHECK(out.headers[i].name == record.headers[i].name && out.headers[i].value == record.headers[i].value);
  }
  if (record.timestamp_ms >= 0) ONCE_CHECK(NumberOf(out, "once.timestamp") == record.timestamp_ms);
  const OptionalBytes spring = FindHeader(out.headers, "kafka_dlt-original-offset");
  if (spring.has_value()) ONCE_CHECK(limits.families.spring && spring->size() == sizeof(int64_t));
  if (!FindHeader(out.headers, "__streams.errors.topic").has_value()) return;
  ONCE_CHECK(limits.families.kafka_streams);
  ONCE_CHECK(NumberOf(out, "__streams.errors.partition") == record.partition.value());
  ONCE_CHECK(NumberOf(out, "__streams.errors.offset") == record.offset.value());
}

void Check(fuzz::Input* input) {
  static Arena arena;
  arena.Reset();
  Failure failure;
  ReadFailure(input, &failure);
  RecordView record;
  record.partition = Partition(static_cast<int32_t>(input->Number()));
  record.offset = Offset(input->Signed());
  record.timestamp_ms = input->Signed();
  const std::string value = Text(input);
  record.value = value;
  if (input->Flag()) record.value = std::nullopt;
  record.key = input->MaybeBytes();
  const uint64_t number = input->Number();
  const uint64_t families = number / 40'000;
  const DeadLetterLimits limits{
      .max_bytes = kSmallestLimit + number % 40'000,
      .stamp_ms = 77,
      .needs_key = input->Flag(),
      .families = {
          .kafka_streams = families % 2 == 0, .spring = families / 2 % 2 == 1, .connect = families / 4 % 2 == 1}};
  std::vector<HeaderView> headers;
  while (!input->empty() && headers.size() < 16) {
    const std::string_view name = input->Bytes();
    // One of ours would be taken for ours; an event that is a dead letter itself is another test's.
    if (name.starts_with("once.") || IsLetterHeader(name)) continue;
    headers.push_back({name, input->MaybeBytes()});
  }
  record.headers = headers;
  const OutputRecord out = MakeDeadLetter(record, "orders", failure.letter, limits, &arena);
  ONCE_CHECK(EstimatedSize(out) <= limits.max_bytes);
  CheckEvent(out, record, limits);
  CheckOurHeaders(out, record, failure);
}

}  // namespace
}  // namespace once

extern "C" int LLVMFuzzerTestOneInput(const uint8_t* data, size_t size) {
  once::fuzz::Input input(data, size);
  once::Check(&input);
  return 0;
}
