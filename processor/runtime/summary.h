// What a worker says of itself once a minute, so that whoever reads the log sees that it works, how fast, how far
// behind, and what is stuck.
#ifndef ONCE_PROCESSOR_RUNTIME_SUMMARY_H_
#define ONCE_PROCESSOR_RUNTIME_SUMMARY_H_

#include <cstdint>
#include <map>
#include <optional>
#include <string>

#include "absl/time/time.h"
#include "processor/base/counters.h"
#include "processor/base/log.h"
#include "processor/engine/engine.h"
#include "processor/kafka/kafka.h"
#include "processor/runtime/offset_reader.h"

namespace once {

// Not thread-safe.
class Summary {
 public:
  // Both must outlive this; `offsets` may be null: then nothing is said of inputs that stand still.
  Summary(int worker, LogSink* log, OffsetReader* offsets) : worker_(worker), log_(log), offsets_(offsets) {}

  // Says what is due: a summary once a minute, and, as soon as there are any and then once a minute, which aggregates
  // are blocked, and which inputs stand still: behind a transaction of others, or though they could be read. Call it
  // often: it looks at the tasks once a second at most. Of inputs that stand still it has the brokers asked, four times
  // a minute, and waits for no answer. `now` is steady, `wall` is the wall clock's reading; `consumer` may be null.
  void Tell(absl::Time now, absl::Time wall, const Engine& engine, kafka::GroupConsumer* consumer);

  // For how long this input has waited behind an open transaction of others; zero if it does not.
  absl::Duration HeldBackFor(const TopicPartition& where, absl::Time now) const;

 private:
  void TellOfBlocked(absl::Time now, absl::Time wall, const Engine& engine);
  struct Waiting {
    Offset next;
    Offset end;
    absl::Time since;              // As we have seen it.
    std::optional<Offset> stable;  // The last stable offset, once its leader has told it.
  };
  // What it waits for.
  enum class Cause { kOpenTransaction, kUnread };
  void NoteStandstills(absl::Time now, const Engine& engine, kafka::GroupConsumer* consumer);
  void AskForStable(absl::Time now);
  void TakeStable();
  static bool IsFor(const Waiting& place, Cause cause, absl::Time now);
  void TellOfStandstills(absl::Time now, absl::Time wall, const Engine& engine, kafka::GroupConsumer* consumer);
  void TellOf(Cause cause, absl::Time now, absl::Time wall);
  std::string Describe(absl::Time now, const Engine& engine, kafka::GroupConsumer* consumer) const;

  const int worker_;
  LogSink* const log_;
  OffsetReader* const offsets_;
  absl::Time looked_at_ = absl::InfinitePast();
  absl::Time summed_at_ = absl::InfinitePast();
  absl::Time blocked_told_at_ = absl::InfinitePast();
  absl::Time waiting_told_at_ = absl::InfinitePast();
  absl::Time stable_asked_at_ = absl::InfinitePast();
  std::map<TopicPartition, Waiting> waiting_;
  EventCounters counted_;  // As of the last summary.
  int64_t epochs_ = 0;
};

// Events that wait at the brokers for tasks that run, as far as the consumer has heard of them; nothing if it has not
// heard of any input.
std::optional<int64_t> LagOf(const Engine& engine, kafka::GroupConsumer* consumer);

}  // namespace once

#endif  // ONCE_PROCESSOR_RUNTIME_SUMMARY_H_
