// What a pod keeps for those who ask: open readers, and what they have found. Nothing that nobody asks for.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_KEPT_H_
#define ONCE_PROCESSOR_BACK_OFFICE_KEPT_H_

#include "processor/back_office/periodic.h"
#include "processor/kafka/kafka.h"
#include "processor/operator/kept_changelogs.h"
#include "processor/operator/kept_readers.h"

namespace once {

// Thread-safe.
class Kept {
 public:
  // Both must outlive it.
  Kept(kafka::Client* client, kafka::Admin* admin)
      : readers_(client), changelogs_(&readers_, admin), cleaner_(absl::Seconds(10), [this] {
          readers_.DropIdle();
          changelogs_.DropIdle();
        }) {}

  // The same, but that its log readers stay open.
  kafka::Client* client() { return &readers_; }
  KeptChangelogs* changelogs() { return &changelogs_; }

 private:
  KeptReaders readers_;
  KeptChangelogs changelogs_;
  Periodic cleaner_;  // Uses both.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_KEPT_H_
