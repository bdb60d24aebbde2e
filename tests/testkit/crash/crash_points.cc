#include "tests/testkit/crash/crash_points.h"

#include <unistd.h>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <utility>

namespace once {

CrashPoint::CrashPoint(std::string_view at) {
  const size_t colon = at.find(':');
  name_ = std::string(at.substr(0, colon));
  left_ = colon == std::string_view::npos ? 1 : std::atoll(std::string(at.substr(colon + 1)).c_str());
}

CrashPoint CrashPoint::FromEnvironment() {
  const char* at = std::getenv("ONCE_CRASH_AT");
  CrashPoint point(at == nullptr ? "" : at);
  const char* abort_at = std::getenv("ONCE_ABORT_AT");
  point.commits_until_abort_ = abort_at == nullptr ? 0 : std::atoll(abort_at);
  return point;
}

bool CrashPoint::MustAbort() { return commits_until_abort_.fetch_sub(1) == 1; }

void CrashPoint::Pass(std::string_view name) {
  if (name_.empty() || name != name_ || left_.fetch_sub(1) != 1) return;
  std::fprintf(stderr, "crashing at %s\n", name_.c_str());
  std::fflush(stderr);
  ::kill(::getpid(), SIGKILL);
}

namespace {

class CrashingProducer final : public kafka::TransactionalProducer {
 public:
  CrashingProducer(std::unique_ptr<kafka::TransactionalProducer> inner, CrashPoint* point)
      : inner_(std::move(inner)), point_(point) {}

  absl::StatusOr<uint32_t> AddTopic(const std::string& topic) override { return inner_->AddTopic(topic); }
  kafka::Result InitTransactions(absl::Duration timeout) override { return inner_->InitTransactions(timeout); }
  kafka::Result BeginTransaction() override {
    return Around("before_begin", "after_begin", [&] { return inner_->BeginTransaction(); });
  }
  kafka::Result Send(const OutputRecord& record) override {
    has_sent_ = true;
    return Around("before_send", "after_send", [&] { return inner_->Send(record); });
  }
  kafka::Result Flush(absl::Duration timeout) override {
    return Around("before_flush", "after_flush", [&] { return inner_->Flush(timeout); });
  }
  kafka::Result SendOffsets(std::span<const TopicPartitionOffset> offsets, const kafka::GroupMetadata& group,
                            absl::Duration timeout) override {
    return Around("before_send_offsets", "after_send_offsets",
                  [&] { return inner_->SendOffsets(offsets, group, timeout); });
  }
  kafka::Result Commit(absl::Duration timeout) override {
    return Around("before_commit", "after_commit", [&] {
      if (std::exchange(has_sent_, false) && point_->MustAbort()) {
        // What is aborted shall have been written: what waits in the client would be dropped unseen.
        inner_->Flush(timeout);
        return kafka::Result{.error = kafka::ErrorClass::kAbortable, .code = "INJECTED", .message = "abort injected"};
      }
      return inner_->Commit(timeout);
    });
  }
  kafka::Result Abort(absl::Duration timeout) override { return inner_->Abort(timeout); }
  void TakeDeliveries(std::vector<kafka::Delivery>* deliveries) override { inner_->TakeDeliveries(deliveries); }
  bool TakeSuspicion() override { return inner_->TakeSuspicion(); }

 private:
  template <typename Call>
  kafka::Result Around(std::string_view before, std::string_view after, const Call& call) {
    point_->Pass(before);
    kafka::Result result = call();
    point_->Pass(after);
    return result;
  }

  const std::unique_ptr<kafka::TransactionalProducer> inner_;
  CrashPoint* const point_;
  bool has_sent_ = false;
};

class CrashingClient final : public kafka::Client {
 public:
  CrashingClient(std::unique_ptr<kafka::Client> inner, CrashPoint* point) : inner_(std::move(inner)), point_(point) {}

  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) override {
    auto producer = inner_->NewProducer(transactional_id, topics);
    if (!producer.ok()) return producer.status();
    return std::make_unique<CrashingProducer>(*std::move(producer), point_);
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override {
    return inner_->NewGroupConsumer(group, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewStaticGroupConsumer(
      const std::string& group, const std::string& member_name, const std::vector<std::string>& topics) override {
    return inner_->NewStaticGroupConsumer(group, member_name, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    return inner_->NewLogReader(topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewUncommittedLogReader(
      const std::vector<std::string>& topics) override {
    return inner_->NewUncommittedLogReader(topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override { return inner_->NewAdmin(); }

 private:
  const std::unique_ptr<kafka::Client> inner_;
  CrashPoint* const point_;
};

class CrashingStore final : public CheckpointStore {
 public:
  CrashingStore(std::unique_ptr<CheckpointStore> inner, CrashPoint* point) : inner_(std::move(inner)), point_(point) {}

  absl::StatusOr<std::optional<CheckpointMeta>> ReadMeta(std::string_view task_prefix) override {
    return inner_->ReadMeta(task_prefix);
  }
  absl::StatusOr<std::optional<std::string>> Get(std::string_view task_prefix, std::string_view key) override {
    return inner_->Get(task_prefix, key);
  }
  absl::Status Scan(std::string_view task_prefix, std::string_view key_prefix,
                    const std::function<bool(std::string_view, std::string_view)>& visit) override {
    return inner_->Scan(task_prefix, key_prefix, visit);
  }
  absl::Status Write(std::string_view task_prefix, std::span<const CheckpointEntry> entries,
                     const CheckpointMeta& meta) override {
    point_->Pass("before_checkpoint_write");
    absl::Status status = inner_->Write(task_prefix, entries, meta);
    point_->Pass("after_checkpoint_write");
    return status;
  }
  absl::Status Flush() override {
    point_->Pass("before_checkpoint_flush");
    absl::Status status = inner_->Flush();
    point_->Pass("after_checkpoint_flush");
    return status;
  }
  absl::StatusOr<bool> HasEntries(std::string_view task_prefix) override { return inner_->HasEntries(task_prefix); }
  absl::Status Wipe(std::string_view task_prefix) override { return inner_->Wipe(task_prefix); }
  uint64_t SizeOnDisk() override { return inner_->SizeOnDisk(); }

 private:
  const std::unique_ptr<CheckpointStore> inner_;
  CrashPoint* const point_;
};

}  // namespace

std::unique_ptr<kafka::Client> WrapWithCrashes(std::unique_ptr<kafka::Client> client, CrashPoint* point) {
  return std::make_unique<CrashingClient>(std::move(client), point);
}

std::unique_ptr<CheckpointStore> WrapWithCrashes(std::unique_ptr<CheckpointStore> store, CrashPoint* point) {
  return std::make_unique<CrashingStore>(std::move(store), point);
}

}  // namespace once
