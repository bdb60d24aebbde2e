// What was fetched for one task and is not processed yet, in the order in which it is to be.
#ifndef ONCE_PROCESSOR_ENGINE_BACKLOG_H_
#define ONCE_PROCESSOR_ENGINE_BACKLOG_H_

#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <utility>

#include "processor/kafka/kafka.h"

namespace once {

struct InputPosition;

// Records that follow each other in a batch and are of one input, or one end of a partition, or one partition's error.
struct Fetched {
  enum class Kind { kRecords, kEnd, kError };
  std::shared_ptr<const kafka::Batch> batch = {};  // Keeps what the views point to.
  Kind kind = Kind::kRecords;
  InputPosition* input = nullptr;  // The task's.
  size_t begin = 0;                // Index in the batch's list of that kind.
  size_t end = 0;
  size_t bytes = 0;  // Of keys and values, all of them.
};

class Backlog {
 public:
  bool empty() const { return items_.empty(); }
  // Records that wait.
  int64_t records() const { return records_; }
  // Of memory that is held for them: a batch is freed as a whole.
  size_t bytes() const { return bytes_; }
  // The same by a pass over all that waits. For checks.
  size_t CountBytes() const {
    size_t bytes = 0;
    for (const Fetched& fetched : items_) bytes += fetched.bytes;
    return bytes;
  }

  void Push(Fetched fetched) {
    if (fetched.kind == Fetched::Kind::kRecords) records_ += static_cast<int64_t>(fetched.end - fetched.begin);
    bytes_ += fetched.bytes;
    items_.push_back(std::move(fetched));
  }
  const Fetched& front() const { return items_.front(); }
  // The first of the front is done.
  void Advance() {
    if (items_.front().kind == Fetched::Kind::kRecords) --records_;
    if (++items_.front().begin != items_.front().end) return;
    bytes_ -= items_.front().bytes;
    items_.pop_front();
  }
  void Clear() {
    items_.clear();
    records_ = 0;
    bytes_ = 0;
  }

 private:
  std::deque<Fetched> items_;
  int64_t records_ = 0;
  size_t bytes_ = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_ENGINE_BACKLOG_H_
