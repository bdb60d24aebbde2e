// One transactional producer, and the rules by which its transactions end: nothing is guessed.
#ifndef ONCE_TOOLS_GATEWAY_TRANSACTOR_H_
#define ONCE_TOOLS_GATEWAY_TRANSACTOR_H_

#include <atomic>
#include <memory>
#include <span>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/kafka/kafka.h"
#include "tools/gateway/event.h"
#include "tools/gateway/outcome_log.h"

namespace once::gateway {

// Not thread-safe; its calls block. One transaction at a time: Begin, Send…, then Commit or Abort.
//
// Errors of all calls: InvalidArgument, OutOfRange (too large) and PermissionDenied are of what was sent; Unavailable
// of the brokers.
class Transactor {
 public:
  // All outlive it. While `stopping` is true nothing is waited for any more.
  Transactor(std::string transactional_id, kafka::Client* client, OutcomeLog* outcomes, LogSink* log,
             const std::atomic<bool>* stopping);

  // Makes the producer where there is none, which ends whatever an earlier one of that id, of a process that died,
  // left open.
  absl::Status Prepare(absl::Time deadline);
  // Begins a transaction. `id` becomes the key of its outcome.
  absl::Status Begin(const std::string& id, absl::Time deadline);
  // Sends, and waits until all is written. On an error only Abort helps; `failed`, if not null, is the index of the
  // event that caused it, or -1.
  absl::Status Send(std::span<const Event* const> events, absl::Time deadline, int* failed = nullptr);
  // Writes the outcomes (by key), and the transaction's own with `answer`, and commits. OK: committed. Aborted: it was
  // not, and never will be. DeadlineExceeded, while stopping only: nobody knows. If the answer is lost it takes as long
  // as it takes to find out. With `check`: AlreadyExists, and aborted, if another instance was first with a key
  // (OutcomeLog::CheckFirst).
  absl::Status Commit(const std::string& answer, std::vector<std::pair<std::string, Outcome>> outcomes, int64_t time_ms,
                      absl::Time deadline, FirstCheck* check = nullptr);
  // Nothing of it will ever be committed, whatever the brokers say.
  void Abort();

  bool is_open() const { return is_open_; }
  // How often an answer to a commit was lost.
  uint64_t lost_answers() const { return lost_answers_; }

 private:
  absl::Status SendOne(const OutputRecord& record, absl::Time deadline);
  absl::Status AwaitWritten(absl::Time deadline, int* failed);
  absl::Status Explain(const kafka::Result& result, int* failed);
  absl::Status EndByCommit(absl::Time deadline, FirstCheck* check);
  absl::Status FindOut();

  const std::string transactional_id_;
  kafka::Client* const client_;
  OutcomeLog* const outcomes_;
  LogSink* const log_;
  const std::atomic<bool>* const stopping_;
  std::unique_ptr<kafka::TransactionalProducer> producer_;
  bool is_ready_ = false;  // The producer is initialised.
  bool is_open_ = false;
  std::string id_;
  std::atomic<uint64_t> lost_answers_{0};
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_TRANSACTOR_H_
