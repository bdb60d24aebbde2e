// A changelog may hold millions of parked events, of which a view shows a few: of each no more than its place and type
// is kept, without parsing its value.
#include "processor/cli/waiting.h"

#include <algorithm>
#include <map>
#include <memory>
#include <tuple>
#include <utility>

#include "absl/container/flat_hash_map.h"
#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/cli/briefs.h"
#include "processor/cli/changelog_owner.h"
#include "processor/cli/kept.h"
#include "processor/cli/log_scan.h"
#include "state/changelog.h"

namespace once::cli {

namespace {

struct Queue {
  std::string status;  // Bytes of the AggregateStatus; empty: none.
  Briefs events;
};

// The queues of one partition, by a byte for whether they have a key, and that or the place.
using Queues = absl::flat_hash_map<std::string, Queue, StringHash, StringEq>;

bool IsKeyless(ChangelogKind kind) {
  return kind == ChangelogKind::kKeylessStatus || kind == ChangelogKind::kKeylessEvent;
}

std::string PlaceOf(const TopicPartitionOffset& place) {
  return KeylessStatusKey(place.where.topic, place.offset.value()).substr(1);
}

// The topic and offset of the place of an event without a key.
void ReadPlace(std::string_view place, Waiting* waiting) {
  constexpr size_t kOffsetBytes = 8;
  if (place.size() < kOffsetBytes) return;
  waiting->topic = std::string(place.substr(0, place.size() - kOffsetBytes));
  uint64_t offset = 0;
  for (const char c : place.substr(place.size() - kOffsetBytes)) offset = offset << 8 | static_cast<uint8_t>(c);
  waiting->offset = static_cast<int64_t>(offset);
}

// All that a view is made of, gathered in one pass over a changelog.
class Gatherer {
 public:
  Gatherer(Context* context, const WaitingQuery& query)
      : context_(context),
        query_(query),
        changelog_(ChangelogTopic(context->application_id(), context->graph().groups[query.group])),
        // In one queue alone nobody asks for the heads of all.
        is_one_(query.key.has_value() || query.place.has_value()) {
    if (query.key.has_value()) only_ = absl::StrCat("k", *query.key);
    if (query.place.has_value()) only_ = absl::StrCat("p", PlaceOf(*query.place));
  }

  absl::StatusOr<std::vector<Waiting>> Run() {
    LogScan scan{.topic = changelog_, .take = [this](const RecordView& record) { Take(record); }};
    if (query_.partition.has_value()) scan.partitions = {*query_.partition};
    const absl::StatusOr<ScanEnd> end = ScanLog(context_, scan);
    if (!end.ok()) return end.status();
    if (!failure_.ok()) return failure_;
    NotePending(context_, changelog_, *end);
    for (const auto& [partition, bytes] : frontiers_) {
      v1::Frontier frontier;
      if (!frontier.ParseFromString(bytes)) continue;
      if (absl::Status owner = CheckOwner(*context_, changelog_, frontier); !owner.ok()) return owner;
    }
    std::vector<Waiting> all;
    for (const auto& [partition, queues] : partitions_) {
      for (const auto& [name, queue] : queues) Add(partition, name, queue, &all);
    }
    std::sort(all.begin(), all.end());
    return all;
  }

 private:
  void Take(const RecordView& record) {
    if (!failure_.ok() || !record.key.has_value()) return;
    const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(*record.key);
    if (!key.ok()) {
      failure_ = Unreadable(changelog_, record, key.status());
      return;
    }
    switch (key->kind) {
      case ChangelogKind::kAggregateStatus:
      case ChangelogKind::kKeylessStatus:
        TakeStatus(record, *key);
        return;
      case ChangelogKind::kParkedEvent:
      case ChangelogKind::kKeylessEvent:
        TakeEvent(record, *key);
        return;
      case ChangelogKind::kFrontier:
        if (record.value.has_value()) frontiers_[record.partition] = *record.value;
        return;
      default:
        return;
    }
  }

  // Null: it is none that is asked for.
  Queue* FindQueue(const RecordView& record, const ChangelogKey& key) {
    name_.assign(1, IsKeyless(key.kind) ? 'p' : 'k');
    name_.append(key.record_key);
    if (is_one_ && name_ != only_) return nullptr;
    Queues& queues = partitions_[record.partition];
    const auto found = queues.find(name_);
    return found != queues.end() ? &found->second : &queues[name_];
  }

  void TakeStatus(const RecordView& record, const ChangelogKey& key) {
    Queue* const queue = FindQueue(record, key);
    if (queue == nullptr) return;
    if (record.value.has_value()) {
      queue->status = *record.value;
    } else {
      // Its events went with it.
      partitions_[record.partition].erase(name_);
    }
  }

  void TakeEvent(const RecordView& record, const ChangelogKey& key) {
    Queue* const queue = FindQueue(record, key);
    if (queue == nullptr) return;
    if (!record.value.has_value()) {
      queue->events.Drop(key.sequence);
    } else if (const std::optional<Brief> brief = ReadBrief(*record.value, &names_); brief.has_value()) {
      queue->events.Put(key.sequence, *brief);
    }
  }

  void Add(Partition partition, std::string_view name, const Queue& queue, std::vector<Waiting>* all) const {
    Waiting waiting{.group = query_.group, .partition = partition};
    if (queue.status.empty() || !waiting.status.ParseFromString(queue.status)) return;
    if (waiting.status.state() == v1::AggregateStatus::OPEN) return;
    if (name.front() == 'k') {
      waiting.key = std::string(name.substr(1));
    } else {
      ReadPlace(name.substr(1), &waiting);
    }
    if (const std::optional<Brief> head = queue.events.Find(waiting.status.head_sequence()); head.has_value()) {
      waiting.head_topic = names_.NameOf(head->topic);
      waiting.head_offset = head->offset;
      waiting.head_type = names_.NameOf(head->type);
    }
    all->push_back(std::move(waiting));
  }

  Context* const context_;
  const WaitingQuery query_;
  const std::string changelog_;
  const bool is_one_;
  std::string only_;
  std::string name_;  // Of the queue that was looked up last.
  Names names_;
  std::map<Partition, Queues> partitions_;
  std::map<Partition, std::string> frontiers_;
  absl::Status failure_;
};

}  // namespace

std::string Waiting::HeadOrigin() const {
  return head_offset < 0 ? "" : ToString({head_topic, partition}, Offset(head_offset));
}

bool operator<(const Waiting& a, const Waiting& b) {
  const auto order = [](const Waiting& w) {
    return std::make_tuple(!w.key.has_value(), w.key.value_or(w.topic), w.offset, w.partition);
  };
  return order(a) < order(b);
}

absl::StatusOr<std::vector<Waiting>> ReadWaiting(Context* context, const WaitingQuery& query) {
  if (query.key.has_value() && !query.partition.has_value() && context->environment().changelogs != nullptr) {
    absl::StatusOr<std::vector<Waiting>> found = LookUpWaiting(context, query);
    if (!MustReadThrough(*context, found.status())) return found;
  }
  return Gatherer(context, query).Run();
}

absl::Status ReadQueue(Context* context, const Waiting& queue, uint64_t first, uint64_t limit,
                       const std::function<void(uint64_t sequence, const v1::ParkedEvent& event)>& take) {
  if (queue.key.has_value() && context->environment().changelogs != nullptr) {
    absl::Status found = LookUpQueue(context, queue, first, limit, take);
    if (!MustReadThrough(*context, found)) return found;
  }
  const std::string changelog = ChangelogTopic(context->application_id(), context->graph().groups[queue.group]);
  const std::string place =
      queue.key.has_value() ? *queue.key : PlaceOf({{queue.topic, queue.partition}, Offset(queue.offset)});
  std::map<uint64_t, std::string> kept;
  const auto keep = [&](const RecordView& record) {
    if (!record.key.has_value()) return;
    const absl::StatusOr<ChangelogKey> key = ParseChangelogKey(*record.key);
    const ChangelogKind kind = queue.key.has_value() ? ChangelogKind::kParkedEvent : ChangelogKind::kKeylessEvent;
    if (!key.ok() || key->kind != kind || key->record_key != place) return;
    if (key->sequence < first || key->sequence - first >= limit) return;
    if (record.value.has_value()) {
      kept[key->sequence] = *record.value;
    } else {
      kept.erase(key->sequence);
    }
  };
  const absl::StatusOr<ScanEnd> end =
      ScanLog(context, {.topic = changelog, .partitions = {queue.partition}, .take = keep});
  if (!end.ok()) return end.status();
  for (const auto& [sequence, bytes] : kept) {
    v1::ParkedEvent event;
    if (!event.ParseFromString(bytes)) {
      return absl::DataLossError(absl::StrCat("event ", sequence, " of the queue in ", changelog, " is unreadable"));
    }
    take(sequence, event);
  }
  return absl::OkStatus();
}

absl::Duration AgeOf(const Waiting& queue, absl::Time now) {
  return std::max(now - absl::FromUnixMillis(queue.status.first_failure_time_ms()), absl::ZeroDuration());
}

}  // namespace once::cli
