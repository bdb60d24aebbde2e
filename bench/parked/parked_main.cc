// The command behind bench/parked_release: blocks many aggregates, releases them all with one command, and prints how
// long it takes until every event has been processed, and what memory. "serve" as its first argument makes it the
// application itself, in a process of its own.
#include <librdkafka/rdkafka.h>

#include <cstdio>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <unordered_map>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/status/status.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "bench/memory/child.h"
#include "once/main.h"
#include "once/topology.h"
#include "once/v1/control.pb.h"

namespace once::bench {
namespace {

struct Spec {
  std::string bootstrap_servers = {};
  std::string work = {};
  int64_t aggregates = 100'000;
  int64_t events = 10;  // Of each.
  int partitions = 4;
  int workers = 1;
  std::string memory = "1GiB";
  int64_t limit_s = 1'800;
};

// Every event fails for good as long as the file is there. Its value is its number among those of its key.
absl::StatusOr<Topology> Build(const Config& config) {
  TopologyBuilder builder("parked");
  auto in = builder.AddSource("in", {.topic = config.Get("input_topic", "in")});
  auto out = builder.AddSink<std::string>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo(config.Get("dead_letter_topic", "dlq"));
  const std::string broken = config.Get("broken_file", "");
  builder.AddAggregate<std::string>("keeper").EmitsTo(out).On<std::string>(
      in, [out, broken](const std::string& value, auto& keeper) -> absl::Status {
        if (std::filesystem::exists(broken)) return absl::InvalidArgumentError("it is broken");
        keeper.Emit(out, value);
        return absl::OkStatus();
      });
  return std::move(builder).Build();
}

using Client = std::unique_ptr<rd_kafka_t, decltype(&rd_kafka_destroy)>;

absl::StatusOr<Client> MakeClient(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) {
      return absl::InvalidArgumentError(error);
    }
  }
  rd_kafka_t* const client = rd_kafka_new(type, conf, error, sizeof(error));
  if (client == nullptr) return absl::InternalError(error);
  return Client(client, &rd_kafka_destroy);
}

class Run {
 public:
  explicit Run(const Spec& spec)
      : spec_(spec), name_(absl::StrCat("parked-", absl::ToUnixMillis(absl::Now()))), broken_(spec.work + "/broken") {}

  absl::Status Do() {
    std::ofstream(broken_) << "broken";
    Serve();
    // It has made the topics.
    if (absl::Status made = Await("the application", [this] { return CountOffsets(control()) >= 0; }); !made.ok()) {
      return made;
    }
    absl::Time since = absl::Now();
    if (absl::Status sent = Load(); !sent.ok()) return sent;
    const int64_t all = spec_.aggregates * spec_.events;
    // One dead letter for each, and markers.
    if (absl::Status parked = AwaitRecords(dead_letters(), all, nullptr); !parked.ok()) return parked;
    std::printf("case=parked aggregates=%lld events=%lld seconds=%.1f resident_mb=%lld peak_resident_mb=%lld\n",
                static_cast<long long>(spec_.aggregates), static_cast<long long>(all),
                absl::ToDoubleSeconds(absl::Now() - since), static_cast<long long>(child_->resident_mb()),
                static_cast<long long>(child_->peak_mb()));
    std::fflush(stdout);
    if (absl::Status listed = List(); !listed.ok()) return listed;
    std::filesystem::remove(broken_);
    since = absl::Now();
    if (absl::Status sent = Release(); !sent.ok()) return sent;
    std::unordered_map<std::string, int64_t> last;
    int64_t disordered = 0;
    const auto check = [&](const rd_kafka_message_t* message) {
      int64_t number = -1;
      const std::string value(static_cast<const char*>(message->payload), message->len);
      int64_t& expected = last[std::string(static_cast<const char*>(message->key), message->key_len)];
      if (!absl::SimpleAtoi(value, &number) || number != expected++) ++disordered;
    };
    if (absl::Status drained = AwaitRecords(output(), all, check); !drained.ok()) return drained;
    std::printf(
        "case=released aggregates=%zu events=%lld seconds=%.1f resident_mb=%lld peak_resident_mb=%lld"
        " disordered=%lld\n",
        last.size(), static_cast<long long>(all), absl::ToDoubleSeconds(absl::Now() - since),
        static_cast<long long>(child_->resident_mb()), static_cast<long long>(child_->peak_mb()),
        static_cast<long long>(disordered));
    std::fflush(stdout);
    if (disordered > 0) return absl::InternalError("events of one key were not processed once, in their order");
    return child_->Stop();
  }

 private:
  std::string input() const { return name_ + "-in"; }
  std::string output() const { return name_ + "-out"; }
  std::string dead_letters() const { return name_ + "-dlq"; }
  std::string control() const { return name_ + "-in-control"; }

  void Serve() {
    child_ = std::make_unique<Child>(
        std::vector<std::string>{"serve", "--bootstrap_servers=" + spec_.bootstrap_servers, "--application_id=" + name_,
                                 "--input_topic=" + input(), "--output_topic=" + output(),
                                 "--dead_letter_topic=" + dead_letters(), "--create_topics",
                                 absl::StrCat("--create_partitions=", spec_.partitions),
                                 absl::StrCat("--workers=", spec_.workers), "--memory_bytes=" + spec_.memory,
                                 "--state_dir=" + spec_.work + "/state", "--broken_file=" + broken_,
                                 // All of them fail, and are to be parked all the same.
                                 "--breaker_min_failures=1000000000"},
        std::vector<std::pair<std::string, std::string>>{}, spec_.work + "/application.log");
  }

  // The first page of `parked list`, as somebody on call would have it; from the start of the program to its end.
  absl::Status List() {
    const std::string command = absl::StrCat(
        "'", std::filesystem::read_symlink("/proc/self/exe").string(), "' serve parked list --json --timeout=600s",
        " --bootstrap_servers='", spec_.bootstrap_servers, "' --application_id=", name_, " --input_topic=", input(),
        " --output_topic=", output(), " --dead_letter_topic=", dead_letters());
    const absl::Time since = absl::Now();
    FILE* const pipe = popen(command.c_str(), "r");
    if (pipe == nullptr) return absl::InternalError("no shell");
    std::string said;
    char part[4096];
    while (const size_t count = fread(part, 1, sizeof(part), pipe)) said.append(part, count);
    const int code = pclose(pipe);
    const absl::Duration took = absl::Now() - since;
    if (code != 0 || said.find(absl::StrCat("\"blocked\":", spec_.aggregates, ",")) == std::string::npos) {
      return absl::InternalError(absl::StrCat("parked list ended with ", code, " and said ", said.substr(0, 200)));
    }
    std::printf("case=list aggregates=%lld seconds=%.2f\n", static_cast<long long>(spec_.aggregates),
                absl::ToDoubleSeconds(took));
    std::fflush(stdout);
    return absl::OkStatus();
  }

  absl::Status Await(const std::string& what, const std::function<bool()>& condition) {
    const absl::Time deadline = absl::Now() + absl::Seconds(spec_.limit_s);
    while (!condition()) {
      if (absl::Status alive = child_->Look(); !alive.ok()) return alive;
      if (absl::Now() > deadline) return absl::DeadlineExceededError(absl::StrCat(what, " took too long"));
      absl::SleepFor(absl::Milliseconds(50));
    }
    return child_->Look();
  }

  // Of all partitions; -1 if it is not there yet.
  int64_t CountOffsets(const std::string& topic) {
    if (asking_ == nullptr) {
      absl::StatusOr<Client> client =
          MakeClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", spec_.bootstrap_servers}, {"group.id", name_}});
      if (!client.ok()) return -1;
      asking_ = *std::move(client);
    }
    int64_t count = 0;
    for (int i = 0; i < spec_.partitions; ++i) {
      int64_t low = 0, high = 0;
      if (rd_kafka_query_watermark_offsets(asking_.get(), topic.c_str(), i, &low, &high, 5'000) != 0) return -1;
      count += high;
    }
    return count;
  }

  absl::Status Load() {
    absl::StatusOr<Client> producer = MakeClient(RD_KAFKA_PRODUCER, {{"bootstrap.servers", spec_.bootstrap_servers},
                                                                     {"partitioner", "murmur2_random"},
                                                                     {"linger.ms", "20"},
                                                                     {"enable.idempotence", "true"},
                                                                     {"queue.buffering.max.messages", "200000"}});
    if (!producer.ok()) return producer.status();
    const std::string topic = input();
    for (int64_t number = 0; number < spec_.events; ++number) {
      for (int64_t i = 0; i < spec_.aggregates; ++i) {
        const std::string key = absl::StrCat("aggregate-", i);
        const std::string value = absl::StrCat(number);
        const std::string id = absl::StrCat(i, "/", number);
        rd_kafka_resp_err_t error = RD_KAFKA_RESP_ERR_NO_ERROR;
        do {
          error = rd_kafka_producev(
              producer->get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
              RD_KAFKA_V_KEY(key.data(), key.size()), RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()),
              RD_KAFKA_V_HEADER("ce_id", id.data(), static_cast<ssize_t>(id.size())), RD_KAFKA_V_END);
          rd_kafka_poll(producer->get(), error == RD_KAFKA_RESP_ERR__QUEUE_FULL ? 100 : 0);
        } while (error == RD_KAFKA_RESP_ERR__QUEUE_FULL);
        if (error != RD_KAFKA_RESP_ERR_NO_ERROR) return absl::InternalError(rd_kafka_err2str(error));
      }
    }
    return Flush(producer->get());
  }

  static absl::Status Flush(rd_kafka_t* producer) {
    const rd_kafka_resp_err_t error = rd_kafka_flush(producer, 120'000);
    return error == RD_KAFKA_RESP_ERR_NO_ERROR ? absl::OkStatus() : absl::UnavailableError(rd_kafka_err2str(error));
  }

  // One command, to all tasks.
  absl::Status Release() {
    v1::Command command;
    command.set_id("release");
    command.set_issuer("bench");
    command.mutable_release()->mutable_all()->set_reason("INVALID_ARGUMENT");
    const std::string value = command.SerializeAsString();
    absl::StatusOr<Client> producer = MakeClient(RD_KAFKA_PRODUCER, {{"bootstrap.servers", spec_.bootstrap_servers}});
    if (!producer.ok()) return producer.status();
    const std::string topic = control();
    for (int i = 0; i < spec_.partitions; ++i) {
      rd_kafka_producev(producer->get(), RD_KAFKA_V_TOPIC(topic.c_str()), RD_KAFKA_V_PARTITION(i),
                        RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                        RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
    }
    return Flush(producer->get());
  }

  // Reads so many committed records, from the beginning.
  absl::Status AwaitRecords(const std::string& topic, int64_t count,
                            const std::function<void(const rd_kafka_message_t*)>& take) {
    absl::StatusOr<Client> consumer = MakeClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", spec_.bootstrap_servers},
                                                                     {"group.id", name_},
                                                                     {"enable.auto.commit", "false"},
                                                                     {"isolation.level", "read_committed"}});
    if (!consumer.ok()) return consumer.status();
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(spec_.partitions);
    for (int i = 0; i < spec_.partitions; ++i) {
      rd_kafka_topic_partition_list_add(list, topic.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(consumer->get(), list);
    rd_kafka_topic_partition_list_destroy(list);
    int64_t read = 0;
    absl::Time next = absl::Now();
    const absl::Time deadline = absl::Now() + absl::Seconds(spec_.limit_s);
    while (read < count) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(consumer->get(), 100);
      if (message != nullptr && message->err == RD_KAFKA_RESP_ERR_NO_ERROR) {
        ++read;
        if (take != nullptr) take(message);
      }
      if (message != nullptr) rd_kafka_message_destroy(message);
      if (absl::Now() < next) continue;
      next = absl::Now() + absl::Milliseconds(100);
      if (absl::Status alive = child_->Look(); !alive.ok()) return alive;
      if (absl::Now() > deadline) {
        return absl::DeadlineExceededError(absl::StrCat(topic, " has ", read, " of ", count, " records"));
      }
    }
    return child_->Look();
  }

  const Spec spec_;
  const std::string name_;
  const std::string broken_;
  std::unique_ptr<Child> child_;
  Client asking_{nullptr, &rd_kafka_destroy};
};

int Main(int argc, char** argv) {
  if (argc > 1 && std::string(argv[1]) == "serve") return once::Main(argc - 1, argv + 1, Build);
  Spec spec;
  CLI::App app("Releases many blocked aggregates at once", "parked_release");
  app.option_defaults()->always_capture_default();
  app.add_option("--bootstrap_servers", spec.bootstrap_servers, "the broker")->required();
  app.add_option("--work", spec.work, "where it may write")->required();
  app.add_option("--aggregates", spec.aggregates, "blocked aggregates")->check(CLI::PositiveNumber);
  app.add_option("--events", spec.events, "events that wait of each")->check(CLI::PositiveNumber);
  app.add_option("--partitions", spec.partitions, "tasks")->check(CLI::PositiveNumber);
  app.add_option("--workers", spec.workers, "threads")->check(CLI::PositiveNumber);
  app.add_option("--memory", spec.memory, "the application's --memory_bytes");
  app.add_option("--limit_s", spec.limit_s, "seconds that each part may take")->check(CLI::PositiveNumber);
  CLI11_PARSE(app, argc, argv);
  std::filesystem::create_directories(spec.work);
  const absl::Status done = Run(spec).Do();
  if (!done.ok()) std::fprintf(stderr, "parked_release: %s\n", done.ToString().c_str());
  return done.ok() ? 0 : 1;
}

}  // namespace
}  // namespace once::bench

int main(int argc, char** argv) { return once::bench::Main(argc, argv); }
