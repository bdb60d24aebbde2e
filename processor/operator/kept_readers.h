// Log readers that stay open from one look to the next, so that a look does not begin with connecting to brokers.
#ifndef ONCE_PROCESSOR_OPERATOR_KEPT_READERS_H_
#define ONCE_PROCESSOR_OPERATOR_KEPT_READERS_H_

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/kafka/kafka.h"

namespace once {

struct KeptReadersOptions {
  size_t most = 4;                               // That nobody uses; one more ends the one that has waited longest.
  absl::Duration idle_time = absl::Seconds(60);  // After which one that nobody uses is ended.
};

// A client whose log readers, once destroyed, are given to whoever wants one of the same topics next: empty, as new
// ones are. What a reader had met with any error, or was silent, is not given again: brokers may have gone, or a topic
// may have been made anew. Kept ones read nothing. All else is the client's own. Thread-safe.
class KeptReaders final : public kafka::Client {
 public:
  // `client` must outlive this, and the readers.
  explicit KeptReaders(kafka::Client* client, KeptReadersOptions options = {});
  ~KeptReaders() override;

  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& transactional_id, const std::vector<std::string>& topics) override;
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override;
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override;
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewUncommittedLogReader(
      const std::vector<std::string>& topics) override;
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override;

  // Ends those that have waited too long. Called by whoever keeps the time.
  void DropIdle();
  // That nobody uses.
  size_t kept() const;

 private:
  class Shelf;
  class Lent;

  kafka::Client* const client_;
  // Readers that are lent may be given back when this is gone.
  const std::shared_ptr<Shelf> shelf_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_OPERATOR_KEPT_READERS_H_
