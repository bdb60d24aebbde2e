#include "bench/floor/once_loop.h"

#include <cstdio>
#include <memory>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "examples/order_totals/orders.pb.h"
#include "once/topology.h"
#include "processor/base/mutex.h"
#include "processor/http/metrics.h"
#include "processor/kafka/librdkafka/client.h"
#include "processor/runtime/preflight.h"
#include "processor/runtime/status_board.h"
#include "processor/runtime/worker.h"
#include "state/rocksdb/rocksdb_store.h"

namespace once::bench {

namespace {

constexpr absl::Duration kScrapeInterval = absl::Seconds(1);

class StderrLog final : public LogSink {
 public:
  void Log(LogLevel level, const std::string& message) override {
    if (level >= LogLevel::kWarning) std::fprintf(stderr, "%s\n", message.c_str());
  }
};

absl::StatusOr<Topology> BuildWorkload(const OnceLoopOptions& options) {
  TopologyBuilder builder(options.application_id);
  auto input = builder.AddSource("orders", {.topic = options.input});
  builder.DeadLetterTo(options.output + ".dlq");
  if (options.workload == "pass_through") {
    auto out = builder.AddSink<Bytes>("out", {.topic = options.output});
    builder.AddTransform("pass").EmitsTo(out).OnAny(input, [out](const Bytes&, auto& event) {
      event.Forward(out);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  }
  auto out = builder.AddSink<orders::v1::CustomerTotal>("out", {.topic = options.output});
  builder.AddAggregate<orders::v1::CustomerTotal>("customer")
      .EmitsTo(out)
      .On<orders::v1::OrderPlaced>(input, [out](const orders::v1::OrderPlaced& order, auto& customer) {
        if (order.cents() <= 0) return absl::InvalidArgumentError("cents must be positive");
        orders::v1::CustomerTotal& total = *customer.mutable_state();
        total.set_customer_id(customer.key());
        total.set_order_count(total.order_count() + 1);
        total.set_cents(total.cents() + order.cents());
        customer.Emit(out, total);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

// Asks for metrics, as Prometheus might.
class Scraper {
 public:
  explicit Scraper(StatusProvider* status) {
    if (status != nullptr) thread_ = std::thread([this, status] { Run(status); });
  }
  ~Scraper() {
    {
      MutexLock lock(&mutex_);
      is_over_ = true;
      over_.NotifyAll();
    }
    if (thread_.joinable()) thread_.join();
  }
  Scraper(const Scraper&) = delete;
  Scraper& operator=(const Scraper&) = delete;

 private:
  void Run(StatusProvider* status) {
    MutexLock lock(&mutex_);
    while (!is_over_) {
      http::MetricsText(status->Look());
      over_.WaitFor(&mutex_, kScrapeInterval);
    }
  }

  Mutex mutex_;
  CondVar over_;
  bool is_over_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

}  // namespace

absl::StatusOr<LoopFigures> RunOnceLoop(const OnceLoopOptions& options) {
  StderrLog log;
  SystemClock clock;
  absl::StatusOr<Topology> topology = BuildWorkload(options);
  if (!topology.ok()) return topology.status();
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = options.bootstrap_servers;
  if (options.status) config.statistics_interval = kScrapeInterval;
  auto client = kafka::MakeRdKafkaClient(config, &log);
  if (!client.ok()) return client.status();
  auto admin = (*client)->NewAdmin();
  if (!admin.ok()) return admin.status();
  Plan plan = MakePlan(topology->shared_graph(), options.application_id);
  const PreflightOptions preflight{.bootstrap_servers = options.bootstrap_servers, .create_topics = true};
  if (absl::Status checked = Preflight(preflight, admin->get(), &log, &plan); !checked.ok()) return checked;
  auto store = OpenRocksDbStore({.path = options.state_dir, .application_id = options.application_id}, &log);
  if (!store.ok()) return store.status();
  BackgroundCheckpointWriter checkpoints(store->get(), absl::Seconds(10), &clock, &log);
  EngineOptions engine;
  engine.application_id = options.application_id;
  engine.commit_interval = options.commit_interval;
  StatusBoard board(PodStatus(), /*workers=*/1, &clock);
  const Scraper scraper(options.status ? &board : nullptr);
  const WorkerDeps deps{.client = client->get(),
                        .admin = admin->get(),
                        .store = store->get(),
                        .checkpoints = &checkpoints,
                        .clock = &clock,
                        .log = &log,
                        .sleep = [](absl::Duration d) { std::this_thread::sleep_for(absl::ToChronoNanoseconds(d)); },
                        .status = options.status ? &board : nullptr};
  Worker worker(&plan, engine, {.transactional_id = options.application_id + "-bench-0-0", .seed = 1}, deps);
  absl::Status started = worker.InitProducer();
  while (absl::IsUnavailable(started)) started = worker.InitProducer();
  if (started.ok()) started = worker.Join();
  if (!started.ok()) return started;
  LoopClock loop;
  const auto finished = [&] {
    const EventCounters& c = worker.engine().committed_counters();
    return c.processed + c.duplicates + c.failed;
  };
  while (!worker.done() && finished() < options.records) {
    worker.RunOnce();
    if (worker.engine().open_records() > 0) loop.Start();
  }
  const LoopFigures figures = loop.Stop(options.records);
  if (!worker.status().ok()) return worker.status();
  worker.RequestStop();
  while (!worker.done()) worker.RunOnce();
  if (absl::Status left = worker.Leave(); !left.ok()) return left;
  return figures;
}

}  // namespace once::bench
