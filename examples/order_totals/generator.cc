// order_generator: puts orders into a topic, with duplicates and poison on request.
#include <signal.h>

#include <CLI/CLI.hpp>
#include <algorithm>
#include <cmath>
#include <cstdint>
#include <cstdio>
#include <iostream>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "examples/order_totals/generator_load.h"
#include "examples/order_totals/generator_producer.h"

namespace orders::generator {
namespace {

constexpr int kExitDone = 0;
constexpr int kExitUndelivered = 1;
constexpr int kExitNotStarted = 2;

constexpr char kDescription[] =
    R"(Sends orders (key = customer, value = orders.v1.OrderPlaced, headers ce_id and ce_type) to a topic.

--orders counts unique orders; duplicates (copies of an earlier order, same ce_id, key and value) come on top.
Orders are a function of the seed, their index and the flags about their content: the same flags send the same
records again, and --start_index continues where an earlier run ended.)";

constexpr char kExamples[] =
    R"(Examples:
  order_generator --bootstrap_servers=127.0.0.1:9092 --create_topics --duplicates_percent=5 --poison_percent=0.1
  order_generator --bootstrap_servers=127.0.0.1:9092 --orders=50000 --start_index=200000 --rate=5000
  order_generator --bootstrap_servers=127.0.0.1:9092 --keys=zipf --zipf_exponent=1.1 --poison_kinds=negative,undecodable

The last line, on stdout:  orders=N duplicates=N poison=N records_per_second=N
Exit codes: 0 all records were delivered; 1 at least one was not; 2 nothing was sent (flags, broker, topics);
128 + signal when interrupted (what was sent by then is delivered and counted).)";

struct Flags {
  ProducerOptions producer;
  LoadOptions load;
  std::string topic = "orders";
  bool create_topics = false;
  std::string output_topic = "customer-totals";
  std::string dead_letter_topic = "orders.dlq";
  int32_t partitions = 8;
  double rate = 0;
};

// What flags name by words.
struct Choices {
  std::string keys = "uniform";
  std::vector<std::string> poison_kinds = {"negative"};
};

volatile sig_atomic_t stop_signal = 0;

void AddLoadFlags(CLI::App& app, Flags& flags, Choices& choices) {
  LoadOptions& load = flags.load;
  app.add_option("--orders", load.orders, "unique orders to send");
  app.add_option("--start_index", load.start_index, "index of the first order");
  app.add_option("--rate", flags.rate, "unique orders a second; 0 is as fast as it goes");
  app.add_option("--duplicates_percent", load.duplicates_percent,
                 "how many orders are followed by a copy of an earlier one, half of them recent");
  app.add_option("--poison_percent", load.poison_percent, "how many orders cannot be processed");
  app.add_option("--poison_kinds", choices.poison_kinds, "negative (cents <= 0), undecodable, or both: equal shares")
      ->delimiter(',')
      ->check(CLI::IsMember({"negative", "undecodable"}));
  app.add_option("--customers", load.customers, "different keys");
  app.add_option("--keys", choices.keys, "how customers are chosen")->check(CLI::IsMember({"uniform", "zipf"}));
  app.add_option("--zipf_exponent", load.zipf_exponent, "skew of --keys=zipf");
  app.add_option("--seed", load.seed, "the same seed makes the same orders");
  app.add_option("--event_id_prefix", load.event_id_prefix, "ce_id is this and the index");
}

// Returns an exit code if the program ends here.
std::optional<int> ParseFlags(int argc, char** argv, Flags& flags) {
  CLI::App app(kDescription, "order_generator");
  app.footer(kExamples);
  app.option_defaults()->always_capture_default();
  app.add_option("--bootstrap_servers", flags.producer.bootstrap_servers, "HOST:PORT[,HOST:PORT...] of the brokers")
      ->required();
  app.add_option("--topic,--input_topic", flags.topic, "where the orders go");
  app.add_flag("--create_topics", flags.create_topics,
               "creates --topic, --output_topic and --dead_letter_topic if absent");
  app.add_option("--partitions", flags.partitions, "of each topic that is created")->check(CLI::Range(1, 10000));
  app.add_option("--output_topic", flags.output_topic, "only for --create_topics");
  app.add_option("--dead_letter_topic", flags.dead_letter_topic, "only for --create_topics");
  Choices choices;
  AddLoadFlags(app, flags, choices);
  std::vector<std::string> properties;
  app.add_option("--property", properties, "NAME=VALUE for librdkafka, such as security.protocol=ssl; repeatable");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitDone : kExitNotStarted;
  }
  flags.load.keys = choices.keys == "zipf" ? KeyChoice::kZipf : KeyChoice::kUniform;
  flags.load.poison_negative = flags.load.poison_undecodable = false;
  for (const std::string& kind : choices.poison_kinds) {
    (kind == "negative" ? flags.load.poison_negative : flags.load.poison_undecodable) = true;
  }
  for (const std::string& property : properties) {
    flags.producer.properties.push_back(absl::StrSplit(property, absl::MaxSplits('=', 1)));
  }
  absl::Status valid = Validate(flags.load);
  if (valid.ok() && !(flags.rate >= 0 && std::isfinite(flags.rate))) {
    valid = absl::InvalidArgumentError("--rate must be 0 or more");
  }
  if (valid.ok()) return std::nullopt;
  std::cerr << "order_generator: " << valid.message() << "\n";
  return kExitNotStarted;
}

// Until the broker that `producer` asks has heard of the topic.
absl::Status AwaitTopic(const Flags& flags, const std::string& topic, Producer& producer) {
  const absl::Time deadline = absl::Now() + flags.producer.connect_timeout;
  absl::Status known = producer.PartitionCount(topic).status();
  while (absl::IsNotFound(known) && absl::Now() < deadline) {
    absl::SleepFor(absl::Milliseconds(20));
    known = producer.PartitionCount(topic).status();
  }
  return known;
}

// A new topic takes a moment to be known everywhere, and librdkafka gives up at once on one that it has seen and that
// the next broker it asks does not know yet. So each broker is asked.
absl::Status AwaitTopics(const Flags& flags, const std::vector<std::string>& topics, Producer& producer) {
  absl::StatusOr<std::vector<std::string>> brokers = producer.Brokers();
  if (!brokers.ok()) return brokers.status();
  for (const std::string& broker : *brokers) {
    ProducerOptions options = flags.producer;
    options.bootstrap_servers = broker;
    absl::StatusOr<std::unique_ptr<Producer>> asked = Producer::Connect(options);
    if (absl::IsUnavailable(asked.status())) continue;  // It is away; when it is back it knows.
    if (!asked.ok()) return asked.status();
    for (const std::string& topic : topics) {
      if (absl::Status known = AwaitTopic(flags, topic, **asked); !known.ok()) return known;
    }
  }
  return absl::OkStatus();
}

absl::Status Prepare(const Flags& flags, Producer& producer) {
  if (!flags.create_topics) return producer.PartitionCount(flags.topic).status();
  const std::vector<std::string> topics = {flags.topic, flags.output_topic, flags.dead_letter_topic};
  if (absl::Status created = producer.CreateTopics(topics, flags.partitions); !created.ok()) return created;
  if (absl::Status known = AwaitTopics(flags, topics, producer); !known.ok()) return known;
  for (const std::string& topic : topics) {
    const absl::StatusOr<int32_t> count = producer.PartitionCount(topic);
    if (!count.ok()) return count.status();
    if (*count != flags.partitions) {
      std::cerr << "order_generator: topic " << topic << " existed, with " << *count << " partitions, not "
                << flags.partitions << "; it stays as it is\n";
    }
  }
  return absl::OkStatus();
}

// Sends the load, at its rate, and says once a second how far it got.
class Run {
 public:
  Run(const Flags& flags, Producer& producer) : flags_(flags), producer_(producer), load_(flags.load) {}

  absl::Status Send() {
    for (int64_t index = load_.begin(); index < load_.end() && stop_signal == 0; ++index) {
      WaitForTurn(index);
      const OrderEvent event = load_.Order(index);
      if (absl::Status sent = producer_.Send(flags_.topic, event); !sent.ok()) return sent;
      ++orders_;
      poison_ += event.poison ? 1 : 0;
      if (const std::optional<int64_t> earlier = load_.DuplicateAfter(index); earlier.has_value()) {
        if (absl::Status sent = producer_.Send(flags_.topic, load_.Order(*earlier)); !sent.ok()) return sent;
        ++duplicates_;
      }
      if (index % 1024 == 0) {
        producer_.Serve(absl::ZeroDuration());
        Progress();
      }
    }
    return absl::OkStatus();
  }

  void PrintSummary() const {
    absl::PrintF("orders=%d duplicates=%d poison=%d records_per_second=%.0f\n", orders_, duplicates_, poison_,
                 RecordsPerSecond());
    std::fflush(stdout);
    if (stop_signal != 0) {
      std::cerr << "order_generator: interrupted; continue with --start_index=" << load_.begin() + orders_ << "\n";
    }
  }

 private:
  double RecordsPerSecond() const {
    const double seconds = absl::ToDoubleSeconds(absl::Now() - started_);
    return seconds > 0 ? static_cast<double>(producer_.delivered()) / seconds : 0;
  }

  void WaitForTurn(int64_t index) {
    if (flags_.rate <= 0) return;
    const absl::Time turn = started_ + absl::Seconds(static_cast<double>(index - load_.begin()) / flags_.rate);
    for (absl::Time now = absl::Now(); now < turn && stop_signal == 0; now = absl::Now()) {
      producer_.Serve(std::min(absl::Ceil(turn - now, absl::Milliseconds(1)), absl::Milliseconds(50)));
      Progress();
    }
  }

  void Progress() {
    if (absl::Now() < next_progress_) return;
    next_progress_ += absl::Seconds(1);
    std::cerr << absl::StreamFormat("order_generator: %d of %d orders, %d duplicates, %d poison, %.0f records/s\n",
                                    orders_, flags_.load.orders, duplicates_, poison_, RecordsPerSecond());
  }

  const Flags& flags_;
  Producer& producer_;
  const Load load_;
  const absl::Time started_ = absl::Now();
  absl::Time next_progress_ = started_ + absl::Seconds(1);
  int64_t orders_ = 0;
  int64_t duplicates_ = 0;
  int64_t poison_ = 0;
};

void StopOnSignals() {
  struct sigaction action = {};
  action.sa_handler = [](int signal) { stop_signal = signal; };
  // A second one ends the program at once.
  action.sa_flags = static_cast<int>(SA_RESETHAND);
  sigaction(SIGINT, &action, nullptr);
  sigaction(SIGTERM, &action, nullptr);
}

int Main(int argc, char** argv) {
  Flags flags;
  if (const std::optional<int> exit_code = ParseFlags(argc, argv, flags)) return *exit_code;
  absl::StatusOr<std::unique_ptr<Producer>> producer = Producer::Connect(flags.producer);
  const absl::Status ready = producer.ok() ? Prepare(flags, **producer) : producer.status();
  if (!ready.ok()) {
    std::cerr << "order_generator: " << ready.message() << "\n";
    return kExitNotStarted;
  }
  StopOnSignals();
  Run run(flags, **producer);
  absl::Status done = run.Send();
  const absl::Status flushed = (*producer)->Flush();
  if (done.ok() || !flushed.ok()) done = flushed;
  run.PrintSummary();
  if (!done.ok()) {
    std::cerr << "order_generator: " << done.message() << "\n";
    return kExitUndelivered;
  }
  return stop_signal == 0 ? kExitDone : 128 + stop_signal;
}

}  // namespace
}  // namespace orders::generator

int main(int argc, char** argv) { return orders::generator::Main(argc, argv); }
