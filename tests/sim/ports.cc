#include "tests/sim/ports.h"

#include <utility>

#include "absl/strings/str_cat.h"

namespace once::sim {
namespace {

using kafka::Batch;
using kafka::Result;
using testkit::Call;

struct Link {
  Process* process;
  Network* network;

  bool Ask(Call kind) const { return network->Ask(process, kind); }
};

absl::Status NotReached() { return absl::UnavailableError("injected by the simulator: no answer"); }

class SimProducer final : public kafka::TransactionalProducer {
 public:
  SimProducer(Link link, std::string id, std::unique_ptr<kafka::TransactionalProducer> inner)
      : link_(link), id_(std::move(id)), inner_(std::move(inner)) {}

  Result InitTransactions(absl::Duration timeout) override {
    return Make(Call::kInit, [&] { return inner_->InitTransactions(timeout); });
  }
  Result BeginTransaction() override {
    return link_.network->Local(link_.process, Call::kBegin, id_, [&] { return inner_->BeginTransaction(); });
  }
  Result Send(const OutputRecord& record) override {
    return link_.network->Local(link_.process, Call::kSend, id_, [&] { return inner_->Send(record); });
  }
  Result Flush(absl::Duration timeout) override {
    return Make(Call::kFlush, [&] { return inner_->Flush(timeout); });
  }
  Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                     absl::Duration timeout) override {
    return Make(Call::kSendOffsets, [&] { return inner_->SendOffsets(offsets, group, timeout); });
  }
  Result Commit(absl::Duration timeout) override {
    return Make(Call::kCommit, [&] { return inner_->Commit(timeout); });
  }
  Result Abort(absl::Duration timeout) override {
    return Make(Call::kAbort, [&] { return inner_->Abort(timeout); });
  }
  void TakeDeliveries(std::vector<kafka::Delivery>* deliveries) override { inner_->TakeDeliveries(deliveries); }
  bool TakeSuspicion() override { return inner_->TakeSuspicion(); }

 private:
  template <typename F>
  Result Make(Call kind, const F& call) {
    return link_.network->Transactional(link_.process, kind, id_, call);
  }

  const Link link_;
  const std::string id_;
  const std::unique_ptr<kafka::TransactionalProducer> inner_;
};

void Empty(Batch* batch) {
  batch->records.clear();
  batch->ends.clear();
  batch->errors.clear();
}

// A poll that brings nothing takes its time, one that brings something the network's.
template <typename Inner>
absl::Status PollThrough(const Link& link, Call kind, absl::Duration timeout, Inner& inner, Batch* batch) {
  if (!link.Ask(kind)) {
    Empty(batch);
    link.network->Wait(timeout);
    return absl::OkStatus();
  }
  if (absl::Status status = inner.Poll(timeout, batch); !status.ok()) return status;
  if (batch->records.empty() && batch->ends.empty() && batch->errors.empty()) {
    link.network->Wait(timeout);
    return absl::OkStatus();
  }
  Trace& trace = link.network->trace();
  if (!trace.is_printed()) return absl::OkStatus();
  std::string text = absl::StrCat("pod ", link.process->id, " ", NameOf(kind), " brings");
  for (const RecordView& record : batch->records) {
    absl::StrAppend(&text, " ", record.topic_index, "/", record.partition.value(), "@", record.offset.value());
  }
  for (const kafka::EndOfPartition& end : batch->ends) {
    absl::StrAppend(&text, " end ", end.topic_index, "/", end.partition.value(), "@", end.position.value());
  }
  for (const kafka::PartitionError& error : batch->errors) absl::StrAppend(&text, " ", error.status.ToString());
  trace.Print(text);
  return absl::OkStatus();
}

class SimConsumer final : public kafka::GroupConsumer {
 public:
  SimConsumer(Link link, std::unique_ptr<kafka::GroupConsumer> inner) : link_(link), inner_(std::move(inner)) {}

  absl::Status Subscribe(std::span<const std::string> topics, kafka::RebalanceListener* listener) override {
    return inner_->Subscribe(topics, listener);
  }
  absl::Status Assign(std::span<const TopicPartition> partitions) override { return inner_->Assign(partitions); }
  absl::Status Unassign(std::span<const TopicPartition> partitions) override { return inner_->Unassign(partitions); }
  absl::Status Seek(std::span<const TopicPartitionOffset> offsets) override {
    if (!link_.Ask(Call::kSeek)) return NotReached();
    const absl::Status sought = inner_->Seek(offsets);
    Trace& trace = link_.network->trace();
    if (trace.is_printed()) {
      std::string text = absl::StrCat("pod ", link_.process->id, " seek");
      for (const TopicPartitionOffset& each : offsets)
        absl::StrAppend(&text, " ", once::ToString(each.where, each.offset));
      trace.Print(absl::StrCat(text, sought.ok() ? "" : " -> ", sought.ok() ? "" : sought.ToString()));
    }
    return sought;
  }
  std::vector<kafka::SeekFailure> SeekEach(std::span<const TopicPartitionOffset> offsets) override {
    if (link_.Ask(Call::kSeek)) return inner_->SeekEach(offsets);
    std::vector<kafka::SeekFailure> failures;
    for (const TopicPartitionOffset& each : offsets) failures.push_back({each, NotReached()});
    return failures;
  }
  absl::Status Poll(absl::Duration timeout, Batch* batch) override {
    absl::Status status = PollThrough(link_, Call::kPoll, timeout, *inner_, batch);
    if (link_.network->handlers_take_time())
      link_.network->NoteMember(link_.process, inner_->group_metadata().member_id);
    return status;
  }
  absl::Status ServeCallbacks() override { return inner_->ServeCallbacks(); }
  // The client's own thread learns that it is no member any more before its listener does, and may have joined anew: as
  // any member, which is all that the broker looks at.
  kafka::GroupMetadata group_metadata() override {
    kafka::GroupMetadata metadata = inner_->group_metadata();
    if (!metadata.member_id.empty()) link_.network->JoinAnew(&metadata);
    return metadata;
  }
  absl::Status Close() override {
    link_.network->Wait(link_.network->Latency());
    return inner_->Close();
  }

 private:
  const Link link_;
  const std::unique_ptr<kafka::GroupConsumer> inner_;
};

class SimLogReader final : public kafka::LogReader {
 public:
  SimLogReader(Link link, std::unique_ptr<kafka::LogReader> inner) : link_(link), inner_(std::move(inner)) {}

  absl::Status Add(const TopicPartitionOffset& from) override { return inner_->Add(from); }
  absl::Status Remove(const TopicPartition& partition) override { return inner_->Remove(partition); }
  absl::Status Poll(absl::Duration timeout, Batch* batch) override {
    absl::Status polled = PollThrough(link_, Call::kReaderPoll, timeout, *inner_, batch);
    link_.network->AddUnreadable(batch);
    return polled;
  }

 private:
  const Link link_;
  const std::unique_ptr<kafka::LogReader> inner_;
};

class SimAdmin final : public kafka::Admin {
 public:
  SimAdmin(Link link, std::unique_ptr<kafka::Admin> inner) : link_(link), inner_(std::move(inner)) {}

  absl::StatusOr<kafka::TopicDescription> DescribeTopic(const std::string& topic, absl::Duration timeout) override {
    if (!link_.Ask(Call::kDescribeTopic)) return NotReached();
    return inner_->DescribeTopic(topic, timeout);
  }
  absl::Status CreateTopic(const kafka::NewTopic& topic, absl::Duration timeout) override {
    if (!link_.Ask(Call::kCreateTopic)) return NotReached();
    return inner_->CreateTopic(topic, timeout);
  }
  absl::StatusOr<std::map<TopicPartition, Offset>> StableCommittedOffsets(const std::string& group,
                                                                          std::span<const TopicPartition> partitions,
                                                                          absl::Duration timeout) override {
    if (!link_.Ask(Call::kStableCommittedOffsets)) return NotReached();
    return inner_->StableCommittedOffsets(group, partitions, timeout);
  }
  absl::StatusOr<Offset> BeginningOffset(const TopicPartition& partition, absl::Duration timeout) override {
    if (!link_.Ask(Call::kBeginningOffset)) return NotReached();
    return inner_->BeginningOffset(partition, timeout);
  }
  absl::StatusOr<Offset> HighWatermark(const TopicPartition& partition, absl::Duration timeout) override {
    if (!link_.Ask(Call::kHighWatermark)) return NotReached();
    return inner_->HighWatermark(partition, timeout);
  }
  kafka::CommittedOffsets ReadCommittedOffsets(const std::string& group, std::span<const TopicPartition> partitions,
                                               absl::Duration timeout) override {
    if (link_.Ask(Call::kStableCommittedOffsets)) return inner_->ReadCommittedOffsets(group, partitions, timeout);
    kafka::CommittedOffsets answers;
    for (const TopicPartition& each : partitions) answers.emplace(each, NotReached());
    return answers;
  }
  kafka::LogOffsets ReadLogOffsets(kafka::LogPoint point, std::span<const TopicPartition> partitions,
                                   absl::Duration timeout) override {
    const Call call = point == kafka::LogPoint::kBeginning ? Call::kBeginningOffset : Call::kHighWatermark;
    if (link_.Ask(call)) return inner_->ReadLogOffsets(point, partitions, timeout);
    kafka::LogOffsets answers;
    for (const TopicPartition& each : partitions) answers.emplace(each, NotReached());
    return answers;
  }
  absl::StatusOr<std::map<std::string, std::string>> ReadTopicIds(std::span<const std::string> topics,
                                                                  absl::Duration timeout) override {
    if (link_.Ask(Call::kDescribeTopic)) return inner_->ReadTopicIds(topics, timeout);
    return NotReached();
  }

 private:
  const Link link_;
  const std::unique_ptr<kafka::Admin> inner_;
};

class SimClient final : public kafka::Client {
 public:
  SimClient(Link link, kafka::Client* inner) : link_(link), inner_(inner) {}

  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) override {
    auto made = inner_->NewProducer(transactional_id, topics);
    if (!made.ok()) return made.status();
    return std::make_unique<SimProducer>(link_, transactional_id, *std::move(made));
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override {
    auto made = inner_->NewGroupConsumer(group, topics);
    if (!made.ok()) return made.status();
    return std::make_unique<SimConsumer>(link_, *std::move(made));
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    auto made = inner_->NewLogReader(topics);
    if (!made.ok()) return made.status();
    return std::make_unique<SimLogReader>(link_, *std::move(made));
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override {
    auto made = inner_->NewAdmin();
    if (!made.ok()) return made.status();
    return std::make_unique<SimAdmin>(link_, *std::move(made));
  }

 private:
  const Link link_;
  kafka::Client* const inner_;
};

}  // namespace

std::unique_ptr<kafka::Client> MakeSimClient(Process* process, Network* network, kafka::Client* inner) {
  return std::make_unique<SimClient>(Link{process, network}, inner);
}

}  // namespace once::sim
