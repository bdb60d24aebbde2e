#include "examples/order_totals/verifier_reference.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"

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

bool Reference::IsDuplicate(const Record& record) {
  const std::string id = HeaderOrEmpty(record, "ce_id");
  if (id.empty()) return false;
  const std::string source = HeaderOrEmpty(record, "ce_source");
  return !seen_[record.partition].insert(absl::StrCat(source.size(), ":", source, id)).second;
}

absl::Status Reference::Add(const Record& record) {
  const auto [last, first_of_partition] = last_offset_.try_emplace(record.partition, -1);
  if (record.offset <= last->second) {
    return absl::InternalError(absl::StrCat("input record ", Origin(record), " comes after offset ", last->second));
  }
  last->second = record.offset;
  ++counts_.records;
  if (IsDuplicate(record)) {
    ++counts_.duplicates;
    return absl::OkStatus();
  }
  ++counts_.unique;
  if (!record.key.has_value()) {
    ++counts_.rejected;
    keyless_.push_back({.disposition = "REJECTED", .reason = "FAILED_PRECONDITION", .blocked_by = "", .event = record});
    return absl::OkStatus();
  }
  const auto [found, is_new] = index_.try_emplace(*record.key, customers_.size());
  if (is_new) {
    customers_.push_back({.key = *record.key, .partition = record.partition});
  }
  Customer& customer = customers_[found->second];
  if (customer.partition != record.partition) {
    return absl::FailedPreconditionError(
        absl::StrCat("the key ", Printable(record.key), " is in partition ", customer.partition, " and, as ",
                     Origin(record), ", in partition ", record.partition,
                     ": its orders have no order between them; let all producers use one partitioner"));
  }
  return Process(record, customer);
}

void Reference::Refuse(const Record& record, Customer& customer, std::string reason) {
  ++counts_.failed;
  customer.blocked = true;
  customer.blocked_by = HeaderOrEmpty(record, "ce_id");
  if (customer.blocked_by.empty()) customer.blocked_by = Origin(record);
  customer.blocked_reason = reason;
  customer.letters.push_back({.disposition = "FAILED", .reason = std::move(reason), .blocked_by = "", .event = record});
}

bool Reference::FitsTheOutput(const Customer& customer, int64_t cents) const {
  if (options_.max_output_bytes == 0) return true;
  v1::CustomerTotal total;
  total.set_customer_id(customer.key);
  total.set_order_count(static_cast<int64_t>(customer.outputs.size()) + 1);
  total.set_cents(cents);
  return static_cast<int64_t>(customer.key.size() + total.ByteSizeLong()) <= options_.max_output_bytes;
}

absl::Status Reference::Process(const Record& record, Customer& customer) {
  if (customer.blocked) {
    ++counts_.blocked;
    customer.letters.push_back({.disposition = "BLOCKED",
                                .reason = customer.blocked_reason,
                                .blocked_by = customer.blocked_by,
                                .event = record});
    return absl::OkStatus();
  }
  if (!record.value.has_value() || !IsUtf8(customer.key)) {
    ++counts_.rejected;
    customer.letters.push_back(
        {.disposition = "REJECTED", .reason = "FAILED_PRECONDITION", .blocked_by = "", .event = record});
    return absl::OkStatus();
  }
  v1::OrderPlaced order;
  const std::string type = HeaderOrEmpty(record, "ce_type");
  if (std::string given = ReasonGiven(record); !given.empty()) {
    Refuse(record, customer, std::move(given));
  } else if (!type.empty() && type != "orders.v1.OrderPlaced") {
    Refuse(record, customer, "UNIMPLEMENTED");
  } else if (!order.ParseFromString(*record.value)) {
    Refuse(record, customer, "DATA_LOSS");
  } else if (order.cents() <= 0) {
    Refuse(record, customer, "INVALID_ARGUMENT");
  } else if (order.cents() > INT64_MAX - customer.cents()) {
    Refuse(record, customer, "OUT_OF_RANGE");
  } else if (!FitsTheOutput(customer, customer.cents() + order.cents())) {
    Refuse(record, customer, "OUT_OF_RANGE");
  } else {
    ++counts_.processed;
    customer.outputs.push_back(
        {.cents = customer.cents() + order.cents(), .origin = record.offset, .timestamp_ms = record.timestamp_ms});
  }
  return absl::OkStatus();
}

}  // namespace orders::verifier
