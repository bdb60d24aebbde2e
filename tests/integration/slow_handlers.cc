#include "tests/integration/slow_handlers.h"

#include <algorithm>
#include <atomic>
#include <map>
#include <memory>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "once/application.h"
#include "once/options.h"
#include "once/topology.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/client.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(20);
constexpr int32_t kBacklogPartition = 0;
constexpr int32_t kRetryPartition = 1;
constexpr char kRetryPrefix[] = "retry-";

class Warnings final : public LogSink {
 public:
  void Log(LogLevel level, const std::string& message) override {
    if (level < LogLevel::kWarning) return;
    MutexLock lock(&mutex_);
    absl::StrAppend(&text_, message, "\n");
  }
  std::string text() {
    MutexLock lock(&mutex_);
    return text_;
  }

 private:
  Mutex mutex_;
  std::string text_ ABSL_GUARDED_BY(mutex_);
};

// What handlers, the reader and the caller share.
struct Shared {
  std::atomic<bool> is_service_up{false};
  std::atomic<int64_t> failures{0};  // Of events that fail until the service is up.
  std::atomic<int64_t> calls{0};
  std::atomic<int64_t> retries{0};  // Of these.
  std::atomic<int64_t> retries_before_last{0};
  Mutex mutex;
  std::map<std::string, int> calls_by_key ABSL_GUARDED_BY(mutex);
};

absl::StatusOr<Topology> Build(const SlowSpec& spec, const std::shared_ptr<Shared>& shared) {
  TopologyBuilder builder(spec.name);
  auto in = builder.AddSource("in", {.topic = spec.name + "-in", .partitioner = Partitioner::kAny});
  auto out = builder.AddSink<std::string>("out", {.topic = spec.name + "-out"});
  builder.DeadLetterTo(spec.name + "-dlq");
  FailurePolicy policy;
  policy.initial_backoff = policy.max_backoff = absl::Seconds(2);
  builder.AddAggregate<std::string>("slow").EmitsTo(out).WithPolicy(policy).On<std::string>(
      in, [out, shared, spec](const std::string& value, auto& slow) {
        const bool is_retry = absl::StartsWith(value, kRetryPrefix);
        if (is_retry && !shared->is_service_up) {
          ++shared->failures;
          return absl::UnavailableError("not up yet");
        }
        absl::SleepFor(is_retry ? spec.retry_time : spec.event_time);
        ++shared->calls;
        is_retry ? ++shared->retries : shared->retries_before_last = shared->retries.load();
        {
          MutexLock lock(&shared->mutex);
          ++shared->calls_by_key[value];
        }
        slow.Emit(out, value);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

class Run {
 public:
  explicit Run(const SlowSpec& spec) : spec_(spec) {}

  absl::StatusOr<SlowResult> Execute() {
    if (absl::Status ready = SetUp(); !ready.ok()) return ready;
    std::thread reader([this] { Watch(); });
    absl::Status ended;
    std::thread pod([&] { ended = application_->Run(); });
    AwaitEnd();
    const absl::Time told = absl::Now();
    application_->Stop();
    pod.join();
    result_.stop_time = absl::Now() - told;
    done_ = true;
    reader.join();
    result_.calls = shared_->calls;
    result_.retried = shared_->retries_before_last;
    {
      MutexLock lock(&shared_->mutex);
      for (const auto& [key, calls] : shared_->calls_by_key) result_.repeated += calls > 1;
    }
    result_.log = log_.text();
    if (!ended.ok()) return ended;
    return std::move(result_);
  }

 private:
  absl::Status SetUp() {
    kafka::RdKafkaConfig config;
    config.bootstrap_servers = spec_.bootstrap_servers;
    auto client = kafka::MakeRdKafkaClient(config, &log_);
    if (!client.ok()) return client.status();
    client_ = *std::move(client);
    auto admin = client_->NewAdmin();
    if (!admin.ok()) return admin.status();
    for (const char* topic : {"-in", "-out", "-dlq"}) {
      absl::Status created = (*admin)->CreateTopic({.name = spec_.name + topic, .partition_count = 2}, kCall);
      if (!created.ok()) return created;
    }
    if (absl::Status loaded = Load(kBacklogPartition, "event-", spec_.events); !loaded.ok()) return loaded;
    if (absl::Status loaded = Load(kRetryPartition, kRetryPrefix, spec_.retries); !loaded.ok()) return loaded;
    absl::StatusOr<Topology> topology = Build(spec_, shared_);
    if (!topology.ok()) return topology.status();
    Options options;
    options.application_id = spec_.name;
    options.bootstrap_servers = spec_.bootstrap_servers;
    options.instance_id = "slow";
    options.state_dir = spec_.state_dir + "/" + spec_.name;
    ApplicationDeps deps;
    deps.log = &log_;
    auto application = Application::Create(options, *topology, deps);
    if (!application.ok()) return application.status();
    application_ = *std::move(application);
    return absl::OkStatus();
  }

  absl::Status Load(int32_t partition, const std::string& prefix, int64_t count) {
    auto producer = client_->NewProducer(spec_.name + "-load" + std::to_string(partition), {spec_.name + "-in"});
    if (!producer.ok()) return producer.status();
    kafka::Result result = (*producer)->InitTransactions(kCall);
    if (result.ok()) result = (*producer)->BeginTransaction();
    for (int64_t i = 0; result.ok() && i < count; ++i) {
      // Backlogs are long queues of few keys, retries wait each by itself.
      std::string value = absl::StrCat(prefix, i);
      if (partition == kBacklogPartition) value.append(spec_.padding, '.');
      const std::string key = partition == kRetryPartition ? value : absl::StrCat("key-", i % 10);
      result = (*producer)->Send({.topic_index = 0, .partition = Partition(partition), .key = key, .value = value});
    }
    if (result.ok()) result = (*producer)->Commit(kCall);
    return result.ok() ? absl::OkStatus() : absl::UnavailableError(kafka::ToString(result));
  }

  // Notes when outputs of the backlog's events become visible.
  void Watch() {
    auto reader = client_->NewLogReader({spec_.name + "-out"});
    if (!reader.ok()) return;
    for (int32_t partition = 0; partition < 2; ++partition) {
      if (!(*reader)->Add({{spec_.name + "-out", Partition(partition)}, Offset(0)}).ok()) return;
    }
    kafka::Batch batch;
    absl::Time last = absl::InfiniteFuture();
    while (!done_) {
      if (!(*reader)->Poll(absl::Milliseconds(5), &batch).ok()) return;
      const auto of_backlog = std::count_if(batch.records.begin(), batch.records.end(), [](const RecordView& record) {
        return record.value.value_or("").starts_with("event-");
      });
      if (of_backlog == 0) continue;
      const absl::Time now = absl::Now();
      if (last != absl::InfiniteFuture()) result_.longest_gap = std::max(result_.longest_gap, now - last);
      last = now;
      ++result_.commits;
      result_.outputs += of_backlog;
      outputs_ = result_.outputs;
    }
  }

  void AwaitEnd() {
    while (true) {
      if (!shared_->is_service_up && shared_->failures >= spec_.retries) shared_->is_service_up = true;
      const bool is_over =
          spec_.stop_after_calls > 0 ? shared_->calls >= spec_.stop_after_calls : outputs_ >= spec_.events;
      if (is_over) return;
      absl::SleepFor(absl::Milliseconds(1));
    }
  }

  const SlowSpec spec_;
  Warnings log_;
  std::shared_ptr<Shared> shared_ = std::make_shared<Shared>();
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<Application> application_;
  std::atomic<bool> done_{false};
  std::atomic<int64_t> outputs_{0};
  SlowResult result_;
};

}  // namespace

absl::StatusOr<SlowResult> RunSlowHandlers(const SlowSpec& spec) { return Run(spec).Execute(); }

}  // namespace once
