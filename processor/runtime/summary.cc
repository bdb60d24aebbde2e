// What a worker says of itself once a minute: rates and sums since the last line, and which aggregate is blocked
// longest.
#include "processor/runtime/summary.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "processor/base/strings.h"

namespace once {
namespace {

constexpr absl::Duration kLookInterval = absl::Seconds(1);
constexpr absl::Duration kInterval = absl::Minutes(1);
// Transactions of ordinary producers are shorter.
constexpr absl::Duration kOpenTransactionAfter = absl::Seconds(15);

std::string MiB(size_t bytes) { return absl::StrCat((bytes + (size_t{1} << 19)) >> 20, " MiB"); }

// Those that are not zero, so that a line without them says that all is well.
void AddCount(int64_t count, std::string_view what, std::string* text) {
  if (count != 0) absl::StrAppend(text, ", ", count, " ", ToAbsl(what));
}

std::string Rate(int64_t count, double seconds) {
  const double rate = static_cast<double>(count) / seconds;
  if (count == 0 || rate >= 10) return absl::StrCat(static_cast<int64_t>(rate));
  return rate < 0.1 ? "under 0.1" : absl::StrFormat("%.1f", rate);
}

std::string ClockText(absl::Time time) { return absl::FormatTime("%Y-%m-%dT%H:%M:%SZ", time, absl::UTCTimeZone()); }

}  // namespace

std::optional<int64_t> LagOf(const Engine& engine, kafka::GroupConsumer* consumer) {
  std::optional<int64_t> lag;
  if (consumer == nullptr) return lag;
  for (const auto& [id, task] : engine.tasks()) {
    for (const InputPosition& input : task->inputs) {
      // As last fetched: no broker is asked for a line in the log.
      const std::optional<Offset> end = consumer->KnownEnd(input.where);
      if (end.has_value()) lag = lag.value_or(0) + std::max<int64_t>(end->value() - input.next.value(), 0);
    }
  }
  return lag;
}

void Summary::Tell(absl::Time now, absl::Time wall, const Engine& engine, kafka::GroupConsumer* consumer) {
  if (now - looked_at_ < kLookInterval) return;
  looked_at_ = now;
  TellOfBlocked(now, wall, engine);
  TellOfStandstills(now, wall, engine, consumer);
  // The first line comes after a minute of work.
  if (summed_at_ == absl::InfinitePast()) summed_at_ = now;
  if (now - summed_at_ < kInterval) return;
  log_->Log(LogLevel::kInfo, Describe(now, engine, consumer));
  summed_at_ = now;
  counted_ = engine.committed_counters();
  epochs_ = engine.committed_epochs();
}

std::string Summary::Describe(absl::Time now, const Engine& engine, kafka::GroupConsumer* consumer) const {
  // Of what is committed: what was aborted is no progress.
  const EventCounters& total = engine.committed_counters();
  const double seconds = std::max(absl::ToDoubleSeconds(now - summed_at_), 1e-3);
  int64_t running = 0;
  int64_t retrying = 0;
  for (const auto& [id, task] : engine.tasks()) {
    if (task->phase == TaskPhase::kRunning) ++running;
    retrying += task->parking.retrying();
  }
  std::string text =
      absl::StrCat("worker ", worker_, ": ", Rate(total.processed - counted_.processed, seconds),
                   " events/s in the last ", absl::FormatDuration(absl::Seconds(static_cast<int64_t>(seconds + 0.5))));
  if (const std::optional<int64_t> lag = LagOf(engine, consumer); lag.has_value()) {
    absl::StrAppend(&text, ", lag ", *lag);
  }
  absl::StrAppend(&text, ", ", engine.committed_epochs() - epochs_, " commits");
  AddCount(total.failed - counted_.failed, "failed for good", &text);
  AddCount(total.blocked - counted_.blocked, "blocked", &text);
  AddCount(total.rejected - counted_.rejected, "rejected", &text);
  AddCount(total.skipped + total.discarded + total.never_processed - counted_.skipped - counted_.discarded -
               counted_.never_processed,
           "ended by commands", &text);
  AddCount(total.duplicates - counted_.duplicates, "duplicates", &text);
  AddCount(total.retries - counted_.retries, "retries", &text);
  AddCount(retrying, "waiting for a retry", &text);
  const MemoryUse& memory = engine.memory_use();
  absl::StrAppend(&text, "; ", running, " of ", engine.tasks().size(), " tasks run; memory ", MiB(memory.total()),
                  " (state ", MiB(memory.clean + memory.dirty), ", on its way to the disk ", MiB(memory.copies),
                  ", event IDs ", MiB(memory.window), ", parked queues ", MiB(memory.parking), ", fetched ",
                  MiB(memory.backlog), ", open transaction ", MiB(memory.epoch), ") of ", MiB(engine.memory_share()));
  return text;
}

// R9: the client has said that a partition can be read no further, and yet its log goes on.
void Summary::NoteStandstills(absl::Time now, const Engine& engine, kafka::GroupConsumer* consumer) {
  std::map<TopicPartition, Waiting> waiting;
  for (const auto& [id, task] : engine.tasks()) {
    if (task->phase != TaskPhase::kRunning) continue;
    // Records that are here wait for us, and for nobody else. Those of one input say nothing of another that has been
    // seen to wait.
    const bool is_behind = !task->backlog.empty() || engine.intake_waits();
    for (const InputPosition& input : task->inputs) {
      // It is being read; the end of what can be read has not come yet.
      if (input.end_seen != input.next) continue;
      const std::optional<Offset> end = consumer->KnownEnd(input.where);
      if (!end.has_value() || *end <= input.next) continue;
      const auto before = waiting_.find(input.where);
      // As long as it stands where it stood, since then.
      const bool stands = before != waiting_.end() && before->second.next == input.next;
      if (is_behind && !stands) continue;
      Waiting& place = waiting[input.where];
      if (stands) place = before->second;
      if (!stands) place = Waiting{.next = input.next, .end = *end, .since = now, .stable = std::nullopt};
      place.end = *end;
    }
  }
  waiting_ = std::move(waiting);
}

// The client does not tell the last stable offset, and what it saw of it may be old: only the leader knows whether a
// transaction holds anything back.
void Summary::AskForStable(absl::Time now) {
  if (offsets_ == nullptr) return;
  TakeStable();
  if (now - stable_asked_at_ < kOpenTransactionAfter) return;
  std::vector<TopicPartition> places;
  for (const auto& [where, place] : waiting_) {
    if (now - place.since >= kOpenTransactionAfter) places.push_back(where);
  }
  if (places.empty()) return;
  stable_asked_at_ = now;
  offsets_->ReadStable(worker_, places);
  TakeStable();
}

void Summary::TakeStable() {
  for (const auto& [where, answer] : offsets_->TakeStable(worker_)) {
    const auto place = waiting_.find(where);
    // An answer of before it stood here says nothing.
    if (place == waiting_.end() || place->second.since > stable_asked_at_) continue;
    // Who does not answer says nothing.
    place->second.stable = answer.ok() ? std::optional<Offset>(*answer) : std::nullopt;
  }
}

bool Summary::IsFor(const Waiting& place, Cause cause, absl::Time now) {
  if (now - place.since < kOpenTransactionAfter || !place.stable.has_value()) return false;
  return (*place.stable <= place.next) == (cause == Cause::kOpenTransaction);
}

void Summary::TellOfStandstills(absl::Time now, absl::Time wall, const Engine& engine, kafka::GroupConsumer* consumer) {
  if (consumer == nullptr) return;
  NoteStandstills(now, engine, consumer);
  AskForStable(now);
  if (now - waiting_told_at_ < kInterval) return;
  TellOf(Cause::kOpenTransaction, now, wall);
  TellOf(Cause::kUnread, now, wall);
}

void Summary::TellOf(Cause cause, absl::Time now, absl::Time wall) {
  // Beside the oldest.
  int64_t others = -1;
  const std::pair<const TopicPartition, Waiting>* oldest = nullptr;
  for (const auto& each : waiting_) {
    if (!IsFor(each.second, cause, now)) continue;
    ++others;
    if (oldest == nullptr || each.second.since < oldest->second.since) oldest = &each;
  }
  if (oldest == nullptr) return;
  waiting_told_at_ = now;
  const auto& [where, place] = *oldest;
  const std::string who =
      absl::StrCat(ToString(where), others > 0 ? absl::StrCat(" (and ", others, " other partitions)") : "");
  const std::string since = absl::StrCat(" since ", ClockText(wall - (now - place.since)), " or longer: its records");
  const std::string records = absl::StrCat(" from offset ", place.next.value(), " up to ", place.end.value() - 1);
  if (cause == Cause::kUnread) {
    log_->Log(
        LogLevel::kWarning,
        absl::StrCat(who, " stands still", since, records,
                     " can be read, and no transaction holds them back, but "
                     "they do not come; see what librdkafka has said since then: of receive.message.max.bytes, if "
                     "an event is larger than it takes (raise kafka.receive.message.max.bytes and start again)"));
    return;
  }
  log_->Log(LogLevel::kWarning,
            absl::StrCat(who, " waits behind an open transaction", since, records,
                         " cannot be read before the transaction ends that some other producer has begun there; end "
                         "that producer, or abort what it left (kafka-transactions.sh --bootstrap-server SERVER "
                         "find-hanging; abort)"));
}

absl::Duration Summary::HeldBackFor(const TopicPartition& where, absl::Time now) const {
  const auto found = waiting_.find(where);
  const bool waits = found != waiting_.end() && IsFor(found->second, Cause::kOpenTransaction, now);
  return waits ? now - found->second.since : absl::ZeroDuration();
}

void Summary::TellOfBlocked(absl::Time now, absl::Time wall, const Engine& engine) {
  if (now - blocked_told_at_ < kInterval) return;
  int64_t aggregates = 0;
  int64_t events = 0;
  std::optional<Parking::Blocked> oldest;
  const Task* of = nullptr;
  for (const auto& [id, task] : engine.tasks()) {
    // Counting walks the index; nearly all tasks have none, or none but those that wait for another attempt.
    if (task->parking.blocked_aggregates() == task->parking.retrying()) continue;
    const Parking::Blocked blocked = task->parking.CountBlocked();
    aggregates += blocked.aggregates;
    events += blocked.events;
    if (blocked.aggregates == 0 || (oldest.has_value() && blocked.since_ms >= oldest->since_ms)) continue;
    oldest = blocked;
    of = task.get();
  }
  if (aggregates == 0) return;
  blocked_told_at_ = now;
  const absl::Time since = absl::FromUnixMillis(oldest->since_ms);
  const std::string name = ToString(of->inputs.front().where);
  const std::string key = Printable(oldest->key);
  const std::string event_id = Printable(oldest->event_id);
  log_->LogAbout(
      LogLevel::kWarning,
      absl::StrCat(aggregates, aggregates == 1 ? " aggregate is" : " aggregates are", " blocked, with ", events,
                   " parked events; the oldest, key \"", key, "\", since ", ClockText(since), " (",
                   absl::FormatDuration(absl::Seconds(std::max<int64_t>(absl::ToInt64Seconds(wall - since), 0))),
                   "), by event ", event_id, ": ", oldest->reason,
                   "; mend the cause and copy its FAILED dead letter back to its source to release it"),
      {.task = name, .aggregate = key, .event_id = event_id});
}

}  // namespace once
