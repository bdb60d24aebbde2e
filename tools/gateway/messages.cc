#include "tools/gateway/messages.h"

#include <algorithm>
#include <deque>
#include <limits>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"

namespace once::gateway {

namespace {

constexpr absl::Duration kPoll = absl::Milliseconds(50);
// Of one answer, as JSON.
constexpr size_t kMostBytes = size_t{8} << 20;
// Offsets that are looked at first for each record that is wanted: some are of aborted records, and of markers.
constexpr int64_t kFirstReach = 3;

struct Message {
  int64_t timestamp_ms = -1;
  Partition partition = {};
  Offset offset = {};
  Json json = {};
  size_t bytes = 0;
};

struct Range {
  Offset begin;
  Offset end;
};

// Reads ranges of partitions to their ends, and keeps the first or the last `count` records of each.
class Reading {
 public:
  Reading(const MessagesQuery& query, kafka::Client* client, const Types& types, absl::Time deadline)
      : query_(query), client_(client), types_(types), deadline_(deadline) {}

  absl::Status Open() {
    auto reader = query_.is_committed_only ? client_->NewLogReader({query_.topic})
                                           : client_->NewUncommittedLogReader({query_.topic});
    if (!reader.ok()) return reader.status();
    reader_ = *std::move(reader);
    return absl::OkStatus();
  }

  // Whether all was read.
  absl::StatusOr<bool> Read(const std::map<Partition, Range>& ranges) {
    kept_.clear();
    bytes_ = 0;
    std::map<Partition, Offset> open;
    for (const auto& [partition, range] : ranges) {
      next_[partition] = range.begin;
      if (range.begin >= range.end) continue;
      if (absl::Status added = reader_->Add({{query_.topic, partition}, range.begin}); !added.ok()) return added;
      open[partition] = range.end;
    }
    kafka::Batch batch;
    bool is_complete = true;
    while (!open.empty()) {
      if (SteadyNow() >= deadline_ || bytes_ > kMostBytes) {
        is_complete = false;
        break;
      }
      if (absl::Status polled = reader_->Poll(kPoll, &batch); !polled.ok()) return polled;
      if (!batch.errors.empty()) return batch.errors.front().status;
      for (const RecordView& record : batch.records) Take(record, &open);
      for (const kafka::EndOfPartition& end : batch.ends) Close(end.partition, end.position, &open);
    }
    for (const auto& left : open) {
      if (absl::Status removed = reader_->Remove({query_.topic, left.first}); !removed.ok()) return removed;
    }
    return is_complete;
  }

  std::vector<Message> TakeMessages() {
    std::vector<Message> all;
    for (auto& each : kept_) {
      // Sorted by time, a partition's records stay in their order.
      int64_t time = -1;
      for (Message& message : each.second) time = message.timestamp_ms = std::max(time, message.timestamp_ms);
      std::move(each.second.begin(), each.second.end(), std::back_inserter(all));
    }
    return all;
  }
  const std::map<Partition, Offset>& next() const { return next_; }
  size_t CountOf(Partition partition) const {
    const auto found = kept_.find(partition);
    return found == kept_.end() ? 0 : found->second.size();
  }

 private:
  bool keeps_first() const { return query_.is_from_first || query_.offset.has_value(); }

  void Take(const RecordView& record, std::map<Partition, Offset>* open) {
    const auto range = open->find(record.partition);
    if (range == open->end()) return;
    if (record.offset >= range->second) {
      Close(record.partition, range->second, open);
      return;
    }
    std::deque<Message>& kept = kept_[record.partition];
    Message message{.timestamp_ms = record.timestamp_ms, .partition = record.partition, .offset = record.offset};
    message.json = MessageJson(query_.topic, record, types_, query_.type);
    message.bytes = 2 * ((record.value.has_value() ? record.value->size() : 0) +
                         (record.key.has_value() ? record.key->size() : 0)) +
                    200;
    bytes_ += message.bytes;
    kept.push_back(std::move(message));
    next_[record.partition] = record.offset + 1;
    if (kept.size() > query_.count) {
      bytes_ -= kept.front().bytes;
      kept.pop_front();
    }
    if (keeps_first() && kept.size() == query_.count) {
      Close(record.partition, record.offset + 1, open);
    } else if (record.offset + 1 >= range->second) {
      Close(record.partition, record.offset + 1, open);
    }
  }

  void Close(Partition partition, Offset position, std::map<Partition, Offset>* open) {
    const auto range = open->find(partition);
    if (range == open->end()) return;
    // The end of what may be read now, before the end that was asked for: nothing more is to come.
    open->erase(range);
    next_[partition] = std::max(next_[partition], position);
    reader_->Remove({query_.topic, partition}).IgnoreError();
  }

  const MessagesQuery& query_;
  kafka::Client* const client_;
  const Types& types_;
  const absl::Time deadline_;
  std::unique_ptr<kafka::LogReader> reader_;
  std::map<Partition, std::deque<Message>> kept_;
  std::map<Partition, Offset> next_;
  size_t bytes_ = 0;
};

absl::StatusOr<std::map<Partition, Range>> WholeRanges(const MessagesQuery& query, int32_t partition_count,
                                                       kafka::Admin* admin, absl::Time deadline) {
  std::vector<TopicPartition> partitions;
  for (int32_t i = 0; i < partition_count; ++i) {
    if (!query.partition.has_value() || query.partition == Partition(i)) {
      partitions.push_back({query.topic, Partition(i)});
    }
  }
  if (partitions.empty()) {
    return absl::InvalidArgumentError(
        absl::StrCat("partition: topic ", query.topic, " has ", partition_count, ", from 0 on"));
  }
  const absl::Duration left = std::max(deadline - SteadyNow(), absl::Milliseconds(100));
  const auto begins = admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, left);
  const auto ends = admin->ReadLogOffsets(
      query.is_committed_only ? kafka::LogPoint::kLastStable : kafka::LogPoint::kHighWatermark, partitions, left);
  std::map<Partition, Range> ranges;
  for (const TopicPartition& each : partitions) {
    const absl::StatusOr<Offset>& begin = begins.at(each);
    const absl::StatusOr<Offset>& end = ends.at(each);
    if (!begin.ok()) return begin.status();
    if (!end.ok()) return end.status();
    ranges[each.partition] = {*begin, *end};
  }
  return ranges;
}

// Text where it is, else base64.
void AddBytes(const char* name, const OptionalBytes& bytes, Json* json) {
  if (!bytes.has_value()) {
    (*json)[name] = nullptr;
  } else if (IsValidUtf8(*bytes)) {
    (*json)[name] = std::string(*bytes);
  } else {
    (*json)[absl::StrCat(name, "_base64")] = Base64(*bytes);
  }
}

}  // namespace

absl::StatusOr<MessagesQuery> ParseMessagesQuery(const std::map<std::string, std::string>& query) {
  MessagesQuery parsed;
  const auto number = [&](const std::string& text, int64_t least, int64_t most, const char* name,
                          int64_t* value) -> absl::Status {
    if (absl::SimpleAtoi(text, value) && *value >= least && *value <= most) return absl::OkStatus();
    return absl::InvalidArgumentError(absl::StrCat(name, " is no number from ", least, " to ", most));
  };
  for (const auto& [name, value] : query) {
    int64_t given = 0;
    absl::Status right;
    if (name == "topic") {
      parsed.topic = value;
    } else if (name == "count") {
      right = number(value, 1, kMostMessages, "count", &given);
      parsed.count = static_cast<size_t>(given);
    } else if (name == "partition") {
      right = number(value, 0, std::numeric_limits<int32_t>::max(), "partition", &given);
      parsed.partition = Partition(static_cast<int32_t>(given));
    } else if (name == "offset") {
      right = number(value, 0, std::numeric_limits<int64_t>::max(), "offset", &given);
      parsed.offset = Offset(given);
    } else if (name == "isolation") {
      parsed.is_committed_only = value == "read_committed";
      if (!parsed.is_committed_only && value != "read_uncommitted") {
        return absl::InvalidArgumentError("isolation is neither read_committed nor read_uncommitted");
      }
    } else if (name == "from") {
      parsed.is_from_first = value == "first";
      if (!parsed.is_from_first && value != "last") return absl::InvalidArgumentError("from is neither first nor last");
    } else if (name == "type") {
      parsed.type = value;
    }
    if (!right.ok()) return right;
  }
  if (parsed.topic.empty()) return absl::InvalidArgumentError("topic is missing");
  if (parsed.offset.has_value() && !parsed.partition.has_value()) {
    return absl::InvalidArgumentError("offset is of one partition; give partition as well");
  }
  return parsed;
}

Json MessageJson(std::string_view topic, const RecordView& record, const Types& types,
                 const std::string& default_type) {
  Json json = {{"topic", topic},
               {"partition", record.partition.value()},
               {"offset", record.offset.value()},
               {"timestamp_ms", record.timestamp_ms}};
  AddBytes("key", record.key, &json);
  Json headers = Json::object();
  for (const HeaderView& header : record.headers) AddBytes(std::string(header.name).c_str(), header.value, &headers);
  json["headers"] = std::move(headers);
  if (const OptionalBytes id = FindHeader(record.headers, "ce_id"); id.has_value()) AddBytes("event_id", id, &json);
  std::string type(FindHeader(record.headers, "ce_type").value_or(std::string_view()));
  if (type.empty()) type = default_type;
  if (!type.empty()) json["type"] = type;
  if (!record.value.has_value() || type.empty() || !types.Knows(type)) {
    AddBytes("value", record.value, &json);
    return json;
  }
  const absl::StatusOr<std::string> decoded = types.Decode(type, *record.value);
  Json value = decoded.ok() ? Json::parse(*decoded, nullptr, false) : Json();
  if (decoded.ok() && !value.is_discarded()) {
    json["value"] = std::move(value);
  } else {
    json["value_base64"] = Base64(*record.value);
    json["value_error"] = decoded.ok() ? "its JSON cannot be read" : std::string(decoded.status().message());
  }
  return json;
}

absl::StatusOr<Json> ReadMessages(const MessagesQuery& query, int32_t partition_count, kafka::Client* client,
                                  kafka::Admin* admin, const Types& types, absl::Time deadline) {
  absl::StatusOr<std::map<Partition, Range>> whole = WholeRanges(query, partition_count, admin, deadline);
  if (!whole.ok()) return whole.status();
  Reading reading(query, client, types, deadline);
  if (absl::Status opened = reading.Open(); !opened.ok()) return opened;
  const bool keeps_first = query.is_from_first || query.offset.has_value();
  absl::StatusOr<bool> is_complete = false;
  for (int64_t reach = static_cast<int64_t>(query.count) * kFirstReach;; reach *= 8) {
    std::map<Partition, Range> ranges = *whole;
    for (auto& [partition, range] : ranges) {
      if (query.offset.has_value())
        range.begin = std::clamp(*query.offset, range.begin, std::max(range.begin, range.end));
      if (!keeps_first) range.begin = std::max(range.begin, Offset(range.end.value() - reach));
    }
    is_complete = reading.Read(ranges);
    if (!is_complete.ok()) return is_complete.status();
    const bool is_enough = std::all_of(ranges.begin(), ranges.end(), [&](const auto& each) {
      return each.second.begin == whole->at(each.first).begin || reading.CountOf(each.first) >= query.count;
    });
    if (keeps_first || is_enough || !*is_complete) break;
  }
  std::vector<Message> messages = reading.TakeMessages();
  std::stable_sort(messages.begin(), messages.end(),
                   [](const Message& a, const Message& b) { return a.timestamp_ms < b.timestamp_ms; });
  const size_t surplus = messages.size() - std::min(messages.size(), query.count);
  std::map<Partition, Offset> next = reading.next();
  if (keeps_first) {
    // Where each partition is read on: at the first of its records that is not shown.
    for (size_t i = query.count; i < messages.size(); ++i) {
      Offset& from = next[messages[i].partition];
      from = std::min(from, messages[i].offset);
    }
    messages.resize(messages.size() - surplus);
  } else {
    messages.erase(messages.begin(), messages.begin() + static_cast<std::ptrdiff_t>(surplus));
  }
  Json list = Json::array();
  for (Message& each : messages) list.push_back(std::move(each.json));
  Json next_json = Json::object();
  for (const auto& [partition, offset] : next) next_json[absl::StrCat(partition.value())] = offset.value();
  return Json{{"topic", query.topic},
              {"isolation", query.is_committed_only ? "read_committed" : "read_uncommitted"},
              {"messages", std::move(list)},
              {"next", std::move(next_json)},
              {"complete", *is_complete}};
}

}  // namespace once::gateway
