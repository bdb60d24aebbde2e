#include "examples/order_totals/verifier_dead_letters.h"

#include <algorithm>
#include <utility>
#include <vector>

#include "absl/strings/escaping.h"
#include "absl/strings/str_cat.h"
#include "examples/order_totals/verifier_core.h"

namespace orders::verifier {

namespace {

// A letter may leave out the value (and say so) only where the whole might not fit into the topic.
constexpr size_t kLargeRecordBytes = 64 * 1024;

size_t SizeOf(const Record& record) {
  size_t size = record.key.value_or("").size() + record.value.value_or("").size();
  for (const RecordHeader& header : record.headers) size += header.name.size() + header.value.value_or("").size();
  return size;
}

// Takes the event's own headers out of the letter's, in their order, so that only those about its failure are left.
// False if one is missing.
bool TakeOut(const std::vector<RecordHeader>& own, std::vector<RecordHeader>* headers) {
  auto from = headers->begin();
  for (const RecordHeader& header : own) {
    from = std::find(from, headers->end(), header);
    if (from == headers->end()) return false;
    from = headers->erase(from);
  }
  return true;
}

std::string Describe(const Letter& letter) {
  const std::string by = letter.blocked_by.empty() ? "" : absl::StrCat(" blocked_by=", letter.blocked_by);
  return absl::CHexEscape(absl::StrCat(letter.disposition, " ", letter.reason, by));
}

}  // namespace

namespace {

// The key, or its beginning up to 1 KiB that ends with a whole character.
bool NamesKey(const std::string& text, const std::string& key) {
  constexpr size_t kMaxBytes = 1024;
  constexpr size_t kLongestCharacter = 4;
  if (key.size() <= kMaxBytes) return text == key;
  return text.size() <= kMaxBytes && text.size() + kLongestCharacter > kMaxBytes && IsUtf8(text) &&
         key.compare(0, text.size(), text) == 0;
}

}  // namespace

namespace {

// What an event brings that is no application's note on an earlier dead letter of it: such notes are replaced.
std::vector<RecordHeader> OwnHeaders(const Record& event) {
  std::vector<RecordHeader> own;
  for (const RecordHeader& header : event.headers) {
    if (!header.name.starts_with("once.") && !header.name.starts_with("__streams.errors.")) own.push_back(header);
  }
  return own;
}

}  // namespace

DeadLettersCheck::DeadLettersCheck(const Reference* reference, std::string application_id, int max_shown)
    : reference_(reference),
      application_id_(std::move(application_id)),
      check_(kDeadLettersCheck, {"lost", "doubled", "swapped", "wrong reason", "altered", "unexpected", "scattered"},
             max_shown) {}

void DeadLettersCheck::IndexReference() {
  if (indexed_) return;
  indexed_ = true;
  for (const Customer& customer : reference_->customers()) {
    for (size_t i = 0; i < customer.letters.size(); ++i) {
      const Letter& letter = customer.letters[i];
      by_origin_[Origin(letter.event)] = {.letter = &letter, .customer = &customer, .place = i};
    }
  }
  for (const Letter& letter : reference_->keyless()) by_origin_[Origin(letter.event)] = {.letter = &letter};
}

void DeadLettersCheck::Add(const Record& record) {
  IndexReference();
  ++check_.found;
  const std::optional<std::string> origin = FindHeader(record.headers, "once.origin");
  const auto found = by_origin_.find(origin.value_or(""));
  if (found == by_origin_.end()) {
    check_.Add("unexpected", {Origin(record), Printable(record.key), "no dead letter for this event",
                              absl::StrCat("one with once.origin ", Printable(origin), ", ",
                                           FindHeader(record.headers, "once.disposition").value_or("no disposition"))});
    return;
  }
  Expected& expected = found->second;
  const bool was_seen = std::exchange(expected.seen, true);
  if (was_seen) {
    check_.Add("doubled", {Origin(record), Printable(record.key),
                           absl::StrCat("one dead letter for ", *origin, ", ", Describe(*expected.letter)), "another"});
  }
  CheckOrder(record, expected, was_seen);
  CheckContent(record, expected);
}

void DeadLettersCheck::CheckOrder(const Record& record, const Expected& expected, bool was_seen) {
  if (expected.customer == nullptr) return;
  const auto [found, is_first] = progress_.try_emplace(expected.customer);
  Progress& progress = found->second;
  if (is_first) progress.partition = record.partition;
  if (record.partition != progress.partition) {
    check_.Add("scattered",
               {Origin(record), Printable(record.key),
                absl::StrCat("all of the customer's dead letters in partition ", progress.partition), "this one"});
    return;
  }
  if (expected.place < progress.last && !was_seen) {
    check_.Add("swapped", {Origin(record), Printable(record.key),
                           absl::StrCat("that of ", Origin(expected.letter->event), " before that of ",
                                        Origin(expected.customer->letters[progress.last].event)),
                           "it behind"});
  }
  progress.last = std::max(progress.last, expected.place);
}

void DeadLettersCheck::CheckContent(const Record& record, const Expected& expected) {
  const Letter& letter = *expected.letter;
  const Record& event = letter.event;
  const auto altered = [&](const char* what, const std::string& before, const std::string& after) {
    check_.Add("altered",
               {Origin(record), Printable(event.key), absl::StrCat(what, " of ", Origin(event), ": ", before), after});
  };
  std::vector<RecordHeader> about = record.headers;
  const bool value_left_out =
      FindHeader(about, "once.omitted") == "value" && !record.value.has_value() && SizeOf(event) >= kLargeRecordBytes;
  if (!value_left_out && !TakeOut(OwnHeaders(event), &about)) {
    altered("headers", "all, in their order", absl::StrCat(record.headers.size(), " headers, some missing"));
    about = record.headers;
  }
  if (record.key != event.key) altered("key", Printable(event.key), Printable(record.key));
  if (!value_left_out && record.value != event.value) altered("value", Printable(event.value), Printable(record.value));
  const auto header = [&about](const char* name) { return FindHeader(about, name).value_or(""); };
  // A dead letter is of the present, so that retention lets it stay; what the event's time was it says.
  if (const std::string said = header("once.timestamp");
      event.timestamp_ms.has_value() && said != absl::StrCat(*event.timestamp_ms)) {
    altered("timestamp", absl::StrCat(*event.timestamp_ms), Printable(said));
  }

  const Letter says{.disposition = header("once.disposition"),
                    .reason = header("once.reason"),
                    .blocked_by = header("once.blocked_by"),
                    .event = {}};
  if (Describe(says) != Describe(letter)) {
    check_.Add("wrong reason", {Origin(record), Printable(event.key), Describe(letter), Describe(says)});
  } else if (header("once.application") != application_id_) {
    check_.Add("wrong reason",
               {Origin(record), Printable(event.key), absl::StrCat("once.application ", Printable(application_id_)),
                Printable(FindHeader(about, "once.application"))});
  } else if (event.key.has_value() && IsUtf8(*event.key) && !NamesKey(header("once.aggregate"), *event.key)) {
    check_.Add("wrong reason",
               {Origin(record), Printable(event.key), absl::StrCat("once.aggregate ", Printable(event.key)),
                Printable(FindHeader(about, "once.aggregate"))});
  }
}

Check DeadLettersCheck::Finish() {
  IndexReference();
  check_.expected = static_cast<int64_t>(by_origin_.size());
  const auto check_seen = [this](const Letter& letter) {
    const std::string origin = Origin(letter.event);
    if (by_origin_.at(origin).seen) return;
    check_.Add("lost",
               {absl::StrCat("dead letter of ", origin), Printable(letter.event.key), Describe(letter), "nothing"});
  };
  for (const Customer& customer : reference_->customers()) {
    for (const Letter& letter : customer.letters) check_seen(letter);
  }
  for (const Letter& letter : reference_->keyless()) check_seen(letter);
  return std::move(check_);
}

}  // namespace orders::verifier
