// X5g: what brokers know of a task's offsets, read on threads that nobody waits for.
#include "processor/runtime/offset_reader.h"

#include <set>
#include <utility>

namespace once {

namespace {

// One request's tasks on their way.
class Lookup {
 public:
  Lookup(const Plan& plan, kafka::Admin* admin, const action::FetchTaskOffsets& request,
         const std::function<void(event::TaskOffsetsFetched)>& answer)
      : plan_(plan), admin_(admin), request_(request), answer_(answer) {}

  void Run() {
    ReadCommitted();
    ReadEnds();
  }

 private:
  struct Asked {
    event::TaskOffsets offsets;
    std::vector<TopicPartition> inputs;
    std::vector<TopicPartition> from_beginning;  // Inputs that nothing is committed for, by where their sources start.
    std::vector<TopicPartition> from_end;
  };

  void Answer(const TaskId& task, absl::StatusOr<event::TaskOffsets> offsets) {
    answer_({.task = task, .offsets = std::move(offsets), .request = request_.request});
  }

  // Commands that were sent while nobody ran are not lost.
  StartFrom StartOf(const TaskId& task, size_t partition) const {
    const std::vector<SourceIndex>& sources = plan_.group(task.group).sources;
    return partition < sources.size() ? plan_.graph->sources[sources[partition]].start_from : StartFrom::kEarliest;
  }

  // Tasks whose offsets are not known, since a transaction is pending, have their answer at once.
  void ReadCommitted() {
    std::vector<TopicPartition> inputs;
    for (const TaskId& task : request_.tasks) {
      for (TopicPartition& each : plan_.PartitionsOf(task)) inputs.push_back(std::move(each));
    }
    // X5g: one request for all tasks.
    const kafka::CommittedOffsets committed =
        admin_->ReadCommittedOffsets(plan_.application_id, inputs, request_.patience);
    for (const TaskId& task : request_.tasks) {
      Asked asked;
      absl::Status failed;
      const std::vector<TopicPartition> own = plan_.PartitionsOf(task);
      asked.inputs = own;
      for (size_t i = 0; i < own.size(); ++i) {
        const absl::StatusOr<std::optional<Offset>>& found = committed.at(own[i]);
        // F4: a look-up that failed is not "no offset".
        failed.Update(found.status());
        if (!found.ok()) continue;
        if (found->has_value()) {
          asked.offsets.committed[own[i]] = **found;
        } else {
          (StartOf(task, i) == StartFrom::kEarliest ? asked.from_beginning : asked.from_end).push_back(own[i]);
        }
      }
      if (failed.ok()) {
        asked_.emplace(task, std::move(asked));
      } else {
        Answer(task, failed);
      }
    }
  }

  // After the committed offsets, so that the changelogs' ends cover what they stand for.
  void ReadEnds() {
    if (asked_.empty()) return;
    std::vector<TopicPartition> ends;
    std::vector<TopicPartition> beginnings;
    for (const auto& [task, asked] : asked_) {
      ends.push_back(plan_.changelog(task));
      ends.insert(ends.end(), asked.inputs.begin(), asked.inputs.end());
      beginnings.push_back(plan_.changelog(task));
      beginnings.insert(beginnings.end(), asked.inputs.begin(), asked.inputs.end());
    }
    // F3: the high watermark, not the last stable offset, which may lag behind a commit that was acknowledged.
    const kafka::LogOffsets end = admin_->ReadLogOffsets(kafka::LogPoint::kHighWatermark, ends, request_.patience);
    const kafka::LogOffsets begin = admin_->ReadLogOffsets(kafka::LogPoint::kBeginning, beginnings, request_.patience);
    const std::map<std::string, std::string> ids = ReadIds(ends);
    for (auto& [task, asked] : asked_) {
      asked.offsets.topic_ids = ids;
      absl::Status failed;
      const auto take = [&](const kafka::LogOffsets& found, const TopicPartition& where) {
        const absl::StatusOr<Offset>& offset = found.at(where);
        failed.Update(offset.status());
        return offset.value_or(Offset());
      };
      const TopicPartition changelog = plan_.changelog(task);
      asked.offsets.changelog_end = take(end, changelog);
      // X5f: a changelog that begins behind what the checkpoint has is another one, or has lost records.
      asked.offsets.changelog_begin = take(begin, changelog);
      for (const TopicPartition& each : asked.from_beginning) asked.offsets.start[each] = take(begin, each);
      for (const TopicPartition& each : asked.from_end) asked.offsets.start[each] = take(end, each);
      // X4: whether what is next is in its log still (CheckLogs).
      for (const TopicPartition& each : asked.inputs) asked.offsets.logs[each] = {take(begin, each), take(end, each)};
      if (failed.ok()) {
        Answer(task, std::move(asked.offsets));
      } else {
        Answer(task, failed);
      }
    }
  }

  // After all offsets, so that these are of no later topic. Who cannot tell keeps no task from opening: the topics'
  // watch asks again.
  std::map<std::string, std::string> ReadIds(const std::vector<TopicPartition>& partitions) {
    std::set<std::string> names;
    for (const TopicPartition& each : partitions) names.insert(each.topic);
    const std::vector<std::string> topics(names.begin(), names.end());
    return admin_->ReadTopicIds(topics, request_.patience).value_or(std::map<std::string, std::string>());
  }

  const Plan& plan_;
  kafka::Admin* const admin_;
  const action::FetchTaskOffsets& request_;
  const std::function<void(event::TaskOffsetsFetched)>& answer_;
  std::map<TaskId, Asked> asked_;
};

}  // namespace

void ReadTaskOffsets(const Plan& plan, kafka::Admin* admin, const action::FetchTaskOffsets& request,
                     const std::function<void(event::TaskOffsetsFetched)>& answer) {
  Lookup(plan, admin, request, answer).Run();
}

void InlineOffsetReader::Read(int worker, const action::FetchTaskOffsets& request) {
  ReadTaskOffsets(*plan_, admin_, request, [&](event::TaskOffsetsFetched fetched) {
    MutexLock lock(&mutex_);
    results_[worker].push_back(std::move(fetched));
  });
}

std::vector<event::TaskOffsetsFetched> InlineOffsetReader::TakeResults(int worker) {
  MutexLock lock(&mutex_);
  return std::exchange(results_[worker], {});
}

void InlineOffsetReader::ReadStable(int worker, const std::vector<TopicPartition>& places) {
  kafka::LogOffsets found = admin_->ReadLogOffsets(kafka::LogPoint::kLastStable, places, kStablePatience);
  MutexLock lock(&mutex_);
  stable_[worker] = std::move(found);
}

kafka::LogOffsets InlineOffsetReader::TakeStable(int worker) {
  MutexLock lock(&mutex_);
  return std::exchange(stable_[worker], {});
}

BackgroundOffsetReader::BackgroundOffsetReader(const Plan* plan, kafka::Admin* admin) : plan_(plan), admin_(admin) {
  for (size_t i = 0; i < kThreads; ++i) {
    // One thread takes only requests that are asked for the first time, so tasks that wait long hold up none of those.
    threads_.emplace_back([this, i] { Run(/*quick_only=*/i == 0); });
  }
}

BackgroundOffsetReader::~BackgroundOffsetReader() {
  {
    MutexLock lock(&mutex_);
    stopping_ = true;
    changed_.NotifyAll();
  }
  // A call that is under way ends by its own timeout.
  for (std::thread& thread : threads_) thread.join();
}

void BackgroundOffsetReader::Read(int worker, const action::FetchTaskOffsets& request) {
  MutexLock lock(&mutex_);
  // The least patient first.
  jobs_.emplace(request.patience, Job{.worker = worker, .request = request});
  changed_.NotifyAll();
}

std::vector<event::TaskOffsetsFetched> BackgroundOffsetReader::TakeResults(int worker) {
  MutexLock lock(&mutex_);
  return std::exchange(results_[worker], {});
}

void BackgroundOffsetReader::ReadStable(int worker, const std::vector<TopicPartition>& places) {
  MutexLock lock(&mutex_);
  jobs_.emplace(kStablePatience, Job{.worker = worker, .stable = places});
  changed_.NotifyAll();
}

kafka::LogOffsets BackgroundOffsetReader::TakeStable(int worker) {
  MutexLock lock(&mutex_);
  return std::exchange(stable_[worker], {});
}

void BackgroundOffsetReader::Run(bool quick_only) {
  while (true) {
    Job job;
    {
      MutexLock lock(&mutex_);
      // They are sorted by patience, so the first one tells of all.
      while (!stopping_ && (jobs_.empty() || (quick_only && jobs_.begin()->first > action::kFirstPatience)))
        changed_.Wait(&mutex_);
      if (stopping_) return;
      job = std::move(jobs_.extract(jobs_.begin()).mapped());
    }
    Carry(job);
  }
}

// Without the lock, since it waits for brokers; answers are passed on as they come.
void BackgroundOffsetReader::Carry(const Job& job) {
  if (!job.stable.empty()) {
    kafka::LogOffsets found = admin_->ReadLogOffsets(kafka::LogPoint::kLastStable, job.stable, kStablePatience);
    MutexLock lock(&mutex_);
    stable_[job.worker] = std::move(found);
    return;
  }
  ReadTaskOffsets(*plan_, admin_, job.request, [&](event::TaskOffsetsFetched fetched) {
    MutexLock lock(&mutex_);
    results_[job.worker].push_back(std::move(fetched));
  });
}

}  // namespace once
