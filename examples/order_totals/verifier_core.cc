#include "examples/order_totals/verifier_core.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/verifier_changelog.h"
#include "examples/order_totals/verifier_dead_letters.h"
#include "examples/order_totals/verifier_fates.h"
#include "examples/order_totals/verifier_outputs.h"

namespace orders::verifier {

struct Verifier::Parts {
  explicit Parts(const VerifierOptions& given)
      : options(given),
        fates(given.application_id, given.max_shown),
        reference(WithApplication(given), &fates),
        outputs(&reference, given.max_shown),
        dead_letters(&reference, given.application_id, given.max_shown),
        changelog(&reference, given.max_shown),
        offsets(kOffsetsCheck, {"behind", "ahead"}, given.max_shown) {}

  static ReferenceOptions WithApplication(const VerifierOptions& given) {
    ReferenceOptions reference = given.reference;
    reference.application_id = given.application_id;
    return reference;
  }

  const VerifierOptions options;
  Fates fates;
  Reference reference;
  OutputsCheck outputs;
  DeadLettersCheck dead_letters;
  ChangelogCheck changelog;
  Check offsets;
};

Verifier::Verifier(const VerifierOptions& options) : parts_(std::make_unique<Parts>(options)) {}
Verifier::~Verifier() = default;

void Verifier::AddCommand(const Record& record) { parts_->fates.AddCommand(record); }
void Verifier::AddResult(const Record& record) { parts_->fates.AddResult(record); }
void Verifier::AddFate(const Record& dead_letter) { parts_->fates.AddLetter(dead_letter); }
void Verifier::AddFinal(const Record& changelog) { parts_->fates.AddChangelog(changelog); }
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
  parts_->reference.Finish();
  report.input = parts_->reference.counts();
  report.checks.push_back(parts_->outputs.Finish());
  report.checks.push_back(parts_->dead_letters.Finish());
  if (parts_->options.check_changelog) {
    report.checks.push_back(parts_->changelog.FinishState());
    if (parts_->options.check_parked) report.checks.push_back(parts_->changelog.FinishParked());
  }
  if (parts_->options.check_offsets) report.checks.push_back(std::move(parts_->offsets));
  if (!parts_->fates.empty()) report.checks.push_back(parts_->fates.Finish());
  return report;
}

}  // namespace orders::verifier
