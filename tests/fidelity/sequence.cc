#include "tests/fidelity/sequence.h"

#include <array>
#include <random>

#include "absl/strings/str_cat.h"

namespace once::fidelity {
namespace {

// Where the generator believes a producer to be. It may be wrong: a wrong call is a good test as well.
enum class Belief { kNone, kMade, kReady, kOpen, kFailed };

class Generator {
 public:
  explicit Generator(uint64_t seed) : random_(seed) {}

  std::vector<Op> Run() {
    const bool has_groups = Below(100) < 50;
    if (has_groups) {
      Join(0);
      if (Below(3) == 0) Join(1);
    }
    const int count = 12 + Below(28);
    for (int i = 0; i < count; ++i) {
      const int dice = Below(100);
      if (dice < 82) {
        Produce(Below(kProducers));
      } else if (dice < 91) {
        Look();
      } else if (has_groups && dice < 94) {
        Interleave();
      } else if (has_groups && dice < 98) {
        ChangeGroup();
      } else {
        Misuse(Below(kProducers));
      }
    }
    return std::move(ops_);
  }

 private:
  int Below(int limit) { return static_cast<int>(random_() % static_cast<uint64_t>(limit)); }
  Op& Add(OpKind kind, int slot = 0) {
    Op& op = ops_.emplace_back();
    op.kind = kind;
    op.slot = slot;
    return op;
  }

  void Make(int slot) {
    Add(OpKind::kMake, slot).a = Below(100) < 85 ? slot : Below(kIds);
    beliefs_[slot] = Belief::kMade;
    if (Below(20) == 0) return;
    Add(OpKind::kInit, slot);
    beliefs_[slot] = Belief::kReady;
  }

  void Write(int slot) {
    const int dice = Below(25);
    if (dice == 0) {
      Add(OpKind::kWriteLarge, slot).a = Below(kPartitions);
      beliefs_[slot] = Belief::kFailed;
    } else if (dice == 1) {
      Add(OpKind::kWriteKeyless, slot);
      beliefs_[slot] = Belief::kFailed;
    } else {
      Op& op = Add(OpKind::kWrite, slot);
      op.a = 1 + Below(4);
      op.b = next_value_;
      next_value_ += op.a;
    }
  }

  void SendOffsets(int slot) {
    Op& op = Add(OpKind::kSendOffsets, slot);
    op.a = Below(kPartitions);
    op.b = Below(50);
    op.c = Below(kMembers);
    // Mostly somebody who is a member.
    for (int i = 0; i < 3 && !is_member_[op.c]; ++i) op.c = Below(kMembers);
    const int dice = Below(10);
    op.metadata = dice < 8 ? Metadata::kCurrent : dice < 9 ? Metadata::kSaved : Metadata::kNone;
  }

  // The next step that makes sense, most of the time.
  void Produce(int slot) {
    const int dice = Below(100);
    switch (beliefs_[slot]) {
      case Belief::kNone:
        Make(slot);
        break;
      case Belief::kMade:
        Add(OpKind::kInit, slot);
        beliefs_[slot] = Belief::kReady;
        break;
      case Belief::kReady:
        if (dice < 8) return Make(slot);
        Add(OpKind::kBegin, slot);
        beliefs_[slot] = Belief::kOpen;
        break;
      case Belief::kOpen:
        if (dice < 45) return Write(slot);
        if (dice < 65) return SendOffsets(slot);
        if (dice < 70) return Make(slot);
        if (dice < 72) return Destroy(slot);
        Add(dice < 92 ? OpKind::kCommit : OpKind::kAbort, slot);
        beliefs_[slot] = Belief::kReady;
        break;
      case Belief::kFailed:
        Add(OpKind::kAbort, slot);
        if (Below(3) == 0) {
          beliefs_[slot] = Belief::kReady;
        } else {
          Make(slot);
        }
        break;
    }
  }

  void Destroy(int slot) {
    Add(OpKind::kDestroy, slot);
    beliefs_[slot] = Belief::kNone;
  }

  // Two transactions with offsets of the same partition, which end in either order.
  void Interleave() {
    const int partition = Below(kPartitions);
    const int swapped = Below(2);
    for (const int slot : {0, 1}) {
      Add(OpKind::kMake, slot).a = slot;
      Add(OpKind::kInit, slot);
      Add(OpKind::kBegin, slot);
    }
    for (const int slot : {0, 1}) {
      Op& op = Add(OpKind::kSendOffsets, slot);
      op.a = partition;
      op.b = Below(50);
      while (op.c + 1 < kMembers && !is_member_[op.c]) ++op.c;
    }
    for (const int turn : {0, 1}) {
      const int slot = turn ^ swapped;
      Add(Below(4) > 0 ? OpKind::kCommit : OpKind::kAbort, slot);
      beliefs_[slot] = Belief::kReady;
    }
    Add(OpKind::kCommitted).a = 0;
  }

  // Any call at all.
  void Misuse(int slot) {
    if (beliefs_[slot] == Belief::kNone) return;
    constexpr std::array kCalls = {OpKind::kInit, OpKind::kBegin, OpKind::kCommit, OpKind::kAbort};
    const int dice = Below(static_cast<int>(kCalls.size()) + 2);
    if (dice < static_cast<int>(kCalls.size())) {
      Add(kCalls[dice], slot);
    } else if (dice == static_cast<int>(kCalls.size())) {
      Write(slot);
    } else {
      SendOffsets(slot);
    }
  }

  void Join(int slot) {
    if (is_member_[slot]) return;
    Add(OpKind::kJoin, slot).a = slot == 2 ? 1 : 0;
    is_member_[slot] = true;
  }

  void ChangeGroup() {
    if (Below(2) == 0) {
      Add(OpKind::kConsume).a = Below(kGroups);
      return;
    }
    const int slot = Below(kMembers);
    if (!is_member_[slot]) return Join(slot);
    Add(OpKind::kLeave, slot);
    is_member_[slot] = false;
  }

  void Look() {
    constexpr std::array kLooks = {OpKind::kRead,          OpKind::kRead,     OpKind::kRead,      OpKind::kCommitted,
                                   OpKind::kHighWatermark, OpKind::kReadPast, OpKind::kReadTwice, OpKind::kAdmin};
    Op& op = Add(kLooks[Below(static_cast<int>(kLooks.size()))]);
    op.a = op.kind == OpKind::kCommitted ? Below(kGroups) : Below(kPartitions);
  }

  std::mt19937_64 random_;
  std::vector<Op> ops_;
  std::array<Belief, kProducers> beliefs_ = {};
  std::array<bool, kMembers> is_member_ = {};
  int next_value_ = 0;
};

const char* Name(OpKind kind) {
  switch (kind) {
    case OpKind::kMake:
      return "Make";
    case OpKind::kInit:
      return "Init";
    case OpKind::kBegin:
      return "Begin";
    case OpKind::kWrite:
      return "Write";
    case OpKind::kWriteLarge:
      return "WriteLarge";
    case OpKind::kWriteKeyless:
      return "WriteKeyless";
    case OpKind::kSendOffsets:
      return "SendOffsets";
    case OpKind::kCommit:
      return "Commit";
    case OpKind::kAbort:
      return "Abort";
    case OpKind::kDestroy:
      return "Destroy";
    case OpKind::kJoin:
      return "Join";
    case OpKind::kLeave:
      return "Leave";
    case OpKind::kConsume:
      return "Consume";
    case OpKind::kRead:
      return "Read";
    case OpKind::kReadPast:
      return "ReadPast";
    case OpKind::kReadTwice:
      return "ReadTwice";
    case OpKind::kCommitted:
      return "Committed";
    case OpKind::kHighWatermark:
      return "HighWatermark";
    case OpKind::kAdmin:
      return "Admin";
  }
  return "?";
}

}  // namespace

std::string ToString(const Op& op) {
  constexpr std::array kMetadata = {"current", "saved", "none"};
  std::string text = absl::StrCat(Name(op.kind), " slot=", op.slot, " a=", op.a, " b=", op.b);
  if (op.kind == OpKind::kSendOffsets) {
    absl::StrAppend(&text, " member=", op.c, " metadata=", kMetadata[static_cast<size_t>(op.metadata)]);
  }
  return text;
}

std::vector<Op> Generate(uint64_t seed) { return Generator(seed).Run(); }

}  // namespace once::fidelity
