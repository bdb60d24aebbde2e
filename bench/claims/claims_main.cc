// Copies large values from a topic to another through one pod, as records and by claim checks.
#include <sys/stat.h>

#include <CLI/CLI.hpp>
#include <cstdio>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "once/application.h"
#include "once/claim_check.h"
#include "once/options.h"
#include "once/topology.h"
#include "processor/base/clock.h"
#include "processor/kafka/librdkafka/client.h"

namespace once {
namespace {

constexpr absl::Duration kCall = absl::Seconds(60);
constexpr int64_t kInline = int64_t{1} << 40, kInlineOfClaims = 1000;

struct Settings {
  std::string bootstrap_servers = {};
  std::string state_dir = {};
  std::string s3_endpoint = {};
  std::string s3_bucket = "claims";
  std::string s3_credentials_file = {};
  int64_t records = 500;
  int64_t bytes = 1'000'000;
};

struct Case {
  std::string name;
  std::shared_ptr<BlobStore> store;
  bool is_claimed = true;
};

class ErrorsOnly final : public LogSink {
 public:
  void Log(LogLevel level, const std::string& message) override {
    if (level >= LogLevel::kError) std::fprintf(stderr, "%s\n", message.c_str());
  }
};

void Require(const absl::Status& status) {
  if (status.ok()) return;
  std::fprintf(stderr, "claims: %s\n", status.ToString().c_str());
  std::exit(1);
}

class Measurement {
 public:
  Measurement(const Settings& settings, const Case& a_case)
      : settings_(settings),
        case_(a_case),
        name_(absl::StrCat("claims-", absl::ToUnixMillis(absl::Now()), "-", a_case.name)),
        format_(ClaimCheck<Bytes>(
            a_case.store, {.inline_bytes = a_case.is_claimed ? kInlineOfClaims : kInline, .max_bytes = kInline})) {
    kafka::RdKafkaConfig config;
    config.bootstrap_servers = settings.bootstrap_servers;
    client_ = *kafka::MakeRdKafkaClient(config, &log_);
    const auto admin = *client_->NewAdmin();
    for (const char* topic : {"-in", "-out", "-dlq"}) Require(admin->CreateTopic({.name = name_ + topic}, kCall));
  }

  void Run() {
    Send();
    Options options;
    options.application_id = name_;
    options.bootstrap_servers = settings_.bootstrap_servers;
    options.instance_id = "pod";
    options.state_dir = absl::StrCat(settings_.state_dir, "/", name_);
    ApplicationDeps deps;
    deps.log = &log_;
    const auto topology = Topology_();
    Require(topology.status());
    auto application = Application::Create(options, *topology, deps);
    Require(application.status());
    std::thread thread([&] { Require((*application)->Run()); });
    const auto [seconds, count] = Await();
    (*application)->Stop();
    thread.join();
    std::printf("case=%s bytes=%ld records=%ld records_per_second=%.1f mb_per_second=%.1f\n", case_.name.c_str(),
                static_cast<long>(settings_.bytes), static_cast<long>(settings_.records), count / seconds,
                count / seconds * static_cast<double>(settings_.bytes) / 1e6);
    std::fflush(stdout);
  }

 private:
  absl::StatusOr<Topology> Topology_() {
    TopologyBuilder builder(name_);
    auto in = builder.AddSource("in", {.topic = name_ + "-in"});
    auto out = builder.AddSink<Bytes>("out", {.topic = name_ + "-out"}, format_);
    builder.DeadLetterTo(name_ + "-dlq");
    // Not Forward, which touches no payload: each is fetched, and put again.
    builder.AddTransform("copy").EmitsTo(out).On<Bytes>(in, {"bytes"}, format_, [out](const Bytes& bytes, auto& event) {
      event.Emit(out, bytes);
      return absl::OkStatus();
    });
    return std::move(builder).Build();
  }

  void Send() {
    const auto encoder = format_->NewEncoder(name_ + "-in");
    auto producer = *client_->NewProducer(name_ + "-p", {name_ + "-in"});
    Require(producer->InitTransactions(kCall).ok() ? absl::OkStatus() : absl::UnavailableError("no transactions"));
    Bytes value{std::string(static_cast<size_t>(settings_.bytes), 'x')};
    // In transactions of their own, so that none takes long.
    for (int64_t i = 0; i < settings_.records; ++i) {
      // What cannot be compressed, and differs.
      for (size_t at = 0; at < value.data.size(); ++at)
        value.data[at] = static_cast<char>((random_ = random_ * 6364136223846793005u + 1) >> 56);
      Arena arena;
      RecordHeaders added;
      const auto bytes = encoder->EncodeWithHeaders(value, &arena, &added);
      Require(bytes.status());
      const std::string id = absl::StrCat(i);
      std::vector<HeaderView> headers = {{"ce_id", id}, {"ce_type", "bytes"}};
      for (const auto& [header, text] : added) headers.push_back({header, text});
      OutputRecord record;
      record.key = id;
      record.value = *bytes;
      record.headers = headers;
      const bool sent =
          producer->BeginTransaction().ok() && producer->Send(record).ok() && producer->Commit(kCall).ok();
      Require(sent ? absl::OkStatus() : absl::UnavailableError("a record could not be sent"));
    }
  }

  // From the first output on, so that the start is left out: seconds, and records after the first.
  std::pair<double, double> Await() {
    auto reader = *client_->NewLogReader({name_ + "-out"});
    Require(reader->Add({{name_ + "-out", Partition(0)}, Offset(0)}));
    kafka::Batch batch;
    int64_t count = 0, at_first = 0;
    absl::Time first;
    while (count < settings_.records) {
      Require(reader->Poll(absl::Milliseconds(10), &batch));
      if (batch.records.empty()) continue;
      count += static_cast<int64_t>(batch.records.size());
      if (at_first > 0) continue;
      at_first = count;
      first = SteadyNow();
    }
    const double seconds = std::max(absl::ToDoubleSeconds(SteadyNow() - first), 1e-9);
    return {seconds, static_cast<double>(count - at_first)};
  }

  const Settings settings_;
  const Case case_;
  const std::string name_;
  const Format<Bytes> format_;
  ErrorsOnly log_;
  std::unique_ptr<kafka::Client> client_;
  uint64_t random_ = 1;
};

int Main(const Settings& settings) {
  const std::string directory = settings.state_dir + "/blobs";
  (void)mkdir(settings.state_dir.c_str(), 0700);
  if (mkdir(directory.c_str(), 0700) != 0) Require(absl::UnavailableError("no directory " + directory));
  const auto files = OpenBlobStore({.directory = directory});
  Require(files.status());
  std::vector<Case> cases = {{.name = "records", .store = *files, .is_claimed = false},
                             {.name = "directory", .store = *files}};
  if (!settings.s3_endpoint.empty()) {
    const auto s3 = OpenBlobStore({.s3 = {.endpoint = settings.s3_endpoint,
                                          .bucket = settings.s3_bucket,
                                          .credentials_file = settings.s3_credentials_file}});
    Require(s3.status());
    cases.push_back({.name = "s3", .store = *s3});
  }
  for (const Case& each : cases) Measurement(settings, each).Run();
  return 0;
}

}  // namespace
}  // namespace once

int main(int argc, char** argv) {
  once::Settings settings;
  CLI::App app(
      "How many large values a second a pod copies, with and without claim checks.\n\n"
      "  claims --bootstrap_servers=localhost:9092 --state_dir=/tmp/claims --records=500 --bytes=1000000");
  app.add_option("--bootstrap_servers", settings.bootstrap_servers, "Brokers, as host:port")->required();
  app.add_option("--state_dir", settings.state_dir, "For the pod's state and the blobs")->required();
  app.add_option("--records", settings.records, "How many")->check(CLI::Range(2, 1'000'000));
  app.add_option("--bytes", settings.bytes, "Of each value")->check(CLI::Range(2'000, 100'000'000));
  app.add_option("--s3_endpoint", settings.s3_endpoint, "http(s)://HOST:PORT; else S3 is left out");
  app.add_option("--s3_bucket", settings.s3_bucket, "Which is there");
  app.add_option("--s3_credentials_file", settings.s3_credentials_file, "Else those of the environment");
  CLI11_PARSE(app, argc, argv);
  return once::Main(settings);
}
