// Three questions to the brokers, and the first record behind each offset.
#include "processor/operator/lag.h"

#include <algorithm>
#include <map>

#include "processor/operator/layout.h"
#include "processor/operator/log_scan.h"

namespace once {

namespace {

// Stamps are worth a short wait, and no more.
constexpr absl::Duration kStampPatience = absl::Seconds(3);

void ReadStamps(kafka::Client* client, absl::Duration timeout, std::vector<InputLag>* inputs) {
  std::vector<LogRange> ranges;
  std::map<TopicPartition, InputLag*> by_partition;
  for (InputLag& input : *inputs) {
    const Offset next = std::max(input.committed.value_or(input.begin), input.begin);
    if (next >= input.stable || !input.problem.empty()) continue;
    ranges.push_back({input.where, next, input.stable});
    by_partition[input.where] = &input;
  }
  // Without them the lag in events is right all the same.
  ScanLogs(client, ranges, std::min(timeout, kStampPatience), [&](const auto& where, const auto& record) {
    if (record.timestamp_ms >= 0) by_partition.at(where)->waits_since = absl::FromUnixMillis(record.timestamp_ms);
    return false;
  }).IgnoreError();
}

}  // namespace

int64_t InputLag::events() const {
  if (!problem.empty()) return 0;
  return std::max<int64_t>(end - std::max(committed.value_or(begin), begin), 0);
}

absl::StatusOr<std::vector<InputLag>> ReadLag(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                              absl::Duration timeout) {
  std::vector<InputLag> inputs;
  std::vector<TopicPartition> partitions;
  for (const TaskId& task : TasksOf(plan)) {
    for (const TopicPartition& where : plan.InputsOf(task)) {
      inputs.push_back({.task = task, .where = where});
      partitions.push_back(where);
    }
  }
  const kafka::CommittedOffsets committed = admin->ReadCommittedOffsets(plan.application_id, partitions, timeout);
  const auto begins = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, timeout));
  if (!begins.ok()) return begins.status();
  const auto stables = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kLastStable, partitions, timeout));
  if (!stables.ok()) return stables.status();
  const auto ends = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions, timeout));
  if (!ends.ok()) return ends.status();
  for (InputLag& input : inputs) {
    input.begin = begins->at(input.where);
    input.stable = stables->at(input.where);
    input.end = ends->at(input.where);
    const absl::StatusOr<std::optional<Offset>>& answer = committed.at(input.where);
    if (answer.ok()) {
      input.committed = *answer;
    } else {
      input.problem = std::string(answer.status().message());
    }
  }
  ReadStamps(client, timeout, &inputs);
  return inputs;
}

}  // namespace once
