// Runs commands of an operator inside the application itself, with its own connection to the brokers.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_INSIDE_H_
#define ONCE_PROCESSOR_BACK_OFFICE_INSIDE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/clock.h"
#include "processor/cli/command.h"
#include "processor/cli/context.h"
#include "processor/config/config.h"
#include "processor/config/options.h"
#include "processor/kafka/kafka.h"
#include "processor/operator/kept_changelogs.h"
#include "processor/topology/graph.h"

namespace once {

struct RunOutcome {
  absl::Status status = {};
  std::string json = {};  // What it has to show: one object on one line.
};

// Thread-safe, as what it stands on is.
class Inside {
 public:
  // `options` are complete, with an application_id. Pointers must outlive this.
  // `changelogs` is what is remembered of them; null: nothing.
  Inside(const Options& options, std::shared_ptr<const Graph> graph, kafka::Client* client, kafka::Admin* admin,
         Clock* clock, KeptChangelogs* changelogs = nullptr);

  // `words` as on a command line; `value` is what the standard input would have. `is_cancelled` is asked while it
  // reads. What it sends has `id`, unless the words say another.
  RunOutcome Run(const std::vector<std::string>& words, const std::optional<std::string>& value,
                 const std::function<bool()>& is_cancelled, const std::string& id = "") const;
  // Of one that only shows: what is visible as committed when it is asked, by what is remembered.
  RunOutcome Look(const std::vector<std::string>& words, const std::function<bool()>& is_cancelled) const;

 private:
  cli::Environment EnvironmentOf(const std::function<bool()>& is_cancelled) const;
  RunOutcome RunIn(const cli::Environment& environment, const std::vector<std::string>& words) const;

  const Options options_;
  const std::shared_ptr<const Graph> graph_;
  kafka::Client* const client_;
  kafka::Admin* const admin_;
  Clock* const clock_;
  const cli::Registry registry_;
  KeptChangelogs* const changelogs_;
  const Config config_;  // Says nothing: the application has read all there is.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_INSIDE_H_
