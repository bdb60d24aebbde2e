// What becomes of tasks whose epochs end without a commit, again and again: they are held back, longer each time, and
// others run on where it can be told whom it concerns (rule X2).
#ifndef ONCE_PROCESSOR_ENGINE_FAILING_EPOCHS_H_
#define ONCE_PROCESSOR_ENGINE_FAILING_EPOCHS_H_

#include <cstdint>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "processor/base/log.h"
#include "processor/engine/epoch.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/engine/recurring_failure.h"
#include "processor/engine/step.h"
#include "processor/engine/tasks.h"

namespace once {

// Why an epoch cannot commit, as far as was heard of it.
struct EpochFailure {
  // The first call that failed for good, and what that was.
  std::optional<kafka::Result> result = std::nullopt;
  std::string what = {};
  // The first record that was not written, and the tasks whose records for that topic were not.
  std::optional<uint32_t> topic_index = std::nullopt;
  std::string code = {};
  std::string error = {};
  std::set<TaskId> tasks = {};
  bool lasting = false;  // Of either: it does not pass by itself.
  // An event was found out whose output is refused: it will not be tried again as it was.
  std::optional<std::string> refusal = std::nullopt;

  bool happened() const { return result.has_value() || topic_index.has_value() || refusal.has_value(); }
};

// Not thread-safe; arguments must outlive this.
class FailingEpochs {
 public:
  FailingEpochs(const Plan* plan, const EngineOptions* options, LogSink* log, Step* step, Tasks* tasks)
      : plan_(plan), options_(options), log_(log), step_(step), tasks_(tasks) {}

  // The epoch is about to be dropped. Holds tasks back, or halts.
  void OnDrop(const EpochFailure& failure, const Epoch& epoch);
  // The epoch is committed: what held its tasks back is over.
  void OnCommit(const Epoch& epoch);

 private:
  // One for each topic that records are not written to, whose tasks are known; one for all else.
  struct Scope {
    RecurringFailure trouble = {};
    std::set<TaskId> tasks = {};
  };
  static constexpr uint32_t kWorker = UINT32_MAX;

  // What a message calls them: the one that failed, or else all.
  std::string TopicsOf(const EpochFailure& failure) const;
  std::string Describe(const EpochFailure& failure, const Epoch& epoch, bool is_of_topic) const;

  const Plan* const plan_;
  const EngineOptions* const options_;
  LogSink* const log_;
  Step* const step_;
  Tasks* const tasks_;
  std::map<uint32_t, Scope> scopes_;  // By output topic, or kWorker.
  RecurringFailure refusals_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_FAILING_EPOCHS_H_
