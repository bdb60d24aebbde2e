#include "tools/gateway/follow.h"

#include <algorithm>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "tools/gateway/messages.h"

namespace once::gateway {

namespace {

constexpr absl::Duration kHeartbeat = absl::Seconds(10);
constexpr absl::Duration kIdle = absl::Milliseconds(20);
// Of a follower that has not taken so much, no more is read.
constexpr size_t kEnough = size_t{256} << 10;
constexpr size_t kMostTopics = 1000;

}  // namespace

std::string FormatPosition(const FollowPosition& position) {
  std::string text;
  for (const auto& [partition, offset] : position) {
    absl::StrAppend(&text, text.empty() ? "" : ",", partition.value(), ":", offset.value());
  }
  return text;
}

absl::StatusOr<FollowPosition> ParsePosition(std::string_view text) {
  FollowPosition position;
  if (text.empty()) return position;
  for (const absl::string_view part : absl::StrSplit(ToAbsl(text), ',')) {
    const std::pair<absl::string_view, absl::string_view> halves = absl::StrSplit(part, absl::MaxSplits(':', 1));
    int32_t partition = 0;
    int64_t offset = 0;
    const bool is_right = absl::SimpleAtoi(halves.first, &partition) && absl::SimpleAtoi(halves.second, &offset) &&
                          partition >= 0 && offset >= 0 &&
                          position.emplace(Partition(partition), Offset(offset)).second;
    if (!is_right) {
      return absl::InvalidArgumentError("Last-Event-ID is none of this stream's: PARTITION:OFFSET,PARTITION:OFFSET");
    }
  }
  return position;
}

struct Followers::Follower {
  FollowerSpec spec = {};
  FollowPosition position = {};
  std::shared_ptr<EventStream> stream = nullptr;
  std::unique_ptr<kafka::LogReader> reader = nullptr;
  kafka::Batch batch = {};
  size_t next_record = 0;  // Of the batch; those before it were sent.
  absl::Time last_sent = absl::InfinitePast();
};

Followers::Followers(size_t max_followers, kafka::Client* client, const Types* types, LogSink* log)
    : max_followers_(max_followers), client_(client), types_(types), log_(log) {
  thread_ = std::thread([this] { Run(); });
}

Followers::~Followers() { Stop(); }

void Followers::Stop() {
  if (stopping_.exchange(true)) return;
  {
    MutexLock lock(&mutex_);
    arrived_.NotifyAll();
  }
  thread_.join();
}

absl::StatusOr<std::unique_ptr<Followers::Follower>> Followers::Make(FollowerSpec spec) {
  auto reader =
      spec.is_committed_only ? client_->NewLogReader({spec.topic}) : client_->NewUncommittedLogReader({spec.topic});
  if (!reader.ok()) return reader.status();
  for (int32_t i = 0; i < spec.partition_count; ++i) {
    const auto from = spec.from.find(Partition(i));
    const Offset offset = from == spec.from.end() ? kafka::kEndOffset : from->second;
    if (absl::Status added = (*reader)->Add({{spec.topic, Partition(i)}, offset}); !added.ok()) return added;
  }
  auto follower = std::make_unique<Follower>();
  follower->position = spec.from;
  follower->spec = std::move(spec);
  follower->reader = *std::move(reader);
  return follower;
}

absl::Status Followers::Add(FollowerSpec spec, std::shared_ptr<EventStream> stream) {
  absl::StatusOr<std::unique_ptr<Follower>> follower = Make(std::move(spec));
  if (!follower.ok()) return follower.status();
  (*follower)->stream = std::move(stream);
  MutexLock lock(&mutex_);
  if (count_ >= max_followers_ || topics_.size() >= kMostTopics) {
    return absl::ResourceExhaustedError("there are as many followers as there may be (--max_followers)");
  }
  ++count_;
  ++topics_[(*follower)->spec.topic].followers;
  arriving_.push_back(*std::move(follower));
  arrived_.NotifyAll();
  return absl::OkStatus();
}

bool Followers::is_full() const {
  MutexLock lock(&mutex_);
  return count_ >= max_followers_;
}

void Followers::Run() {
  std::vector<std::unique_ptr<Follower>> followers;
  while (!stopping_.load()) {
    {
      MutexLock lock(&mutex_);
      if (arriving_.empty()) arrived_.WaitFor(&mutex_, followers.empty() ? absl::Seconds(1) : kIdle);
      std::move(arriving_.begin(), arriving_.end(), std::back_inserter(followers));
      arriving_.clear();
    }
    const auto gone =
        std::partition(followers.begin(), followers.end(), [this](const auto& each) { return Serve(*each); });
    for (auto it = gone; it != followers.end(); ++it) {
      (*it)->stream->End();
      MutexLock lock(&mutex_);
      --count_;
      --topics_[(*it)->spec.topic].followers;
    }
    followers.erase(gone, followers.end());
  }
  for (const auto& each : followers) {
    each->stream->End();
  }
}

bool Followers::Serve(Follower& follower) {
  EventStream* const stream = follower.stream.get();
  if (stream->has_ended()) return false;
  const absl::Time now = SteadyNow();
  if (now - follower.last_sent >= kHeartbeat) {
    // Also how it is found out that the client has gone.
    follower.last_sent = now;
    stream->Push(": still here\n\n");
  }
  if (stream->pending() >= kEnough) return true;
  if (follower.next_record >= follower.batch.records.size()) {
    follower.next_record = 0;
    if (!follower.reader->Poll(absl::ZeroDuration(), &follower.batch).ok()) return false;
  }
  for (; follower.next_record < follower.batch.records.size(); ++follower.next_record) {
    // It goes on here when the client has taken some.
    if (stream->pending() >= kEnough) return true;
    if (!Send(follower, follower.batch.records[follower.next_record])) return false;
  }
  for (const kafka::EndOfPartition& end : follower.batch.ends) follower.position[end.partition] = end.position;
  if (follower.batch.errors.empty()) return true;
  const std::string why = follower.batch.errors.front().status.ToString();
  log_->Log(LogLevel::kWarning, OneLine(absl::StrCat("following ", follower.spec.topic, ": ", why)));
  const Json json = {{"error", OneLine(why)}};
  stream->Push(absl::StrCat("event: error\ndata: ", json.dump(), "\n\n"));
  return false;
}

bool Followers::Send(Follower& follower, const RecordView& record) {
  {
    MutexLock lock(&mutex_);
    FollowedTopic& topic = topics_[follower.spec.topic];
    ++topic.messages;
    topic.last_message_ms = record.timestamp_ms;
    topic.last_seen_ms = absl::ToUnixMillis(absl::Now());
  }
  follower.position[record.partition] = record.offset + 1;
  const Json json = MessageJson(follower.spec.topic, record, *types_, follower.spec.type);
  follower.last_sent = SteadyNow();
  // One that is too large for a stream ends it.
  return follower.stream->Push(absl::StrCat("id: ", FormatPosition(follower.position), "\ndata: ",
                                            json.dump(-1, ' ', false, Json::error_handler_t::replace), "\n\n"));
}

std::map<std::string, FollowedTopic> Followers::topics() const {
  MutexLock lock(&mutex_);
  return topics_;
}

size_t Followers::count() const {
  MutexLock lock(&mutex_);
  return count_;
}

}  // namespace once::gateway
