#include "processor/cli/letters.h"

#include <algorithm>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::cli {

std::string Letter::Header(std::string_view name) const {
  for (auto header = headers.rbegin(); header != headers.rend(); ++header) {
    if (header->first == name) return header->second.value_or("");
  }
  return "";
}

std::string Letter::EventId() const {
  const std::string id = Header("ce_id");
  return id.empty() ? Header("once.origin") : id;
}

Letter KeepLetter(const RecordView& record, size_t max_value_bytes) {
  Letter letter{.partition = record.partition, .offset = record.offset, .timestamp_ms = record.timestamp_ms};
  if (record.key.has_value()) letter.key = std::string(*record.key);
  if (record.value.has_value()) {
    letter.value = std::string(record.value->substr(0, max_value_bytes));
    letter.value_bytes = record.value->size();
  }
  for (const HeaderView& header : record.headers) {
    letter.headers.emplace_back(
        header.name, header.value.has_value() ? std::make_optional(std::string(*header.value)) : std::nullopt);
  }
  return letter;
}

const SourceSpec* SourceOfLetter(const Shown& shown, const Letter& letter) {
  const absl::StatusOr<TopicPartitionOffset> origin = ParseOrigin(letter.Header("once.origin"));
  return origin.ok() ? shown.SourceOfTopic(origin->where.topic) : nullptr;
}

std::string KeyOfLetter(const Shown& shown, const Letter& letter) {
  const std::string aggregate = letter.Header("once.aggregate");
  if (!aggregate.empty() || !letter.key.has_value()) return aggregate;
  const SourceSpec* const source = SourceOfLetter(shown, letter);
  return source != nullptr && source->key_to_text ? source->key_to_text(*letter.key)
                                                  : Printable(*letter.key, letter.key->size());
}

bool IsAskedLetter(const Context& context, const Shown& shown, const RecordView& record) {
  const Arguments& args = context.args();
  const auto is = [&](const char* option, const char* header, bool upper) {
    if (!args.Has(option)) return true;
    const std::string wanted = upper ? absl::AsciiStrToUpper(args.Text(option)) : args.Text(option);
    return FindHeader(record.headers, header).value_or("") == wanted;
  };
  if (!is("disposition", "once.disposition", true) || !is("reason", "once.reason", true)) return false;
  if (args.Has("since") && absl::FromUnixMillis(record.timestamp_ms) <
                               context.clock().Wall() - args.Duration("since", absl::ZeroDuration())) {
    return false;
  }
  if (args.Has("source")) {
    const SourceSpec* const source = SourceOfLetter(shown, KeepLetter(record, 0));
    if (source == nullptr || source->name != args.Text("source")) return false;
  }
  return !args.Has("key") || KeyOfLetter(shown, KeepLetter(record, 0)) == args.Text("key");
}

std::vector<OptionSpec> LetterFilters() {
  return {{.name = "disposition",
           .value_name = "WHICH",
           .help = "Those alone.",
           .choices = {"failed", "blocked", "rejected", "skipped", "discarded", "never_processed"}},
          {.name = "reason", .value_name = "CODE", .help = "Those with this status code alone."},
          {.name = "key", .value_name = "KEY", .help = "Those of this key alone."},
          {.name = "source", .value_name = "NAME", .help = "Those of events of this source alone."},
          {.name = "since",
           .kind = OptionKind::kDuration,
           .value_name = "DURATION",
           .help = "Those of the last so long alone."}};
}

absl::StatusOr<TopicPartitionOffset> ParseLetterPlace(const std::string& topic, const std::string& written) {
  // PARTITION/OFFSET, as `dlq list` shows it.
  std::string text = written;
  std::replace(text.begin(), text.end(), '/', '-');
  absl::StatusOr<TopicPartitionOffset> place =
      ParseOrigin(text.rfind(topic + "-", 0) == 0 ? text : absl::StrCat(topic, "-", text));
  if (place.ok() && place->where.topic == topic) return place;
  return absl::InvalidArgumentError(absl::StrCat(
      "\"", Printable(written),
      "\" is no place of a dead letter; write PARTITION/OFFSET, as `dlq list` shows it, of topic ", topic));
}

}  // namespace once::cli
