// Writes records for a command, each time all of them or none.
#ifndef ONCE_PROCESSOR_CLI_RECORD_WRITER_H_
#define ONCE_PROCESSOR_CLI_RECORD_WRITER_H_

#include <functional>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/record.h"
#include "processor/cli/context.h"
#include "processor/kafka/kafka.h"

namespace once::cli {

// Not thread-safe.
class RecordWriter {
 public:
  // With a transactional id below the application's own prefix, by which its rights are given. The topics give
  // `topic_index` its meaning in records. Blocks until the brokers have taken it.
  static absl::StatusOr<std::unique_ptr<RecordWriter>> Open(Context* context, std::vector<std::string> topics);

  // In one transaction, which is open no longer when this returns, as far as the brokers can be told. An error says
  // that nothing was written, or, if nobody knows whether it was (I7), what `unknown` says.
  absl::Status Write(std::span<const OutputRecord> records, const std::string& unknown);

 private:
  RecordWriter(Context* context, std::vector<std::string> topics) : context_(context), topics_(std::move(topics)) {}
  absl::Status Fill(std::span<const OutputRecord> records);
  absl::Status Commit(const std::string& unknown);
  // The same call again, as long as that may help.
  kafka::Result Repeat(const std::function<kafka::Result()>& call) const;
  // `status`, once what is open is dropped.
  absl::Status GiveUp(absl::Status status);

  Context* const context_;
  const std::vector<std::string> topics_;
  std::unique_ptr<kafka::TransactionalProducer> producer_;
};

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_RECORD_WRITER_H_
