// A client whose readers of logs are the test's.
#ifndef ONCE_TESTS_CLI_READER_CLIENT_H_
#define ONCE_TESTS_CLI_READER_CLIENT_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/statusor.h"
#include "processor/kafka/kafka.h"

namespace once::cli {

class ReaderClient final : public kafka::Client {
 public:
  using Wrap = std::function<std::unique_ptr<kafka::LogReader>(std::unique_ptr<kafka::LogReader>)>;

  // Everything is `client`'s, and what it reads by goes through `wrap`.
  ReaderClient(std::unique_ptr<kafka::Client> client, Wrap wrap) : client_(std::move(client)), wrap_(std::move(wrap)) {}
  absl::StatusOr<std::unique_ptr<kafka::TransactionalProducer>> NewProducer(
      const std::string& id, const std::vector<std::string>& topics) override {
    return client_->NewProducer(id, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::GroupConsumer>> NewGroupConsumer(
      const std::string& group, const std::vector<std::string>& topics) override {
    return client_->NewGroupConsumer(group, topics);
  }
  absl::StatusOr<std::unique_ptr<kafka::LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    auto reader = client_->NewLogReader(topics);
    if (!reader.ok()) return reader.status();
    return wrap_(*std::move(reader));
  }
  absl::StatusOr<std::unique_ptr<kafka::Admin>> NewAdmin() override { return client_->NewAdmin(); }

 private:
  const std::unique_ptr<kafka::Client> client_;
  const Wrap wrap_;
};

}  // namespace once::cli

#endif  // ONCE_TESTS_CLI_READER_CLIENT_H_
