// The adapter that commands talk to brokers with; operate.cc itself knows no client library.
#include "absl/strings/str_cat.h"
#include "processor/app/operate.h"
#include "processor/kafka/librdkafka/client.h"

namespace once {

absl::StatusOr<std::unique_ptr<kafka::Client>> ConnectOperator(const Options& options,
                                                               const std::map<std::string, std::string>& properties,
                                                               const ApplicationDeps& deps, LogSink* log) {
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = options.bootstrap_servers;
  // By this the brokers' logs tell it from the application's instances.
  config.client_id = absl::StrCat(options.application_id, "-operator");
  config.transaction_timeout = options.transaction_timeout;
  config.session_timeout = options.session_timeout;
  config.max_poll_interval = options.max_poll_interval;
  config.extra = properties;
  config.oauth_token = deps.oauth_token;
  config.resolve = deps.resolve;
  config.connect = deps.connect;
  if (absl::Status absorbed = kafka::AbsorbExtra(&config); !absorbed.ok()) return absorbed;
  return kafka::MakeRdKafkaClient(config, log);
}

}  // namespace once
