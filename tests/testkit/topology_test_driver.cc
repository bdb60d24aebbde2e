#include "tests/testkit/topology_test_driver.h"

#include <algorithm>

#include "processor/runtime/preflight.h"

namespace once {

namespace {
constexpr int kMaxTurns = 200'000;  // A driver that never comes to rest is a failure, not an endless test.
constexpr int kQuietTurns = 3;
constexpr int kStartTries = 10;
}  // namespace

void TopologyTestDriver::RecordingLog::Log(LogLevel level, const std::string& message) {
  if (level >= LogLevel::kInfo) messages.push_back(message);
}

TopologyTestDriver::TopologyTestDriver(const Factory& factory, DriverOptions options)
    : options_(std::move(options)),
      cluster_(std::make_unique<testkit::MemoryCluster>(&clock_)),
      store_(std::make_unique<MemoryCheckpointStore>()) {
  status_ = Open(factory);
  if (status_.ok()) StartWorker();
}

TopologyTestDriver::~TopologyTestDriver() = default;

absl::Status TopologyTestDriver::Open(const Factory& factory) {
  absl::StatusOr<Topology> topology = factory(Config::FromValues(options_.config));
  if (!topology.ok()) return topology.status();
  graph_ = topology->shared_graph();
  plan_ = MakePlan(graph_, graph_->application_id);
  engine_ = options_.engine;
  engine_.application_id = graph_->application_id;
  // Sessions end when the test says so, however far it moves the clock.
  client_ = cluster_->NewClient({.session_timeout = absl::InfiniteDuration()});
  if (options_.wrap_client) client_ = options_.wrap_client(std::move(client_));
  absl::StatusOr<std::unique_ptr<kafka::Admin>> admin = client_->NewAdmin();
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  checkpoints_ = std::make_unique<InlineCheckpointWriter>(store_.get());
  const PreflightOptions preflight{.bootstrap_servers = "memory",
                                   .create_topics = true,
                                   .create_partitions = options_.partitions,
                                   .max_record_bytes = options_.max_record_bytes};
  return Preflight(preflight, admin_.get(), &log_, &plan_);
}

void TopologyTestDriver::StartWorker() {
  WorkerDeps deps{.client = client_.get(),
                  .admin = admin_.get(),
                  .store = store_.get(),
                  .checkpoints = checkpoints_.get(),
                  .clock = &clock_,
                  .log = &log_,
                  .sleep = [this](absl::Duration pause) { clock_.Advance(pause); }};
  ++starts_;
  const std::string id = graph_->application_id + "-" + std::to_string(instance_) + "-0-0";
  worker_ = std::make_unique<Worker>(&plan_, engine_, WorkerConfig{.transactional_id = id, .seed = starts_}, deps);
  absl::Status started = worker_->InitProducer();
  for (int turn = 0; turn < kStartTries && absl::IsUnavailable(started); ++turn) {
    clock_.Advance(absl::Milliseconds(100));
    started = worker_->InitProducer();
  }
  if (started.ok()) started = worker_->Join();
  if (!started.ok()) status_ = started;
}

absl::Status TopologyTestDriver::status() const {
  if (!status_.ok()) return status_;
  return worker_->status();
}

void TopologyTestDriver::SendBytes(const std::string& source, std::optional<std::string> key,
                                   std::optional<std::string> value, const SendOptions& options) {
  const auto found = std::find_if(graph_->sources.begin(), graph_->sources.end(),
                                  [&](const SourceSpec& spec) { return spec.name == source; });
  if (found == graph_->sources.end()) {
    status_ = absl::InvalidArgumentError("the topology has no source named " + source);
    return;
  }
  testkit::MemoryHeaders headers;
  if (!options.event_id.empty()) headers.emplace_back("ce_id", options.event_id);
  if (!options.event_type.empty()) headers.emplace_back("ce_type", options.event_type);
  for (const auto& [name, text] : options.headers) headers.emplace_back(name, text);
  const Partition partition = options.partition.has_value() ? Partition(*options.partition) : kAnyPartition;
  cluster_->Append(found->topic, partition, std::move(key), std::move(value), std::move(headers), options.timestamp_ms);
}

bool TopologyTestDriver::Settled() const {
  const Engine& engine = worker_->engine();
  if (!engine.idle() || engine.has_backlog()) return false;
  return std::all_of(engine.tasks().begin(), engine.tasks().end(), [](const auto& entry) {
    const Task& task = *entry.second;
    return task.phase == TaskPhase::kPaused || (task.phase == TaskPhase::kRunning && !task.awaiting_seek);
  });
}

void TopologyTestDriver::RunUntilIdle() {
  int quiet = 0;
  for (int turn = 0; turn < kMaxTurns && quiet < kQuietTurns; ++turn) {
    if (!status().ok() || worker_->done()) return;
    const int64_t before = worker_->engine().committed_epochs();
    worker_->RunOnce();
    if (Settled() && worker_->engine().committed_epochs() == before && !worker_->engine().tasks().empty()) {
      ++quiet;
      continue;
    }
    quiet = 0;
    // Time passes only where something waits for it.
    if (!worker_->engine().idle()) clock_.Advance(engine_.commit_interval / 2);
    if (worker_->engine().idle() && !Settled()) clock_.Advance(engine_.retry_interval / 2);
  }
  if (quiet < kQuietTurns) status_ = absl::DeadlineExceededError("the driver did not come to rest");
}

void TopologyTestDriver::AdvanceTime(absl::Duration duration) {
  clock_.Advance(duration);
  RunUntilIdle();
}

std::vector<DeadLetterRecord> TopologyTestDriver::dead_letters() const {
  std::vector<DeadLetterRecord> letters;
  for (const testkit::MemoryRecord& record : cluster_->ReadCommitted(graph_->dead_letter_topic)) {
    DeadLetterRecord letter;
    for (const auto& [name, value] : record.headers) letter.headers[name] = value.value_or("");
    letter.key = record.key.value_or("");
    letter.value = record.value;
    letter.topic_partition_offset = letter.headers["once.origin"];
    letter.disposition = letter.headers["once.disposition"];
    letter.reason = letter.headers["once.reason"];
    letter.message = letter.headers["once.message"];
    letter.blocked_by = letter.headers["once.blocked_by"];
    letter.attempts = std::atoi(letter.headers["once.attempts"].c_str());
    letters.push_back(std::move(letter));
  }
  return letters;
}

std::optional<std::string> TopologyTestDriver::StateBytes(const std::string& aggregate, const std::string& key) {
  const std::string state_key = StateKeyPrefix(aggregate) + key;
  for (const auto& [id, task] : worker_->engine().tasks()) {
    absl::StatusOr<TaskState::Entry*> entry = task->state.Open(state_key);
    if (entry.ok() && (*entry)->value().has_value()) return std::string(*(*entry)->value());
  }
  return std::nullopt;
}

int64_t TopologyTestDriver::Parked(const std::string& key) const {
  int64_t parked = 0;
  for (const auto& [id, task] : worker_->engine().tasks()) {
    const v1::AggregateStatus* status = task->parking.Find(key);
    if (status != nullptr) parked += static_cast<int64_t>(status->next_sequence() - status->head_sequence());
  }
  return parked;
}

int64_t TopologyTestDriver::replayed_records() const {
  int64_t replayed = 0;
  for (const auto& [id, task] : worker_->engine().tasks()) replayed += task->replayed_records;
  return replayed;
}

void TopologyTestDriver::StopWorker() {
  worker_->RequestStop();
  for (int turn = 0; turn < kMaxTurns && !worker_->done(); ++turn) {
    worker_->RunOnce();
    clock_.Advance(absl::Milliseconds(1));
  }
  if (absl::Status left = worker_->Leave(); !left.ok() && status_.ok()) status_ = left;
  if (absl::Status flushed = checkpoints_->Flush(); !flushed.ok() && status_.ok()) status_ = flushed;
}

void TopologyTestDriver::KillWorker() {
  worker_.reset();
  for (const std::string& member : cluster_->Members(graph_->application_id)) cluster_->ExpireMember(member);
}

void TopologyTestDriver::Crash() {
  KillWorker();
  store_->Crash();
  checkpoints_ = std::make_unique<InlineCheckpointWriter>(store_.get());
  StartWorker();
}

void TopologyTestDriver::CrashAndLoseDisk() {
  KillWorker();
  store_ = std::make_unique<MemoryCheckpointStore>();
  checkpoints_ = std::make_unique<InlineCheckpointWriter>(store_.get());
  StartWorker();
}

void TopologyTestDriver::TakeOver() {
  KillWorker();
  store_ = std::make_unique<MemoryCheckpointStore>();
  checkpoints_ = std::make_unique<InlineCheckpointWriter>(store_.get());
  ++instance_;
  StartWorker();
}

void TopologyTestDriver::Restart() {
  StopWorker();
  worker_.reset();
  checkpoints_ = std::make_unique<InlineCheckpointWriter>(store_.get());
  StartWorker();
}

void TopologyTestDriver::Restart(const Factory& factory) {
  StopWorker();
  worker_.reset();
  if (absl::Status opened = Open(factory); !opened.ok()) {
    status_ = opened;
  }
  StartWorker();
}

void TopologyTestDriver::FailNextCommit(bool landed) {
  cluster_->FailNext(
      {.call = testkit::Call::kCommit,
       .result = {.error = kafka::ErrorClass::kFatal, .code = "_TIMED_OUT", .message = "injected: no answer"},
       .landed = landed});
}

void TopologyTestDriver::AbortNextCommit() {
  cluster_->FailNext(
      {.call = testkit::Call::kCommit,
       .result = {.error = kafka::ErrorClass::kAbortable, .code = "INJECTED", .message = "injected: must abort"}});
}

}  // namespace once
