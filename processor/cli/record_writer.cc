#include "processor/cli/record_writer.h"

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/clock.h"
#include "processor/base/names.h"

namespace once::cli {

namespace {

constexpr char kNothing[] = "nothing was written";

absl::Status FromResult(const kafka::Result& result, const std::string& what, const std::string& therefore = kNothing) {
  if (result.ok()) return absl::OkStatus();
  const std::string message = absl::StrCat(what, ": ", kafka::ToString(result), "; ", therefore);
  return result.lasting ? absl::PermissionDeniedError(message) : absl::UnavailableError(message);
}

}  // namespace

absl::StatusOr<std::unique_ptr<RecordWriter>> RecordWriter::Open(Context* context, std::vector<std::string> topics) {
  const absl::StatusOr<kafka::Client*> client = context->client();
  if (!client.ok()) return client.status();
  std::unique_ptr<RecordWriter> writer(new RecordWriter(context, std::move(topics)));
  const std::string id =
      ToolTransactionalId(context->application_id(), absl::StrCat("command-", context->environment().draw_id()));
  auto producer = (*client)->NewProducer(id, writer->topics_);
  if (!producer.ok()) return producer.status();
  writer->producer_ = *std::move(producer);
  const absl::Status ready =
      FromResult(writer->Repeat([&] { return writer->producer_->InitTransactions(context->call_timeout()); }),
                 "connecting to the brokers");
  if (!ready.ok()) return ready;
  return writer;
}

kafka::Result RecordWriter::Repeat(const std::function<kafka::Result()>& call) const {
  const absl::Time deadline = SteadyNow() + context_->timeout();
  while (true) {
    kafka::Result result = call();
    // A call that may be repeated waits itself, for as long as it is told.
    if (result.error != kafka::ErrorClass::kRetriable || SteadyNow() >= deadline) return result;
  }
}

absl::Status RecordWriter::GiveUp(absl::Status status) {
  // Or it would keep back what comes behind it until its timeout. What becomes of this changes nothing: commit was not
  // called.
  (void)Repeat([this] { return producer_->Abort(context_->call_timeout()); });
  return status;
}

absl::Status RecordWriter::Fill(std::span<const OutputRecord> records) {
  const std::string what = absl::StrCat("writing to ", absl::StrJoin(topics_, ", "));
  const auto flush = [this] { return producer_->Flush(context_->call_timeout()); };
  kafka::Result result;
  for (const OutputRecord& record : records) {
    result = producer_->Send(record);
    // The queue is full.
    for (bool is_room = true; result.error == kafka::ErrorClass::kRetriable && is_room;) {
      is_room = Repeat(flush).ok();
      if (is_room) result = producer_->Send(record);
    }
    if (!result.ok()) break;
  }
  if (result.ok()) result = Repeat(flush);
  if (result.ok()) return absl::OkStatus();
  std::vector<kafka::Delivery> deliveries;
  producer_->TakeDeliveries(&deliveries);
  // The first record's error says more than the call's.
  for (const kafka::Delivery& delivery : deliveries) {
    if (!delivery.failed || delivery.error.empty()) continue;
    return absl::Status(
        delivery.lasting ? absl::StatusCode::kPermissionDenied : absl::StatusCode::kUnavailable,
        absl::StrCat("writing to ", topics_[delivery.topic_index], ": ", delivery.error, "; ", kNothing));
  }
  return FromResult(result, what);
}

absl::Status RecordWriter::Commit(const std::string& unknown) {
  const std::string what = absl::StrCat("committing to ", absl::StrJoin(topics_, ", "));
  const kafka::Result result = Repeat([this] { return producer_->Commit(context_->call_timeout()); });
  // I7: only its success says "committed", and only a successful abort that it is not.
  const bool is_aborted = result.error == kafka::ErrorClass::kAbortable &&
                          Repeat([this] { return producer_->Abort(context_->call_timeout()); }).ok();
  return FromResult(result, what, is_aborted ? kNothing : unknown);
}

absl::Status RecordWriter::Write(std::span<const OutputRecord> records, const std::string& unknown) {
  if (absl::Status begun = FromResult(producer_->BeginTransaction(), "beginning a transaction"); !begun.ok()) {
    return begun;
  }
  if (absl::Status filled = Fill(records); !filled.ok()) return GiveUp(std::move(filled));
  return Commit(unknown);
}

}  // namespace once::cli
