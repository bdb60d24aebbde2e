#include "examples/order_totals/verifier_changelog.h"

#include <algorithm>
#include <optional>
#include <vector>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/verifier_core.h"

namespace orders::verifier {

namespace {

constexpr char kStateKind = 0x01;
constexpr char kParkedKind = 0x03;
constexpr char kStoreName[] = "customer";
constexpr size_t kSequenceBytes = 8;

// Takes a varint length and as many bytes off the front of `rest`.
std::optional<std::string_view> TakeSized(std::string_view* rest) {
  uint64_t size = 0;
  for (int shift = 0; shift < 35; shift += 7) {
    if (rest->empty()) return std::nullopt;
    const auto byte = static_cast<uint8_t>(rest->front());
    rest->remove_prefix(1);
    size |= uint64_t{byte & 0x7fu} << shift;
    if ((byte & 0x80) != 0) continue;
    if (size > rest->size()) return std::nullopt;
    const std::string_view taken = rest->substr(0, size);
    rest->remove_prefix(size);
    return taken;
  }
  return std::nullopt;
}

std::string Describe(int64_t order_count, int64_t cents) {
  return absl::StrCat("order_count=", order_count, " cents=", cents);
}

}  // namespace

ChangelogCheck::ChangelogCheck(const Reference* reference, int max_shown)
    : reference_(reference),
      state_check_(kStateCheck, {"lost", "wrong", "unexpected"}, max_shown),
      parked_check_(kParkedCheck, {"lost", "wrong", "unexpected"}, max_shown) {}

void ChangelogCheck::Add(const Record& record) {
  if (!record.key.has_value() || record.key->empty()) {
    state_check_.Add("unexpected", {Origin(record), Printable(record.key), "a key of a known kind", "none"});
    return;
  }
  const std::string_view rest = std::string_view(*record.key).substr(1);
  if (record.key->front() == kStateKind) AddState(record, rest);
  if (record.key->front() == kParkedKind) AddParked(record, rest);
}

void ChangelogCheck::AddState(const Record& record, std::string_view rest) {
  const std::optional<std::string_view> store = TakeSized(&rest);
  if (store != std::string_view(kStoreName)) {
    state_check_.Add("unexpected", {Origin(record), Printable(record.key),
                                    absl::StrCat("state of the store \"", kStoreName, "\""), "that of another"});
    return;
  }
  PartitionAndKey place(record.partition, std::string(rest));
  if (record.value.has_value()) {
    state_.insert_or_assign(std::move(place), Entry{*record.value, Origin(record)});
  } else {
    state_.erase(place);
  }
}

void ChangelogCheck::AddParked(const Record& record, std::string_view rest) {
  const std::optional<std::string_view> key = TakeSized(&rest);
  if (!key.has_value() || rest.size() != kSequenceBytes) {
    parked_check_.Add("unexpected", {Origin(record), Printable(record.key), "the key of a parked event", "another"});
    return;
  }
  uint64_t sequence = 0;
  for (const char byte : rest) sequence = sequence << 8 | static_cast<uint8_t>(byte);
  Queue& queue = parked_[{record.partition, std::string(*key)}];
  if (record.value.has_value()) {
    queue.insert_or_assign(sequence, Entry{*record.value, Origin(record)});
  } else {
    queue.erase(sequence);
  }
}

Check ChangelogCheck::FinishState() {
  state_check_.found = static_cast<int64_t>(state_.size());
  for (const Customer& customer : reference_->customers()) {
    if (customer.outputs.empty()) continue;
    ++state_check_.expected;
    const auto count = static_cast<int64_t>(customer.outputs.size());
    const auto entry = state_.find(PartitionAndKey(customer.partition, customer.key));
    if (entry == state_.end()) {
      state_check_.Add("lost", {absl::StrCat("changelog partition ", customer.partition), Printable(customer.key),
                                Describe(count, customer.cents()), "nothing"});
      continue;
    }
    v1::CustomerTotal total;
    const bool parsed = total.ParseFromString(entry->second.value);
    if (!parsed || total.customer_id() != customer.key || total.order_count() != count ||
        total.cents() != customer.cents()) {
      state_check_.Add("wrong", {entry->second.where, Printable(customer.key), Describe(count, customer.cents()),
                                 parsed ? absl::StrCat(Describe(total.order_count(), total.cents()),
                                                       " customer_id=", Printable(total.customer_id()))
                                        : absl::StrCat("no CustomerTotal: ", Printable(entry->second.value))});
    }
    state_.erase(entry);
  }
  std::vector<std::pair<PartitionAndKey, Entry>> rest(state_.begin(), state_.end());
  std::sort(rest.begin(), rest.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
  for (const auto& [place, entry] : rest) {
    state_check_.Add("unexpected", {entry.where, Printable(place.second), "no state there", Printable(entry.value)});
  }
  return std::move(state_check_);
}

Check ChangelogCheck::FinishParked() {
  for (const auto& [place, queue] : parked_) parked_check_.found += static_cast<int64_t>(queue.size());
  for (const Customer& customer : reference_->customers()) {
    const auto found = parked_.find({customer.partition, customer.key});
    CompareQueue(customer, found == parked_.end() ? Queue() : found->second);
    if (found != parked_.end()) parked_.erase(found);
  }
  for (const auto& [place, queue] : parked_) {
    for (const auto& [sequence, entry] : queue) {
      parked_check_.Add("unexpected", {entry.where, Printable(place.second), "nothing parked there",
                                       absl::StrCat("a parked event with sequence ", sequence)});
    }
  }
  return std::move(parked_check_);
}

void ChangelogCheck::CompareQueue(const Customer& customer, const Queue& queue) {
  auto entry = queue.begin();
  for (const Record& event : customer.waiting) {
    ++parked_check_.expected;
    const std::string origin = Origin(event);
    if (entry == queue.end()) {
      parked_check_.Add("lost", {absl::StrCat("changelog partition ", customer.partition), Printable(customer.key),
                                 absl::StrCat("event ", origin, " parked"), "nothing"});
      continue;
    }
    // The parked event's encoding holds the bytes of key and value as they are.
    const std::string& bytes = entry->second.value;
    if (bytes.find(event.value.value_or("")) == std::string::npos || bytes.find(customer.key) == std::string::npos) {
      parked_check_.Add("wrong", {entry->second.where, Printable(customer.key),
                                  absl::StrCat("event ", origin, " at this place of the queue"),
                                  absl::StrCat("another with sequence ", entry->first)});
    }
    ++entry;
  }
  for (; entry != queue.end(); ++entry) {
    parked_check_.Add("unexpected", {entry->second.where, Printable(customer.key), "no further parked event",
                                     absl::StrCat("one with sequence ", entry->first)});
  }
}

}  // namespace orders::verifier
