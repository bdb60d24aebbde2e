#include "tests/driver/recording_client.h"

#include <utility>

namespace once {

void CallLog::Add(RecordedCall call) {
  MutexLock lock(&mutex_);
  calls_.push_back(std::move(call));
}

std::vector<RecordedCall> CallLog::Take() {
  MutexLock lock(&mutex_);
  return std::exchange(calls_, {});
}

void CallLog::AddHearing() {
  MutexLock lock(&mutex_);
  ++hearings_;
}

int64_t CallLog::TakeHearings() {
  MutexLock lock(&mutex_);
  return std::exchange(hearings_, 0);
}

namespace {

class RecordingProducer final : public kafka::TransactionalProducer {
 public:
  RecordingProducer(std::unique_ptr<kafka::TransactionalProducer> inner, std::string id, CallLog* log)
      : inner_(std::move(inner)), id_(std::move(id)), log_(log) {}

  kafka::Result InitTransactions(absl::Duration timeout) override {
    return Note("init", inner_->InitTransactions(timeout));
  }
  kafka::Result BeginTransaction() override { return Note("begin", inner_->BeginTransaction()); }
  kafka::Result Send(const OutputRecord& record) override { return Note("send", inner_->Send(record)); }
  kafka::Result Flush(absl::Duration timeout) override { return Note("flush", inner_->Flush(timeout)); }
  kafka::Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                            absl::Duration timeout) override {
    return Note("send_offsets", inner_->SendOffsets(offsets, group, timeout));
  }
  kafka::Result Commit(absl::Duration timeout) override { return Note("commit", inner_->Commit(timeout)); }
  kafka::Result Abort(absl::Duration timeout) override { return Note("abort", inner_->Abort(timeout)); }
  void TakeDeliveries(std::vector<kafka::Delivery>* deliveries) override { inner_->TakeDeliveries(deliveries); }
  bool TakeSuspicion() override { return inner_->TakeSuspicion(); }

 private:
  kafka::Result Note(const char* name, kafka::Result result) {
    log_->Add({.name = name, .id = id_, .ok = result.ok()});
    return result;
  }

  const std::unique_ptr<kafka::TransactionalProducer> inner_;
  const std::string id_;
  CallLog* const log_;
};

class RecordingConsumer final : public kafka::GroupConsumer, private kafka::RebalanceListener {
 public:
  RecordingConsumer(std::unique_ptr<kafka::GroupConsumer> inner, std::string group, CallLog* log)
      : inner_(std::move(inner)), group_(std::move(group)), log_(log) {}

  absl::Status Subscribe(std::span<const std::string> topics, kafka::RebalanceListener* listener) override {
    listener_ = listener;
    return Note("subscribe", inner_->Subscribe(topics, this));
  }
  absl::Status Assign(std::span<const TopicPartition> partitions) override {
    return Note("assign", inner_->Assign(partitions));
  }
  absl::Status Unassign(std::span<const TopicPartition> partitions) override {
    return Note("unassign", inner_->Unassign(partitions));
  }
  absl::Status Seek(std::span<const TopicPartitionOffset> offsets) override {
    return Note("seek", inner_->Seek(offsets));
  }
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override {
    log_->AddHearing();
    return inner_->Poll(timeout, batch);
  }
  absl::Status ServeCallbacks() override {
    log_->AddHearing();
    return inner_->ServeCallbacks();
  }
  kafka::GroupMetadata group_metadata() override { return inner_->group_metadata(); }
  absl::Status Close() override { return Note("close", inner_->Close()); }

 private:
  using Callback = void (kafka::RebalanceListener::*)(std::span<const TopicPartition>);

  void OnAssigned(std::span<const TopicPartition> partitions) override {
    Forward(&kafka::RebalanceListener::OnAssigned, partitions);
  }
  void OnRevoked(std::span<const TopicPartition> partitions) override {
    Forward(&kafka::RebalanceListener::OnRevoked, partitions);
  }
  void OnLost(std::span<const TopicPartition> partitions) override {
    Forward(&kafka::RebalanceListener::OnLost, partitions);
  }
  void Forward(Callback callback, std::span<const TopicPartition> partitions) {
    in_callback_ = true;
    (listener_->*callback)(partitions);
    in_callback_ = false;
  }
  absl::Status Note(const char* name, absl::Status status) {
    log_->Add({.name = name, .id = group_, .ok = status.ok(), .in_callback = in_callback_});
    return status;
  }

  const std::unique_ptr<kafka::GroupConsumer> inner_;
  const std::string group_;
  CallLog* const log_;
  kafka::RebalanceListener* listener_ = nullptr;
  bool in_callback_ = false;
};

class RecordingClient final : public kafka::Client {
 public:
  RecordingClient(std::unique_ptr<kafka::Client> inner, CallLog* log) : inner_(std::move(inner)), log_(log) {}

  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) override {
    auto producer = inner_->NewProducer(transactional_id, topics);
    if (!producer.ok()) return producer.status();
    return std::make_unique<RecordingProducer>(*std::move(producer), transactional_id, log_);
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override {
    auto consumer = inner_->NewGroupConsumer(group, topics);
    if (!consumer.ok()) return consumer.status();
    return std::make_unique<RecordingConsumer>(*std::move(consumer), group, log_);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    return inner_->NewLogReader(topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override { return inner_->NewAdmin(); }

 private:
  const std::unique_ptr<kafka::Client> inner_;
  CallLog* const log_;
};

}  // namespace

std::unique_ptr<kafka::Client> WrapWithRecording(std::unique_ptr<kafka::Client> client, CallLog* log) {
  return std::make_unique<RecordingClient>(std::move(client), log);
}

}  // namespace once
