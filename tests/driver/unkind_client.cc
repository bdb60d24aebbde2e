#include "tests/driver/unkind_client.h"

#include <iterator>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace once {
namespace {

using kafka::Delivery;
using kafka::ErrorClass;
using kafka::Result;

class UnkindProducer final : public kafka::TransactionalProducer {
 public:
  UnkindProducer(std::unique_ptr<kafka::TransactionalProducer> inner, std::vector<std::string> topics,
                 Unkindness* broker)
      : inner_(std::move(inner)), topics_(std::move(topics)), broker_(broker) {
    ++broker_->producers;
  }

  Result InitTransactions(absl::Duration timeout) override { return inner_->InitTransactions(timeout); }

  Result BeginTransaction() override {
    ++broker_->begun;
    return inner_->BeginTransaction();
  }

  Result Send(const OutputRecord& record) override {
    if (!failure_.ok()) {
      Report(record, "_STATE", false);
      return {.error = ErrorClass::kAbortable, .code = "_STATE", .message = "the transaction has failed"};
    }
    const std::string& topic = topics_[record.topic_index];
    const auto limit = broker_->max_bytes.find(topic);
    const size_t size = record.key.value_or("").size() + record.value.value_or("").size();
    if (limit != broker_->max_bytes.end() && size > limit->second) return Doom(record, "MSG_SIZE_TOO_LARGE", true);
    if (const auto denied = broker_->denied.find(topic); denied != broker_->denied.end()) {
      return Doom(record, denied->second, false);
    }
    return inner_->Send(record);
  }

  Result Flush(absl::Duration timeout) override {
    Strike();
    const Result flushed = inner_->Flush(timeout);
    if (flushed.error == ErrorClass::kFatal || failure_.ok()) return flushed;
    return failure_;
  }

  Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                     absl::Duration timeout) override {
    return failure_.ok() ? inner_->SendOffsets(offsets, group, timeout) : failure_;
  }

  Result Commit(absl::Duration timeout) override {
    Strike();
    return failure_.ok() ? inner_->Commit(timeout) : failure_;
  }

  Result Abort(absl::Duration timeout) override {
    ++broker_->aborts;
    Strike();
    failure_ = {};
    return inner_->Abort(timeout);
  }

  void TakeDeliveries(std::vector<Delivery>* deliveries) override {
    inner_->TakeDeliveries(deliveries);
    deliveries->insert(deliveries->end(), std::make_move_iterator(reports_.begin()),
                       std::make_move_iterator(reports_.end()));
    reports_.clear();
  }

  bool TakeSuspicion() override { return inner_->TakeSuspicion(); }

 private:
  Delivery Failed(const OutputRecord& record, const std::string& code, bool refused) const {
    Delivery delivery;
    delivery.token = record.token;
    delivery.topic_index = record.topic_index;
    delivery.partition = record.partition;
    delivery.failed = true;
    delivery.record_refused = refused;
    if (refused) delivery.refusal = kafka::Refusal::kAlone;
    delivery.code = code;
    delivery.error = absl::StrCat(code, ": not written");
    return delivery;
  }

  void Report(const OutputRecord& record, const std::string& code, bool refused) {
    reports_.push_back(Failed(record, code, refused));
  }

  Result Doom(const OutputRecord& record, const std::string& code, bool refused) {
    doomed_.push_back(Failed(record, code, refused));
    if (broker_->early) Strike();
    return Result::Ok();
  }

  // What was sent to its doom has failed, and the transaction with it.
  void Strike() {
    if (doomed_.empty()) return;
    const Delivery& first = doomed_.front();
    if (failure_.ok()) {
      failure_ = {.error = ErrorClass::kAbortable,
                  .code = first.code,
                  .message = absl::StrCat("a record for ", topics_[first.topic_index], " was not written")};
    }
    reports_.insert(reports_.end(), doomed_.begin(), doomed_.end());
    doomed_.clear();
  }

  const std::unique_ptr<kafka::TransactionalProducer> inner_;
  const std::vector<std::string> topics_;
  Unkindness* const broker_;
  Result failure_;  // Of the transaction, until its abort.
  std::vector<Delivery> doomed_;
  std::vector<Delivery> reports_;
};

class UnkindClient final : public kafka::Client {
 public:
  UnkindClient(std::unique_ptr<kafka::Client> inner, Unkindness* broker) : inner_(std::move(inner)), broker_(broker) {}

  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) override {
    absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> made = inner_->NewProducer(transactional_id, topics);
    if (!made.ok()) return made.status();
    return std::make_unique<UnkindProducer>(*std::move(made), topics, broker_);
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override {
    return inner_->NewGroupConsumer(group, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    return inner_->NewLogReader(topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override { return inner_->NewAdmin(); }

 private:
  const std::unique_ptr<kafka::Client> inner_;
  Unkindness* const broker_;
};

}  // namespace

std::unique_ptr<kafka::Client> WrapUnkindly(std::unique_ptr<kafka::Client> client, Unkindness* broker) {
  return std::make_unique<UnkindClient>(std::move(client), broker);
}

}  // namespace once
