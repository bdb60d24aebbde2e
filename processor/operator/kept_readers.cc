#include "processor/operator/kept_readers.h"

#include <algorithm>
#include <list>
#include <set>
#include <utility>

#include "processor/base/clock.h"
#include "processor/base/mutex.h"

namespace once {

// Those that nobody uses, the latest first.
class KeptReaders::Shelf {
 public:
  explicit Shelf(KeptReadersOptions options) : options_(options) {}

  // Null: there is none of these topics.
  std::unique_ptr<kafka::LogReader> Take(const std::vector<std::string>& topics) {
    MutexLock lock(&mutex_);
    const auto found =
        std::find_if(readers_.begin(), readers_.end(), [&](const Kept& each) { return each.topics == topics; });
    if (found == readers_.end()) return nullptr;
    std::unique_ptr<kafka::LogReader> reader = std::move(found->reader);
    readers_.erase(found);
    return reader;
  }

  void Put(std::unique_ptr<kafka::LogReader> reader, const std::vector<std::string>& topics) {
    std::list<Kept> ended;
    MutexLock lock(&mutex_);
    if (is_closed_) return;
    readers_.push_front({.reader = std::move(reader), .topics = topics, .since = SteadyNow()});
    while (readers_.size() > options_.most) ended.splice(ended.end(), readers_, std::prev(readers_.end()));
  }

  void DropIdle() {
    // Ended when the lock is released: it may take a while.
    std::list<Kept> ended;
    MutexLock lock(&mutex_);
    const absl::Time now = SteadyNow();
    while (!readers_.empty() && now - readers_.back().since >= options_.idle_time) {
      ended.splice(ended.end(), readers_, std::prev(readers_.end()));
    }
  }

  void Close() {
    std::list<Kept> ended;
    MutexLock lock(&mutex_);
    is_closed_ = true;
    ended.swap(readers_);
  }

  size_t size() {
    MutexLock lock(&mutex_);
    return readers_.size();
  }

 private:
  struct Kept {
    std::unique_ptr<kafka::LogReader> reader;
    std::vector<std::string> topics;
    absl::Time since;
  };

  const KeptReadersOptions options_;
  Mutex mutex_;
  bool is_closed_ ABSL_GUARDED_BY(mutex_) = false;
  std::list<Kept> readers_ ABSL_GUARDED_BY(mutex_);
};

// One that somebody uses.
class KeptReaders::Lent final : public kafka::LogReader {
 public:
  Lent(std::unique_ptr<kafka::LogReader> reader, std::vector<std::string> topics, std::shared_ptr<Shelf> shelf)
      : reader_(std::move(reader)), topics_(std::move(topics)), shelf_(std::move(shelf)) {}
  ~Lent() override {
    while (!reading_.empty()) Remove(TopicPartition(*reading_.begin())).IgnoreError();
    if (is_good_ && has_come_) shelf_->Put(std::move(reader_), topics_);
  }

  absl::Status Add(const TopicPartitionOffset& from) override {
    absl::Status added = reader_->Add(from);
    if (added.ok()) reading_.insert(from.where);
    return Judge(std::move(added));
  }
  absl::Status Remove(const TopicPartition& partition) override {
    reading_.erase(partition);
    return Judge(reader_->Remove(partition));
  }
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override {
    absl::Status polled = reader_->Poll(timeout, batch);
    if (polled.ok()) {
      // What an earlier user's partition has still to say is nobody's any more.
      std::erase_if(batch->errors, [&](const kafka::PartitionError& error) {
        return !reading_.contains({topics_[error.topic_index], error.partition});
      });
      is_good_ = is_good_ && batch->errors.empty();
      has_come_ = has_come_ || !batch->records.empty() || !batch->ends.empty();
    }
    return Judge(std::move(polled));
  }

 private:
  absl::Status Judge(absl::Status status) {
    is_good_ = is_good_ && status.ok();
    return status;
  }

  std::unique_ptr<kafka::LogReader> reader_;
  const std::vector<std::string> topics_;
  const std::shared_ptr<Shelf> shelf_;
  std::set<TopicPartition> reading_;
  bool is_good_ = true;
  bool has_come_ = false;
};

KeptReaders::KeptReaders(kafka::Client* client, KeptReadersOptions options)
    : client_(client), shelf_(std::make_shared<Shelf>(options)) {}

KeptReaders::~KeptReaders() { shelf_->Close(); }

absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> KeptReaders::NewProducer(
    const std::string& transactional_id, const std::vector<std::string>& topics) {
  return client_->NewProducer(transactional_id, topics);
}

absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> KeptReaders::NewGroupConsumer(
    const std::string& group, const std::vector<std::string>& topics) {
  return client_->NewGroupConsumer(group, topics);
}

absl::StatusOr<std::unique_ptr<kafka::LogReader>> KeptReaders::NewLogReader(const std::vector<std::string>& topics) {
  std::unique_ptr<kafka::LogReader> reader = shelf_->Take(topics);
  if (reader == nullptr) {
    absl::StatusOr<std::unique_ptr<kafka::LogReader>> made = client_->NewLogReader(topics);
    if (!made.ok()) return made;
    reader = *std::move(made);
  }
  return std::make_unique<Lent>(std::move(reader), topics, shelf_);
}

absl::StatusOr<std::unique_ptr<kafka::LogReader>> KeptReaders::NewUncommittedLogReader(
    const std::vector<std::string>& topics) {
  return client_->NewUncommittedLogReader(topics);
}

absl::StatusOr<std::unique_ptr<kafka::Admin>> KeptReaders::NewAdmin() { return client_->NewAdmin(); }

void KeptReaders::DropIdle() { shelf_->DropIdle(); }

size_t KeptReaders::kept() const { return shelf_->size(); }

}  // namespace once
