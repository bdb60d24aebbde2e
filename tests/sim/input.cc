#include "tests/sim/input.h"

#include <algorithm>
#include <optional>
#include <string>

#include "processor/base/murmur2.h"

namespace once::sim {
namespace {

constexpr char kUpstream[] = "upstream";
constexpr int kSpareEvents = 5;

}  // namespace

Input::Input(const Scenario& scenario, const Plan* plan, Scheduler* scheduler, testkit::MemoryCluster* cluster,
             kafka::Client* client, Random* random)
    : scenario_(scenario),
      plan_(plan),
      scheduler_(scheduler),
      cluster_(cluster),
      client_(client),
      random_(random),
      events_(MakeEvents(scenario.event_options(), random)),
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

void Input::SendPlain(SimEvent* event) {
  const std::string& topic = plan_->input_topics[static_cast<size_t>(event->source)];
  testkit::MemoryHeaders headers;
  if (!event->id.empty()) headers.emplace_back("ce_id", event->id);
  const TopicPartitionOffset where =
      cluster_->Append(topic, Partition(event->partition), event->keyless ? std::nullopt : std::optional(event->key),
                       event->value(), std::move(headers), absl::ToUnixMillis(scheduler_->now() + event->skew));
  event->offset = where.offset.value();
  observer_(*event);
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
    record.timestamp_ms = absl::ToUnixMillis(scheduler_->now() + event.skew);
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
    if (is_commit) observer_(event);
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
  upstream_ = *client_->NewProducer(kUpstream, plan_->input_topics);
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
