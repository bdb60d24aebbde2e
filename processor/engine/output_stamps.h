// Which timestamps records are sent with (X3): one that the broker takes, and that does not have the record deleted at
// once.
//
// An output carries the time of its event where its topic takes that, else the present, and the original in the header
// once.timestamp. What a topic takes is judged by its settings at the start and by our clock, with a margin, since the
// broker's may be another; where the broker refuses a stamp all the same, Refused moves the judgement.
#ifndef ONCE_PROCESSOR_ENGINE_OUTPUT_STAMPS_H_
#define ONCE_PROCESSOR_ENGINE_OUTPUT_STAMPS_H_

#include <cstdint>
#include <optional>
#include <vector>

#include "processor/engine/plan.h"

namespace once {

// Not thread-safe. Topics are indices of Plan::output_topics, times Unix milliseconds.
class Stamps {
 public:
  explicit Stamps(const Plan& plan);

  // Whether the topic takes and keeps a record stamped `stamp_ms`; -1 is no stamp, which it does.
  bool Takes(uint32_t topic, int64_t stamp_ms, int64_t now_ms) const {
    const Bounds& bounds = bounds_[topic];
    if (bounds.any || stamp_ms == -1) return true;
    if (bounds.only_present) return false;
    return stamp_ms >= 0 && stamp_ms - now_ms <= bounds.ahead_ms && now_ms - stamp_ms <= bounds.behind_ms;
  }
  // The stamp of what happens now.
  int64_t Present(uint32_t topic, int64_t now_ms) const;
  // Of the engine's own records, which nothing may refuse and nobody reads the time of: an hour back, so that a clock
  // of ours that is ahead, by less than two hours by Kafka's default, does no harm.
  int64_t OwnRecord(uint32_t topic, int64_t now_ms) const;

  // The broker refused a stamp that was taken for good. At first the topic is believed to take less than at the start:
  // from now on it gets the present only. If that is refused as well, our clock is off, and no refusal says which way:
  // it is taken to be ahead and behind in turn, twice as much each time, up to two days. Where that passes over what a
  // topic takes that bounds both sides narrowly, the same is tried in even steps. False if all that is tried: it begins
  // anew, with steps half as wide.
  bool Refused(uint32_t topic);

 private:
  struct Bounds {
    bool any = false;           // The broker stamps by itself, or does not care.
    bool only_present = false;  // After refusals.
    int64_t ahead_ms = 0;       // By our clock, margin taken off.
    int64_t behind_ms = 0;      // Also the age at which the topic deletes.
    int64_t before_ms = 0;      // The topic's own bound into the past.
    int64_t after_ms = 0;       // Into the future.
    int64_t skew_ms = 0;        // What our clock is taken to be ahead; negative: behind.
    int tries = 0;              // Of the present, so far in this round.
    int rounds = 0;
  };

  // What the clock is taken to be ahead at this try of it; nothing: there is no further one.
  static std::optional<int64_t> SkewToTry(const Bounds& bounds);

  std::vector<Bounds> bounds_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_OUTPUT_STAMPS_H_
