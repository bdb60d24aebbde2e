// The log reader's port in memory.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_LOG_READER_H_
#define ONCE_TESTS_TESTKIT_MEMORY_LOG_READER_H_

#include <memory>
#include <string>
#include <vector>

#include "processor/kafka/kafka.h"
#include "tests/testkit/fetcher.h"
#include "tests/testkit/memory_core.h"

namespace once::testkit {

class MemoryLogReader final : public kafka::LogReader {
 public:
  MemoryLogReader(std::shared_ptr<MemoryCore> core, const MemoryClientOptions& options, std::vector<std::string> topics,
                  bool is_committed_only = true);

  absl::Status Add(const TopicPartitionOffset& from) override;
  absl::Status Remove(const TopicPartition& partition) override;
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override;

 private:
  const std::shared_ptr<MemoryCore> core_;
  Fetcher fetcher_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_LOG_READER_H_
