// Holds what a run of order_totals left in Kafka against a single-threaded reference. Pure: records in, report out.
//
//   Verifier verifier({.application_id = "order-totals"});
//   for (const Record& record : control) verifier.AddCommand(record);                // if there were commands: first
//   ... AddResult, AddFate, AddFinal                                                 // then these
//   for (const Record& record : input) RETURN_IF_ERROR(verifier.AddInput(record));   // first, per partition in order
//   for (const Record& record : output) verifier.AddOutput(record);                  // then these, in any order
//   ...                                                                              // between partitions
//   Report report = verifier.Finish();
//
// It knows nothing of how the processor works; it assumes that the run began with empty topics, and that every
// duplicate came within the idempotency window. What operators' commands did is told by the control and audit topics,
// and held against all else.
#ifndef ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_CORE_H_
#define ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_CORE_H_

#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "examples/order_totals/verifier_record.h"
#include "examples/order_totals/verifier_reference.h"
#include "examples/order_totals/verifier_report.h"

namespace orders::verifier {

struct VerifierOptions {
  std::string application_id = "order-totals";
  bool check_changelog = true;
  bool check_parked = true;   // Parked events in the changelog; only with check_changelog.
  bool check_offsets = true;  // Committed offsets at the input's end.
  ReferenceOptions reference = {};
  int max_shown = 5;  // Differences shown in full, per kind; at least 0.
};

// The names of the checks in the report, each with its kinds of difference.
//   outputs: per customer exactly the reference's sequence, in one partition, with the times of their orders
//   dead letters: the same, and what they say and carry
//   state: the fold of the changelog; parked events: likewise
//   committed offsets: of each partition
//   commands: each has one result, and an effect only by that; only if there were any
inline constexpr char kOutputsCheck[] = "outputs";
inline constexpr char kDeadLettersCheck[] = "dead letters";
inline constexpr char kStateCheck[] = "state";
inline constexpr char kParkedCheck[] = "parked events";
inline constexpr char kOffsetsCheck[] = "committed offsets";
inline constexpr char kCommandsCheck[] = "commands";

// Not thread-safe.
class Verifier {
 public:
  explicit Verifier(const VerifierOptions& options);
  ~Verifier();

  // What commands did, before all input: all of the control topic, then all of the audit topic, then records of the
  // dead-letter topic and of the changelog.
  void AddCommand(const Record& record);
  void AddResult(const Record& record);
  void AddFate(const Record& dead_letter);
  void AddFinal(const Record& changelog);
  // See Reference; before all input.
  void AddVerdict(const Record& record);
  // All input comes before everything below. An error: the input cannot be verified (see Reference::Add).
  absl::Status AddInput(const Record& record);
  // Each partition in the order of its offsets.
  void AddOutput(const Record& record);
  void AddDeadLetter(const Record& record);
  void AddChangelog(const Record& record);
  void AddCommittedOffset(const std::string& topic, int32_t partition, int64_t end, std::optional<int64_t> committed);

  // Call once, at the end.
  Report Finish();

 private:
  struct Parts;
  const std::unique_ptr<Parts> parts_;
};

}  // namespace orders::verifier

#endif  // ONCE_EXAMPLES_ORDER_TOTALS_VERIFIER_CORE_H_
