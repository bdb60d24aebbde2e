// How large a frontier may become: it has no smaller form, so its changelog must take it (E7).
#include <limits>
#include <string>

#include "processor/base/record.h"
#include "processor/engine/crash_memory.h"
#include "processor/engine/frontier.h"
#include "state/changelog.h"

namespace once {

size_t LargestFrontierRecord(const Plan& plan, uint16_t group) {
  constexpr uint64_t kMost = std::numeric_limits<uint64_t>::max();
  const std::string topic_id(16, '\xff');
  const auto fill = [](v1::CrashWatch* watch) {
    watch->set_starts(std::numeric_limits<uint32_t>::max());
    watch->set_events_left(kMost);
  };
  v1::Frontier frontier;
  frontier.set_incarnation(kMost);
  frontier.set_epoch(kMost);
  // Negative numbers are the longest varints.
  frontier.set_window_clock_ms(-1);
  frontier.set_idempotency_generation(kMost);
  frontier.set_application(plan.application_id);
  frontier.set_format(std::numeric_limits<uint32_t>::max());
  frontier.set_changelog_id(topic_id);
  fill(frontier.mutable_parked_watch());
  frontier.mutable_control()->set_topic(ControlTopic(plan.application_id, plan.group(group)));
  frontier.mutable_control()->set_next_offset(-1);
  frontier.mutable_control()->set_topic_id(topic_id);
  std::string longest;
  for (const SourceIndex source : plan.group(group).sources) {
    const std::string& topic = plan.input_topics[source];
    if (topic.size() > longest.size()) longest = topic;
    v1::InputOffset* input = frontier.add_inputs();
    input->set_topic(topic);
    input->set_next_offset(-1);
    input->set_topic_id(topic_id);
    fill(input->mutable_watch());
  }
  for (uint16_t each = 0; each < plan.aggregates.size(); ++each) {
    for (const NodeIndex node : plan.aggregates[each]) {
      v1::Store* store = each == group ? frontier.add_stores() : frontier.add_elsewhere();
      store->set_aggregate(plan.graph->nodes[node].name);
      store->set_type(plan.graph->nodes[node].state_type);
      if (each != group) store->set_task_group(plan.group(each).name);
    }
  }
  for (size_t i = 0; i < CrashMemory::kMaxMarks; ++i) {
    v1::RunMark* mark = frontier.add_run_marks();
    mark->set_topic(longest);
    mark->set_offset(-1);
    mark->set_runs(std::numeric_limits<uint32_t>::max());
    mark->set_is_parked(true);
  }
  const std::string key = FrontierKey();
  const std::string value = frontier.SerializeAsString();
  return EstimatedSize({.key = key, .value = value});
}

}  // namespace once
