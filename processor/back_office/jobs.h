// Commands that were asked for by HTTP, and what has become of them.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_JOBS_H_
#define ONCE_PROCESSOR_BACK_OFFICE_JOBS_H_

#include <cstddef>
#include <deque>
#include <optional>
#include <string>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/back_office/inside.h"
#include "processor/back_office/order.h"
#include "processor/base/mutex.h"

namespace once {

// kPending: it is being prepared, or sent and not answered yet. kDone: all tasks have carried it out. kRefused: nothing
// was sent, or a task has refused it. kUnclear: no task has answered in time, or it is not known whether it was sent;
// the audit tells later.
enum class JobState { kPending, kDone, kRefused, kUnclear };

struct Job {
  CommandOrder order = {};  // Without its value, which may be of megabytes.
  size_t value_hash = 0;
  std::string id = {};  // The command's.
  std::string issuer = {};
  absl::Time asked_at = absl::InfinitePast();
  JobState state = JobState::kPending;
  absl::Status status = {};  // Why it is so, unless it is done.
  std::string shown = {};    // JSON of what came of it; empty: nothing yet.
};

// Thread-safe. Remembers `max_jobs`; those that are over and oldest go first, pending ones never.
class Jobs {
 public:
  explicit Jobs(size_t max_jobs) : max_jobs_(max_jobs) {}

  // False, with the one that there is, if there is a job of that ID already.
  bool Add(const Job& job, Job* before);
  std::optional<Job> Find(const std::string& id) const;
  void Finish(const std::string& id, const RunOutcome& outcome);
  // As if it had never been asked for.
  void Remove(const std::string& id);

 private:
  const size_t max_jobs_;
  mutable Mutex mutex_;
  std::deque<Job> jobs_ ABSL_GUARDED_BY(mutex_);
};

// As GET /v1/jobs/{id} answers.
std::string JobJson(const Job& job);
// The same of a job that this pod does not know, by what `audit list --json` has of its command.
std::string AuditedJobJson(const std::string& id, const std::string& audit);

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_JOBS_H_
