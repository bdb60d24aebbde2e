// The adapters' factory: all that the rest of Once sees of librdkafka.
#include "processor/kafka/librdkafka/client.h"

#include <utility>

#include "processor/kafka/librdkafka/admin.h"
#include "processor/kafka/librdkafka/conf.h"
#include "processor/kafka/librdkafka/consumer.h"
#include "processor/kafka/librdkafka/log_reader.h"
#include "processor/kafka/librdkafka/producer.h"
#include "processor/kafka/librdkafka/steady_waits.h"

namespace once::kafka {
namespace {

class RdKafkaClient final : public Client {
 public:
  // `owns_tokens`: it is the first of those that share them.
  RdKafkaClient(std::shared_ptr<const ClientContext> context, bool owns_tokens)
      : context_(std::move(context)), owns_tokens_(owns_tokens) {}
  ~RdKafkaClient() override {
    if (owns_tokens_ && context_->tokens != nullptr) context_->tokens->End();
  }

  absl::StatusOr<std::unique_ptr<TransactionalProducer>> NewProducer(const std::string& transactional_id,
                                                                     const std::vector<std::string>& topics) override {
    return RdKafkaProducer::Make(context_, transactional_id, topics);
  }
  absl::StatusOr<std::unique_ptr<GroupConsumer>> NewGroupConsumer(const std::string& group,
                                                                  const std::vector<std::string>& topics) override {
    return RdKafkaGroupConsumer::Make(context_, group, topics);
  }
  absl::StatusOr<std::unique_ptr<GroupConsumer>> NewStaticGroupConsumer(
      const std::string& group, const std::string& member_name, const std::vector<std::string>& topics) override {
    // T12: without a name it would be a dynamic member, and nobody would notice.
    if (member_name.empty()) return absl::InvalidArgumentError("a static member of a group needs a name");
    return RdKafkaGroupConsumer::Make(context_, group, topics, member_name);
  }
  absl::StatusOr<std::unique_ptr<LogReader>> NewLogReader(const std::vector<std::string>& topics) override {
    return RdKafkaLogReader::Make(context_, topics);
  }
  absl::StatusOr<std::unique_ptr<LogReader>> NewUncommittedLogReader(const std::vector<std::string>& topics) override {
    return RdKafkaLogReader::Make(context_, topics, "read_uncommitted");
  }
  absl::StatusOr<std::unique_ptr<Admin>> NewAdmin() override { return RdKafkaAdmin::Make(context_); }
  std::unique_ptr<Client> Named(const std::string& name) override {
    RdKafkaConfig config = context_->config;
    // A name that the user has given counts for all that the process makes.
    if (!config.is_client_id_given) config.client_id = name;
    return std::make_unique<RdKafkaClient>(
        std::make_shared<ClientContext>(std::move(config), context_->log, context_->secrets, context_->tokens), false);
  }

 private:
  const std::shared_ptr<const ClientContext> context_;
  const bool owns_tokens_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Client>> MakeRdKafkaClient(const RdKafkaConfig& config, LogSink* log) {
  RdKafkaConfig absorbed = config;
  // First, so that what is checked is what will be in force.
  if (absl::Status status = AbsorbExtra(&absorbed); !status.ok()) return status;
  if (absl::Status status = CheckConfig(absorbed); !status.ok()) return status;
  if (!WaitsAreSteady()) {
    log->Log(
        LogLevel::kWarning,
        "librdkafka's waits go by the wall clock here: set back by an hour, it may hold everything up for as long; "
        "set it in small steps only, or use a C library that is glibc");
  }
  absl::StatusOr<std::shared_ptr<Secrets>> secrets = Secrets::Load(absorbed.extra, log);
  if (!secrets.ok()) return secrets.status();
  std::shared_ptr<TokenSource> tokens;
  if (config.oauth_token) tokens = std::make_shared<TokenSource>(config.oauth_token, log, *secrets);
  return std::make_unique<RdKafkaClient>(
      std::make_shared<ClientContext>(std::move(absorbed), log, *std::move(secrets), std::move(tokens)), true);
}

}  // namespace once::kafka
