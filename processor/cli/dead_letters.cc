// Dead letters, from the end of their topic back: the latest are what somebody looks for.
#include <algorithm>
#include <deque>
#include <map>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/cli/letters.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/records.h"
#include "processor/cli/shown.h"

namespace once::cli {

namespace {

constexpr int64_t kShown = 50;
// Offsets that are read back from the end at first; eight times as many at each further try.
constexpr int64_t kFirstWindow = 2'000;

bool IsBefore(const Letter& a, const Letter& b) {
  return std::tie(a.timestamp_ms, a.partition, a.offset) < std::tie(b.timestamp_ms, b.partition, b.offset);
}

// The latest that are asked for, at most `limit` of them, in the order of time.
absl::StatusOr<std::deque<Letter>> ReadLatest(Context* context, const Shown& shown, size_t limit) {
  const std::string& topic = context->graph().dead_letter_topic;
  const absl::StatusOr<int32_t> count = CountPartitions(context, topic, "to which dead letters go");
  if (!count.ok()) return count.status();
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  const kafka::LogOffsets ends =
      (*admin)->ReadLogOffsets(kafka::LogPoint::kHighWatermark, PartitionsOf(topic, *count), context->call_timeout());
  for (int64_t window = std::max<int64_t>(kFirstWindow, 4 * static_cast<int64_t>(std::min<size_t>(limit, 1 << 20)));;
       window *= 8) {
    std::map<Partition, Offset> from;
    bool is_all = true;
    for (const auto& [where, end] : ends) {
      if (!end.ok())
        return absl::Status(end.status().code(),
                            absl::StrCat(ToString(where), ": ", std::string(end.status().message())));
      from[where.partition] = Offset(std::max<int64_t>(end->value() - window, 0));
      is_all &= end->value() <= window;
    }
    std::deque<Letter> letters;
    const auto take = [&](const RecordView& record) {
      if (!IsAskedLetter(*context, shown, record)) return;
      letters.push_back(KeepLetter(record));
      if (letters.size() < 2 * limit + 1000) return;
      std::sort(letters.begin(), letters.end(), IsBefore);
      letters.erase(letters.begin(), letters.end() - static_cast<std::ptrdiff_t>(limit));
    };
    const absl::StatusOr<ScanEnd> end = ScanLog(context, {.topic = topic, .from = from, .take = take});
    if (!end.ok()) return end.status();
    if (letters.size() < limit && !is_all) continue;
    NotePending(context, topic, *end);
    std::sort(letters.begin(), letters.end(), IsBefore);
    while (letters.size() > limit) letters.pop_front();
    return letters;
  }
}

absl::Status RunList(Context& context) {
  const Shown shown(&context.graph());
  int64_t limit = context.args().Number("limit", kShown);
  if (limit == 0 || limit > INT32_MAX) limit = INT32_MAX;
  const absl::StatusOr<std::deque<Letter>> letters = ReadLatest(&context, shown, static_cast<size_t>(limit));
  if (!letters.ok()) return letters.status();
  context.out().Add("topic", "topic", context.graph().dead_letter_topic);
  Table& table = context.out().AddTable("letters",
                                        {{"place", "LETTER"},
                                         {"time", "TIME"},
                                         {"disposition", "DISPOSITION"},
                                         {"reason", "REASON"},
                                         {"key", "KEY"},
                                         {"event_id", "EVENT"},
                                         {"event_type", "TYPE"},
                                         {"origin", "ORIGIN"},
                                         {"blocked_by", ""},
                                         {"round", ""},
                                         {"message", "MESSAGE"}},
                                        "there are no such dead letters");
  for (const Letter& letter : *letters) {
    table.AddRow({absl::StrCat(letter.partition.value(), "/", letter.offset.value()),
                  FormatMoment(absl::FromUnixMillis(letter.timestamp_ms)), letter.Header("once.disposition"),
                  letter.Header("once.reason"), KeyOfLetter(shown, letter), letter.EventId(), letter.Header("ce_type"),
                  letter.Header("once.origin"), Cell(letter.Header("once.blocked_by"), ""),
                  Cell(letter.Header("once.round"), ""), letter.Header("once.message")});
  }
  return absl::OkStatus();
}

absl::StatusOr<Letter> ReadLetter(Context* context, const TopicPartition& where, Offset offset) {
  std::optional<Letter> found;
  const absl::StatusOr<int32_t> count = CountPartitions(context, where.topic, "to which dead letters go");
  if (!count.ok()) return count.status();
  if (where.partition.value() >= *count) {
    return absl::InvalidArgumentError(
        absl::StrCat(where.topic, " has no partition ", where.partition.value(), "; it has 0 to ", *count - 1));
  }
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  const absl::StatusOr<Offset> begin = (*admin)->BeginningOffset(where, context->call_timeout());
  if (!begin.ok()) return begin.status();
  if (offset < *begin) {
    return absl::NotFoundError(
        absl::StrCat(ToString(where, offset), " is not in the log any more, which begins at ", begin->value()));
  }
  const absl::StatusOr<ScanEnd> end = ScanLog(context, {.topic = where.topic,
                                                        .partitions = {where.partition},
                                                        .from = {{where.partition, offset}},
                                                        .take = [&](const RecordView& record) {
                                                          if (record.offset == offset) found = KeepLetter(record);
                                                        }});
  if (!end.ok()) return end.status();
  if (found.has_value()) return *std::move(found);
  return absl::NotFoundError(
      absl::StrCat("there is no dead letter at ", ToString(where, offset), "; `dlq list` shows which there are"));
}

absl::Status RunShow(Context& context) {
  const Shown shown(&context.graph());
  const std::string& topic = context.graph().dead_letter_topic;
  const auto place = ParseLetterPlace(topic, context.args().Word(0));
  if (!place.ok()) return place.status();
  const absl::StatusOr<Letter> letter = ReadLetter(&context, place->where, place->offset);
  if (!letter.ok()) return letter.status();
  const SourceSpec* const source = SourceOfLetter(shown, *letter);
  const std::string ce_type = letter->Header("ce_type");
  const std::string type =
      source == nullptr ? ce_type : shown.TypeOf(*source, ce_type.empty() ? std::nullopt : OptionalBytes(ce_type));
  Output& out = context.out();
  out.Add("place", "letter", ToString(place->where, place->offset));
  out.Add("time", "written", FormatMoment(absl::FromUnixMillis(letter->timestamp_ms)));
  out.Add("disposition", "disposition", letter->Header("once.disposition"));
  out.Add("reason", "reason", letter->Header("once.reason"));
  out.Add("message", "message", letter->Header("once.message"));
  out.Add("key", "key", KeyOfLetter(shown, *letter));
  out.Add("event_id", "event", letter->EventId());
  out.Add("event_type", "type", type);
  out.Add("origin", "from", letter->Header("once.origin"));
  std::vector<std::pair<std::string, OptionalBytes>> headers;
  for (const auto& [name, value] : letter->headers) {
    headers.emplace_back(name, value.has_value() ? OptionalBytes(*value) : std::nullopt);
  }
  const Json json = HeadersJson(headers);
  out.Add("headers", "headers", Cell(json, PrettyJson(json.ToString())));
  out.Add("value", "value",
          shown.Value(source, type, letter->value.has_value() ? OptionalBytes(*letter->value) : std::nullopt));
  return absl::OkStatus();
}

}  // namespace

void AddDeadLetterCommands(Registry* registry) {
  registry->AddGroup("dlq", "Dead letters: events that failed, were blocked, rejected, skipped or discarded.");
  std::vector<OptionSpec> list = LetterFilters();
  list.insert(
      list.begin(),
      {.name = "limit", .kind = OptionKind::kNumber, .value_name = "N", .help = "So many; 0: all. Default: 50."});
  registry->Add({.path = "dlq list",
                 .summary = "List the latest dead letters: what happened to which event, and why.",
                 .description =
                     "In the order of time, the latest last. BLOCKED and FAILED are notices: what waits still is "
                     "in `parked list`.",
                 .options = std::move(list),
                 .examples = {"dlq list --since=1h --disposition=failed", "dlq list --key=alice --json"},
                 .watches = true,
                 .run = RunList});
  registry->Add({.path = "dlq show",
                 .summary = "Show one dead letter: all headers, and the value decoded.",
                 .arguments = {{.name = "PARTITION/OFFSET"}},
                 .examples = {"dlq show 0/17", "dlq show 0/17 --json"},
                 .run = RunShow});
  AddRedrive(registry);
}

}  // namespace once::cli
