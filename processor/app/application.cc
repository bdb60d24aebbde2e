// The one place where adapters are wired to ports.
#include "processor/application.h"

#include <algorithm>
#include <atomic>
#include <limits>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/app/pod_office.h"
#include "processor/app/pod_server.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/runtime/crash_journal.h"
#include "processor/runtime/memory_budget.h"
#include "processor/runtime/open_files.h"
#include "processor/runtime/pod.h"
#include "processor/runtime/preflight.h"
#include "processor/runtime/start_wait.h"
#include "processor/runtime/state_dir.h"
#include "processor/topology/validate.h"
#include "state/rocksdb/rocksdb_store.h"

namespace once {

namespace {

// For a thousand partitions librdkafka writes a megabyte each time.
constexpr absl::Duration kStatisticsInterval = absl::Seconds(10);

EngineOptions ToEngineOptions(const Options& options, const std::string& application_id) {
  EngineOptions engine;
  engine.application_id = application_id;
  engine.commit_interval = options.commit_interval;
  engine.max_epoch_records = options.max_epoch_records;
  engine.max_epoch_bytes = options.max_epoch_bytes;
  engine.transaction_timeout = options.transaction_timeout;
  engine.checkpoint_interval = options.checkpoint_interval;
  engine.idempotency_retention = options.idempotency_retention;
  engine.idempotency_max_ids = options.idempotency_max_ids;
  engine.max_parked_per_aggregate = options.max_parked_per_aggregate;
  engine.max_parked_per_task = options.max_parked_per_task;
  engine.max_parked_bytes_per_task = options.max_parked_bytes_per_task;
  engine.breaker_min_failures = options.breaker_min_failures;
  engine.breaker_failure_ratio = options.breaker_failure_ratio;
  engine.breaker_window = options.breaker_window;
  engine.breaker_backoff = options.breaker_backoff;
  engine.letter_families = options.dead_letter_headers;
  // Twice what a member may take to learn that it is none any more.
  engine.misfit_patience = 2 * options.session_timeout;
  engine.exit_on_task_failure = options.exit_on_task_failure;
  engine.accept_gaps = options.accept_gaps;
  return engine;
}

class RunningApplication final : public Application {
 public:
  RunningApplication(const Options& options, const Topology& topology, const ApplicationDeps& deps)
      : options_(Complete(options, topology)),
        deps_(deps),
        memory_(PlanMemory(options_.memory_bytes, options_.workers)),
        plan_(MakePlan(topology.shared_graph(), options_.application_id)) {}

  absl::Status Open() {
    if (std::string few = RaiseOpenFiles(OpenFilesNeeded(options_.workers, options_.state_open_files)); !few.empty()) {
      deps_.log->Log(LogLevel::kWarning, few);
    }
    if (std::optional<std::string> bad = kafka::KnownBadVersion(); bad.has_value()) {
      deps_.log->Log(LogLevel::kWarning, *bad);
    }
    // In this order: no broker is asked by an instance without a name, and no database opened for a start that fails.
    for (const auto& step :
         {&RunningApplication::CheckNames, &RunningApplication::Serve, &RunningApplication::OpenStateDir,
          &RunningApplication::Connect, &RunningApplication::CheckTopics, &RunningApplication::OpenOffice,
          &RunningApplication::OpenState}) {
      if (absl::Status done = (this->*step)(); !done.ok()) return done;
    }
    return absl::OkStatus();
  }

  absl::Status Run() override {
    deps_.log->Log(LogLevel::kInfo, absl::StrCat(plan_.application_id, " runs as instance ", instance_id_, " with ",
                                                 options_.workers, " worker(s), state in ", options_.state_dir));
    absl::Status status = RunPod();
    // An event or a handler may say DATA_LOSS as well; that is none of the state's.
    if (!IsCorruptStore(status) || stopping_.load()) return status;
    // The tasks share the damaged files, so all of them are given up; the changelog has everything.
    deps_.log->Log(LogLevel::kError, absl::StrCat(std::string(status.message()),
                                                  "; the local state is deleted and"
                                                  " rebuilt from the changelog"));
    // Its files cannot be deleted while they are open.
    store_.reset();
    // Somebody may have deleted the directory, and its lock with it.
    if (absl::Status held = HoldStateDir(); !held.ok()) return held;
    if (absl::Status wiped = DestroyRocksDbStore(StorePath()); !wiped.ok()) return wiped;
    if (absl::Status opened = OpenStore(); !opened.ok()) return opened;
    // Once: damage that comes again is the disk's, and ends the process.
    return RunPod();
  }

  void Stop() override {
    // First: a pod that is being made looks at it under the lock, so no stop is missed.
    stopping_.store(true);
    if (server_ != nullptr) server_->board()->SetPhase(PodPhase::kStopping);
    MutexLock lock(&mutex_);
    if (pod_ != nullptr) pod_->Stop();
  }

 private:
  static Options Complete(Options options, const Topology& topology) {
    if (options.application_id.empty()) options.application_id = topology.graph().application_id;
    options.state_dir = StateDir(options);
    if (options.memory_bytes == 0) options.memory_bytes = DefaultMemoryBytes();
    return options;
  }

  absl::Status CheckNames() { return CheckApplicationId(*plan_.graph, plan_.application_id); }

  // Before anything that waits: that it is alive, and what it waits for, is asked meanwhile.
  absl::Status Serve() {
    if (options_.http_listen.empty()) return absl::OkStatus();
    absl::StatusOr<std::unique_ptr<PodServer>> server = PodServer::Start(options_, *plan_.graph, &clock_, deps_.log);
    if (!server.ok()) return server.status();
    server_ = *std::move(server);
    return absl::OkStatus();
  }

  std::string ClientId(const std::string& role) const {
    return absl::StrCat(plan_.application_id, "-", instance_id_, role);
  }

  // By this the pods of the group find each other.
  std::string PodMark() const { return server_ == nullptr ? "" : PodSuffix(server_->address()); }

  // `role` tells its connections from others of the instance; empty: it is what the application works with.
  absl::StatusOr<std::unique_ptr<kafka::Client>> MakeClient(
      const std::string& role, size_t fetch_queue_bytes,
      absl::Duration fetch_wait = kafka::RdKafkaConfig().fetch_wait) {
    kafka::RdKafkaConfig config;
    config.fetch_wait = fetch_wait;
    config.bootstrap_servers = options_.bootstrap_servers;
    // By this the brokers' logs tell instances apart.
    config.client_id = ClientId(role);
    config.transaction_timeout = options_.transaction_timeout;
    config.session_timeout = options_.session_timeout;
    config.max_poll_interval = options_.max_poll_interval;
    config.fetch_queue_bytes = static_cast<int64_t>(fetch_queue_bytes);
    // Only where somebody may ask; and of producers, whose records cost more then, only for who wants it.
    if (server_ != nullptr) {
      config.statistics_interval = kStatisticsInterval;
      config.has_producer_statistics = deps_.kafka_properties.contains("statistics.interval.ms");
    }
    config.extra = deps_.kafka_properties;
    config.oauth_token = deps_.oauth_token;
    config.resolve = deps_.resolve;
    config.connect = deps_.connect;
    if (absl::Status absorbed = kafka::AbsorbExtra(&config); !absorbed.ok()) return absorbed;
    // Known only after the preflight, which makes a second client then.
    config.max_batch_bytes = std::min(config.max_batch_bytes, max_batch_bytes_);
    auto client = kafka::MakeRdKafkaClient(config, deps_.log);
    if (!client.ok() || !deps_.wrap_client) return client;
    return deps_.wrap_client(*std::move(client));
  }

  absl::Status Connect() {
    // X7: what the client fetches ahead is part of the budget.
    auto client = MakeClient("", memory_.fetch_queue);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    auto admin = client_->NewAdmin();
    if (!admin.ok()) return admin.status();
    admin_ = *std::move(admin);
    return absl::OkStatus();
  }

  absl::Status CheckTopics() {
    constexpr absl::Duration kLongestCall = absl::Seconds(10);
    size_t max_record_bytes = SIZE_MAX;
    // librdkafka refuses what is no number.
    if (const auto set = deps_.kafka_properties.find("message.max.bytes"); set != deps_.kafka_properties.end()) {
      if (!absl::SimpleAtoi(set->second, &max_record_bytes)) max_record_bytes = SIZE_MAX;
    }
    int64_t max_response_bytes = std::numeric_limits<int64_t>::max();
    if (const auto set = deps_.kafka_properties.find("receive.message.max.bytes");
        set != deps_.kafka_properties.end() && !absl::SimpleAtoi(set->second, &max_response_bytes)) {
      max_response_bytes = std::numeric_limits<int64_t>::max();
    }
    const PreflightOptions preflight{.bootstrap_servers = options_.bootstrap_servers,
                                     .create_topics = options_.create_topics,
                                     .create_partitions = options_.create_partitions,
                                     .timeout = std::min(options_.start_timeout, kLongestCall),
                                     .max_record_bytes = max_record_bytes,
                                     .takes_commands = options_.commands,
                                     .max_response_bytes = max_response_bytes};
    const StartWait wait{
        .timeout = options_.start_timeout,
        .clock = &clock_,
        .log = deps_.log,
        .sleep = [](absl::Duration pause) { absl::SleepFor(pause); },
        .is_stopping = [this] { return stopping_.load() || (deps_.is_stopping && deps_.is_stopping()); }};
    const absl::Status checked =
        AwaitBrokers(wait, [&] { return Preflight(preflight, admin_.get(), deps_.log, &plan_); });
    if (!checked.ok()) return checked;
    // A broker refuses a batch above the topic's limit with all its records, however small each of them is.
    const size_t smallest = *std::min_element(plan_.max_record_bytes.begin(), plan_.max_record_bytes.end());
    if (static_cast<int64_t>(smallest) >= kafka::RdKafkaConfig().max_batch_bytes) return absl::OkStatus();
    max_batch_bytes_ = static_cast<int64_t>(smallest);
    return Connect();
  }

  // X7: few and small beside the rest: it reads for one person after the other.
  absl::Status OpenOffice() {
    if (server_ == nullptr) return absl::OkStatus();
    constexpr size_t kFetchQueue = size_t{1} << 20;
    // Somebody waits, and what is read ends soon.
    constexpr absl::Duration kFetchWait = absl::Milliseconds(5);
    auto client = MakeClient("-http", kFetchQueue, kFetchWait);
    if (!client.ok()) return client.status();
    auto office =
        PodOffice::Open(options_, plan_.graph, *std::move(client), server_.get(), ClientId(PodMark()), &clock_);
    if (!office.ok()) return office.status();
    office_ = *std::move(office);
    return absl::OkStatus();
  }

  // Before the brokers are asked anything, who asks: the directory knows the instance.
  absl::Status OpenStateDir() {
    absl::StatusOr<std::unique_ptr<LockedDir>> dir = LockedDir::Open(options_.state_dir);
    if (!dir.ok()) return dir.status();
    state_dir_ = *std::move(dir);
    instance_id_ = options_.instance_id;
    if (instance_id_.empty()) {
      // T12: drawn once and kept, so that a restart takes its own producers over.
      absl::StatusOr<std::string> drawn = state_dir_->InstanceId();
      if (!drawn.ok()) return drawn.status();
      instance_id_ = *drawn;
    }
    if (server_ != nullptr) server_->board()->SetInstance(instance_id_);
    return absl::OkStatus();
  }

  // One that was deleted is made anew, with the instance that it was.
  absl::Status HoldStateDir() {
    if (!state_dir_->is_gone()) return absl::OkStatus();
    state_dir_.reset();
    absl::StatusOr<std::unique_ptr<LockedDir>> dir = LockedDir::Open(options_.state_dir);
    if (!dir.ok()) return dir.status();
    state_dir_ = *std::move(dir);
    // Its files were in the directory that is gone.
    journal_.reset();
    OpenJournal();
    return options_.instance_id.empty() ? state_dir_->KeepInstanceId(instance_id_) : absl::OkStatus();
  }

  absl::Status OpenState() {
    OpenJournal();
    return OpenStore();
  }

  void OpenJournal() {
    auto journal = CrashJournal::Open(options_.state_dir, plan_.input_topics, options_.workers, deps_.log);
    // X3: a pod without a journal runs on, since the frontier remembers deaths as well.
    if (!journal.ok()) {
      deps_.log->Log(LogLevel::kWarning, absl::StrCat("events that end the process cannot be told from others: ",
                                                      std::string(journal.status().message())));
    } else {
      journal_ = *std::move(journal);
    }
  }

  std::string StorePath() const { return options_.state_dir + "/rocksdb"; }

  absl::Status OpenStore() {
    const std::string path = StorePath();
    const RocksDbOptions options{.path = path,
                                 .application_id = plan_.application_id,
                                 .memory_bytes = memory_.state_store,
                                 .max_open_files = options_.state_open_files};
    auto store = OpenRocksDbStore(options, deps_.log);
    // F5: nothing is lost, since the changelog has it all.
    if (absl::IsDataLoss(store.status())) {
      deps_.log->Log(LogLevel::kWarning, absl::StrCat("the local state in ", path,
                                                      " is corrupt and is rebuilt from the"
                                                      " changelog: ",
                                                      std::string(store.status().message())));
      if (absl::Status wiped = DestroyRocksDbStore(path); !wiped.ok()) return wiped;
      store = OpenRocksDbStore(options, deps_.log);
    }
    if (!store.ok()) return store.status();
    store_ = deps_.wrap_store ? deps_.wrap_store(*std::move(store)) : *std::move(store);
    return absl::OkStatus();
  }

  absl::Status RunPod() {
    PodOptions options;
    options.engine = ToEngineOptions(options_, plan_.application_id);
    // The rest of the budget is the store's and the client's.
    options.engine.memory_bytes = memory_.workers;
    options.workers = options_.workers;
    options.instance_id = instance_id_;
    options.client_mark = PodMark();
    options.static_membership = options_.static_membership;
    options.checkpoint_flush_interval = options_.checkpoint_flush_interval;
    options.start_timeout = options_.start_timeout;
    options.local_copy_retention = options_.local_copy_retention;
    options.handler_timeout = HandlerTimeout(options_);
    {
      MutexLock lock(&mutex_);
      pod_ = std::make_unique<Pod>(&plan_, options,
                                   PodDeps{.client = client_.get(),
                                           .admin = admin_.get(),
                                           .store = store_.get(),
                                           .clock = &clock_,
                                           .log = deps_.log,
                                           .journal = journal_.get(),
                                           .status = server_ != nullptr ? server_->board() : nullptr});
      // It was told to stop before there was anything to stop.
      if (stopping_.load()) pod_->Stop();
    }
    return pod_->Run();
  }

  const Options options_;
  const ApplicationDeps deps_;
  const MemoryPlan memory_;
  SystemClock clock_;
  int64_t max_batch_bytes_ = std::numeric_limits<int64_t>::max();
  std::atomic<bool> stopping_{false};
  Mutex mutex_;  // Over the making of pod_.
  Plan plan_;
  // Each uses those before it, so the pod is the first to go.
  std::unique_ptr<PodServer> server_;
  std::unique_ptr<LockedDir> state_dir_;
  std::string instance_id_;
  std::unique_ptr<CrashJournal> journal_;
  std::unique_ptr<CheckpointStore> store_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<Pod> pod_;
  std::unique_ptr<PodOffice> office_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Application>> Application::Create(const Options& options, const Topology& topology,
                                                                 const ApplicationDeps& deps) {
  if (absl::Status valid = ValidateOptions(options); !valid.ok()) return valid;
  auto application = std::make_unique<RunningApplication>(options, topology, deps);
  if (absl::Status opened = application->Open(); !opened.ok()) return opened;
  return application;
}

}  // namespace once
