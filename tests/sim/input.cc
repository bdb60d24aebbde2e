#include "tests/sim/input.h"

#include <algorithm>
#include <optional>
#include <string>

#include "absl/strings/numbers.h"
#include "processor/base/murmur2.h"
#include "tests/sim/large_values.h"
#include "tests/sim/letters.h"

namespace once::sim {
namespace {

constexpr char kUpstream[] = "upstream";
constexpr int kSpareEvents = 5;

}  // namespace

Input::Input(const Scenario& scenario, Scheduler* scheduler, testkit::MemoryCluster* cluster, kafka::Client* client,
             Random* random)
    : scenario_(scenario),
      scheduler_(scheduler),
      cluster_(cluster),
      client_(client),
      random_(random),
      events_(MakeEvents(scenario.event_options(), random)),
      partitions_(scenario.partitions),
      known_partitions_(scenario.partitions),
      scheduled_(events_.size()),
      next_spare_(events_.size()) {
  for (int i = 0; i < kSpareEvents; ++i) {
    SimEvent event;
    event.number = static_cast<int64_t>(events_.size());
    event.key = "spare";
    event.partition = PartitionForKey(event.key, scenario.partitions).value();
    events_.push_back(std::move(event));
  }
}

void Input::Place(SimEvent* event) const {
  if (partitions_ == scenario_.partitions || event->keyless || event->misplaced) return;
  event->partition = PartitionForKey(event->key, partitions_).value();
}

// X8: where several sources meet, an event that is not where its key belongs fails.
void Input::Judge(SimEvent* event) const {
  event->misplaced =
      is_joined_ && !event->keyless && PartitionForKey(event->key, known_partitions_).value() != event->partition;
}

void Input::set_known(int32_t partitions, bool is_joined) {
  known_partitions_ = partitions;
  is_joined_ = is_joined;
  for (const auto& log : in_log_) {
    for (SimEvent* event : log) Judge(event);
  }
}

void Input::Note(SimEvent* event) {
  Judge(event);
  in_log_[event->source].push_back(event);
  observer_(*event);
}

void Input::SendPlain(SimEvent* event) {
  testkit::MemoryHeaders headers;
  if (!event->id.empty()) headers.emplace_back("ce_id", event->id);
  Place(event);
  event->stamp_ms = absl::ToUnixMillis(scheduler_->now() + event->skew);
  const TopicPartitionOffset where = cluster_->Append(SourceTopic(event->source), Partition(event->partition),
                                                      event->keyless ? std::nullopt : std::optional(event->key),
                                                      event->value(), std::move(headers), event->stamp_ms);
  event->offset = where.offset.value();
  Note(event);
}

void Input::SendBack(const testkit::StoredRecord& letter) {
  const int64_t number = NumberOfLetter(letter);
  if (number < 0 || number >= static_cast<int64_t>(events_.size())) return;
  SimEvent copy = events_[static_cast<size_t>(number)];
  const std::string kept = HeaderOf(letter, kKeptHeader);
  if (kept.empty() ? letter.value != copy.value() : kept != ReferenceOf(copy.value())) return;
  std::string disposition;
  for (const auto& [name, value] : letter.headers) {
    if (name == "once.origin") copy.origin = value.value_or("");
    if (name == "once.disposition") disposition = value.value_or("");
    if (name == "once.round" && absl::SimpleAtoi(value.value_or(""), &copy.round)) copy.copy = Copy::kRound;
  }
  if (copy.copy == Copy::kNone) copy.copy = disposition == "FAILED" ? Copy::kFailedNotice : Copy::kBlockedNotice;
  copy.stamp_ms = absl::ToUnixMillis(scheduler_->now());
  const TopicPartitionOffset where = cluster_->Append(SourceTopic(copy.source), Partition(copy.partition), letter.key,
                                                      letter.value, letter.headers, copy.stamp_ms);
  copy.offset = where.offset.value();
  copies_.push_back(std::move(copy));
  Note(&copies_.back());
}

bool Input::SendSpare() {
  if (next_spare_ == events_.size()) return false;
  SendPlain(&events_[next_spare_++]);
  return true;
}

void Input::SendTransaction(size_t first, size_t count, bool is_commit) {
  if (markers_are_held_ || scheduler_->now() <= held_until_) {
    return scheduler_->At(scheduler_->now() + absl::Milliseconds(20),
                          [this, first, count, is_commit] { SendTransaction(first, count, is_commit); });
  }
  upstream_->BeginTransaction();
  for (size_t i = first; i < first + count; ++i) {
    SimEvent& event = events_[i];
    OutputRecord record;
    record.topic_index = static_cast<uint32_t>(event.source);
    record.partition = Partition(event.partition);
    record.token = i + 1;
    record.want_offset = true;
    const std::string value = event.value();
    event.stamp_ms = absl::ToUnixMillis(scheduler_->now() + event.skew);
    record.timestamp_ms = event.stamp_ms;
    if (!event.keyless) record.key = event.key;
    record.value = value;
    const HeaderView header{.name = "ce_id", .value = event.id};
    if (!event.id.empty()) record.headers = std::span(&header, 1);
    upstream_->Send(record);
  }
  upstream_->Flush(absl::Seconds(1));
  std::vector<kafka::Delivery> deliveries;
  upstream_->TakeDeliveries(&deliveries);
  for (const kafka::Delivery& delivery : deliveries) {
    SimEvent& event = events_[delivery.token - 1];
    event.offset = delivery.offset->value();
    event.aborted = !is_commit;
    if (is_commit) Note(&event);
  }
  is_commit ? upstream_->Commit(absl::Seconds(1)) : upstream_->Abort(absl::Seconds(1));
}

void Input::Schedule(absl::Time start) {
  if (!scenario_.transactional_input) {
    for (size_t i = 0; i < scheduled_; ++i) {
      scheduler_->At(start + events_[i].at, [this, i] { SendPlain(&events_[i]); });
    }
    return;
  }
  upstream_ = *client_->NewProducer(kUpstream, {SourceTopic(0), SourceTopic(1)});
  upstream_->InitTransactions(absl::Seconds(1));
  for (size_t first = 0; first < scheduled_;) {
    const size_t count = std::min(scheduled_ - first, static_cast<size_t>(random_->Between(1, 12)));
    const bool is_commit = random_->Chance(80);
    scheduler_->At(start + events_[first + count - 1].at,
                   [this, first, count, is_commit] { SendTransaction(first, count, is_commit); });
    first += count;
  }
}

}  // namespace once::sim
