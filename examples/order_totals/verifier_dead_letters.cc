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
  const bool was_letter =
      FindHeader(event.headers, "once.origin").has_value() && FindHeader(event.headers, "once.disposition").has_value();
  const auto is_note = [was_letter](const std::string& name) {
    if (name.starts_with("once.") || name.starts_with("__streams.errors.")) return true;
    return was_letter && (name.starts_with("kafka_dlt-") || name.starts_with("__connect.errors."));
  };
  std::vector<RecordHeader> own;
  for (const RecordHeader& header : event.headers) {
    if (!is_note(header.name)) own.push_back(header);
  }
  return own;
}

// The event's own time, which it says itself if it was sent back.
std::string TimeOf(const Record& event) {
  const std::string said = FindHeader(event.headers, "once.timestamp").value_or("");
  const auto is_digit = [](char c) { return c >= '0' && c <= '9'; };
  if (!said.empty() && said.size() <= 19 && std::all_of(said.begin(), said.end(), is_digit)) return said;
  return event.timestamp_ms.has_value() ? absl::StrCat(*event.timestamp_ms) : "";
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
      by_origin_[Origin(letter.event)].push_back({.letter = &letter, .customer = &customer, .place = i});
    }
  }
  for (const Letter& letter : reference_->keyless()) by_origin_[Origin(letter.event)].push_back({.letter = &letter});
}

DeadLettersCheck::Expected* DeadLettersCheck::Find(const std::string& origin, const std::string& disposition) {
  const auto found = by_origin_.find(origin);
  if (found == by_origin_.end()) return nullptr;
  Expected* other = nullptr;
  for (Expected& each : found->second) {
    if (each.letter->disposition == disposition) return &each;
    if (each.letter->least > 0) other = &each;
  }
  // An end that no command has made is none that was told wrongly.
  const bool is_end = disposition == "SKIPPED" || disposition == "DISCARDED" || disposition == "NEVER_PROCESSED";
  return is_end ? nullptr : other;
}

void DeadLettersCheck::Add(const Record& record) {
  IndexReference();
  ++check_.found;
  const std::optional<std::string> origin = FindHeader(record.headers, "once.origin");
  const std::string disposition = FindHeader(record.headers, "once.disposition").value_or("");
  Expected* const expected = Find(origin.value_or(""), disposition);
  if (expected == nullptr) {
    check_.Add("unexpected", {Origin(record), Printable(record.key), "no such dead letter for this event",
                              absl::StrCat("one with once.origin ", Printable(origin), ", ",
                                           disposition.empty() ? "no disposition" : disposition)});
    return;
  }
  if (++expected->seen > expected->letter->most) {
    check_.Add("doubled", {Origin(record), Printable(record.key),
                           absl::StrCat(expected->letter->most, " dead letter(s) for ", *origin, ", ",
                                        Describe(*expected->letter)),
                           "another"});
  }
  CheckOrder(record, *expected, expected->seen > 1);
  CheckContent(record, *expected);
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
  size_t& last = progress.last[expected.customer->is_loose ? expected.letter->disposition : ""];
  if (expected.place < last && !was_seen) {
    check_.Add("swapped", {Origin(record), Printable(record.key),
                           absl::StrCat("that of ", Origin(expected.letter->event), " before that of ",
                                        Origin(expected.customer->letters[last].event)),
                           "it behind"});
  }
  last = std::max(last, expected.place);
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
  bool is_value = record.value == event.value;
  for (const Letter& other : letter.instead) is_value = is_value || record.value == other.event.value;
  if (!value_left_out && !is_value) altered("value", Printable(event.value), Printable(record.value));
  // A dead letter is of the present, so that retention lets it stay; what the event's time was it says.
  const std::string said = FindHeader(about, "once.timestamp").value_or("");
  if (const std::string time = TimeOf(event); !time.empty() && said != time)
    altered("timestamp", time, Printable(said));
  CheckReason(record, expected, about);
}

void DeadLettersCheck::CheckReason(const Record& record, const Expected& expected,
                                   const std::vector<RecordHeader>& about) {
  const Letter& letter = *expected.letter;
  const Record& event = letter.event;
  const auto header = [&about](const char* name) { return FindHeader(about, name).value_or(""); };
  const auto wrong = [&](const std::string& should, const std::string& found) {
    check_.Add("wrong reason", {Origin(record), Printable(event.key), should, found});
  };
  const Letter says{.disposition = header("once.disposition"),
                    .reason = header("once.reason"),
                    .blocked_by = header("once.blocked_by"),
                    .event = {}};
  bool is_right = Describe(says) == Describe(letter);
  for (const Letter& other : letter.instead) is_right = is_right || Describe(says) == Describe(other);
  if (letter.any_blocker && says.disposition == letter.disposition) {
    const auto blocker = expected.customer->failures.find(says.blocked_by);
    is_right = blocker != expected.customer->failures.end() && !says.reason.empty();
  }
  const std::string round = letter.round == 0 ? "" : absl::StrCat(letter.round);
  if (!is_right) {
    wrong(Describe(letter), Describe(says));
  } else if (header("once.round") != round) {
    wrong(absl::StrCat("once.round \"", round, "\""), Printable(FindHeader(about, "once.round")));
  } else if (header("once.application") != application_id_) {
    wrong(absl::StrCat("once.application ", Printable(application_id_)),
          Printable(FindHeader(about, "once.application")));
  } else if (event.key.has_value() && IsUtf8(*event.key) && !NamesKey(header("once.aggregate"), *event.key)) {
    wrong(absl::StrCat("once.aggregate ", Printable(event.key)), Printable(FindHeader(about, "once.aggregate")));
  }
}

Check DeadLettersCheck::Finish() {
  IndexReference();
  for (const auto& [origin, letters] : by_origin_) {
    for (const Expected& expected : letters) {
      const Letter& letter = *expected.letter;
      check_.expected += letter.least;
      if (expected.seen >= letter.least) continue;
      const std::string found = expected.seen == 0 ? "nothing" : absl::StrCat(expected.seen, " of ", letter.least);
      check_.Add("lost",
                 {absl::StrCat("dead letter of ", origin), Printable(letter.event.key), Describe(letter), found});
    }
  }
  return std::move(check_);
}

}  // namespace orders::verifier
