#include "tests/fidelity/player.h"

#include <algorithm>
#include <optional>
#include <set>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/time/clock.h"

namespace once::fidelity {

using kafka::ErrorClass;
using kafka::Result;

namespace {

constexpr absl::Duration kTimeout = absl::Seconds(10);
constexpr absl::Duration kFlushTimeout = absl::Seconds(2);
constexpr size_t kLargeBytes = 5000;  // Above the topics' max.message.bytes.

const char* Name(ErrorClass error) {
  switch (error) {
    case ErrorClass::kNone:
      return "ok";
    case ErrorClass::kRetriable:
      return "retriable";
    case ErrorClass::kAbortable:
      return "abortable";
    case ErrorClass::kFatal:
      return "fatal";
  }
  return "?";
}

Seen ToSeen(const Result& result) {
  return {absl::StrCat(Name(result.error), result.fenced ? " fenced" : ""), ToString(result)};
}

std::string CodeOf(const absl::Status& status) { return absl::StatusCodeToString(status.code()); }

}  // namespace

Player::Player(Side& side, const Names& names, std::vector<Seen> expected)
    : side_(side), names_(names), expected_(std::move(expected)), admin_(*side.client().NewAdmin()) {
  for (int i = 0; i < kPartitions; ++i) bases_[i] = admin_->HighWatermark(Where(i), kTimeout).value_or(Offset(0));
}

TopicPartition Player::Where(int partition) const {
  return partition == 2 ? TopicPartition{names_.compacted, Partition(0)}
                        : TopicPartition{names_.plain, Partition(partition)};
}
std::string Player::Id(int id) const { return absl::StrCat(names_.run, "-id-", id); }
std::string Player::Group(int group) const { return absl::StrCat(names_.run, "-group-", group); }

Seen Player::Until(const std::function<std::string()>& look) {
  const absl::Time deadline = absl::Now() + side_.patience();
  while (true) {
    Seen seen{look(), ""};
    if (place_ >= expected_.size() || seen.seen == expected_[place_].seen || absl::Now() > deadline) return seen;
    side_.Pause();
  }
}

Seen Player::Repeat(const std::function<Result()>& call, int attempts) {
  Result result;
  for (int i = 0; i < attempts; ++i) {
    result = call();
    if (result.error != ErrorClass::kRetriable) break;
    side_.Pause();
  }
  return ToSeen(result);
}

std::vector<Seen> Player::Play(const std::vector<Op>& ops) {
  std::vector<Seen> seen;
  for (const Op& op : ops) {
    seen.push_back(Do(op));
    ++place_;
  }
  Finish(&seen);
  return seen;
}

Seen Player::Do(const Op& op) {
  switch (op.kind) {
    case OpKind::kMake:
      return Make(op);
    case OpKind::kDestroy:
      slots_[op.slot] = {};
      return {};
    case OpKind::kJoin:
      return Join(op);
    case OpKind::kLeave:
      return Leave(op);
    case OpKind::kConsume:
      return Until([&] { return Consume(op.a); });
    case OpKind::kRead:
      return Until([&] { return ReadCommitted(op.a); });
    case OpKind::kReadPast:
      return {ReadPast(op.a), ""};
    case OpKind::kReadTwice:
      return ReadTwice(Where(op.a));
    case OpKind::kCommitted:
      return Until([&] { return CommittedOffsets(op.a); });
    case OpKind::kHighWatermark:
      return Until([&] { return HighWatermark(op.a); });
    case OpKind::kAdmin:
      return {Admin(), ""};
    default:
      Slot& slot = slots_[op.slot];
      if (slot.producer == nullptr) return {"no producer", ""};
      // It is to be replaced, and what its further calls say is promised nowhere: librdkafka 2.14.2 may begin another.
      if (slot.is_fenced) return {"a fenced producer", ""};
      Seen seen = DoProducer(op, slot);
      slot.is_fenced = absl::StrContains(seen.seen, "fatal fenced");
      return seen;
  }
}

Seen Player::Make(const Op& op) {
  Slot& slot = slots_[op.slot];
  slot = {};
  slot.producer = *side_.client().NewProducer(Id(op.a), {names_.plain, names_.compacted});
  return {};
}

Seen Player::DoProducer(const Op& op, Slot& slot) {
  kafka::TransactionalProducer& producer = *slot.producer;
  switch (op.kind) {
    case OpKind::kInit:
      return Repeat([&] { return producer.InitTransactions(kTimeout); }, 4);
    case OpKind::kBegin:
      return ToSeen(producer.BeginTransaction());
    case OpKind::kSendOffsets:
      return SendOffsets(op, slot);
    case OpKind::kCommit:
      return WithMarkers(Repeat([&] { return producer.Commit(kTimeout); }, 3));
    case OpKind::kAbort:
      return WithMarkers(Repeat([&] { return producer.Abort(kTimeout); }, 3));
    default:
      return Write(op, slot);
  }
}

// A broker writes the markers after it has answered: what other producers write meanwhile may come before them.
Seen Player::WithMarkers(const Seen& ended) {
  Seen seen = Until([&] { return absl::StrCat(ended.seen, " ends ", absl::StrJoin(HighWatermarks(), " ")); });
  seen.code = ended.code;
  return seen;
}

std::vector<std::string> Player::HighWatermarks() {
  std::vector<std::string> all;
  for (int i = 0; i < kPartitions; ++i) all.push_back(HighWatermark(i));
  return all;
}

Seen Player::Write(const Op& op, Slot& slot) {
  const bool is_plain = op.kind == OpKind::kWrite;
  const int count = is_plain ? op.a : 1;
  Seen seen;
  for (int i = 0; i < count; ++i) {
    const int number = op.b + i;
    // A gap fails the transaction at a moment of its own, so all records share the partition's fate.
    const int spread = slot.has_gap ? op.b : number;
    const int index = is_plain ? spread % kPartitions : op.kind == OpKind::kWriteLarge ? op.a : 2;
    const std::string key = absl::StrCat("k", number);
    const std::string value =
        op.kind == OpKind::kWriteLarge ? std::string(kLargeBytes, 'x') : absl::StrCat("v", number);
    OutputRecord record;
    record.topic_index = index == 2 ? 1 : 0;
    record.partition = Where(index).partition;
    if (op.kind != OpKind::kWriteKeyless) record.key = key;
    record.value = value;
    record.token = static_cast<uint64_t>(number) + 1;
    record.want_offset = true;
    const Seen sent = ToSeen(slot.producer->Send(record));
    absl::StrAppend(&seen.seen, sent.seen, " ");
    absl::StrAppend(&seen.code, sent.code, " ");
  }
  const Seen flushed = Repeat([&] { return slot.producer->Flush(kFlushTimeout); }, 1);
  absl::StrAppend(&seen.seen, "flush ", flushed.seen);
  absl::StrAppend(&seen.code, "flush ", flushed.code);
  const std::string deliveries = Deliveries(slot);
  // Which call of a fenced producer hears of it first, and which of its records get a report, is a matter of time.
  if (flushed.seen == "fatal fenced") return flushed;
  absl::StrAppend(&seen.seen, deliveries);
  return seen;
}

std::string Player::Deliveries(Slot& slot) {
  std::vector<kafka::Delivery> deliveries;
  slot.producer->TakeDeliveries(&deliveries);
  std::sort(deliveries.begin(), deliveries.end(),
            [](const kafka::Delivery& a, const kafka::Delivery& b) { return a.token < b.token; });
  std::string text;
  for (const kafka::Delivery& each : deliveries) {
    slot.has_gap = slot.has_gap || each.record_refused;
    const int index = each.topic_index == 1 ? 2 : each.partition.value();
    absl::StrAppend(&text, " ", each.token, ":",
                    each.failed               ? each.record_refused ? "refused" : "failed"
                    : each.offset.has_value() ? absl::StrCat(*each.offset - bases_[index])
                                              : "written");
  }
  return text;
}

Seen Player::SendOffsets(const Op& op, Slot& slot) {
  MemberSlot& member = members_[op.c];
  kafka::GroupMetadata metadata;
  if (op.metadata == Metadata::kSaved) metadata = member.saved;
  if (op.metadata == Metadata::kCurrent && member.member != nullptr) {
    metadata = member.member->consumer().group_metadata();
  }
  const std::vector<TopicPartitionOffset> offsets = {{Where(op.a), Offset(op.b)}};
  return Repeat([&] { return slot.producer->SendOffsets(offsets, metadata, kTimeout); }, 3);
}

bool Player::IsStable(int group) {
  size_t total = 0;
  std::optional<int32_t> generation;
  size_t least = 4;
  bool is_one_generation = true;
  for (MemberSlot& each : members_) {
    if (each.member == nullptr || each.group != group) continue;
    each.member->Poll(absl::Milliseconds(10));
    total += each.member->assigned().size();
    least = std::min(least, each.member->assigned().size());
    const int32_t now = each.member->consumer().group_metadata().generation;
    is_one_generation = is_one_generation && now >= 0 && generation.value_or(now) == now;
    generation = now;
  }
  return !generation.has_value() || (total == 4 && least > 0 && is_one_generation);
}

Seen Player::Join(const Op& op) {
  MemberSlot& slot = members_[op.slot];
  if (slot.member != nullptr) return {"a member already", ""};
  slot.group = op.a;
  const std::vector<std::string> topics = {names_.led, names_.plain};
  slot.member = std::make_unique<kafka::Member>(*side_.client().NewGroupConsumer(Group(op.a), topics), topics);
  for (int i = 0; i < 2; ++i) slot.member->set_start(Where(i), bases_[i]);
  const absl::Time deadline = absl::Now() + kTimeout;
  while (!IsStable(op.a)) {
    if (absl::Now() > deadline) return {"not stable", ""};
    side_.Pause();
  }
  slot.saved = slot.member->consumer().group_metadata();
  return {absl::StrCat("assigned ", slot.member->assigned().size()), ""};
}

// What the group's members of today have read, each record once.
std::string Player::Consume(int group) {
  std::set<std::string> read;
  for (MemberSlot& each : members_) {
    if (each.member == nullptr || each.group != group) continue;
    for (int i = 0; i < 3; ++i) each.member->Poll(absl::Milliseconds(5));
    for (const kafka::Seen& record : each.member->records) {
      read.insert(absl::StrCat(record.partition, "/", record.offset - bases_[record.partition].value(), ":",
                               record.value.value_or("<null>")));
    }
    for (const kafka::PartitionError& error : each.member->errors) {
      // Right after a topic was created some of its leaders do not know it yet.
      if (!absl::IsNotFound(error.status)) read.insert(CodeOf(error.status));
    }
  }
  return absl::StrJoin(read, " ");
}

Seen Player::Leave(const Op& op) {
  MemberSlot& slot = members_[op.slot];
  if (slot.member == nullptr) return {"no member", ""};
  const absl::Status closed = slot.member->Close();
  slot.member.reset();
  const absl::Time deadline = absl::Now() + kTimeout;
  while (!IsStable(slot.group)) {
    if (absl::Now() > deadline) return {"not stable", ""};
    side_.Pause();
  }
  return {CodeOf(closed), ""};
}

Seen Player::ReadTwice(const TopicPartition& where) {
  const auto reader = *side_.client().NewLogReader({names_.plain, names_.compacted});
  std::string text;
  for (int i = 0; i < 2; ++i) absl::StrAppend(&text, CodeOf(reader->Add({where, Offset(0)})), " ");
  for (int i = 0; i < 2; ++i) absl::StrAppend(&text, CodeOf(reader->Remove(where)), " ");
  return {text, ""};
}

std::string Player::ReadCommitted(int partition) {
  const auto reader = *side_.client().NewLogReader({names_.plain, names_.compacted});
  const TopicPartition where = Where(partition);
  const absl::Status added = reader->Add({where, bases_[partition]});
  if (!added.ok()) return CodeOf(added);
  std::string text;
  kafka::Batch batch;
  for (int i = 0; i < 500; ++i) {
    const absl::Status polled = reader->Poll(absl::Milliseconds(10), &batch);
    if (!polled.ok()) return CodeOf(polled);
    for (const RecordView& each : batch.records) {
      absl::StrAppend(&text, each.offset - bases_[partition], ":", std::string(each.value.value_or("<null>")), " ");
    }
    for (const kafka::PartitionError& each : batch.errors) return CodeOf(each.status);
    if (!batch.ends.empty()) return absl::StrCat(text, "end ", batch.ends.back().position - bases_[partition]);
  }
  return absl::StrCat(text, "no end");
}

std::string Player::ReadPast(int partition) {
  const auto reader = *side_.client().NewLogReader({names_.plain, names_.compacted});
  const auto high = admin_->HighWatermark(Where(partition), kTimeout);
  if (!high.ok()) return CodeOf(high.status());
  const absl::Status added = reader->Add({Where(partition), *high + 100});
  kafka::Batch batch;
  for (int i = 0; i < 500; ++i) {
    const absl::Status polled = reader->Poll(absl::Milliseconds(10), &batch);
    if (!polled.ok()) return CodeOf(polled);
    for (const kafka::PartitionError& each : batch.errors) return absl::StrCat("partition ", CodeOf(each.status));
    if (!batch.records.empty() || !batch.ends.empty()) return "read something";
  }
  return "nothing";
}

std::string Player::CommittedOffsets(int group) {
  std::vector<TopicPartition> partitions;
  for (int i = 0; i < kPartitions; ++i) partitions.push_back(Where(i));
  // librdkafka 2.0.2 may end the process when such a request times out, so one that would is not made; the contract
  // suite makes it.
  constexpr const char* kPending = "pending";
  const bool is_expected = place_ < expected_.size();
  if (is_expected && absl::StrContains(expected_[place_].seen, kPending)) return kPending;
  const auto offsets = admin_->StableCommittedOffsets(Group(group), partitions, kTimeout);
  if (absl::IsUnavailable(offsets.status()) || absl::IsDeadlineExceeded(offsets.status())) return kPending;
  if (!offsets.ok()) return CodeOf(offsets.status());
  std::string text;
  for (int i = 0; i < kPartitions; ++i) {
    const auto entry = offsets->find(Where(i));
    absl::StrAppend(&text, entry == offsets->end() ? "-" : absl::StrCat(entry->second.value()), " ");
  }
  return text;
}

std::string Player::HighWatermark(int partition) {
  const auto high = admin_->HighWatermark(Where(partition), kTimeout);
  return high.ok() ? absl::StrCat(*high - bases_[partition]) : CodeOf(high.status());
}

std::string Player::Admin() {
  const std::string missing = names_.run + "-missing";
  const absl::Status there = admin_->CreateTopic({names_.plain, 1, {}}, kTimeout);
  const auto described = admin_->DescribeTopic(names_.compacted, kTimeout);
  const auto unknown = admin_->DescribeTopic(missing, kTimeout);
  const auto beginning = admin_->BeginningOffset({missing, Partition(0)}, kTimeout);
  return absl::StrCat(CodeOf(there), " ",
                      described.ok() ? absl::StrCat(described->settings.at("cleanup.policy"), " ",
                                                    described->settings.at("max.message.bytes"))
                                     : CodeOf(described.status()),
                      " ", CodeOf(unknown.status()), " ", CodeOf(beginning.status()));
}

void Player::Settle() {
  for (Slot& slot : slots_) slot = {};
  for (int id = 0; id < kIds; ++id) {
    const auto producer = *side_.client().NewProducer(Id(id), {names_.plain});
    Repeat([&] { return producer->InitTransactions(kTimeout); }, 4);
  }
}

void Player::Finish(std::vector<Seen>* seen) {
  const auto add = [&](const std::function<std::string()>& look) {
    seen->push_back(Until(look));
    ++place_;
  };
  // What is visible while the last transactions are open, then what remains.
  for (int i = 0; i < kPartitions; ++i) add([&] { return "open: " + ReadCommitted(i); });
  Settle();
  for (int i = 0; i < kPartitions; ++i) {
    add([&] { return "settled: " + ReadCommitted(i); });
    add([&] {
      std::string text = "uncommitted: ";
      const auto end = admin_->HighWatermark(Where(i), kTimeout);
      if (!end.ok()) return CodeOf(end.status());
      for (const auto& [offset, value] : side_.ReadUncommitted(Where(i), bases_[i], *end)) {
        absl::StrAppend(&text, offset - bases_[i], ":", value, " ");
      }
      return absl::StrCat(text, "end ", *end - bases_[i]);
    });
  }
  for (int i = 0; i < kGroups; ++i) add([&] { return "offsets: " + CommittedOffsets(i); });
  for (MemberSlot& slot : members_) {
    if (slot.member != nullptr) slot.member->Close().IgnoreError();
    slot.member.reset();
  }
  admin_.reset();  // Here, where a client that does not end is noticed.
}

}  // namespace once::fidelity
