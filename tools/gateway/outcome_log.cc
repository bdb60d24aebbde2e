#include "tools/gateway/outcome_log.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"

namespace once::gateway {

namespace {
constexpr absl::Duration kPoll = absl::Milliseconds(100);
constexpr absl::Duration kPause = absl::Milliseconds(200);
constexpr absl::Duration kOneCall = absl::Seconds(5);
}  // namespace

OutcomeLog::OutcomeLog(OutcomeLogOptions options, kafka::Client* client, kafka::Admin* admin, Clock* clock,
                       LogSink* log)
    : options_(std::move(options)),
      client_(client),
      admin_(admin),
      clock_(clock),
      log_(log),
      index_(options_.retention, options_.max_bytes) {}

OutcomeLog::~OutcomeLog() {
  stopping_.store(true);
  if (thread_.joinable()) thread_.join();
}

absl::Status OutcomeLog::Describe(absl::Duration timeout) {
  absl::StatusOr<kafka::TopicDescription> topic = admin_->DescribeTopic(options_.topic, timeout);
  if (absl::IsNotFound(topic.status())) {
    kafka::NewTopic made{.name = options_.topic};
    // Compacted, so that what is read at a start stays short; and what is older than the retention goes.
    made.settings = {{"cleanup.policy", "compact,delete"},
                     {"retention.ms", absl::StrCat(absl::ToInt64Milliseconds(options_.retention))},
                     {"segment.ms", "3600000"}};
    const absl::Status created = admin_->CreateTopic(made, timeout);
    if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
    topic = admin_->DescribeTopic(options_.topic, timeout);
  }
  if (!topic.ok()) return topic.status();
  for (int32_t i = 0; i < topic->partition_count; ++i) partitions_.push_back({options_.topic, Partition(i)});
  return absl::OkStatus();
}

absl::Status OutcomeLog::Open(absl::Duration timeout) {
  if (absl::Status described = Describe(timeout); !described.ok()) return described;
  thread_ = std::thread([this] { Run(); });
  return absl::OkStatus();
}

std::unique_ptr<kafka::LogReader> OutcomeLog::NewReader() {
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> reader = client_->NewLogReader({options_.topic});
  if (!reader.ok()) {
    log_->Log(LogLevel::kWarning, absl::StrCat("reading ", options_.topic, ": ", reader.status().ToString()));
    return nullptr;
  }
  for (const TopicPartition& partition : partitions_) {
    Offset from(0);
    {
      MutexLock lock(&mutex_);
      const auto position = positions_.find(partition);
      if (position != positions_.end()) from = position->second;
    }
    if (absl::StatusOr<Offset> first = admin_->BeginningOffset(partition, kOneCall); first.ok()) {
      from = std::max(from, *first);
    } else {
      return nullptr;
    }
    if (!(*reader)->Add({partition, from}).ok()) return nullptr;
  }
  return *std::move(reader);
}

void OutcomeLog::Run() {
  std::unique_ptr<kafka::LogReader> reader;
  kafka::Batch batch;
  while (!stopping_.load()) {
    if (reader == nullptr) reader = NewReader();
    if (reader != nullptr && Follow(*reader, &batch)) continue;
    batch = {};
    reader.reset();
    MutexLock lock(&mutex_);
    moved_.WaitFor(&mutex_, kPause);
  }
}

bool OutcomeLog::Follow(kafka::LogReader& reader, kafka::Batch* batch) {
  if (!reader.Poll(kPoll, batch).ok()) return false;
  const absl::Time wall = clock_->Wall();
  MutexLock lock(&mutex_);
  const auto move = [this](Partition partition, Offset to) ABSL_EXCLUSIVE_LOCKS_REQUIRED(mutex_) {
    Offset& position = positions_[{options_.topic, partition}];
    position = std::max(position, to);
  };
  for (const RecordView& record : batch->records) {
    move(record.partition, record.offset + 1);
    if (!record.key.has_value() || !record.value.has_value()) continue;
    absl::StatusOr<Outcome> outcome = DecodeOutcome(*record.value);
    if (outcome.ok()) {
      index_.Add(std::string(*record.key), *std::move(outcome), wall);
    } else {
      log_->Log(LogLevel::kWarning,
                absl::StrCat(ToString({options_.topic, record.partition}, record.offset), ": ",
                             std::string(outcome.status().message()), "; somebody else writes to this topic"));
    }
  }
  for (const kafka::EndOfPartition& end : batch->ends) move(end.partition, end.position);
  index_.Expire(wall);
  if (!batch->records.empty() || !batch->ends.empty()) {
    moved_.NotifyAll();
  } else {
    // A reader that does not wait itself shall not keep others from its lock.
    moved_.WaitFor(&mutex_, absl::Milliseconds(1));
  }
  for (const kafka::PartitionError& error : batch->errors) {
    log_->Log(LogLevel::kWarning, absl::StrCat("reading ", options_.topic, ": ", error.status.ToString()));
  }
  return batch->errors.empty();
}

absl::Status OutcomeLog::CatchUp(absl::Time deadline, std::map<Partition, Offset>* until) {
  const absl::Duration left = deadline - SteadyNow();
  if (left <= absl::ZeroDuration()) return absl::DeadlineExceededError("too late");
  kafka::LogOffsets ends = admin_->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions_, left);
  for (const auto& [partition, end] : ends) {
    if (!end.ok()) return absl::UnavailableError(std::string(end.status().message()));
    if (until != nullptr) (*until)[partition.partition] = *end;
  }
  MutexLock lock(&mutex_);
  for (const auto& [partition, end] : ends) {
    while (positions_[partition] < *end) {
      const absl::Duration remains = deadline - SteadyNow();
      if (remains <= absl::ZeroDuration() || stopping_.load()) {
        return absl::UnavailableError(absl::StrCat(ToString(partition), " is not read up to ", end->value(),
                                                   " in time: a transaction is open there, or its broker is silent"));
      }
      moved_.WaitFor(&mutex_, std::min(remains, kPoll));
    }
  }
  return absl::OkStatus();
}

absl::Status OutcomeLog::CheckFirst(const std::string& transaction_id, FirstCheck* check, absl::Time deadline) {
  MutexLock lock(&checking_mutex_);
  if (checker_ == nullptr) {
    absl::StatusOr<std::unique_ptr<kafka::LogReader>> reader = client_->NewUncommittedLogReader({options_.topic});
    if (!reader.ok()) return absl::UnavailableError(std::string(reader.status().message()));
    checker_ = *std::move(reader);
  }
  absl::Status read;
  for (const auto& [partition, since] : check->since) {
    if (read.ok()) read = checker_->Add({{options_.topic, partition}, since});
  }
  if (read.ok()) read = ReadUntilOwn(transaction_id, check, deadline);
  for (const auto& [partition, since] : check->since) {
    if (read.ok()) read = checker_->Remove({options_.topic, partition});
  }
  // One that is not empty any more, or has met an error, is made anew.
  if (!read.ok()) checker_.reset();
  if (!read.ok()) return absl::UnavailableError(std::string(read.message()));
  if (check->taken.empty()) return absl::OkStatus();
  return absl::AlreadyExistsError("another instance of the gateway has a request with this Idempotency-Key under way");
}

absl::Status OutcomeLog::ReadUntilOwn(const std::string& transaction_id, FirstCheck* check, absl::Time deadline) {
  std::set<std::string, std::less<>> awaited(check->keys.begin(), check->keys.end());
  kafka::Batch batch;
  while (!awaited.empty()) {
    if (SteadyNow() >= deadline || stopping_.load()) {
      return absl::UnavailableError(absl::StrCat("what was written to ", options_.topic, " is not read in time"));
    }
    if (absl::Status polled = checker_->Poll(kPoll, &batch); !polled.ok()) return polled;
    if (!batch.errors.empty()) return batch.errors.front().status;
    for (const RecordView& record : batch.records) {
      const auto key = awaited.find(record.key.value_or(std::string_view()));
      if (key == awaited.end() || !check->since.contains(record.partition)) continue;
      const OptionalBytes instance = FindHeader(record.headers, kInstanceHeader);
      // An earlier try of this instance's, which was aborted: it has one request with a key at a time.
      const bool is_own = instance == std::string_view(options_.instance);
      if (is_own && FindHeader(record.headers, kTransactionHeader) != std::string_view(transaction_id)) continue;
      if (!is_own) check->taken.insert(*key);
      awaited.erase(key);
    }
  }
  return absl::OkStatus();
}

std::optional<Outcome> OutcomeLog::Find(std::string_view key) const {
  MutexLock lock(&mutex_);
  return index_.Find(key);
}

void OutcomeLog::Add(const std::string& key, const Outcome& outcome) {
  MutexLock lock(&mutex_);
  index_.Add(key, outcome, clock_->Wall());
}

size_t OutcomeLog::size() const {
  MutexLock lock(&mutex_);
  return index_.size();
}

size_t OutcomeLog::bytes() const {
  MutexLock lock(&mutex_);
  return index_.bytes();
}

uint64_t OutcomeLog::dropped() const {
  MutexLock lock(&mutex_);
  return index_.dropped();
}

}  // namespace once::gateway
