// A small run for the verifier's tests, correct until a test breaks it.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_TEST_RUN_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_TEST_RUN_H_

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_record.h"
#include "examples/order_totals/verifier_report.h"
#include "once/v1/control.pb.h"

namespace orders::verifier {

// Serialized.
std::string Order(int64_t cents);
std::string Total(const std::string& customer, int64_t count, int64_t cents);

// Keys of the changelog.
std::string StateKey(const std::string& key, const std::string& store = "customer");
std::string ParkedKey(const std::string& key, uint8_t sequence);

// What was put in, and what it left.
struct TestRun {
  std::vector<Record> input, outputs, letters, changelog, control, audit;
  std::map<int32_t, std::pair<int64_t, std::optional<int64_t>>> offsets;  // Partition: end, committed.

  // Each appends a record. References hold until the next of the kind.
  // `id` empty: no ce_id. Outputs have no timestamp, as if the broker set it, unless a test gives them one.
  Record& In(int32_t partition, const std::optional<std::string>& key, const std::string& id,
             const std::optional<std::string>& value);
  Record& Out(int32_t partition, const std::string& key, int64_t count, int64_t cents);
  Record& Letter(int32_t partition, const Record& event, const std::string& disposition, const std::string& reason,
                 const std::string& blocked_by = "");
  void Changelog(int32_t partition, const std::string& key, const std::optional<std::string>& value);
  void Parked(int32_t partition, uint8_t sequence, const Record& event);
  // A command, and its result: applied to the queue that this event heads.
  void Applied(int32_t partition, const std::string& id, const once::v1::Command& command, const std::string& event_id,
               int64_t events = 1);
  // Changes what the last result says.
  void Result(const std::function<void(once::v1::CommandResult&)>& change);
  // Copies the letter to the input.
  Record& SendBack(const Record& letter);

  Report Verify(const VerifierOptions& options = {}) const;

 private:
  Record Make(const std::string& topic, int32_t partition, const std::optional<std::string>& key,
              const std::optional<std::string>& value);
  int64_t next_offset_ = 100;
};

// Two partitions, every kind of event, and exactly what should become of them.
TestRun CorrectRun();

// The queue of bob, and a command to skip its head.
once::v1::Target Bob();
once::v1::Command SkipBob();
// Orders of bob, of which e2 blocks the rest; and what was told of them.
TestRun BobBlocked();
// e2 was skipped, e3 processed, and e4 blocks.
TestRun BobSkipped();

// Expects no difference.
void ExpectRight(const TestRun& run, const VerifierOptions& options = {});
int64_t CountOf(const Report& report, const char* check, const char* kind);
// Expects differences of just these kinds of one check, and none elsewhere.
void ExpectOnly(const Report& report, const char* check, const std::map<std::string, int64_t>& kinds);

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_TEST_RUN_H_
