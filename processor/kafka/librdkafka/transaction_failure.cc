// X2d: reasons that librdkafka tells in its log only, read from there.
#include "processor/kafka/librdkafka/transaction_failure.h"

#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/strip.h"
#include "processor/base/strings.h"

namespace once::kafka {
namespace {

// The error that librdkafka describes so; unknown if there is none.
rd_kafka_resp_err_t CodeDescribedAs(absl::string_view description) {
  const rd_kafka_err_desc* all = nullptr;
  size_t count = 0;
  rd_kafka_get_err_descs(&all, &count);
  for (size_t i = 0; i < count; ++i) {
    if (all[i].desc != nullptr && description == all[i].desc) return all[i].code;
  }
  return RD_KAFKA_RESP_ERR_UNKNOWN;
}

// Moves what stands before `mark` from `rest`; false if it does not occur.
bool Cut(absl::string_view* rest, absl::string_view mark, absl::string_view* before) {
  const size_t at = rest->find(mark);
  if (at == absl::string_view::npos) return false;
  *before = rest->substr(0, at);
  rest->remove_prefix(at + mark.size());
  return true;
}

// [thrd:main]: TxnCoordinator: Failed to add partition "TOPIC" [7] to transaction: WHY
std::optional<TransactionFailure::Added> Parse(absl::string_view line) {
  const size_t begin = line.find("Failed to add partition");
  if (begin == absl::string_view::npos) return std::nullopt;
  TransactionFailure::Added added;
  added.text = std::string(line.substr(begin));
  absl::string_view rest = line.substr(begin);
  absl::string_view topic, partition, before;
  int32_t number = 0;
  if (Cut(&rest, "\"", &before) && Cut(&rest, "\" [", &topic) && Cut(&rest, "] to transaction: ", &partition) &&
      absl::SimpleAtoi(partition, &number)) {
    added.where = {std::string(topic), Partition(number)};
    added.code = CodeDescribedAs(absl::StripAsciiWhitespace(rest));
  }
  return added;
}

}  // namespace

void TransactionFailure::Reset() {
  MutexLock lock(&mutex_);
  added_.reset();
  is_of_timestamps_ = false;
}

void TransactionFailure::Note(std::string_view facility, std::string_view text) {
  // Which kind of INVALID_RECORD it was, for RdKafkaProducer::CodeOf.
  if (facility == "TXNERR" && text.find("(INVALID_TIMESTAMP)") != std::string_view::npos) {
    MutexLock lock(&mutex_);
    is_of_timestamps_ = true;
  }
  // Lines of other kinds say no more than the calls' own errors.
  if (facility != "ADDPARTS") return;
  std::optional<Added> added = Parse(ToAbsl(text));
  if (!added.has_value()) return;
  MutexLock lock(&mutex_);
  // The first that has a reason: the others were not tried because of it.
  if (added_.has_value() && added_->code != RD_KAFKA_RESP_ERR_OPERATION_NOT_ATTEMPTED) return;
  added_ = std::move(added);
}

bool TransactionFailure::IsOfTimestamps() {
  MutexLock lock(&mutex_);
  return is_of_timestamps_;
}

std::optional<TransactionFailure::Added> TransactionFailure::Get() {
  MutexLock lock(&mutex_);
  return added_;
}

}  // namespace once::kafka
