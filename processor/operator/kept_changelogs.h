// Where in changelogs the latest record of each key is, remembered from one look to the next: a look reads what has
// come since the last one, not all of it.
#ifndef ONCE_PROCESSOR_OPERATOR_KEPT_CHANGELOGS_H_
#define ONCE_PROCESSOR_OPERATOR_KEPT_CHANGELOGS_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/mutex.h"
#include "processor/base/types.h"
#include "processor/kafka/kafka.h"

namespace once {

struct KeptChangelogsOptions {
  size_t max_bytes = size_t{64} << 20;           // Of all that is remembered.
  absl::Duration idle_time = absl::Minutes(10);  // A partition that nobody asks about is forgotten after it.
};

struct KeptRecord {
  std::string value = {};
  TopicPartition where = {};
  Offset offset = {};
  int64_t timestamp_ms = -1;
};

// What is visible as committed at the time of a look is found; a transaction that is open then is not waited for.
//
// Of a partition it knows a hash of each key of states, statuses, parked events and the frontier, and the record's
// offset: some 40 bytes a key. It is read through at the first look, and again if the topic was made anew, or has lost
// what was not read yet. Thread-safe; looks at one partition are one after the other.
class KeptChangelogs {
 public:
  // Both must outlive it. Readers are made at each look: give it a client that keeps them (KeptReaders).
  KeptChangelogs(kafka::Client* client, kafka::Admin* admin, KeptChangelogsOptions options = {});
  ~KeptChangelogs();

  struct Limits {
    absl::Duration timeout = absl::Seconds(10);
    std::function<bool()> is_cancelled = [] { return false; };
  };
  // The latest record of each of `keys`, by partition, then in their order; nothing where there is none, or it is
  // deleted. Blocks. DeadlineExceeded or Cancelled: what was read is remembered, and the next look goes on there.
  // ResourceExhausted: there is no room for it; Aborted: it was made anew or compacted meanwhile: read it through.
  using Found = std::map<Partition, std::vector<std::optional<KeptRecord>>>;
  absl::StatusOr<Found> Find(const std::string& changelog, const std::vector<Partition>& partitions,
                             const std::vector<std::string>& keys, const Limits& limits);

  // Forgets what nobody has asked about for long. Called by whoever keeps the time.
  void DropIdle();
  // Of all that is remembered.
  size_t bytes() const;

 private:
  class View;
  class Look;
  using Views = std::map<Partition, std::shared_ptr<View>>;

  std::vector<std::shared_ptr<View>> Take(const std::string& changelog, const std::vector<Partition>& partitions);
  // Forgets what was asked about longest ago, until there is room; false: what is being looked at leaves none. `own`
  // are locked by who asks.
  bool MakeRoom(const Views& own);
  uint64_t Hash(std::string_view key) const;

  kafka::Client* const client_;
  kafka::Admin* const admin_;
  const KeptChangelogsOptions options_;
  const uint64_t seed_;
  mutable Mutex mutex_;
  std::map<TopicPartition, std::shared_ptr<View>> views_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_KEPT_CHANGELOGS_H_
