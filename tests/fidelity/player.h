// Makes a sequence's calls on one cluster and writes down what is seen.
#ifndef ONCE_TESTS_FIDELITY_PLAYER_H_
#define ONCE_TESTS_FIDELITY_PLAYER_H_

#include <array>
#include <atomic>
#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/kafka/kafka.h"
#include "tests/fidelity/sequence.h"
#include "tests/kafka/contract.h"

namespace once::fidelity {

// A cluster under comparison. Partitions may hold records of sequences before: those below `base` do not count.
class Side {
 public:
  virtual ~Side() = default;
  virtual kafka::Client& client() = 0;
  // Lets a little time pass.
  virtual void Pause() = 0;
  // How long a result is waited for that does not agree with what is expected.
  virtual absl::Duration patience() const = 0;
  // The values of all records from the offset up to the end, markers left out, as "offset:value".
  virtual std::vector<std::pair<Offset, std::string>> ReadUncommitted(const TopicPartition& where, Offset from,
                                                                      Offset end) = 0;
};

struct Names {
  std::string plain;      // A topic of at least two partitions.
  std::string compacted;  // A compacted topic.
  std::string led;        // What members subscribe to; the plain topic follows it. Never written to.
  std::string run;        // Part of the names of ids and groups.
};

// What one call showed. `code` is for people: only `seen` is compared.
struct Seen {
  std::string seen;
  std::string code;
};

class Player {
 public:
  // `expected` is what another cluster showed, waited for where time plays a part; empty: nothing is waited for.
  Player(Side& side, const Names& names, std::vector<Seen> expected);

  // One entry for each call, then those of the final state.
  std::vector<Seen> Play(const std::vector<Op>& ops);
  // How many entries there are so far. Thread-safe.
  size_t place() const { return place_; }

 private:
  struct Slot {
    std::unique_ptr<kafka::TransactionalProducer> producer;
    bool has_gap = false;  // In its sequence numbers: a record was refused.
    bool is_fenced = false;
  };
  struct MemberSlot {
    std::unique_ptr<kafka::Member> member;
    int group = 0;
    kafka::GroupMetadata saved;
  };

  Seen Do(const Op& op);
  Seen DoProducer(const Op& op, Slot& slot);
  Seen Make(const Op& op);
  Seen Write(const Op& op, Slot& slot);
  Seen WithMarkers(const Seen& ended);
  Seen SendOffsets(const Op& op, Slot& slot);
  Seen Join(const Op& op);
  Seen Leave(const Op& op);
  std::string Consume(int group);
  Seen ReadTwice(const TopicPartition& where);
  std::string Deliveries(Slot& slot);

  std::string ReadCommitted(int partition);
  std::string ReadPast(int partition);
  std::string CommittedOffsets(int group);
  std::string HighWatermark(int partition);
  std::vector<std::string> HighWatermarks();
  std::string Admin();
  // Ends all transactions and waits until their markers are written.
  void Settle();
  void Finish(std::vector<Seen>* seen);

  // Calls until the answer is what is expected at this place, or patience ends.
  Seen Until(const std::function<std::string()>& look);
  Seen Repeat(const std::function<kafka::Result()>& call, int attempts);
  TopicPartition Where(int partition) const;
  std::string Id(int id) const;
  std::string Group(int group) const;
  bool IsStable(int group);

  Side& side_;
  const Names names_;
  const std::vector<Seen> expected_;
  std::atomic<size_t> place_ = 0;  // In what is seen.
  std::unique_ptr<kafka::Admin> admin_;
  std::array<Slot, kProducers> slots_;
  std::array<MemberSlot, kMembers> members_;
  std::array<Offset, kPartitions> bases_;
};

}  // namespace once::fidelity

#endif  // ONCE_TESTS_FIDELITY_PLAYER_H_
