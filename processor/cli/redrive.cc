// Dead letters sent back to where their events came from (R6), as any tool may: unchanged, so that the application
// knows them, and a second one of the same has no effect. Two passes over the topic: which, to ask about them, and then
// the letters themselves, of which no more than a transaction is kept.
#include <algorithm>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/cli/letters.h"
#include "processor/cli/log_scan.h"
#include "processor/cli/record_writer.h"
#include "processor/cli/records.h"
#include "processor/cli/shown.h"

namespace once::cli {

namespace {

constexpr int64_t kShown = 50;
// Of one transaction.
constexpr int64_t kMostRecords = 1'000;
constexpr size_t kMostBytes = 4 << 20;

size_t BytesOf(const Letter& letter) {
  size_t bytes = letter.key.value_or("").size() + letter.value.value_or("").size();
  for (const auto& [name, value] : letter.headers) bytes += name.size() + value.value_or("").size();
  return bytes;
}

OptionalBytes View(const std::optional<std::string>& bytes) {
  return bytes.has_value() ? OptionalBytes(*bytes) : std::nullopt;
}

class Redriver {
 public:
  explicit Redriver(Context* context)
      : context_(context),
        shown_(&context->graph()),
        topic_(context->graph().dead_letter_topic),
        is_all_(context->args().Switch("all")) {}

  absl::Status Run() {
    if (absl::Status read = ReadWords(); !read.ok()) return read;
    if (absl::Status counted = CountSources(); !counted.ok()) return counted;
    if (absl::Status found = Find(); !found.ok()) return found;
    if (context_->args().Switch("dry_run")) {
      context_->out().AddNote("nothing was sent");
      return absl::OkStatus();
    }
    if (absl::Status confirmed = context_->Confirm(What()); !confirmed.ok()) return confirmed;
    const absl::Status sent = Send();
    context_->out().Add("sent", "sent back", sent_);
    if (!sent.ok()) {
      return absl::Status(sent.code(),
                          absl::StrCat(std::string(sent.message()), "; before that ", sent_, " of ", chosen_count_,
                                       " were sent back. The same command again goes on: what was sent has no second "
                                       "effect"));
    }
    if (refused_ == 0) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat(Count(refused_, "dead letter"), " cannot be sent back: ", Problems()));
  }

 private:
  absl::Status ReadWords() {
    const Arguments& args = context_->args();
    if (is_all_ == !args.words().empty()) {
      return absl::InvalidArgumentError("say which: PARTITION/OFFSET of each, as `dlq list` shows them, or --all");
    }
    for (const OptionSpec& filter : LetterFilters()) {
      if (is_all_ || !args.Has(filter.name)) continue;
      return absl::InvalidArgumentError(
          absl::StrCat("--", filter.name, " is for --all: say that too, or leave it out"));
    }
    for (const std::string& word : args.words()) {
      const absl::StatusOr<TopicPartitionOffset> place = ParseLetterPlace(topic_, word);
      if (!place.ok()) return place.status();
      asked_.emplace(place->where.partition, place->offset);
    }
    const absl::StatusOr<int32_t> count = CountPartitions(context_, topic_, "to which dead letters go");
    if (!count.ok()) return count.status();
    for (const auto& [partition, offset] : asked_) {
      if (partition.value() < *count) continue;
      return absl::InvalidArgumentError(
          absl::StrCat(topic_, " has no partition ", partition.value(), "; it has 0 to ", *count - 1));
    }
    return absl::OkStatus();
  }

  absl::Status CountSources() {
    for (const SourceSpec& source : context_->graph().sources) {
      if (partitions_.contains(source.topic)) continue;
      const absl::StatusOr<int32_t> count = CountPartitions(context_, source.topic, "one of its sources");
      if (!count.ok()) return count.status();
      partitions_[source.topic] = *count;
    }
    for (const auto& [topic, count] : partitions_) topics_.push_back(topic);
    return absl::OkStatus();
  }

  bool IsForeign(const Letter& letter) const {
    const std::string application = letter.Header("once.application");
    return application.empty() ? SourceOfLetter(shown_, letter) == nullptr : application != context_->application_id();
  }

  // Why it cannot be sent back; empty: it can.
  std::string ProblemOf(const Letter& letter) const {
    const std::string application = letter.Header("once.application"), omitted = letter.Header("once.omitted");
    const std::string written = letter.Header("once.origin");
    const absl::StatusOr<TopicPartitionOffset> origin = ParseOrigin(written);
    if (!origin.ok() || letter.Header("once.disposition").empty()) return "it does not say of which event it is";
    if (!application.empty() && application != context_->application_id()) {
      return absl::StrCat("it is of application \"", Printable(application), "\"");
    }
    const auto source = partitions_.find(origin->where.topic);
    if (source == partitions_.end()) return absl::StrCat("no source reads topic ", Printable(origin->where.topic));
    if (!omitted.empty() || application.empty()) {
      return absl::StrCat("it has no ", omitted.empty() ? "key,value" : Printable(omitted),
                          ", which was too large for it; the event is at ", written);
    }
    if (origin->where.partition.value() < source->second) return "";
    return absl::StrCat(source->first, " has no partition ", origin->where.partition.value(), " any more");
  }

  // Which are meant, and whether they can be sent back.
  absl::Status Find() {
    LogScan scan{.topic = topic_, .take = [this](const RecordView& record) { Look(record); }};
    for (const auto& [partition, offset] : asked_) {
      if (scan.from.emplace(partition, offset).second) scan.partitions.push_back(partition);
    }
    missing_ = asked_;
    most_shown_ = context_->args().Number("limit", kShown);
    context_->out().Add("topic", "topic", topic_);
    table_ = &context_->out().AddTable("letters",
                                       {{"place", "LETTER"},
                                        {"disposition", "DISPOSITION"},
                                        {"key", "KEY"},
                                        {"event_id", "EVENT"},
                                        {"origin", "TO THE PARTITION OF"},
                                        {"problem", "PROBLEM"}},
                                       "there are no such dead letters");
    const absl::StatusOr<ScanEnd> end = ScanLog(context_, scan);
    if (!end.ok()) return end.status();
    NotePending(context_, topic_, *end);
    context_->out().Add("chosen", "to be sent back", chosen_count_);
    context_->out().Add("refused", "that cannot be", refused_);
    if (static_cast<int64_t>(table_->size()) < chosen_count_ + refused_) {
      context_->out().AddNote(absl::StrCat(chosen_count_ + refused_ - static_cast<int64_t>(table_->size()),
                                           " more are not shown; --limit=0 shows all"));
    }
    if (foreign_ > 0) context_->out().AddNote(absl::StrCat(foreign_, " of other applications are left out"));
    return CheckFound();
  }

  void Look(const RecordView& record) {
    const std::pair<Partition, Offset> place(record.partition, record.offset);
    if (is_all_ ? !IsAskedLetter(*context_, shown_, record) : !asked_.contains(place)) return;
    const Letter letter = KeepLetter(record);
    missing_.erase(place);
    if (is_all_ && IsForeign(letter)) {
      ++foreign_;
      return;
    }
    const std::string problem = ProblemOf(letter);
    const std::string name = absl::StrCat(record.partition.value(), "/", record.offset.value());
    if (problem.empty()) {
      chosen_[record.partition].push_back(record.offset);
      ++chosen_count_;
      ++dispositions_[letter.Header("once.disposition")];
      targets_.insert(ParseOrigin(letter.Header("once.origin"))->where.topic);
    } else if (++refused_; problems_.size() < kMostProblems) {
      problems_.push_back(absl::StrCat(name, ": ", problem));
    }
    if (most_shown_ != 0 && static_cast<int64_t>(table_->size()) >= most_shown_) return;
    table_->AddRow({name, letter.Header("once.disposition"), KeyOfLetter(shown_, letter), letter.EventId(),
                    letter.Header("once.origin"), problem});
  }

  absl::Status CheckFound() const {
    if (!missing_.empty()) {
      const auto& [partition, offset] = *missing_.begin();
      return absl::NotFoundError(absl::StrCat("there is no dead letter at ", partition.value(), "/", offset.value(),
                                              "; `dlq list` shows which there are. Nothing was sent"));
    }
    if (refused_ > 0 && (!is_all_ || chosen_count_ == 0)) {
      return absl::FailedPreconditionError(absl::StrCat("nothing was sent: ", Problems()));
    }
    if (chosen_count_ > 0) return absl::OkStatus();
    return absl::NotFoundError("no dead letter is meant by that. `dlq list`, with the same options, shows which are");
  }

  std::string Problems() const {
    const int64_t more = refused_ - static_cast<int64_t>(problems_.size());
    return absl::StrCat(PlainText(absl::StrJoin(problems_, "; ")),
                        more > 0 ? absl::StrCat("; and ", more, " more") : "");
  }

  // "send back 3 dead letters (2 FAILED, 1 SKIPPED) of orders.dlq to orders".
  std::string What() const {
    std::vector<std::string> parts;
    for (const auto& [name, count] : dispositions_) parts.push_back(absl::StrCat(count, " ", PlainText(name)));
    return absl::StrCat("send back ", Count(chosen_count_, "dead letter"), " (", absl::StrJoin(parts, ", "), ") of ",
                        topic_, " to ", absl::StrJoin(targets_, ", "));
  }

  // By partition, those of one in their order: what has a key comes back as it came.
  absl::Status Send() {
    absl::StatusOr<std::unique_ptr<RecordWriter>> writer = RecordWriter::Open(context_, topics_);
    if (!writer.ok()) return writer.status();
    writer_ = *std::move(writer);
    per_second_ = context_->args().Number("per_second", 0);
    for (const auto& entry : chosen_) {
      const Partition partition = entry.first;
      const auto& offsets = entry.second;  // A binding cannot be captured.
      absl::Status failure;
      size_t next = 0;
      const auto take = [&](const RecordView& record) {
        while (next < offsets.size() && offsets[next] < record.offset) ++next;
        if (!failure.ok() || next == offsets.size() || record.offset != offsets[next]) return;
        ++next;
        batch_.push_back(KeepLetter(record));
        batch_bytes_ += BytesOf(batch_.back());
        if (IsFull()) failure = WriteBatch();
      };
      const absl::StatusOr<ScanEnd> end = ScanLog(
          context_, {.topic = topic_, .partitions = {partition}, .from = {{partition, offsets.front()}}, .take = take});
      if (!failure.ok()) return failure;
      if (!end.ok()) return end.status();
    }
    if (absl::Status written = WriteBatch(); !written.ok()) return written;
    if (sent_ == chosen_count_) return absl::OkStatus();
    return absl::AbortedError(absl::StrCat(chosen_count_ - sent_, " are not in ", topic_, " any more"));
  }

  bool IsFull() const {
    const int64_t most = per_second_ > 0 ? std::min(per_second_, kMostRecords) : kMostRecords;
    return static_cast<int64_t>(batch_.size()) >= most || batch_bytes_ >= kMostBytes;
  }

  absl::Status WriteBatch() {
    if (batch_.empty()) return absl::OkStatus();
    std::vector<std::vector<HeaderView>> headers(batch_.size());
    std::vector<OutputRecord> records;
    for (size_t i = 0; i < batch_.size(); ++i) {
      const Letter& letter = batch_[i];
      for (const auto& [name, value] : letter.headers) headers[i].push_back({name, View(value)});
      const absl::StatusOr<TopicPartitionOffset> origin = ParseOrigin(letter.Header("once.origin"));
      // What was looked at does not change.
      if (!origin.ok()) return origin.status();
      const auto topic = std::find(topics_.begin(), topics_.end(), origin->where.topic);
      records.push_back({.topic_index = static_cast<uint32_t>(topic - topics_.begin()),
                         .partition = origin->where.partition,
                         .key = View(letter.key),
                         .value = View(letter.value),
                         .headers = headers[i]});
    }
    const absl::Status written =
        writer_->Write(records, absl::StrCat("whether the next ", records.size(), " were sent back is not known"));
    if (!written.ok()) return written;
    const auto count = static_cast<int64_t>(batch_.size());
    sent_ += count;
    batch_.clear();
    batch_bytes_ = 0;
    if (per_second_ == 0 || sent_ >= chosen_count_) return absl::OkStatus();
    if (context_->environment().pause(absl::Seconds(1) * count / per_second_)) return absl::OkStatus();
    return absl::CancelledError("it was told to end");
  }

  static constexpr size_t kMostProblems = 10;

  Context* const context_;
  const Shown shown_;
  const std::string topic_;
  const bool is_all_;
  std::map<std::string, int32_t> partitions_;  // Of each topic that a source reads.
  std::vector<std::string> topics_;
  std::set<std::pair<Partition, Offset>> asked_;  // By their places; empty: all that the filters select.
  std::set<std::pair<Partition, Offset>> missing_;
  // What was found.
  std::map<Partition, std::vector<Offset>> chosen_;
  int64_t chosen_count_ = 0;
  int64_t refused_ = 0;
  int64_t foreign_ = 0;
  std::vector<std::string> problems_;
  std::map<std::string, int64_t> dispositions_;
  std::set<std::string> targets_;
  Table* table_ = nullptr;
  int64_t most_shown_ = 0;
  // What is being sent.
  std::unique_ptr<RecordWriter> writer_;
  int64_t per_second_ = 0;
  std::vector<Letter> batch_;
  size_t batch_bytes_ = 0;
  int64_t sent_ = 0;
};

absl::Status RunRedrive(Context& context) { return Redriver(&context).Run(); }

}  // namespace

void AddRedrive(Registry* registry) {
  std::vector<OptionSpec> options = LetterFilters();
  options.insert(options.begin(), {.name = "all",
                                   .kind = OptionKind::kSwitch,
                                   .help = "Instead of places: all of this application's, or those that the next "
                                           "options select."});
  options.push_back({.name = "per_second",
                     .kind = OptionKind::kNumber,
                     .value_name = "N",
                     .help = "At most so many a second. Default: as fast as it goes."});
  options.push_back({.name = "limit",
                     .kind = OptionKind::kNumber,
                     .value_name = "N",
                     .help = "So many are shown; 0: all. Default: 50."});
  options.push_back({.name = "dry_run", .kind = OptionKind::kSwitch, .help = "Only show which; send nothing."});
  registry->Add(
      {.path = "dlq redrive",
       .summary = "Send dead letters back to where their events came from.",
       .description =
           "An event that has ended runs again; the notice of one that blocks an aggregate (FAILED) releases it; that "
           "of one that waits behind it (BLOCKED) has no effect. Key, value and headers stay, and a letter that is "
           "sent back twice takes effect once: a command that was killed half-way can simply be given again. They are "
           "sent to the partitions where the events were, in the order of the letters, in transactions of at most "
           "1,000.",
       .arguments = {{.name = "PARTITION/OFFSET", .is_optional = true, .repeats = true}},
       .options = std::move(options),
       .examples = {"dlq redrive 0/17 --yes", "dlq redrive --all --disposition=failed --since=1h --dry-run",
                    "dlq redrive --all --disposition=skipped --reason=UNAVAILABLE --per_second=100 --yes"},
       .changes = true,
       .run = RunRedrive});
}

}  // namespace once::cli
