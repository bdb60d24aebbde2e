#include "tools/gateway/topic_watch.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(100);
constexpr absl::Duration kPause = absl::Seconds(5);

}  // namespace

TopicWatch::TopicWatch(std::string group, std::vector<std::string> topics, kafka::Client* client, LogSink* log)
    : group_(std::move(group)), names_(std::move(topics)), client_(client), log_(log) {
  for (const std::string& name : names_) topics_[name];
  thread_ = std::thread([this] { Run(); });
}

TopicWatch::~TopicWatch() {
  {
    MutexLock lock(&mutex_);
    is_stopping_ = true;
    stopping_.NotifyAll();
  }
  thread_.join();
}

std::map<std::string, WatchedTopic> TopicWatch::topics() const {
  MutexLock lock(&mutex_);
  return topics_;
}

void TopicWatch::Run() {
  while (true) {
    const absl::Status ended = Follow();
    is_running_.store(false);
    consumer_.reset();
    unread_.clear();
    if (ended.ok()) return;
    log_->Log(LogLevel::kWarning, OneLine(absl::StrCat("group ", group_, ": ", ended.ToString(),
                                                       "; it is joined again in ", absl::FormatDuration(kPause))));
    MutexLock lock(&mutex_);
    if (!is_stopping_) stopping_.WaitFor(&mutex_, kPause);
    if (is_stopping_) return;
  }
}

absl::Status TopicWatch::Follow() {
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> consumer = client_->NewGroupConsumer(group_, names_);
  if (!consumer.ok()) return consumer.status();
  consumer_ = *std::move(consumer);
  if (absl::Status subscribed = consumer_->Subscribe(names_, this); !subscribed.ok()) return subscribed;
  kafka::Batch batch;
  while (true) {
    if (absl::Status polled = consumer_->Poll(kPoll, &batch); !polled.ok()) return polled;
    Count(batch);
    for (const kafka::PartitionError& error : batch.errors) {
      if (!absl::IsUnavailable(error.status)) return error.status;
    }
    MutexLock lock(&mutex_);
    if (is_stopping_) break;
  }
  return consumer_->Close();
}

void TopicWatch::Count(const kafka::Batch& batch) {
  MutexLock lock(&mutex_);
  for (const RecordView& record : batch.records) {
    WatchedTopic& topic = topics_[names_[record.topic_index]];
    ++topic.messages;
    topic.last_message_ms = record.timestamp_ms;
  }
  for (const kafka::EndOfPartition& end : batch.ends) {
    if (unread_.erase({names_[end.topic_index], end.partition}) != 0 && unread_.empty()) is_running_.store(true);
  }
}

void TopicWatch::OnAssigned(std::span<const TopicPartition> partitions) {
  const absl::Status assigned = consumer_->Assign(partitions);
  unread_.insert(partitions.begin(), partitions.end());
  is_running_.store(assigned.ok() && unread_.empty());
  if (!assigned.ok()) log_->Log(LogLevel::kWarning, OneLine(absl::StrCat("group ", group_, ": ", assigned.ToString())));
}

void TopicWatch::OnRevoked(std::span<const TopicPartition> partitions) {
  for (const TopicPartition& each : partitions) unread_.erase(each);
  consumer_->Unassign(partitions).IgnoreError();
}

void TopicWatch::OnLost(std::span<const TopicPartition> partitions) {
  is_running_.store(false);
  for (const TopicPartition& each : partitions) unread_.erase(each);
  consumer_->Unassign(partitions).IgnoreError();
}

}  // namespace once::gateway
