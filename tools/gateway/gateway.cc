// Options, parts and their order: what is made last ends first.
#include "tools/gateway/gateway.h"

#include <signal.h>

#include <cstdio>
#include <string>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "processor/app/kafka_properties.h"
#include "processor/app/program_inputs.h"
#include "processor/app/standard_files.h"
#include "processor/app/stop_signals.h"
#include "processor/base/clock.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"
#include "processor/config/config.h"
#include "processor/http/tokens.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/stderr_log.h"
#include "processor/version.h"
#include "tools/gateway/api.h"
#include "tools/gateway/help.h"
#include "tools/gateway/options.h"
#include "tools/gateway/server.h"
#include "tools/gateway/topic_watch.h"

namespace once::gateway {

namespace {

constexpr int kExitOk = 0;
constexpr int kExitFailed = 1;
constexpr int kExitWrongUsage = 2;
constexpr int kExitInterrupted = 130;
constexpr absl::Duration kDrain = absl::Seconds(15);
// Beyond an explicit transaction's timeout, for its end.
constexpr absl::Duration kEndAllowance = absl::Seconds(30);
constexpr int64_t kFetchBytes = int64_t{4} << 20;

ConfigInputs InputsOf(int argc, char** argv) {
  ConfigInputs inputs = ProgramInputs();
  inputs.args.assign(argv + std::min(argc, 1), argv + argc);
  return inputs;
}

// The gateway's parts, in the order in which they are made.
class Gateway {
 public:
  Gateway(GatewayOptions options, std::map<std::string, std::string> properties, LogSink* log)
      : options_(std::move(options)), properties_(std::move(properties)), log_(log) {}

  absl::Status Start(const WrapClient& wrap) {
    absl::StatusOr<std::unique_ptr<Types>> types = Types::Load(options_.descriptor_set);
    if (!types.ok()) return types.status();
    types_ = *std::move(types);
    if (!options_.http_token_file.empty()) {
      absl::StatusOr<std::unique_ptr<http::Guard>> tokens =
          http::OpenTokenFile(options_.http_token_file, &clock_, log_);
      if (!tokens.ok()) return tokens.status();
      tokens_ = *std::move(tokens);
    }
    if (absl::Status connected = Connect(wrap); !connected.ok()) return connected;
    if (absl::Status opened = OpenTransactions(); !opened.ok()) return opened;
    if (absl::Status followed = FollowTopics(); !followed.ok()) return followed;
    return Serve();
  }

  // In order: nobody is let in any more, what was asked is answered, what is open is aborted.
  void Stop() {
    if (server_ != nullptr) {
      followers_->Stop();
      // Both, for what waits there is answered by it.
      std::thread draining([this] { server_->Drain(kDrain); });
      transactions_->Stop();
      batches_->Stop();
      draining.join();
      api_->SetServer(nullptr);
    }
  }

 private:
  absl::StatusOr<std::unique_ptr<kafka::Client>> NewClient(absl::Duration transaction_timeout, const WrapClient& wrap,
                                                           absl::Duration fetch_wait = absl::Milliseconds(100)) {
    kafka::RdKafkaConfig config;
    config.fetch_wait = fetch_wait;
    config.bootstrap_servers = options_.bootstrap_servers;
    config.client_id = absl::StrCat(options_.name, "-", options_.instance_id);
    config.transaction_timeout = transaction_timeout;
    config.fetch_queue_bytes = kFetchBytes;
    config.max_batch_records = 200;
    config.extra = properties_;
    absl::StatusOr<std::unique_ptr<kafka::Client>> client = kafka::MakeRdKafkaClient(config, log_);
    if (client.ok() && wrap != nullptr) return wrap(*std::move(client));
    return client;
  }

  absl::Status Connect(const WrapClient& wrap) {
    auto client = NewClient(absl::Seconds(15), wrap);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    // Requests wait for its reading to have come to the end of its topic, which a broker tells after so long.
    auto outcome_client = NewClient(absl::Seconds(15), wrap, absl::Milliseconds(10));
    if (!outcome_client.ok()) return outcome_client.status();
    outcome_client_ = *std::move(outcome_client);
    auto explicit_client = NewClient(options_.max_transaction_timeout + kEndAllowance, wrap);
    if (!explicit_client.ok()) return explicit_client.status();
    explicit_client_ = *std::move(explicit_client);
    auto admin = client_->NewAdmin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }

  absl::Status OpenTransactions() {
    const absl::Time deadline = SteadyNow() + options_.start_timeout;
    outcomes_ = std::make_unique<OutcomeLog>(
        OutcomeLogOptions{.topic = options_.idempotency_topic,
                          .instance = options_.instance_id,
                          .retention = options_.idempotency_retention,
                          .max_bytes = static_cast<size_t>(options_.idempotency_max_bytes)},
        outcome_client_.get(), admin_.get(), &clock_, log_);
    // First the topic, since the producers write to it.
    absl::Status opened;
    do {
      opened = outcomes_->Open(std::min(options_.start_timeout, absl::Seconds(10)));
    } while (absl::IsUnavailable(opened) && SteadyNow() < deadline);
    if (!opened.ok()) return opened;
    const auto id_of = [this](int worker) {
      return [this, worker](int slot) { return TransactionalId(options_.name, options_.instance_id, worker, slot); };
    };
    batches_ = std::make_unique<BatchProducer>(
        BatchProducerOptions{.slots = options_.producers, .max_queued = static_cast<size_t>(options_.max_queued)},
        id_of(0), client_.get(), outcomes_.get(), &clock_, log_);
    transactions_ = std::make_unique<ExplicitTransactions>(
        ExplicitOptions{.instance = options_.instance_id, .slots = options_.max_transactions}, id_of(1),
        explicit_client_.get(), outcomes_.get(), &clock_, log_);
    // What an earlier process left open is ended before it is read how it ended.
    if (absl::Status prepared = transactions_->Prepare(deadline); !prepared.ok()) return prepared;
    if (absl::Status prepared = batches_->Prepare(deadline); !prepared.ok()) return prepared;
    if (absl::Status caught_up = outcomes_->CatchUp(deadline); !caught_up.ok()) return caught_up;
    transactions_->Start();
    batches_->Start();
    return absl::OkStatus();
  }

  absl::Status FollowTopics() {
    topics_ = std::make_unique<TopicFacts>(admin_.get(), options_.topics, options_.idempotency_topic);
    followers_ =
        std::make_unique<Followers>(static_cast<size_t>(options_.max_followers), client_.get(), types_.get(), log_);
    for (const std::string& topic : options_.create_topics) {
      const absl::Status created =
          admin_->CreateTopic({.name = topic, .partition_count = options_.create_partitions}, options_.start_timeout);
      if (!created.ok() && !absl::IsAlreadyExists(created)) return created;
    }
    for (const std::string& topic : options_.follow) {
      auto description = topics_->Look(topic, SteadyNow() + absl::Seconds(10));
      if (!description.ok()) return description.status();
    }
    if (!options_.follow.empty()) {
      watch_ = std::make_unique<TopicWatch>(options_.group, options_.follow, client_.get(), log_);
    }
    return absl::OkStatus();
  }

  absl::Status Serve() {
    api_ =
        std::make_unique<Api>(ApiParts{.options = &options_,
                                       .guard = {.tokens = tokens_.get(), .is_loopback = options_.listen.is_loopback()},
                                       .types = types_.get(),
                                       .reading = client_.get(),
                                       .admin = admin_.get(),
                                       .topics = topics_.get(),
                                       .outcomes = outcomes_.get(),
                                       .batches = batches_.get(),
                                       .transactions = transactions_.get(),
                                       .followers = followers_.get(),
                                       .watch = watch_.get(),
                                       .log = log_});
    const HttpServerOptions serving{.address = options_.listen,
                                    .max_connections = static_cast<size_t>(options_.max_connections),
                                    .max_body_bytes = static_cast<size_t>(options_.max_body_bytes),
                                    .client_timeout = options_.client_timeout,
                                    .answer_timeout = options_.request_timeout};
    absl::StatusOr<std::unique_ptr<HttpServer>> server = HttpServer::Start(serving, api_.get());
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    api_->SetServer(server_.get());
    log_->Log(LogLevel::kInfo,
              absl::StrCat("serving at http://", server_->address().ToString(), "/ with ", types_->names().size(),
                           " types", tokens_ == nullptr ? ", without a token" : ""));
    return absl::OkStatus();
  }

  const GatewayOptions options_;
  const std::map<std::string, std::string> properties_;
  LogSink* const log_;
  SystemClock clock_;
  std::unique_ptr<http::Guard> tokens_;
  std::unique_ptr<Types> types_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Client> outcome_client_;
  std::unique_ptr<kafka::Client> explicit_client_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<OutcomeLog> outcomes_;
  std::unique_ptr<BatchProducer> batches_;
  std::unique_ptr<ExplicitTransactions> transactions_;
  std::unique_ptr<TopicFacts> topics_;
  std::unique_ptr<Followers> followers_;
  std::unique_ptr<TopicWatch> watch_;
  std::unique_ptr<Api> api_;
  std::unique_ptr<HttpServer> server_;
};

// Set by the first signal.
class StopFlag {
 public:
  void Set() {
    MutexLock lock(&mutex_);
    is_set_ = true;
    changed_.NotifyAll();
  }
  void Await() {
    MutexLock lock(&mutex_);
    while (!is_set_) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  bool is_set_ ABSL_GUARDED_BY(mutex_) = false;
};

int Run(const GatewayOptions& options, const Config& config, const WrapClient& wrap) {
  StderrLog log(options.log_level, options.log_format);
  for (const std::string& warning : config.Warnings()) log.Log(LogLevel::kWarning, warning);
  // A broken connection is an error of the call, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  StopFlag stop;
  StopSignals signals([&stop] { stop.Set(); }, kExitInterrupted);
  Gateway gateway(options, config.kafka_properties(), &log);
  if (absl::Status started = gateway.Start(wrap); !started.ok()) {
    gateway.Stop();
    log.Log(LogLevel::kError, OneLine(absl::StrCat("cannot start: ", started.ToString())));
    return absl::IsInvalidArgument(started) ? kExitWrongUsage : kExitFailed;
  }
  stop.Await();
  log.Log(LogLevel::kInfo, "stopping: answering what was asked, aborting what is open");
  gateway.Stop();
  log.Log(LogLevel::kInfo, "stopped in order");
  return kExitOk;
}

}  // namespace

int RunGateway(int argc, char** argv, const WrapClient& wrap) {
  OpenStandardFiles();
  const std::string program = argc > 0 ? argv[0] : "gateway";
  const Config config = Config::Load(InputsOf(argc, argv));
  const bool wants_help = config.GetBool("help", false, {.help = "Print this and exit.", .group = "General"});
  const bool wants_version = config.GetBool("version", false, {.help = "Print versions and exit.", .group = "General"});
  const GatewayOptions options = LoadGatewayOptions(config);
  if (wants_help) {
    fputs(GatewayHelp(program, config).c_str(), stdout);
    return kExitOk;
  }
  if (wants_version) {
    fputs(absl::StrCat("once ", kVersion, ", librdkafka ", KafkaLibraryVersion(), "\n").c_str(), stdout);
    return kExitOk;
  }
  if (absl::Status checked = config.Check(); !checked.ok()) {
    fputs(absl::StrCat(PlainText(ToStd(checked.message())), "\n", program, ": cannot start; --help lists all options\n")
              .c_str(),
          stderr);
    return kExitWrongUsage;
  }
  return Run(options, config, wrap);
}

}  // namespace once::gateway
