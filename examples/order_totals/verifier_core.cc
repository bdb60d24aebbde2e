#include "examples/order_totals/verifier_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/verifier_changelog.h"
#include "examples/order_totals/verifier_dead_letters.h"
#include "examples/order_totals/verifier_outputs.h"

namespace orders::verifier {

struct Verifier::Parts {
  explicit Parts(const VerifierOptions& given)
      : options(given),
        reference(given.reference),
        outputs(&reference, given.max_shown),
        dead_letters(&reference, given.application_id, given.max_shown),
        changelog(&reference, given.max_shown),
        offsets(kOffsetsCheck, {"behind", "ahead"}, given.max_shown) {}

  const VerifierOptions options;
  Reference reference;
  OutputsCheck outputs;
  DeadLettersCheck dead_letters;
  ChangelogCheck changelog;
  Check offsets;
};

Verifier::Verifier(const VerifierOptions& options) : parts_(std::make_unique<Parts>(options)) {}
Verifier::~Verifier() = default;

void Verifier::AddVerdict(const Record& record) { parts_->reference.AddVerdict(record); }
absl::Status Verifier::AddInput(const Record& record) { return parts_->reference.Add(record); }
void Verifier::AddOutput(const Record& record) { parts_->outputs.Add(record); }
void Verifier::AddDeadLetter(const Record& record) { parts_->dead_letters.Add(record); }
void Verifier::AddChangelog(const Record& record) { parts_->changelog.Add(record); }

void Verifier::AddCommittedOffset(const std::string& topic, int32_t partition, int64_t end,
                                  std::optional<int64_t> committed) {
  Check& check = parts_->offsets;
  ++check.expected;
  if (committed == end || (end == 0 && !committed.has_value())) {
    ++check.found;
    return;
  }
  check.Add(committed.value_or(-1) < end ? "behind" : "ahead",
            {absl::StrCat(topic, "-", partition), "-", absl::StrCat("offset ", end, ", the end of the partition"),
             committed.has_value() ? absl::StrCat("offset ", *committed) : "no committed offset"});
}

Report Verifier::Finish() {
  Report report;
  report.input = parts_->reference.counts();
  report.checks.push_back(parts_->outputs.Finish());
  report.checks.push_back(parts_->dead_letters.Finish());
  if (parts_->options.check_changelog) {
    report.checks.push_back(parts_->changelog.FinishState());
    if (parts_->options.check_parked) report.checks.push_back(parts_->changelog.FinishParked());
  }
  if (parts_->options.check_offsets) report.checks.push_back(std::move(parts_->offsets));
  return report;
}

}  // namespace orders::verifier
