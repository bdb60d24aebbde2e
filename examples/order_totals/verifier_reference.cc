#include "examples/order_totals/verifier_reference.h"

#include <algorithm>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/verifier_fates.h"

namespace orders::verifier {

namespace {

// Null, absent and empty are the same here.
std::string HeaderOrEmpty(const Record& record, std::string_view name) {
  return FindHeader(record.headers, name).value_or("");
}

}  // namespace

void Reference::AddVerdict(const Record& dead_letter) {
  if (FindHeader(dead_letter.headers, "once.disposition") != "FAILED") return;
  verdicts_[HeaderOrEmpty(dead_letter, "once.origin")] = HeaderOrEmpty(dead_letter, "once.reason");
}

std::string Reference::ReasonGiven(const Record& record) const {
  const auto header = [&record](const std::string& name) { return name.empty() ? "" : HeaderOrEmpty(record, name); };
  if (std::string reason = header(options_.failing_header); !reason.empty()) return reason;
  const std::string possible = header(options_.may_fail_header);
  if (possible.empty()) return "";
  const auto verdict = verdicts_.find(Origin(record));
  return verdict != verdicts_.end() && verdict->second == possible ? possible : "";
}

const Customer* Reference::Find(const std::string& key) const {
  const auto found = index_.find(key);
  return found == index_.end() ? nullptr : &customers_[found->second];
}

bool Reference::IsDuplicate(const Record& record, uint32_t round) {
  std::string id = HeaderOrEmpty(record, "ce_id");
  // Sent back it is known by its first place.
  if (id.empty() && round > 0) id = HeaderOrEmpty(record, "once.origin");
  if (id.empty()) return false;
  const std::string source = HeaderOrEmpty(record, "ce_source");
  return !seen_[record.partition].insert(absl::StrCat(round, ":", source.size(), ":", source, id)).second;
}

// Headers of this application's letters of this topic alone mean anything.
bool Reference::TakeLetter(const Record& record, uint32_t* round) {
  const std::string origin = HeaderOrEmpty(record, "once.origin");
  const std::string disposition = HeaderOrEmpty(record, "once.disposition");
  if (!origin.starts_with(record.topic + "-") || disposition.empty()) return false;
  const bool is_hollow = FindHeader(record.headers, "once.omitted").has_value();
  if (HeaderOrEmpty(record, "once.application") != options_.application_id) return is_hollow;
  if (absl::SimpleAtoi(HeaderOrEmpty(record, "once.round"), round) && *round > 0) return is_hollow;
  *round = 0;
  if (disposition != "FAILED" && disposition != "BLOCKED") return is_hollow;
  // Whether it found its event at the head of its queue nobody knows; if it did, that failed once more.
  const auto found = index_.find(record.key.value_or(""));
  if (disposition == "FAILED" && found != index_.end()) {
    Customer& customer = customers_[found->second];
    customer.is_loose = true;
    for (Letter& letter : customer.letters) {
      if (letter.disposition == "FAILED" && Origin(letter.event) == origin) ++letter.most;
    }
    if (customer.blocked && Origin(customer.waiting.front()) == origin) {
      const Event head{customer.waiting.front(), customer.blocked_by, customer.waiting_rounds.front()};
      if (WouldSucceed(head, customer)) Resume(customer);
    }
  }
  return true;
}

absl::Status Reference::Add(const Record& record) {
  const auto [last, first_of_partition] = last_offset_.try_emplace(record.partition, -1);
  if (record.offset <= last->second) {
    return absl::InternalError(absl::StrCat("input record ", Origin(record), " comes after offset ", last->second));
  }
  last->second = record.offset;
  ++counts_.records;
  uint32_t round = 0;
  if (TakeLetter(record, &round)) {
    ++counts_.letters_sent_back;
    return absl::OkStatus();
  }
  if (IsDuplicate(record, round)) {
    ++counts_.duplicates;
    return absl::OkStatus();
  }
  ++counts_.unique;
  if (!record.key.has_value()) {
    ++counts_.rejected;
    keyless_.push_back({.disposition = "REJECTED",
                        .reason = "FAILED_PRECONDITION",
                        .blocked_by = "",
                        .event = record,
                        .round = round + 1});
    return absl::OkStatus();
  }
  const auto [found, is_new] = index_.try_emplace(*record.key, customers_.size());
  if (is_new) {
    customers_.push_back({.key = *record.key, .partition = record.partition});
    customers_.back().is_loose = fates_ != nullptr && fates_->Concern(record.partition, *record.key);
  }
  Customer& customer = customers_[found->second];
  if (customer.partition != record.partition) {
    return absl::FailedPreconditionError(
        absl::StrCat("the key ", Printable(record.key), " is in partition ", customer.partition, " and, as ",
                     Origin(record), ", in partition ", record.partition,
                     ": its orders have no order between them; let all producers use one partitioner"));
  }
  Process({record, EventIdOf(record), round}, customer);
  return absl::OkStatus();
}

bool Reference::FitsTheOutput(const Customer& customer, int64_t cents) const {
  if (options_.max_output_bytes == 0) return true;
  v1::CustomerTotal total;
  total.set_customer_id(customer.key);
  total.set_order_count(static_cast<int64_t>(customer.outputs.size()) + 1);
  total.set_cents(cents);
  return static_cast<int64_t>(customer.key.size() + total.ByteSizeLong()) <= options_.max_output_bytes;
}

std::string Reference::Attempt(const Record& record, const Customer& customer) const {
  if (!record.value.has_value() || !IsUtf8(customer.key)) return "REJECTED";
  if (std::string given = ReasonGiven(record); !given.empty()) return given;
  const std::string type = HeaderOrEmpty(record, "ce_type");
  if (!type.empty() && type != "orders.v1.OrderPlaced") return "UNIMPLEMENTED";
  v1::OrderPlaced order;
  if (!order.ParseFromString(*record.value)) return "DATA_LOSS";
  if (order.cents() <= 0) return "INVALID_ARGUMENT";
  if (order.cents() > INT64_MAX - customer.cents()) return "OUT_OF_RANGE";
  return FitsTheOutput(customer, customer.cents() + order.cents()) ? "" : "OUT_OF_RANGE";
}

void Reference::Succeed(const Event& event, Customer& customer) {
  v1::OrderPlaced order;
  order.ParseFromString(event.record.value.value_or(""));
  ++counts_.processed;
  customer.outputs.push_back({.cents = customer.cents() + order.cents(),
                              .origin = event.record.offset,
                              .timestamp_ms = event.record.timestamp_ms});
}

void Reference::Reject(const Event& event, Customer& customer) {
  ++counts_.rejected;
  customer.letters.push_back({.disposition = "REJECTED",
                              .reason = "FAILED_PRECONDITION",
                              .blocked_by = "",
                              .event = event.record,
                              .round = event.round + 1});
}

void Reference::End(const Event& event, Customer& customer, const std::string& disposition) {
  customer.letters.push_back({.disposition = disposition,
                              .reason = "CANCELLED",
                              .blocked_by = "",
                              .event = event.record,
                              .round = event.round + 1});
}

// Behind the event that blocks, at the end.
void Reference::Wait(const Event& event, Customer& customer) {
  ++counts_.blocked;
  customer.waiting.push_back(event.record);
  customer.waiting_rounds.push_back(event.round);
  if (event.was_told) return;
  customer.letters.push_back({.disposition = "BLOCKED",
                              .reason = customer.blocked_reason,
                              .blocked_by = customer.blocked_by,
                              .event = event.record,
                              .any_blocker = customer.is_loose});
}

const Applied* Reference::Next(const Event& event, const Customer& customer) const {
  return fates_ == nullptr ? nullptr : fates_->Next(customer.partition, customer.key, event.id);
}

int64_t Reference::BroadReleases(const Customer& customer, const std::string& reason) const {
  return fates_ == nullptr ? 0 : fates_->BroadReleases(customer.partition, reason);
}

bool Reference::IsMended(const Event& event) const {
  return !options_.may_fail_header.empty() && !HeaderOrEmpty(event.record, options_.may_fail_header).empty() &&
         fates_ != nullptr && !fates_->IsParked(Origin(event.record));
}

void Reference::Process(const Event& event, Customer& customer) {
  // It may have waited behind one that failed, whose followers were told.
  if (!customer.failures.empty() && customer.is_loose && !customer.blocked && !event.was_told) {
    customer.letters.push_back({.disposition = "BLOCKED",
                                .reason = "",
                                .blocked_by = "",
                                .event = event.record,
                                .least = 0,
                                .any_blocker = true});
  }
  const std::string origin = Origin(event.record);
  if (fates_ != nullptr && fates_->HasLetter("NEVER_PROCESSED", origin) &&
      fates_->MeetsRule(event.record, event.id, false)) {
    NeverProcess(event, customer);
  } else if (customer.to_discard > 0) {
    --customer.to_discard;
    ++counts_.discarded;
    End(event, customer, "DISCARDED");
  } else if (customer.blocked) {
    Wait(event, customer);
  } else if (std::string reason = Attempt(event.record, customer); reason.empty()) {
    Succeed(event, customer);
  } else if (reason == "REJECTED") {
    Reject(event, customer);
  } else {
    Block(event, customer, std::move(reason));
  }
}

void Reference::Replace(const Applied& by, Event& event, const Customer& customer) {
  ++counts_.replaced;
  const auto check = [&](const std::string& said, const std::optional<std::string>& value, const char* which) {
    if (said == HashOf(value)) return;
    fates_->AddDifference("wrong",
                          {absl::StrCat("command ", Printable(by.id)), Printable(customer.key),
                           absl::StrCat("the hash of the value ", which, ", ", Printable(value)), Printable(said)});
  };
  check(by.hash_before, event.record.value, "before");
  check(by.hash_after, by.value, "after");
  event.record.value = by.value;
}

void Reference::NeverProcess(Event event, Customer& customer) {
  // Whether it was run before the rule was there nobody knows, nor how often what replaced it was.
  Letter failed{.disposition = "FAILED", .reason = "", .blocked_by = "", .event = event.record, .least = 0};
  const auto may_fail = [&] {
    const std::string reason = Attempt(event.record, customer);
    if (reason.empty() || reason == "REJECTED") return;
    failed.instead.push_back({.disposition = "FAILED", .reason = reason, .blocked_by = "", .event = event.record});
    if (failed.reason.empty()) failed.reason = customer.failures[event.id] = reason;
    failed.most = std::max(failed.most, 1 + fates_->BroadReleases(customer.partition, reason));
  };
  may_fail();
  int64_t commands = 0;
  for (; const Applied* by = Next(event, customer); ++commands) {
    if (by->kind == Applied::Kind::kReplace) {
      Replace(*by, event, customer);
      may_fail();
    }
    fates_->Take(customer.partition, customer.key);
  }
  failed.most += commands;
  if (!failed.reason.empty()) customer.letters.push_back(std::move(failed));
  ++counts_.never_processed;
  End(event, customer, "NEVER_PROCESSED");
}

// Commands on it come in the order in which they took effect; each attempt fails for what the event is by then.
void Reference::Block(Event event, Customer& customer, std::string reason) {
  const size_t place = customer.letters.size();
  customer.letters.push_back({.disposition = "FAILED", .reason = reason, .blocked_by = "", .event = event.record});
  customer.failures[event.id] = reason;
  int64_t broad = BroadReleases(customer, reason);
  customer.letters[place].most += broad;
  // What further notices may say, of attempts that nobody has counted.
  const auto may_say = [&] {
    if (reason.empty() || reason == "REJECTED") return;
    Letter& letter = customer.letters[place];
    letter.instead.push_back({.disposition = "FAILED", .reason = reason, .blocked_by = "", .event = event.record});
    if (const int64_t now = BroadReleases(customer, reason); now > broad)
      letter.most += now - std::exchange(broad, now);
  };
  // True if the attempt does not fail again.
  const auto run = [&] {
    reason = Attempt(event.record, customer);
    if (reason.empty() || reason == "REJECTED") return true;
    if (Next(event, customer) == nullptr && IsMended(event)) return true;
    ++customer.letters[place].least;
    ++customer.letters[place].most;
    return false;
  };
  while (const Applied* by = Next(event, customer)) {
    const Applied::Kind kind = by->kind;
    const bool is_run = kind == Applied::Kind::kRelease || (kind == Applied::Kind::kReplace && by->release);
    if (kind == Applied::Kind::kReplace) {
      Replace(*by, event, customer);
      reason = Attempt(event.record, customer);
      may_say();
    }
    if (kind == Applied::Kind::kDiscard) customer.to_discard = by->events - 1;
    fates_->Take(customer.partition, customer.key);
    if (is_run) ++counts_.released;
    if (is_run && run()) return reason == "REJECTED" ? Reject(event, customer) : Succeed(event, customer);
    if (kind == Applied::Kind::kSkip || kind == Applied::Kind::kDiscard) {
      ++(kind == Applied::Kind::kSkip ? counts_.skipped : counts_.discarded);
      return End(event, customer, kind == Applied::Kind::kSkip ? "SKIPPED" : "DISCARDED");
    }
  }
  // Released with all others, by a command or, by itself, with its letter: how often is not told.
  if (broad > 0 && WouldSucceed(event, customer)) return Succeed(event, customer);
  // Replaced, and not run since: it is told by what it failed of.
  if (reason.empty() || reason == "REJECTED") reason = customer.failures[event.id];
  ++counts_.failed;
  customer.blocked = true;
  customer.blocked_by = event.id;
  customer.blocked_reason = reason;
  customer.waiting.push_back(event.record);
  customer.waiting_rounds.push_back(event.round);
}

bool Reference::WouldSucceed(const Event& event, const Customer& customer) const {
  if (IsMended(event)) return true;
  return Attempt(event.record, customer).empty() && fates_ != nullptr && !fates_->IsParked(Origin(event.record));
}

// The head was released by its letter, and all that waits is run, in its order.
void Reference::Resume(Customer& customer) {
  std::vector<Event> events;
  for (size_t i = 0; i < customer.waiting.size(); ++i) {
    events.push_back({customer.waiting[i], EventIdOf(customer.waiting[i]), customer.waiting_rounds[i], i > 0});
  }
  customer.waiting.clear();
  customer.waiting_rounds.clear();
  customer.blocked = false;
  --counts_.failed;
  counts_.blocked -= static_cast<int64_t>(events.size()) - 1;
  ++counts_.released;
  Succeed(events.front(), customer);
  // Those behind it have been told of already.
  for (size_t i = 1; i < events.size(); ++i) Process(events[i], customer);
}

void Reference::Finish() {
  if (fates_ == nullptr) return;
  for (const Customer& customer : customers_) {
    const auto add = [&](const std::string& where, const std::string& expected, const std::string& found) {
      fates_->AddDifference("without effect", {where, Printable(customer.key), expected, found});
    };
    if (customer.to_discard > 0) {
      add("a discarded queue", absl::StrCat(customer.to_discard, " further events of it"), "none in the input");
    }
    if (customer.blocked && fates_->MeetsRule(customer.waiting.front(), customer.blocked_by, true)) {
      add(Origin(customer.waiting.front()), "that a rule which it matches has ended it", "that it blocks");
    }
  }
}

}  // namespace orders::verifier
