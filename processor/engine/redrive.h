// Records that come back from a dead-letter topic (R6): which of them are events anew, and which are notices of events
// that the engine holds itself.
#ifndef ONCE_PROCESSOR_ENGINE_REDRIVE_H_
#define ONCE_PROCESSOR_ENGINE_REDRIVE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "processor/base/record.h"
#include "processor/base/types.h"

namespace once {

// What a consumed record says of an earlier life of its event in this topic. Rounds and notices of the same application
// alone count: what another one made of the event is none of its business. What a letter says of another topic counts
// nowhere else: copies of the event go on through other topics.
struct Redrive {
  enum class Kind {
    kNone,           // It never was a dead letter of ours.
    kRound,          // Of an event that had ended for good: an event of its own.
    kFailedNotice,   // Of an event that heads a parked aggregate, or did.
    kBlockedNotice,  // Of an event that waits behind such a one, or did.
    kHollow,         // The letter had no room for the event, and no notice either: there is nothing to be processed.
  };
  Kind kind = Kind::kNone;
  uint32_t round = 0;            // Of kRound: 1 or more.
  std::string_view origin = {};  // once.origin, if it is a letter.
  Partition partition = {};      // That it names.
  // It is the dead letter of an event of this topic, whosever. What it says of that is over when it is processed.
  bool is_letter = false;
  bool is_hollow = false;   // It has neither the event's value nor its headers.
  bool has_no_key = false;  // Nor its key.

  bool is_notice() const { return kind == Kind::kFailedNotice || kind == Kind::kBlockedNotice; }
};

// `topic` is where the record was consumed.
Redrive ReadRedrive(std::span<const HeaderView> headers, std::string_view application, std::string_view topic);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_REDRIVE_H_
