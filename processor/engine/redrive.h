// Records that come back from a dead-letter topic (R6): which of them are events anew, and which are notices of events
// that the engine holds itself.
#ifndef ONCE_PROCESSOR_ENGINE_REDRIVE_H_
#define ONCE_PROCESSOR_ENGINE_REDRIVE_H_

#include <cstdint>
#include <span>
#include <string_view>

#include "processor/base/record.h"

namespace once {

// What a consumed record says of an earlier life of its event in this application. Only headers of the same application
// count: what another one made of the event is none of its business.
struct Redrive {
  enum class Kind {
    kNone,           // It never was a dead letter of ours.
    kRound,          // Of an event that had ended for good: an event of its own.
    kFailedNotice,   // Of an event that heads a parked aggregate, or did.
    kBlockedNotice,  // Of an event that waits behind such a one, or did.
  };
  Kind kind = Kind::kNone;
  uint32_t round = 0;            // Of kRound: 1 or more.
  std::string_view origin = {};  // once.origin, unless kNone.

  bool is_notice() const { return kind == Kind::kFailedNotice || kind == Kind::kBlockedNotice; }
};

// `topic` is where the record was consumed: a notice of an event of another topic is none here.
Redrive ReadRedrive(std::span<const HeaderView> headers, std::string_view application, std::string_view topic);

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_REDRIVE_H_
