// Dead letters, from the end of their topic back: the latest are what somebody looks for.
#include <algorithm>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/own_headers.h"
#include "processor/base/strings.h"
#include "processor/cli/letters.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/records.h"
#include "processor/cli/scan_back.h"
#include "processor/cli/shown.h"
#include "processor/engine/kept_values.h"

namespace once::cli {

namespace {

constexpr int64_t kShown = 50;

int64_t FirstWindow(size_t limit) {
  return std::max<int64_t>(ScanBackwards().window, 4 * static_cast<int64_t>(std::min<size_t>(limit, 1 << 20)));
}

bool IsBefore(const Letter& a, const Letter& b) {
  return std::tie(a.timestamp_ms, a.partition, a.offset) < std::tie(b.timestamp_ms, b.partition, b.offset);
}

// Of a value that is listed; `dlq show` has all of it.
constexpr size_t kListedBytes = 64 << 10;

// What part of the topic is asked for: all of it, or a partition up to some offset.
struct Part {
  std::optional<Partition> partition = {};
  std::optional<Offset> before = {};
};

absl::StatusOr<Part> AskedPart(const Context& context, int32_t count) {
  const Arguments& args = context.args();
  Part part;
  if (args.Has("partition")) {
    const int64_t partition = args.Number("partition", 0);
    if (partition >= count) {
      return absl::InvalidArgumentError(absl::StrCat(context.graph().dead_letter_topic, " has no partition ", partition,
                                                     "; it has 0 to ", count - 1));
    }
    part.partition = Partition(static_cast<int32_t>(partition));
  }
  if (args.Has("before")) {
    if (!part.partition.has_value()) return absl::InvalidArgumentError("--before is for one --partition: say which");
    part.before = Offset(args.Number("before", 0));
  }
  return part;
}

// The latest that are asked for, at most `limit` of them, in the order of time.
absl::StatusOr<std::vector<Letter>> ReadLatest(Context* context, const Shown& shown, size_t limit) {
  const std::string& topic = context->graph().dead_letter_topic;
  const absl::StatusOr<int32_t> count = CountPartitions(context, topic, "to which dead letters go");
  if (!count.ok()) return count.status();
  const absl::StatusOr<Part> part = AskedPart(*context, *count);
  if (!part.ok()) return part.status();
  const size_t kept_bytes = context->args().Switch("values") ? kListedBytes : 0;
  std::vector<Letter> letters;
  const auto drop_old = [&] {
    std::sort(letters.begin(), letters.end(), IsBefore);
    const size_t old = letters.size() - std::min(letters.size(), limit);
    letters.erase(letters.begin(), letters.begin() + static_cast<std::ptrdiff_t>(old));
  };
  const absl::StatusOr<ScanEnd> end = ScanBack(context, {.topic = topic,
                                                         .partition_count = *count,
                                                         .partition = part->partition,
                                                         .before = part->before,
                                                         .window = FirstWindow(limit),
                                                         .begin = [&] { letters.clear(); },
                                                         .take =
                                                             [&](const RecordView& record) {
                                                               if (!IsAskedLetter(*context, shown, record)) return;
                                                               letters.push_back(KeepLetter(record, kept_bytes));
                                                               if (letters.size() >= 2 * limit + 100) drop_old();
                                                             },
                                                         .is_enough = [&] { return letters.size() >= limit; }});
  if (!end.ok()) return end.status();
  NotePending(context, topic, *end);
  drop_old();
  return letters;
}

// What its type is called; empty: not known.
std::string TypeOfLetter(const Shown& shown, const Letter& letter) {
  const SourceSpec* const source = SourceOfLetter(shown, letter);
  const std::string ce_type = letter.Header("ce_type");
  return source == nullptr ? ce_type : shown.TypeOf(*source, ce_type.empty() ? std::nullopt : OptionalBytes(ce_type));
}

Cell ValueOfLetter(const Shown& shown, const Letter& letter) {
  const OptionalBytes value = letter.value.has_value() ? OptionalBytes(*letter.value) : std::nullopt;
  const std::string kept = letter.Header(kKeptHeader);
  return shown.Value(SourceOfLetter(shown, letter), TypeOfLetter(shown, letter), value,
                     kept.empty() ? std::nullopt : OptionalBytes(kept));
}

// Of a list: nothing of what is too long for one.
Cell ListedValue(const Context& context, const Shown& shown, const Letter& letter) {
  if (!context.args().Switch("values") || !letter.value.has_value()) return Cell(Json(), "");
  // A list asks no store.
  if (const std::string kept = letter.Header(kKeptHeader); IsKeptForm(*letter.value, kept) && !kept.empty()) {
    return {Json::Object().Set("kept", kept), "(kept)"};
  }
  if (letter.value->size() == letter.value_bytes) return Cell(ValueOfLetter(shown, letter).json);
  const std::string bytes = absl::StrCat(letter.value_bytes, " bytes");
  return Cell(Json::Object().Set("too_long", bytes), bytes);
}

absl::Status RunList(Context& context) {
  const Shown shown(&context.graph());
  int64_t limit = context.args().Number("limit", kShown);
  if (limit == 0 || limit > INT32_MAX) limit = INT32_MAX;
  const absl::StatusOr<std::vector<Letter>> letters = ReadLatest(&context, shown, static_cast<size_t>(limit));
  if (!letters.ok()) return letters.status();
  context.out().Add("topic", "topic", context.graph().dead_letter_topic);
  Table& table = context.out().AddTable(
      "letters",
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
       {"message", "MESSAGE"},
       {context.args().Switch("values") ? "value" : "", context.args().Switch("values") ? "VALUE" : ""}},
      "there are no such dead letters");
  for (const Letter& letter : *letters) {
    table.AddRow({absl::StrCat(letter.partition.value(), "/", letter.offset.value()),
                  FormatMoment(absl::FromUnixMillis(letter.timestamp_ms)), letter.Header("once.disposition"),
                  letter.Header("once.reason"), KeyOfLetter(shown, letter), letter.EventId(), letter.Header("ce_type"),
                  letter.Header("once.origin"), Cell(letter.Header("once.blocked_by"), ""),
                  Cell(letter.Header("once.round"), ""), letter.Header("once.message"),
                  ListedValue(context, shown, letter)});
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
  Output& out = context.out();
  out.Add("place", "letter", ToString(place->where, place->offset));
  out.Add("time", "written", FormatMoment(absl::FromUnixMillis(letter->timestamp_ms)));
  out.Add("disposition", "disposition", letter->Header("once.disposition"));
  out.Add("reason", "reason", letter->Header("once.reason"));
  out.Add("message", "message", letter->Header("once.message"));
  out.Add("key", "key", KeyOfLetter(shown, *letter));
  out.Add("event_id", "event", letter->EventId());
  out.Add("event_type", "type", TypeOfLetter(shown, *letter));
  out.Add("origin", "from", letter->Header("once.origin"));
  std::vector<std::pair<std::string, OptionalBytes>> headers;
  for (const auto& [name, value] : letter->headers) {
    headers.emplace_back(name, value.has_value() ? OptionalBytes(*value) : std::nullopt);
  }
  const Json json = HeadersJson(headers);
  out.Add("headers", "headers", Cell(json, PrettyJson(json.ToString())));
  out.Add("value", "value", ValueOfLetter(shown, *letter));
  return absl::OkStatus();
}

}  // namespace

void AddDeadLetterCommands(Registry* registry) {
  registry->AddGroup("dlq", "Dead letters: events that failed, were blocked, rejected, skipped or discarded.");
  std::vector<OptionSpec> list = LetterFilters();
  list.insert(
      list.begin(),
      {.name = "limit", .kind = OptionKind::kNumber, .value_name = "N", .help = "So many; 0: all. Default: 50."});
  list.push_back({.name = "values",
                  .kind = OptionKind::kSwitch,
                  .help = "With their values, decoded, of those that have 64 KiB at most."});
  list.push_back({.name = "partition",
                  .kind = OptionKind::kNumber,
                  .value_name = "N",
                  .help = "Those in this partition of the dead-letter topic alone."});
  list.push_back({.name = "before",
                  .kind = OptionKind::kNumber,
                  .value_name = "OFFSET",
                  .help = "With --partition: those before this offset, for the next page."});
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
