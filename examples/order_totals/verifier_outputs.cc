#include "examples/order_totals/verifier_outputs.h"

#include <algorithm>
#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/verifier_core.h"

namespace orders::verifier {

namespace {

std::string Describe(int64_t order_count, int64_t cents) {
  return absl::StrCat("order_count=", order_count, " cents=", cents);
}

// Null if the value is a whole CustomerTotal and nothing else.
const char* Garbled(const Record& record, v1::CustomerTotal* total) {
  if (!record.key.has_value()) return "no key";
  if (!record.value.has_value()) return "no value";
  if (!total->ParseFromString(*record.value)) return "a value that is no CustomerTotal";
  if (!total->GetReflection()->GetUnknownFields(*total).empty()) return "a value with unknown fields";
  if (total->customer_id() != *record.key) return "another customer_id than the key";
  return nullptr;
}

}  // namespace

OutputsCheck::OutputsCheck(const Reference* reference, int max_shown)
    : reference_(reference),
      check_(kOutputsCheck,
             {"lost", "doubled", "swapped", "garbled", "wrong total", "wrong time", "unexpected", "scattered"},
             max_shown) {}

void OutputsCheck::Add(const Record& record) {
  ++check_.found;
  v1::CustomerTotal total;
  if (const char* fault = Garbled(record, &total); fault != nullptr) {
    check_.Add("garbled", {Origin(record), Printable(record.key), "a CustomerTotal of its key's customer",
                           absl::StrCat(fault, ": ", Printable(record.value))});
    return;
  }
  const Customer* customer = reference_->Find(*record.key);
  const auto outputs = customer == nullptr ? int64_t{0} : static_cast<int64_t>(customer->outputs.size());
  if (total.order_count() < 1 || total.order_count() > outputs) {
    check_.Add("unexpected", {Origin(record), Printable(record.key),
                              absl::StrCat("no more than the customer's ", outputs, " outputs"),
                              Describe(total.order_count(), total.cents())});
    return;
  }
  AddTotal(record, total, *customer);
}

void OutputsCheck::AddTotal(const Record& record, const v1::CustomerTotal& total, const Customer& customer) {
  const auto [found, is_first] = progress_.try_emplace(&customer);
  Progress& progress = found->second;
  if (is_first) {
    progress.partition = record.partition;
    progress.seen.resize(customer.outputs.size());
  }
  const int64_t count = total.order_count();
  const auto report = [&](const char* kind, std::string expected) {
    check_.Add(kind, {Origin(record), Printable(record.key), std::move(expected), Describe(count, total.cents())});
  };
  const auto place = static_cast<size_t>(count - 1);
  const int64_t cents = customer.outputs[place].cents;
  const bool was_seen = progress.seen[place];
  progress.seen[place] = true;
  if (cents != total.cents()) {
    report("wrong total", Describe(count, cents));
  } else if (was_seen) {
    report("doubled", absl::StrCat(Describe(count, cents), " once"));
  }
  if (const std::optional<int64_t> expected = customer.outputs[place].timestamp_ms; expected.has_value()) {
    const std::optional<std::string> original = FindHeader(record.headers, "once.timestamp");
    if (original.has_value() ? *original != absl::StrCat(*expected)
                             : record.timestamp_ms.has_value() && record.timestamp_ms != expected) {
      report("wrong time", absl::StrCat("the time of its order, ", *expected));
    }
  }
  if (record.partition != progress.partition) {
    report("scattered", absl::StrCat("all of the customer's outputs in partition ", progress.partition));
    return;
  }
  if (count < progress.last && !was_seen) {
    report("swapped", absl::StrCat(Describe(count, cents), " before order_count=", progress.last));
  }
  progress.last = std::max(progress.last, count);
}

Check OutputsCheck::Finish() {
  for (const Customer& customer : reference_->customers()) {
    check_.expected += static_cast<int64_t>(customer.outputs.size());
    const auto progress = progress_.find(&customer);
    for (size_t i = 0; i < customer.outputs.size(); ++i) {
      if (progress != progress_.end() && progress->second.seen[i]) continue;
      const Output& output = customer.outputs[i];
      check_.Add("lost", {absl::StrCat("output of input partition ", customer.partition, " offset ", output.origin),
                          Printable(customer.key), Describe(static_cast<int64_t>(i) + 1, output.cents), "nothing"});
    }
  }
  return std::move(check_);
}

}  // namespace orders::verifier
