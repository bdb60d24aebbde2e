// What a single-threaded run of the committed input does: the measure that everything found is held against.
//
// The rules of order_totals, written down once more: of events with one (ce_source, ce_id) only the first counts; a
// record without a key, with a key that is not UTF-8 or without a value is REJECTED; an event that cannot be processed
// FAILED and blocks its customer, whose later events are BLOCKED; all else adds to the customer's total. What commands
// do to an event that blocks is told by Fates. A dead letter of an event that has ended, sent back to the input, is an
// event of its own, once for each round; that of one that blocked releases it, or like any other changes nothing.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REFERENCE_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REFERENCE_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/container/flat_hash_map.h"
#include "absl/container/flat_hash_set.h"
#include "absl/status/status.h"
#include "examples/order_totals/verifier_record.h"

namespace orders::verifier {

class Fates;
struct Applied;

// What a dead-letter record of an event must say. An event may have several: each of its failures, that it was blocked,
// and how it ended.
struct Letter {
  std::string disposition;
  std::string reason;
  std::string blocked_by;  // Of BLOCKED.
  Record event;
  // How many such records there are. Not told exactly where commands met events in an order that nobody knows.
  int64_t least = 1;
  int64_t most = 1;
  uint32_t round = 0;                // Of an event that has ended: that of its next life.
  bool any_blocker = false;          // Of BLOCKED: any event that failed before it may be named.
  std::vector<Letter> instead = {};  // Of FAILED: what it may say as well, since it got another value.
};

// A processed event's output: its order_count is its place in Customer::outputs, from 1.
struct Output {
  int64_t cents = 0;                         // The total.
  int64_t origin = 0;                        // Offset of the event.
  std::optional<int64_t> timestamp_ms = {};  // Of the event, if its producer set it.
};

struct ReferenceOptions {
  // Totals whose key and value together exceed this cannot be written: their orders fail. 0: no limit. Headers are not
  // counted, so keep the test's records well away from the limit.
  int64_t max_output_bytes = 0;
  // For tests whose application fails on purpose. Names of headers that name a reason: an order with the first fails
  // for it if it is run, one with the second may fail for it or be processed (see AddVerdict). Empty: none.
  std::string failing_header = {};
  std::string may_fail_header = {};
  std::string application_id = "order-totals";
};

// Also made for keys that only have REJECTED records.
struct Customer {
  std::string key;
  int32_t partition = 0;  // Of the input.
  std::vector<Output> outputs = {};
  std::vector<Letter> letters = {};  // In the order of the input.
  std::vector<Record> waiting = {};  // At the end, the event that blocks first; with the value that it has by then.
  std::vector<uint32_t> waiting_rounds = {};
  std::map<std::string, std::string> failures = {};  // Events that failed, by ID, and why.
  int64_t to_discard = 0;                            // So many of its next events are, by a command.
  // Commands met it, or may have: of its letters only those of one disposition are in order.
  bool is_loose = false;
  bool blocked = false;
  std::string blocked_by = {};
  std::string blocked_reason = {};

  int64_t cents() const { return outputs.empty() ? 0 : outputs.back().cents; }
};

struct InputCounts {
  int64_t records = 0;
  int64_t unique = 0;
  int64_t duplicates = 0;
  int64_t processed = 0;
  int64_t failed = 0;
  int64_t blocked = 0;
  int64_t rejected = 0;
  // By commands, and by dead letters that were sent back.
  int64_t skipped = 0;
  int64_t discarded = 0;
  int64_t never_processed = 0;
  int64_t replaced = 0;
  int64_t released = 0;
  int64_t letters_sent_back = 0;
};

// Not thread-safe.
class Reference {
 public:
  // `fates` must have been told all, and outlive this; null: there were no commands.
  explicit Reference(ReferenceOptions options = {}, Fates* fates = nullptr)
      : options_(std::move(options)), fates_(fates) {}

  // A record of the dead-letter topic, before any input: of an order that may fail it tells that it did, if it says so
  // for the reason that the order allows.
  void AddVerdict(const Record& dead_letter);

  // The next record of its partition. An error means that the input cannot be verified at all: a key that is in two
  // partitions (no order between them), or offsets that go back.
  absl::Status Add(const Record& record);

  // After all input: tells `fates` of what was applied, and had no effect.
  void Finish();

  const InputCounts& counts() const { return counts_; }
  // In the order in which they appeared; places are stable.
  const std::deque<Customer>& customers() const { return customers_; }
  const Customer* Find(const std::string& key) const;
  // REJECTED ones without a key.
  const std::vector<Letter>& keyless() const { return keyless_; }

 private:
  // An event as it is run: with the value that it has by now.
  struct Event {
    Record record;
    std::string id;
    uint32_t round = 0;
    bool was_told = false;  // That it was blocked.
  };

  void Process(const Event& event, Customer& customer);
  // Why an attempt at it fails; "REJECTED" if it cannot be taken; empty if it is processed.
  std::string Attempt(const Record& record, const Customer& customer) const;
  void Succeed(const Event& event, Customer& customer);
  void Reject(const Event& event, Customer& customer);
  void Wait(const Event& event, Customer& customer);
  // An event that blocks its customer: what commands did about it.
  void Block(Event event, Customer& customer, std::string reason);
  // What was done to it before a rule ended it.
  void NeverProcess(Event event, Customer& customer);
  void Replace(const Applied& by, Event& event, const Customer& customer);
  void End(const Event& event, Customer& customer, const std::string& disposition);
  // Whether an order that may fail did so for the last time.
  int64_t BroadReleases(const Customer& customer, const std::string& reason) const;
  bool IsMended(const Event& event) const;
  bool WouldSucceed(const Event& event, const Customer& customer) const;
  void Resume(Customer& customer);
  const Applied* Next(const Event& event, const Customer& customer) const;
  bool FitsTheOutput(const Customer& customer, int64_t cents) const;
  // Why an order that fails on purpose does; empty if it does not.
  std::string ReasonGiven(const Record& record) const;
  // What a record that is a dead letter sent back says; true if it is no event.
  bool TakeLetter(const Record& record, uint32_t* round);
  bool IsDuplicate(const Record& record, uint32_t round);

  const ReferenceOptions options_;
  Fates* const fates_;
  absl::flat_hash_map<std::string, std::string> verdicts_;  // Reasons of failed orders, by origin.
  InputCounts counts_;
  std::deque<Customer> customers_;
  absl::flat_hash_map<std::string, size_t> index_;
  std::vector<Letter> keyless_;
  std::map<int32_t, absl::flat_hash_set<std::string>> seen_;  // By partition, as events of one key share one.
  std::map<int32_t, int64_t> last_offset_;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_REFERENCE_H_
