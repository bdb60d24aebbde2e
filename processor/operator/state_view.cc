// Changelogs read through, and only what was asked for kept.
#include "processor/operator/state_view.h"

#include <algorithm>
#include <iterator>
#include <map>
#include <string_view>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/partitioner.h"
#include "processor/operator/layout.h"
#include "processor/operator/log_scan.h"
#include "state/changelog.h"

namespace once {

namespace {

// The record key, if the changelog's key is of a store with that prefix.
std::optional<std::string_view> KeyIn(std::string_view prefix, const RecordView& record) {
  if (!record.key.has_value() || record.key->substr(0, prefix.size()) != prefix) return std::nullopt;
  return record.key->substr(prefix.size());
}

StateEntry ToEntry(std::string_view key, const TopicPartition& changelog, const RecordView& record) {
  return {.key = std::string(key),
          .value = std::string(*record.value),
          .changelog = changelog,
          .offset = record.offset,
          .timestamp_ms = record.timestamp_ms};
}

absl::StatusOr<std::vector<LogRange>> WholeLogs(kafka::Admin* admin, const std::vector<TopicPartition>& partitions,
                                                absl::Duration timeout) {
  // F3: the high watermark, since a commit is acknowledged before its markers are written.
  const auto ends = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kHighWatermark, partitions, timeout));
  if (!ends.ok()) return ends.status();
  const auto begins = AllOf(admin->ReadLogOffsets(kafka::LogPoint::kBeginning, partitions, timeout));
  if (!begins.ok()) return begins.status();
  std::vector<LogRange> ranges;
  for (const TopicPartition& each : partitions) ranges.push_back({each, begins->at(each), ends->at(each)});
  return ranges;
}

std::vector<TopicPartition> ChangelogsOf(const Plan& plan, uint16_t group) {
  std::vector<TopicPartition> partitions;
  for (const TaskId& task : TasksOf(plan)) {
    if (task.group == group) partitions.push_back(plan.changelog(task));
  }
  return partitions;
}

// The state of one key in these partitions; of several that have it, the one that was written last in the last of them.
absl::StatusOr<std::optional<StateEntry>> FindIn(kafka::Client* client, kafka::Admin* admin,
                                                 const std::vector<TopicPartition>& partitions,
                                                 const std::string& prefix, const std::string& key,
                                                 absl::Duration timeout) {
  const absl::StatusOr<std::vector<LogRange>> ranges = WholeLogs(admin, partitions, timeout);
  if (!ranges.ok()) return ranges.status();
  std::map<TopicPartition, StateEntry> found;
  const absl::Status scanned = ScanLogs(client, *ranges, timeout, [&](const auto& where, const auto& record) {
    if (KeyIn(prefix, record) != std::string_view(key)) return true;
    if (record.value.has_value()) {
      found[where] = ToEntry(key, where, record);
    } else {
      found.erase(where);
    }
    return true;
  });
  if (!scanned.ok()) return scanned;
  if (found.empty()) return std::optional<StateEntry>();
  return std::make_optional(std::move(found.rbegin()->second));
}

// The smallest keys of a store behind `after`: a bounded number, whatever the store holds.
class Smallest {
 public:
  Smallest(std::string prefix, std::optional<std::string> after, size_t limit)
      : prefix_(std::move(prefix)), after_(std::move(after)), most_(2 * limit + kSpare) {}

  bool Take(const TopicPartition& where, const RecordView& record) {
    const std::optional<std::string_view> key = KeyIn(prefix_, record);
    if (!key.has_value() || (after_.has_value() && *key <= *after_) || (bound_.has_value() && *key >= *bound_)) {
      return true;
    }
    // A deletion keeps its place: what was written of the key before it may still come, from another partition.
    std::optional<StateEntry>& entry = kept_[{std::string(*key), where}];
    entry = record.value.has_value() ? std::make_optional(ToEntry(*key, where, record)) : std::nullopt;
    // Of a key that fills all of it by itself, nothing can be left out.
    while (kept_.size() > most_ && kept_.begin()->first.first != kept_.rbegin()->first.first) {
      bound_ = kept_.rbegin()->first.first;
      while (!kept_.empty() && kept_.rbegin()->first.first >= *bound_) kept_.erase(std::prev(kept_.end()));
    }
    return true;
  }

  // All entries behind `after` that are below this; nothing: all there are.
  const std::optional<std::string>& bound() const { return bound_; }
  // In order.
  void AppendTo(std::vector<StateEntry>* entries) {
    for (auto& [key, entry] : kept_) {
      if (entry.has_value()) entries->push_back(*std::move(entry));
    }
  }
  // The last key that was looked at.
  std::optional<std::string> last() const {
    return kept_.empty() ? after_ : std::make_optional(kept_.rbegin()->first.first);
  }

 private:
  static constexpr size_t kSpare = 1'000;

  const std::string prefix_;
  const std::optional<std::string> after_;
  const size_t most_;
  std::map<std::pair<std::string, TopicPartition>, std::optional<StateEntry>> kept_;
  std::optional<std::string> bound_;
};

}  // namespace

absl::StatusOr<uint16_t> GroupOfAggregate(const Plan& plan, const std::string& aggregate) {
  std::string names;
  for (uint16_t group = 0; group < plan.aggregates.size(); ++group) {
    for (const NodeIndex node : plan.aggregates[group]) {
      const std::string& name = plan.graph->nodes[node].name;
      if (name == aggregate) return group;
      absl::StrAppend(&names, names.empty() ? "" : ", ", name);
    }
  }
  return absl::NotFoundError(absl::StrCat("the topology has no aggregate \"", aggregate, "\"; it has ",
                                          names.empty() ? std::string("none") : names));
}

absl::StatusOr<std::optional<StateEntry>> GetState(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                                   const std::string& aggregate, const std::string& key,
                                                   absl::Duration timeout) {
  const absl::StatusOr<uint16_t> group = GroupOfAggregate(plan, aggregate);
  if (!group.ok()) return group.status();
  const std::string prefix = StateKeyPrefix(aggregate);
  std::vector<TopicPartition> partitions = ChangelogsOf(plan, *group);
  const SourceSpec& lead = plan.graph->sources[plan.group(*group).sources.front()];
  const std::optional<Partition> expected =
      ExpectedPartition(lead.partitioner, std::string_view(key), static_cast<int32_t>(partitions.size()));
  if (expected.has_value()) {
    const TopicPartition likely = plan.changelog({*group, *expected});
    auto found = FindIn(client, admin, {likely}, prefix, key, timeout);
    if (!found.ok() || found->has_value()) return found;
    std::erase(partitions, likely);
  }
  return FindIn(client, admin, partitions, prefix, key, timeout);
}

absl::StatusOr<std::optional<KeptKey>> FindKept(KeptChangelogs* changelogs, const Plan& plan, uint16_t group,
                                                int32_t partition_count, const std::string& aggregate,
                                                const std::string& key, const KeptChangelogs::Limits& limits) {
  // The states of all aggregates say where the key is.
  std::vector<std::string> keys = {AggregateStatusKey(key)};
  size_t asked = 0;
  for (const NodeIndex node : plan.aggregates[group]) {
    const std::string& name = plan.graph->nodes[node].name;
    if (name == aggregate) asked = keys.size();
    keys.push_back(StateKeyPrefix(name) + key);
  }
  const std::string& changelog = plan.changelog_topics[group];
  const SourceSpec& lead = plan.graph->sources[plan.group(group).sources.front()];
  const std::optional<Partition> expected = ExpectedPartition(lead.partitioner, std::string_view(key), partition_count);
  std::vector<std::vector<Partition>> tries;
  if (expected.has_value()) tries.push_back({*expected});
  tries.emplace_back();
  for (int32_t p = 0; p < partition_count; ++p) tries.back().push_back(Partition(p));
  for (const std::vector<Partition>& partitions : tries) {
    absl::StatusOr<KeptChangelogs::Found> found = changelogs->Find(changelog, partitions, keys, limits);
    if (!found.ok()) return found.status();
    for (auto each = found->rbegin(); each != found->rend(); ++each) {
      std::vector<std::optional<KeptRecord>>& records = each->second;
      if (std::none_of(records.begin(), records.end(), [](const auto& record) { return record.has_value(); })) continue;
      KeptKey kept{.partition = each->first, .status = std::move(records[0])};
      if (asked != 0) kept.state = std::move(records[asked]);
      return std::make_optional(std::move(kept));
    }
  }
  return std::optional<KeptKey>();
}

absl::StatusOr<StatePage> ListState(const Plan& plan, kafka::Client* client, kafka::Admin* admin,
                                    const std::string& aggregate, const std::optional<std::string>& after, size_t limit,
                                    absl::Duration timeout) {
  const absl::StatusOr<uint16_t> group = GroupOfAggregate(plan, aggregate);
  if (!group.ok()) return group.status();
  const absl::StatusOr<std::vector<LogRange>> ranges = WholeLogs(admin, ChangelogsOf(plan, *group), timeout);
  if (!ranges.ok()) return ranges.status();
  StatePage page;
  std::optional<std::string> from = after;
  // Again only where so many keys lie deleted in a row that a whole round has brought too few.
  for (bool is_all = false; !is_all && page.entries.size() <= limit;) {
    Smallest smallest(StateKeyPrefix(aggregate), from, limit);
    const absl::Status scanned = ScanLogs(
        client, *ranges, timeout, [&](const auto& where, const auto& record) { return smallest.Take(where, record); });
    if (!scanned.ok()) return scanned;
    from = smallest.last();
    is_all = !smallest.bound().has_value();
    smallest.AppendTo(&page.entries);
  }
  page.has_more = page.entries.size() > limit;
  if (page.has_more) page.entries.resize(limit);
  return page;
}

}  // namespace once
