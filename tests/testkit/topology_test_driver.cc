#include "tests/testkit/topology_test_driver.h"

#include <algorithm>
#include <cstdio>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/guarded.h"
#include "processor/base/strings.h"
#include "processor/runtime/checkpoint_writer.h"
#include "processor/runtime/preflight.h"
#include "processor/runtime/worker.h"
#include "state/changelog.h"

namespace once {

namespace {
constexpr int kMaxTurns = 200'000;  // A driver that never comes to rest is a failure, not an endless test.
constexpr int kQuietTurns = 3;
constexpr int kStartTries = 10;
constexpr absl::Duration kLongestAdvance = absl::Hours(100 * 365 * 24);  // Clocks count nanoseconds in 64 bits.

template <typename Specs>
std::vector<std::string> NamesOf(const Specs& specs) {
  std::vector<std::string> names;
  for (const auto& spec : specs) names.push_back(spec.name);
  return names;
}

template <typename... Parts>
[[noreturn]] void Fail(const Parts&... parts) {
  throw DriverError(absl::StrCat("TopologyTestDriver: ", parts...));
}

// The end of a sentence that begins with a name that there is not.
std::string DidYouMean(const std::string& name, const std::vector<std::string>& names) {
  const std::string meant = ClosestMatch(name, names);
  if (!meant.empty()) return absl::StrCat("; did you mean \"", meant, "\"?");
  return names.empty() ? "; there is none at all" : absl::StrCat("; there are: ", absl::StrJoin(names, ", "));
}

}  // namespace

TopologyTestDriver::TopologyTestDriver(const Factory& factory, DriverOptions options)
    : options_(std::move(options)),
      cluster_(std::make_unique<testkit::MemoryCluster>(&clock_)),
      store_(std::make_unique<MemoryCheckpointStore>()),
      engine_(options_.engine) {
  if (options_.partitions < 1) Fail("DriverOptions.partitions is ", options_.partitions, "; topics have 1 or more");
  built_ = Open(factory);
  if (built_.ok()) StartWorker();
}

TopologyTestDriver::~TopologyTestDriver() = default;

absl::Status TopologyTestDriver::Open(const Factory& factory) {
  absl::StatusOr<Topology> topology = absl::InternalError("");
  const absl::Status built = Guarded(absl::StatusCode::kInternal, "the function that builds the topology", [&] {
    topology = factory(Config::FromValues(options_.config));
    return topology.status();
  });
  if (!built.ok()) return built;
  graph_ = topology->shared_graph();
  plan_ = MakePlan(graph_, graph_->application_id);
  engine_.application_id = graph_->application_id;
  client_ = cluster_->NewClient(options_.kafka);
  if (options_.wrap_client) client_ = options_.wrap_client(std::move(client_));
  absl::StatusOr<std::unique_ptr<kafka::Admin>> admin = client_->NewAdmin();
  if (!admin.ok()) return admin.status();
  admin_ = *std::move(admin);
  checkpoints_ = std::make_unique<InlineCheckpointWriter>(store_.get());
  const PreflightOptions preflight{.bootstrap_servers = "memory",
                                   .create_topics = true,
                                   .create_partitions = options_.partitions,
                                   .max_record_bytes = options_.max_record_bytes,
                                   .takes_commands = options_.commands};
  const absl::Status checked = Preflight(preflight, admin_.get(), &log_, &plan_);
  for (const std::string& topic : cluster_->TopicNames()) {
    for (const auto& [name, value] : options_.topic_settings) cluster_->SetTopicSetting(topic, name, value);
  }
  return checked;
}

void TopologyTestDriver::StartWorker() {
  WorkerDeps deps{.client = client_.get(),
                  .admin = admin_.get(),
                  .store = store_.get(),
                  .checkpoints = checkpoints_.get(),
                  .clock = &clock_,
                  .log = &log_,
                  .sleep = [this](absl::Duration pause) { clock_.Advance(pause); },
                  .status = &board_};
  ++starts_;
  halt_told_ = false;
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

absl::Status TopologyTestDriver::Halted() const {
  if (!built_.ok()) return built_;
  if (!status_.ok()) return status_;
  return worker_->status();
}

absl::Status TopologyTestDriver::status() const {
  if (absl::Status halted = Halted(); !halted.ok()) return halted;
  for (const auto& [id, task] : worker_->engine().tasks()) {
    if (task->phase == TaskPhase::kFailed) return task->failure.why;
  }
  return absl::OkStatus();
}

Worker& TopologyTestDriver::Running(const char* asked) const {
  if (worker_ == nullptr)
    Fail(asked, " needs a topology that runs; this one did not build or start: ", built_.ToString());
  return *worker_;
}

const Graph& TopologyTestDriver::Built(const char* asked) const {
  if (graph_ == nullptr)
    Fail(asked, " needs a topology that runs; this one did not build or start: ", built_.ToString());
  return *graph_;
}

const Plan& TopologyTestDriver::plan() const {
  Built("plan");
  return plan_;
}

const NodeSpec& TopologyTestDriver::AggregateNamed(const std::string& name) const {
  std::vector<std::string> aggregates;
  for (const NodeSpec& node : Built("State").nodes) {
    if (node.kind == NodeKind::kAggregate && node.name == name) return node;
    if (node.name == name) Fail("\"", name, "\" is a transform, which has no state");
    if (node.kind == NodeKind::kAggregate) aggregates.push_back(node.name);
  }
  Fail("the topology has no aggregate named \"", name, "\"", DidYouMean(name, aggregates));
}

void TopologyTestDriver::CheckStateType(const std::string& aggregate, const std::string& type) const {
  const NodeSpec& node = AggregateNamed(aggregate);
  if (type == node.state_type || type == Codec<Bytes>::TypeName()) return;
  Fail("the state of \"", aggregate, "\" is a ", node.state_type, ", and is read as a ", type);
}

void TopologyTestDriver::CheckTopic(const std::string& topic) const {
  const std::vector<std::string> topics = cluster_->TopicNames();
  if (std::find(topics.begin(), topics.end(), topic) != topics.end()) return;
  for (const SinkSpec& sink : Built("Read").sinks) {
    if (sink.name == topic) Fail("\"", topic, "\" is a sink and no topic; read its topic, \"", sink.topic, "\"");
  }
  Fail("there is no topic named \"", topic, "\"", DidYouMean(topic, topics));
}

std::vector<testkit::MemoryRecord> TopologyTestDriver::ReadAs(const std::string& topic, const std::string& type) const {
  const Graph& graph = Built("Read");
  CheckTopic(topic);
  const std::string bytes = Codec<Bytes>::TypeName();
  const SinkSpec* other = nullptr;
  bool fits = type == bytes;
  for (const SinkSpec& sink : graph.sinks) {
    if (sink.topic != topic) continue;
    other = &sink;
    fits |= sink.value_type == type || sink.value_type == bytes;
  }
  if (!fits && other != nullptr) {
    Fail("sink \"", other->name, "\" writes ", other->value_type, " to topic \"", topic, "\", which is read as ", type);
  }
  return cluster_->ReadCommitted(topic);
}

void TopologyTestDriver::FailToRead(const std::string& what, const absl::Status& why) {
  Fail(what, " cannot be decoded: ", why.ToString());
}

SourceIndex TopologyTestDriver::SourceNamed(const std::string& name) const {
  const auto& sources = Built("Send").sources;
  const auto found =
      std::find_if(sources.begin(), sources.end(), [&](const SourceSpec& spec) { return spec.name == name; });
  if (found != sources.end()) return static_cast<SourceIndex>(found - sources.begin());
  for (const SourceSpec& spec : sources) {
    if (spec.topic == name) Fail("\"", name, "\" is the topic of source \"", spec.name, "\"; name the source");
  }
  Fail("the topology has no source named \"", name, "\"", DidYouMean(name, NamesOf(sources)));
}

void TopologyTestDriver::CheckKeyType(const std::string& source, const std::string& type) const {
  const SourceSpec& spec = Built("Send").sources[SourceNamed(source)];
  if (type == spec.key_type || type == Codec<Bytes>::TypeName()) return;
  Fail("the keys of source \"", source, "\" are ", spec.key_type, ", and one is sent that is a ", type);
}

void TopologyTestDriver::CheckValueType(const std::string& source, const std::string& type,
                                        const std::string& event_type) const {
  const SourceIndex index = SourceNamed(source);
  if (type == Codec<Bytes>::TypeName()) return;
  std::vector<std::string> read_as;
  for (const HandlerSpec& handler : graph_->handlers) {
    if (handler.source != index || handler.match == HandlerMatch::kTombstone) continue;
    const auto& types = handler.event_types;
    const bool hears = handler.match == HandlerMatch::kAny || event_type.empty() ||
                       std::find(types.begin(), types.end(), event_type) != types.end();
    if (!hears) continue;
    if (handler.value_type == type || handler.value_type == Codec<Bytes>::TypeName()) return;
    read_as.push_back(handler.value_type);
  }
  // What nobody reads may be of any type.
  if (read_as.empty()) return;
  Fail("the handlers of source \"", source, "\" read its values as ", absl::StrJoin(read_as, ", "),
       ", and one is sent that is a ", type, "; SendBytes sends any bytes");
}

void TopologyTestDriver::SendBytes(const std::string& source, std::optional<std::string> key,
                                   std::optional<std::string> value, const SendOptions& options) {
  Running("Send");
  const SourceSpec& found = graph_->sources[SourceNamed(source)];
  testkit::MemoryHeaders headers;
  if (!options.event_id.empty()) headers.emplace_back("ce_id", options.event_id);
  if (!options.event_type.empty()) headers.emplace_back("ce_type", options.event_type);
  for (const auto& [name, text] : options.headers) headers.emplace_back(name, text);
  const Partition partition = options.partition.has_value() ? Partition(*options.partition) : kAnyPartition;
  if (options.partition.has_value() && !cluster_->HasPartition({found.topic, partition})) {
    Fail("topic \"", found.topic, "\" has no partition ", *options.partition, "; see DriverOptions.partitions");
  }
  cluster_->Append(found.topic, partition, std::move(key), std::move(value), std::move(headers), options.timestamp_ms);
}

bool TopologyTestDriver::Settled() const {
  const Engine& engine = worker_->engine();
  if (!engine.idle() || engine.has_work()) return false;
  return std::all_of(engine.tasks().begin(), engine.tasks().end(), [](const auto& entry) {
    const Task& task = *entry.second;
    if (task.phase == TaskPhase::kPaused || task.phase == TaskPhase::kFailed) return true;
    return task.phase == TaskPhase::kRunning && !task.awaiting_seek;
  });
}

void TopologyTestDriver::TellOfHalt() {
  if (halt_told_ || status().ok()) return;
  halt_told_ = true;
  std::fprintf(stderr, "TopologyTestDriver: halted: %s\n", status().ToString().c_str());
}

void TopologyTestDriver::RunUntilIdle() {
  Running("RunUntilIdle");
  int quiet = 0;
  for (int turn = 0; turn < kMaxTurns && quiet < kQuietTurns; ++turn) {
    if (!Halted().ok() || worker_->done()) return TellOfHalt();
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
  if (quiet == kQuietTurns) return TellOfHalt();
  status_ = absl::DeadlineExceededError("the driver did not come to rest");
  TellOfHalt();
}

void TopologyTestDriver::AdvanceTime(absl::Duration duration) {
  Running("AdvanceTime");
  if (duration < absl::ZeroDuration() || duration > kLongestAdvance) {
    Fail("AdvanceTime takes a duration from 0 to ", absl::FormatDuration(kLongestAdvance), ", not ",
         absl::FormatDuration(duration), "; clock().StepWall() sets the wall clock back");
  }
  clock_.Advance(duration);
  RunUntilIdle();
}

std::vector<DeadLetterRecord> TopologyTestDriver::dead_letters() const {
  std::vector<DeadLetterRecord> letters;
  for (const testkit::MemoryRecord& record : cluster_->ReadCommitted(Built("dead_letters").dead_letter_topic)) {
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
  AggregateNamed(aggregate);
  const std::string state_key = StateKeyPrefix(aggregate) + key;
  for (const auto& [id, task] : Running("State").engine().tasks()) {
    absl::StatusOr<TaskState::Entry*> entry = task->state.Open(state_key);
    if (entry.ok() && (*entry)->value().has_value()) return std::string(*(*entry)->value());
  }
  return std::nullopt;
}

int64_t TopologyTestDriver::Parked(const std::string& key) const {
  int64_t parked = 0;
  for (const auto& [id, task] : Running("Parked").engine().tasks()) {
    const v1::AggregateStatus* status = task->parking.Find(key);
    if (status != nullptr) parked += static_cast<int64_t>(status->next_sequence() - status->head_sequence());
  }
  return parked;
}

int64_t TopologyTestDriver::replayed_records() const {
  int64_t replayed = 0;
  for (const auto& [id, task] : Running("replayed_records").engine().tasks()) replayed += task->replayed_records;
  return replayed;
}

void TopologyTestDriver::StopWorker() {
  Running("Restart");
  worker_->RequestStop();
  for (int turn = 0; turn < kMaxTurns && !worker_->done(); ++turn) {
    worker_->RunOnce();
    clock_.Advance(absl::Milliseconds(1));
  }
  if (absl::Status left = worker_->Leave(); !left.ok() && status_.ok()) status_ = left;
  if (absl::Status flushed = checkpoints_->Flush(); !flushed.ok() && status_.ok()) status_ = flushed;
}

void TopologyTestDriver::KillWorker() {
  Running("Crash");
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

void TopologyTestDriver::Restart(const EngineOptions& engine) {
  const std::string application_id = engine_.application_id;
  engine_ = engine;
  engine_.application_id = application_id;
  Restart();
}

void TopologyTestDriver::Restart(const Factory& factory) {
  if (worker_ != nullptr) StopWorker();
  worker_.reset();
  built_ = Open(factory);
  if (built_.ok()) StartWorker();
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
