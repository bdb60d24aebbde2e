#include "processor/cli/log_scan.h"

#include <algorithm>
#include <memory>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/clock.h"

namespace once::cli {

namespace {

// For transactions of the application, which end about ten times a second; one that hangs is not waited for.
constexpr absl::Duration kPatienceWithTransactions = absl::Seconds(2);
constexpr absl::Duration kPoll = absl::Milliseconds(50);

// Where reading begins, and where it ends.
struct Stretch {
  Offset begin;
  Offset end;
  bool is_at_end = false;  // Of what is committed.
};

absl::Status Named(const absl::Status& status, const std::string& what) {
  return absl::Status(status.code(), absl::StrCat(what, ": ", std::string(status.message())));
}

absl::StatusOr<std::map<Partition, Stretch>> FindStretches(Context* context, kafka::Admin* admin, const LogScan& scan,
                                                           const std::vector<TopicPartition>& partitions) {
  const kafka::LogOffsets begins =
      admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, context->call_timeout());
  // F3: a commit is acknowledged before its markers are written, and only from then on it is visible.
  const kafka::LogPoint end_point =
      context->environment().waits_for_transactions ? kafka::LogPoint::kHighWatermark : kafka::LogPoint::kLastStable;
  const kafka::LogOffsets ends = admin->ReadLogOffsets(end_point, partitions, context->call_timeout());
  std::map<Partition, Stretch> stretches;
  for (const TopicPartition& where : partitions) {
    const auto begin = begins.find(where), end = ends.find(where);
    for (const auto& [found, offsets] : {std::pair(begin, &begins), std::pair(end, &ends)}) {
      if (found == offsets->end()) return absl::UnavailableError(absl::StrCat("no offsets of ", ToString(where)));
      if (!found->second.ok()) return Named(found->second.status(), ToString(where));
    }
    Offset first = *begin->second;
    if (const auto from = scan.from.find(where.partition); from != scan.from.end())
      first = std::max(first, from->second);
    Offset last = *end->second;
    if (const auto until = scan.until.find(where.partition); until != scan.until.end())
      last = std::min(last, until->second);
    if (first < last) stretches[where.partition] = {.begin = first, .end = last};
  }
  return stretches;
}

// One scan under way.
class Scanner {
 public:
  Scanner(Context* context, const LogScan* scan, std::map<Partition, Stretch> stretches)
      : context_(context), scan_(scan), stretches_(std::move(stretches)) {}

  absl::StatusOr<ScanEnd> Run() {
    const absl::StatusOr<kafka::Client*> client = context_->client();
    if (!client.ok()) return client.status();
    auto reader = (*client)->NewLogReader({scan_->topic});
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    for (const auto& [partition, stretch] : stretches_) {
      if (absl::Status added = reader_->Add({{scan_->topic, partition}, stretch.begin}); !added.ok()) return added;
    }
    kafka::Batch batch;
    for (last_news_ = SteadyNow(); !stretches_.empty();) {
      if (absl::Status polled = reader_->Poll(kPoll, &batch); !polled.ok()) return polled;
      if (absl::Status taken = Take(batch); !taken.ok()) return taken;
      if (MustStop()) break;
      if (absl::Status wanted = context_->CheckCancelled(); !wanted.ok()) return wanted;
      const absl::Duration silence = SteadyNow() - last_news_;
      if (silence < context_->timeout()) continue;
      return absl::DeadlineExceededError(absl::StrCat("nothing came of ", scan_->topic, " for ", FormatAge(silence),
                                                      "; are all of its brokers there?"));
    }
    for (const auto& [partition, stretch] : stretches_) end_.pending.push_back(partition);
    return end_;
  }

 private:
  absl::Status Take(const kafka::Batch& batch) {
    for (const kafka::PartitionError& error : batch.errors) {
      if (absl::IsUnavailable(error.status)) continue;
      return Named(error.status, ToString({scan_->topic, error.partition}));
    }
    for (const RecordView& record : batch.records) {
      const auto stretch = stretches_.find(record.partition);
      if (stretch == stretches_.end()) continue;
      // What is asked for alone counts: of a busy topic something comes all the time.
      last_news_ = SteadyNow();
      // What came after the scan was begun is not read. The last before it may have been a marker, which nobody sees.
      if (record.offset >= stretch->second.end) {
        End(record.partition);
        continue;
      }
      stretch->second.is_at_end = false;
      ++end_.records;
      scan_->take(record);
      if (record.offset + 1 >= stretch->second.end) End(record.partition);
    }
    for (const kafka::EndOfPartition& end : batch.ends) {
      const auto stretch = stretches_.find(end.partition);
      if (stretch == stretches_.end()) continue;
      last_news_ = SteadyNow();
      if (end.position >= stretch->second.end) {
        End(end.partition);
      } else {
        stretch->second.is_at_end = true;
      }
    }
    return absl::OkStatus();
  }

  void End(Partition partition) {
    stretches_.erase(partition);
    // Or it would be fetched on.
    (void)reader_->Remove({scan_->topic, partition});
  }

  // All that is left is held back by transactions, and that for a while already.
  bool MustStop() const {
    return SteadyNow() - last_news_ > kPatienceWithTransactions &&
           std::all_of(stretches_.begin(), stretches_.end(), [](const auto& each) { return each.second.is_at_end; });
  }

  Context* const context_;
  const LogScan* const scan_;
  std::map<Partition, Stretch> stretches_;  // That are not read to their ends.
  std::unique_ptr<kafka::LogReader> reader_;
  absl::Time last_news_;
  ScanEnd end_;
};

}  // namespace

std::vector<TopicPartition> PartitionsOf(const std::string& topic, int32_t count) {
  std::vector<TopicPartition> partitions;
  for (int32_t p = 0; p < count; ++p) partitions.push_back({topic, Partition(p)});
  return partitions;
}

absl::StatusOr<int32_t> CountPartitions(Context* context, const std::string& topic, const std::string& what) {
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  const absl::StatusOr<kafka::TopicDescription> description = (*admin)->DescribeTopic(topic, context->call_timeout());
  if (description.ok()) return description->partition_count;
  const std::string servers = context->options().bootstrap_servers;
  if (absl::IsNotFound(description.status())) {
    return absl::NotFoundError(absl::StrCat(
        "there is no topic ", topic, ", ", what, ", at ", servers, ": application \"", context->application_id(),
        "\" has not run there; is that the right --application_id, and are these the"
        " right --bootstrap_servers?"));
  }
  if (absl::IsUnavailable(description.status()) || absl::IsDeadlineExceeded(description.status())) {
    return absl::UnavailableError(absl::StrCat("no answer from ", servers, ": ",
                                               std::string(description.status().message()),
                                               "; is that the right --bootstrap_servers?"));
  }
  return Named(description.status(), topic);
}

absl::StatusOr<ScanEnd> ScanLog(Context* context, const LogScan& scan) {
  const absl::StatusOr<kafka::Admin*> admin = context->admin();
  if (!admin.ok()) return admin.status();
  const absl::StatusOr<int32_t> count = CountPartitions(context, scan.topic, "one of the application's topics");
  if (!count.ok()) return count.status();
  std::vector<TopicPartition> partitions;
  for (const TopicPartition& where : PartitionsOf(scan.topic, *count)) {
    const bool is_asked = scan.partitions.empty() || std::find(scan.partitions.begin(), scan.partitions.end(),
                                                               where.partition) != scan.partitions.end();
    if (is_asked) partitions.push_back(where);
  }
  absl::StatusOr<std::map<Partition, Stretch>> stretches = FindStretches(context, *admin, scan, partitions);
  if (!stretches.ok()) return stretches.status();
  absl::StatusOr<ScanEnd> end = Scanner(context, &scan, *std::move(stretches)).Run();
  if (end.ok()) end->partition_count = *count;
  return end;
}

void NotePending(Context* context, const std::string& topic, const ScanEnd& end) {
  if (end.pending.empty()) return;
  std::vector<std::string> names;
  for (const Partition partition : end.pending) names.push_back(ToString({topic, partition}));
  context->out().AddNote(absl::StrCat("transactions are open in ", absl::StrJoin(names, ", "),
                                      ": what they hold, and what came after, is not shown"));
}

}  // namespace once::cli
