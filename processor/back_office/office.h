// What a pod is asked by HTTP and has to ask brokers for: dead letters, the audit, commands of operators.
//
// A few threads of its own do it, with consumers and producers of their own, so no worker is asked for anything; what
// there is too much of is refused, and what takes too long is given up.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_OFFICE_H_
#define ONCE_PROCESSOR_BACK_OFFICE_OFFICE_H_

#include <atomic>
#include <memory>
#include <string>
#include <vector>

#include "processor/back_office/helpers.h"
#include "processor/back_office/inside.h"
#include "processor/back_office/jobs.h"
#include "processor/back_office/pods.h"
#include "processor/cli/command.h"
#include "processor/http/back_office.h"
#include "processor/topology/graph.h"

namespace once {

struct OfficeOptions {
  Pods* pods = nullptr;                             // Outlives the office; null: this pod knows of no other.
  absl::Duration pods_timeout = absl::Seconds(2);   // How long other pods are waited for.
  absl::Duration read_timeout = absl::Seconds(10);  // Of an answer, from when somebody begins with it.
  absl::Duration job_timeout = absl::Seconds(60);   // How long a command's results are waited for.
};

// Thread-safe.
class Office final : public http::BackOffice {
 public:
  // `inside` must outlive this; `graph` is that of `inside`.
  Office(const Inside* inside, std::shared_ptr<const Graph> graph, Clock* clock, OfficeOptions options = {});
  // What is under way is given up, within a call to the brokers; what waits is refused.
  ~Office() override;

  void Ask(http::Question question, http::Reply reply) override;

 private:
  // Runs a command that only looks, on a helper, and replies what it shows.
  void Look(std::vector<std::string> words, const http::Reply& reply);
  // The same of one that would do something.
  void RunDry(std::vector<std::string> words, std::optional<std::string> value, const http::Reply& reply);
  void AskLetters(const http::Question& question, const http::Reply& reply);
  void AskAudit(const http::Question& question, const http::Reply& reply);
  void AskCommand(const http::Question& question, const http::Reply& reply);
  void AskJob(const http::Question& question, const http::Reply& reply);
  void AskPods(const http::Question& question, const http::Reply& reply);
  void AskAggregate(const http::Question& question, const http::Reply& reply);
  void AskAuditOfJob(const std::string& id, const http::Reply& reply);
  std::function<bool()> CancelledAfter(absl::Duration timeout) const;

  const Inside* const inside_;
  const std::shared_ptr<const Graph> graph_;
  Clock* const clock_;
  const OfficeOptions options_;
  const cli::Registry registry_;
  std::atomic<bool> is_ending_{false};
  Jobs jobs_;
  // Use all others.
  Helpers readers_;
  Helpers clerks_;
  Helpers callers_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_OFFICE_H_
