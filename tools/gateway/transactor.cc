#include "tools/gateway/transactor.h"

#include <algorithm>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

constexpr absl::Duration kOneCall = absl::Seconds(5);
constexpr absl::Duration kPause = absl::Milliseconds(200);
// Most topics of one producer, which keeps what it knows of each.
constexpr uint32_t kMostTopics = 2000;

absl::Duration CallTime(absl::Time deadline) {
  return std::clamp(deadline - SteadyNow(), absl::Milliseconds(100), kOneCall);
}

}  // namespace

Transactor::Transactor(std::string transactional_id, kafka::Client* client, OutcomeLog* outcomes, LogSink* log,
                       const std::atomic<bool>* stopping)
    : transactional_id_(std::move(transactional_id)),
      client_(client),
      outcomes_(outcomes),
      log_(log),
      stopping_(stopping) {}

absl::Status Transactor::Prepare(absl::Time deadline) {
  while (!is_ready_) {
    if (producer_ == nullptr) {
      auto producer = client_->NewProducer(transactional_id_, {outcomes_->topic()});
      if (!producer.ok()) return producer.status();
      producer_ = *std::move(producer);
    }
    const kafka::Result result = producer_->InitTransactions(CallTime(deadline));
    is_ready_ = result.ok();
    if (is_ready_) break;
    if (result.error != kafka::ErrorClass::kRetriable) producer_.reset();
    if (result.lasting) return absl::PermissionDeniedError(kafka::ToString(result));
    if (SteadyNow() >= deadline || stopping_->load()) return absl::UnavailableError(kafka::ToString(result));
    absl::SleepFor(kPause);
  }
  return absl::OkStatus();
}

absl::Status Transactor::Begin(const std::string& id, absl::Time deadline) {
  if (absl::Status prepared = Prepare(deadline); !prepared.ok()) return prepared;
  if (const kafka::Result begun = producer_->BeginTransaction(); !begun.ok()) {
    is_ready_ = false;
    producer_.reset();
    return absl::UnavailableError(kafka::ToString(begun));
  }
  id_ = id;
  is_open_ = true;
  return absl::OkStatus();
}

absl::Status Transactor::SendOne(const OutputRecord& record, absl::Time deadline) {
  while (true) {
    const kafka::Result sent = producer_->Send(record);
    if (sent.ok()) return absl::OkStatus();
    if (sent.error != kafka::ErrorClass::kRetriable || SteadyNow() >= deadline) return Explain(sent, nullptr);
    producer_->Flush(CallTime(deadline));
  }
}

absl::Status Transactor::Explain(const kafka::Result& result, int* failed) {
  std::vector<kafka::Delivery> deliveries;
  producer_->TakeDeliveries(&deliveries);
  const auto refused = std::find_if(deliveries.begin(), deliveries.end(), [](const kafka::Delivery& each) {
    return each.failed && (each.record_refused || each.lasting);
  });
  if (refused == deliveries.end()) {
    if (result.lasting) return absl::PermissionDeniedError(kafka::ToString(result));
    return absl::UnavailableError(kafka::ToString(result));
  }
  // Token 0 is the outcome's record.
  if (failed != nullptr) *failed = static_cast<int>(refused->token) - 1;
  if (refused->code == "MSG_SIZE_TOO_LARGE") return absl::OutOfRangeError(refused->error);
  if (refused->refusal != kafka::Refusal::kNone) return absl::InvalidArgumentError(refused->error);
  return absl::PermissionDeniedError(refused->error);
}

absl::Status Transactor::AwaitWritten(absl::Time deadline, int* failed) {
  while (true) {
    const kafka::Result flushed = producer_->Flush(CallTime(deadline));
    if (flushed.ok()) break;
    if (flushed.error == kafka::ErrorClass::kRetriable && SteadyNow() < deadline && !stopping_->load()) continue;
    return Explain(flushed, failed);
  }
  std::vector<kafka::Delivery> deliveries;
  producer_->TakeDeliveries(&deliveries);
  return absl::OkStatus();
}

absl::Status Transactor::Send(std::span<const Event* const> events, absl::Time deadline, int* failed) {
  if (failed != nullptr) *failed = -1;
  std::vector<HeaderView> headers;
  for (size_t i = 0; i < events.size(); ++i) {
    const Event& event = *events[i];
    const absl::StatusOr<uint32_t> topic = producer_->AddTopic(event.topic);
    if (!topic.ok()) return topic.status();
    if (*topic > kMostTopics) is_ready_ = false;
    headers.clear();
    for (const auto& [name, value] : event.headers) headers.push_back({name, std::string_view(value)});
    OutputRecord record{.topic_index = *topic, .partition = event.partition, .timestamp_ms = event.timestamp_ms};
    if (event.key.has_value()) record.key = *event.key;
    if (event.value.has_value()) record.value = *event.value;
    record.headers = headers;
    record.token = i + 1;
    if (absl::Status sent = SendOne(record, deadline); !sent.ok()) {
      if (failed != nullptr && !absl::IsUnavailable(sent)) *failed = static_cast<int>(i);
      return sent;
    }
  }
  return AwaitWritten(deadline, failed);
}

absl::Status Transactor::Commit(const std::string& answer, std::vector<std::pair<std::string, Outcome>> outcomes,
                                int64_t time_ms, absl::Time deadline, FirstCheck* check) {
  const HeaderView headers[] = {{kInstanceHeader, std::string_view(outcomes_->instance())},
                                {kTransactionHeader, std::string_view(id_)}};
  outcomes.emplace_back(KeyOfTransaction(id_), Outcome{.answer = answer});
  for (auto& [key, outcome] : outcomes) {
    outcome.time_ms = time_ms;
    const std::string value = EncodeOutcome(outcome);
    if (absl::Status sent = SendOne({.key = key, .value = value, .headers = headers}, deadline); !sent.ok()) {
      Abort();
      return absl::AbortedError(std::string(sent.message()));
    }
  }
  const absl::Status ended = EndByCommit(deadline, check);
  is_open_ = false;
  if (!ended.ok()) return ended;
  for (const auto& [key, outcome] : outcomes) outcomes_->Add(key, outcome);
  // What may have been sent twice must not meet the next transaction.
  if (producer_ != nullptr && (producer_->TakeSuspicion() || !is_ready_)) {
    is_ready_ = false;
    producer_.reset();
  }
  return absl::OkStatus();
}

absl::Status Transactor::EndByCommit(absl::Time deadline, FirstCheck* check) {
  if (absl::Status written = AwaitWritten(deadline, nullptr); !written.ok()) {
    Abort();
    return absl::AbortedError(std::string(written.message()));
  }
  if (check != nullptr) {
    if (absl::Status first = outcomes_->CheckFirst(id_, check, deadline); !first.ok()) {
      Abort();
      return absl::IsAlreadyExists(first) ? first : absl::AbortedError(std::string(first.message()));
    }
  }
  kafka::Result result;
  do {
    result = producer_->Commit(CallTime(deadline));
  } while (result.error == kafka::ErrorClass::kRetriable && SteadyNow() < deadline && !stopping_->load());
  if (result.ok()) return absl::OkStatus();
  if (result.error == kafka::ErrorClass::kAbortable) {
    Abort();
    return absl::AbortedError(kafka::ToString(result));
  }
  ++lost_answers_;
  log_->Log(LogLevel::kWarning, OneLine(absl::StrCat("whether transaction ", id_,
                                                     " was committed is being found out: ", kafka::ToString(result))));
  return FindOut();
}

// A new producer of the same id fences the old one and ends what it has under way, one way or the other; after that the
// outcome topic knows.
absl::Status Transactor::FindOut() {
  while (!stopping_->load()) {
    producer_.reset();
    is_ready_ = false;
    const absl::Time deadline = SteadyNow() + 2 * kOneCall;
    if (Prepare(deadline).ok() && outcomes_->CatchUp(deadline).ok()) {
      const bool is_committed = outcomes_->Find(KeyOfTransaction(id_)).has_value();
      log_->Log(LogLevel::kInfo, absl::StrCat("transaction ", id_, is_committed ? " was" : " was not", " committed"));
      return is_committed ? absl::OkStatus() : absl::AbortedError("the transaction was aborted by the brokers");
    }
    absl::SleepFor(kPause);
  }
  return absl::DeadlineExceededError("the gateway stopped before it was known whether the transaction was committed");
}

void Transactor::Abort() {
  is_open_ = false;
  if (producer_ == nullptr) return;
  const kafka::Result aborted = producer_->Abort(kOneCall);
  std::vector<kafka::Delivery> deliveries;
  producer_->TakeDeliveries(&deliveries);
  if (aborted.ok() && !producer_->TakeSuspicion() && is_ready_) return;
  // Whoever comes next makes a new one, which aborts what this one left.
  producer_.reset();
  is_ready_ = false;
}

}  // namespace once::gateway
