// Which timestamps records are sent with (X3): one that the broker takes, and that does not have the record deleted at
// once.
//
// An output carries the time of its event where its topic takes that, else the present, and the original in the header
// once.timestamp. What a topic takes is judged by our clock with a margin, since the broker's may be another; where
// that was not enough and the broker refused a stamp, Refused moves the judgement.
#ifndef ONCE_PROCESSOR_ENGINE_STAMPS_H_
#define ONCE_PROCESSOR_ENGINE_STAMPS_H_

#include <cstdint>
#include <vector>

#include "processor/engine/plan.h"

namespace once {

// Unix milliseconds as text: the timestamp of an event whose record could not carry it.
inline constexpr char kTimestampHeader[] = "once.timestamp";

// Not thread-safe. Topics are indices of Plan::output_topics, times Unix milliseconds.
class Stamps {
 public:
  explicit Stamps(const Plan& plan);

  // Whether the topic takes and keeps a record stamped `stamp_ms`; -1 is no stamp, which it does.
  bool Takes(uint32_t topic, int64_t stamp_ms, int64_t now_ms) const {
    const Bounds& bounds = bounds_[topic];
    if (bounds.any || stamp_ms == -1) return true;
    return stamp_ms >= 0 && stamp_ms - now_ms <= bounds.ahead_ms && now_ms - stamp_ms <= bounds.behind_ms;
  }
  // The stamp of what happens now.
  int64_t Present(uint32_t topic, int64_t now_ms) const;
  // Of the engine's own records, which nothing may refuse and nobody reads the time of: an hour back, so that a clock
  // of ours that is ahead, by less than two hours by Kafka's default, does no harm.
  int64_t OwnRecord(uint32_t topic, int64_t now_ms) const;

  // The broker refused a stamp that was taken for good: our clock is ahead of its by more than the margin. From now on
  // it is taken to be ahead by twice as much as before. False if it was taken to be as far ahead as it may be, so that
  // the next try would be the same.
  bool Refused(uint32_t topic);

 private:
  struct Bounds {
    bool any = false;       // The broker stamps by itself, or does not care.
    int64_t ahead_ms = 0;   // By our clock, margin taken off; negative after refusals.
    int64_t behind_ms = 0;  // Also the age at which the topic deletes.
    int64_t before_ms = 0;  // The topic's own bound into the past.
    int64_t after_ms = 0;   // Into the future.
    int64_t skew_ms = 0;    // What our clock is taken to be ahead.
  };

  std::vector<Bounds> bounds_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_STAMPS_H_
