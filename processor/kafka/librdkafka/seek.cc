// Seeks to offsets and ends, partition by partition (X5h), in spite of what librdkafka does while it is assigning.
#include "processor/kafka/librdkafka/seek.h"

#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/errors.h"
#include "processor/kafka/librdkafka/handles.h"

namespace once::kafka {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(10);  // Until librdkafka answers at all.
constexpr absl::Duration kLookUpPatience = absl::Seconds(5);
constexpr absl::Duration kLookUpPause = absl::Milliseconds(20);
constexpr absl::Duration kPause = absl::Milliseconds(1);
constexpr int kVersion_2_1 = 0x02010000;

// Before 2.1 seek_partitions takes its milliseconds for microseconds.
int SeekTimeout(absl::Duration timeout) {
  const int millis = ToMillis(timeout);
  return rd_kafka_version() < kVersion_2_1 ? millis * 1000 : millis;
}

// Errors that pass once librdkafka's main thread has carried out the assignment that came before.
bool IsNotYetStarted(rd_kafka_resp_err_t code) {
  return code == RD_KAFKA_RESP_ERR__STATE || code == RD_KAFKA_RESP_ERR__UNKNOWN_PARTITION ||
         code == RD_KAFKA_RESP_ERR__PREV_IN_PROGRESS || code == RD_KAFKA_RESP_ERR__IN_PROGRESS;
}

absl::Status LookUpEnds(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* partitions, absl::Duration timeout) {
  PartitionListPtr ends(rd_kafka_topic_partition_list_new(partitions->cnt));
  for (int i = 0; i < partitions->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = partitions->elems[i];
    if (each.offset != RD_KAFKA_OFFSET_END) continue;
    // In this call the offset is the time that is looked up; -1 is the end.
    rd_kafka_topic_partition_list_add(ends.get(), each.topic, each.partition)->offset = RD_KAFKA_OFFSET_END;
  }
  if (ends->cnt == 0) return absl::OkStatus();
  const rd_kafka_resp_err_t code = rd_kafka_offsets_for_times(rk, ends.get(), ToMillis(timeout));
  absl::Status status = ToStatus(code, "looking up the ends of partitions");
  for (int i = 0; i < ends->cnt; ++i) {
    const rd_kafka_topic_partition_t& end = ends->elems[i];
    if (code != RD_KAFKA_RESP_ERR_NO_ERROR || end.err != RD_KAFKA_RESP_ERR_NO_ERROR || end.offset < 0) {
      if (status.ok()) status = ToStatus(end.err, absl::StrCat("looking up the end of ", end.topic));
      continue;
    }
    rd_kafka_topic_partition_list_set_offset(partitions, end.topic, end.partition, end.offset);
  }
  return status;
}

PartitionListPtr ToList(std::span<const TopicPartitionOffset> offsets) {
  PartitionListPtr list(rd_kafka_topic_partition_list_new(static_cast<int>(offsets.size())));
  for (const TopicPartitionOffset& each : offsets) {
    rd_kafka_topic_partition_list_add(list.get(), each.where.topic.c_str(), each.where.partition.value())->offset =
        each.offset.value();
  }
  return list;
}

TopicPartitionOffset TargetOf(const rd_kafka_topic_partition_t& each) {
  return {{each.topic, Partition(each.partition)}, Offset(each.offset)};
}

std::vector<SeekFailure> AllFail(const rd_kafka_topic_partition_list_t& list, const absl::Status& why) {
  std::vector<SeekFailure> failures;
  for (int i = 0; i < list.cnt; ++i) failures.push_back({TargetOf(list.elems[i]), why});
  return failures;
}

// Of numbers alone.
std::vector<SeekFailure> SeekResolved(rd_kafka_t* rk, const rd_kafka_topic_partition_list_t& list,
                                      absl::Duration patience) {
  const absl::Time deadline = SteadyNow() + patience;
  PartitionListPtr todo(rd_kafka_topic_partition_list_copy(&list));
  std::vector<SeekFailure> failures;
  while (todo->cnt > 0) {
    const ErrorPtr error(rd_kafka_seek_partitions(rk, todo.get(), SeekTimeout(kPatience)));
    const absl::Status called = ToStatus(error.get(), "seeking");
    // What has not started yet is asked for again; the others have their answers.
    PartitionListPtr again(rd_kafka_topic_partition_list_new(todo->cnt));
    for (int i = 0; i < todo->cnt; ++i) {
      const rd_kafka_topic_partition_t& each = todo->elems[i];
      // The call as a whole: nothing is known of any of them.
      if (!called.ok()) {
        failures.push_back({TargetOf(each), called});
      } else if (IsNotYetStarted(each.err) && SteadyNow() < deadline) {
        rd_kafka_topic_partition_list_add(again.get(), each.topic, each.partition)->offset = each.offset;
      } else if (each.err != RD_KAFKA_RESP_ERR_NO_ERROR) {
        const TopicPartitionOffset target = TargetOf(each);
        failures.push_back(
            {target, ToStatus(each.err, absl::StrCat("seeking ", ToString(target.where, target.offset)))});
      }
    }
    todo = std::move(again);
    if (todo->cnt > 0) absl::SleepFor(kPause);
  }
  return failures;
}

}  // namespace

absl::Status ResolveEnds(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* partitions, absl::Duration patience) {
  const absl::Time deadline = SteadyNow() + patience;
  while (true) {
    // Leaders move, and those of a new topic may not know yet that they lead.
    absl::Status status = LookUpEnds(rk, partitions, deadline - SteadyNow());
    if (!absl::IsUnavailable(status) || SteadyNow() + kLookUpPause >= deadline) return status;
    absl::SleepFor(kLookUpPause);
  }
}

void ResolveEndsRoughly(rd_kafka_t* rk, rd_kafka_topic_partition_list_t* partitions, absl::Duration patience) {
  // Else the end as it was last heard of: a place to wait at need not be exact.
  if (LookUpEnds(rk, partitions, patience).ok()) return;
  for (int i = 0; i < partitions->cnt; ++i) {
    rd_kafka_topic_partition_t& each = partitions->elems[i];
    if (each.offset != RD_KAFKA_OFFSET_END) continue;
    int64_t low = RD_KAFKA_OFFSET_INVALID;
    int64_t high = RD_KAFKA_OFFSET_INVALID;
    rd_kafka_get_watermark_offsets(rk, each.topic, each.partition, &low, &high);
    if (high > 0) each.offset = high;
  }
}

absl::Status SeekPartitions(rd_kafka_t* rk, std::span<const TopicPartitionOffset> offsets, absl::Duration patience,
                            std::vector<TopicPartition>* failed) {
  if (offsets.empty()) return absl::OkStatus();
  const PartitionListPtr list = ToList(offsets);
  // Logical offsets first: a seek to one is undone by its own look-up (docs/librdkafka.md).
  const absl::Status resolved = ResolveEnds(rk, list.get(), kLookUpPatience);
  const std::vector<SeekFailure> failures =
      resolved.ok() ? SeekResolved(rk, *list, patience) : AllFail(*list, resolved);
  if (failures.empty()) return absl::OkStatus();
  for (const SeekFailure& each : failures) {
    // Who asks is told of all; the first says why.
    if (failed != nullptr) failed->push_back(each.target.where);
  }
  return failures.front().status;
}

std::vector<SeekFailure> SeekEachPartition(rd_kafka_t* rk, std::span<const TopicPartitionOffset> offsets,
                                           absl::Duration patience) {
  const PartitionListPtr list = ToList(offsets);
  // Roughly, since the worker's other partitions wait meanwhile.
  ResolveEndsRoughly(rk, list.get(), patience);
  const PartitionListPtr known(rd_kafka_topic_partition_list_new(list->cnt));
  std::vector<SeekFailure> failures;
  for (int i = 0; i < list->cnt; ++i) {
    const rd_kafka_topic_partition_t& each = list->elems[i];
    if (each.offset != RD_KAFKA_OFFSET_END) {
      rd_kafka_topic_partition_list_add(known.get(), each.topic, each.partition)->offset = each.offset;
      continue;
    }
    // X5h: it alone fails; those whose place is known are sought all the same.
    failures.push_back({offsets[static_cast<size_t>(i)],
                        absl::UnavailableError(absl::StrCat("seeking ", ToString(offsets[static_cast<size_t>(i)].where),
                                                            ": its end cannot be looked up now; has it a leader?"))});
  }
  if (known->cnt == 0) return failures;
  for (SeekFailure& each : SeekResolved(rk, *known, patience)) failures.push_back(std::move(each));
  return failures;
}

}  // namespace once::kafka
