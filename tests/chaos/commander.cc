// Sends random commands (docs/commands.md), some of them twice and some of them no commands at all, and reads their
// results: each command has exactly one that is no DUPLICATE. Half of them are for aggregates that it sees blocked in
// the dead-letter topic, and decide what becomes of their events, which order_verifier holds against the audit topic.
//   commander BOOTSTRAP_SERVERS APPLICATION GROUP PARTITIONS DEAD_LETTERS PREFIX SEED SECONDS
// Inputs that it pauses it resumes. Its last line is `commands=N applied=N refused=N duplicates=N`. Exit codes: 0 all
// is right, 1 a violation, named in a line that begins with VIOLATION, 2 it could not be done.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <deque>
#include <map>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "examples/order_totals/orders.pb.h"
#include "once/v1/control.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using once::v1::Command;
using once::v1::CommandResult;

// I8: far more than a task takes to come back from what chaos does to it.
constexpr std::chrono::seconds kPatience(300);
constexpr int kAnswerMs = 10'000;
constexpr size_t kMostHeads = 100;

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "commander: %s\n", why.c_str());
  std::exit(2);
}

rd_kafka_t* MakeClient(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) GiveUp(error);
  }
  rd_kafka_t* const client = rd_kafka_new(type, conf, error, sizeof(error));
  if (client == nullptr) GiveUp(error);
  return client;
}

// An event that failed for good, and blocked its key then.
struct Head {
  int32_t partition = 0;
  std::string key = {};
  std::string event_id = {};
  bool is_odd = false;  // What it must do its headers say, whatever its value is.
};

// The last value of the header; nothing if it has none.
std::optional<std::string> HeaderOf(const rd_kafka_message_t* message, const char* name) {
  rd_kafka_headers_t* headers = nullptr;
  const void* value = nullptr;
  size_t size = 0;
  if (rd_kafka_message_headers(message, &headers) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  if (rd_kafka_header_get_last(headers, name, &value, &size) != RD_KAFKA_RESP_ERR_NO_ERROR) return std::nullopt;
  return std::string(static_cast<const char*>(value), size);
}

struct Sent {
  int32_t partition = 0;
  int results = 0;  // But for duplicates.
};

class Commander {
 public:
  Commander(const std::string& bootstrap_servers, const std::string& application, const std::string& group,
            int32_t partitions, std::string dead_letters, std::string prefix, uint64_t seed)
      : control_(application + "-" + group + "-control"),
        audit_(application + "-" + group + "-audit"),
        dead_letters_(std::move(dead_letters)),
        partitions_(partitions),
        prefix_(std::move(prefix)),
        random_(seed),
        producer_(MakeClient(
            RD_KAFKA_PRODUCER,
            {{"bootstrap.servers", bootstrap_servers}, {"enable.idempotence", "true"}, {"message.timeout.ms", "0"}})),
        consumer_(MakeClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", bootstrap_servers},
                                                 {"group.id", "commander"},
                                                 {"enable.auto.commit", "false"},
                                                 {"isolation.level", "read_committed"}})) {
    rd_kafka_poll_set_consumer(consumer_);
    ReadFromEnds();
    // Some that are blocked, if there are any, before the first command.
    const Clock::time_point enough = Clock::now() + std::chrono::seconds(5);
    while (heads_.size() < kMostHeads && Clock::now() < enough) Poll(50);
  }

  void SendFor(std::chrono::seconds length) {
    const Clock::time_point end = Clock::now() + length;
    while (Clock::now() < end) {
      SendOne();
      const Clock::time_point next = Clock::now() + std::chrono::milliseconds(Draw(2, 60));
      while (Clock::now() < next) Poll(2);
    }
    for (int32_t partition = 0; partition < partitions_; ++partition) {
      Command resume;
      resume.mutable_resume();
      Send(partition, Named(std::move(resume)), 1);
    }
  }

  bool AwaitResults() {
    const Clock::time_point deadline = Clock::now() + kPatience;
    while (waiting_ > 0 && Clock::now() < deadline) Poll(100);
    for (const auto& [id, each] : sent_) {
      if (each.results == 0) {
        Violation("command " + id + " to partition " + std::to_string(each.partition) + " has no result");
      }
    }
    std::printf("commands=%zu applied=%d refused=%d duplicates=%d\n", sent_.size(), applied_, refused_, duplicates_);
    return is_right_;
  }

 private:
  int64_t Draw(int64_t low, int64_t high) { return std::uniform_int_distribution<int64_t>(low, high)(random_); }

  // A broker may be away.
  void ReadFromEnds() {
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(partitions_);
    const Clock::time_point deadline = Clock::now() + kPatience;
    for (int32_t partition = 0; partition < partitions_;) {
      int64_t low = 0, high = 0;
      if (rd_kafka_query_watermark_offsets(consumer_, audit_.c_str(), partition, &low, &high, kAnswerMs) == 0) {
        rd_kafka_topic_partition_list_add(list, audit_.c_str(), partition++)->offset = high;
      } else if (Clock::now() > deadline) {
        GiveUp("no end of " + audit_);
      } else {
        std::this_thread::sleep_for(std::chrono::milliseconds(200));
      }
    }
    for (int32_t partition = 0; partition < partitions_; ++partition) {
      rd_kafka_topic_partition_list_add(list, dead_letters_.c_str(), partition)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(consumer_, list);
    rd_kafka_topic_partition_list_destroy(list);
  }

  // About the event that blocks a key, if it still does; or about all that do.
  Command DrawFate(const Head& head) {
    Command command;
    once::v1::Target target;
    target.set_key(head.key);
    if (Draw(0, 1) == 0) target.set_blocked_by(head.event_id);
    switch (Draw(0, head.is_odd ? 3 : 9)) {
      case 0:
        *command.mutable_skip()->mutable_target() = target;
        break;
      case 1:
        *command.mutable_discard()->mutable_target() = target;
        break;
      case 2:
        *command.mutable_retry_now()->mutable_target() = target;
        break;
      case 3:
        command.mutable_never_add()->mutable_rule()->set_event_id(head.event_id);
        break;
      case 4:
        command.mutable_never_add()->mutable_rule()->set_key(head.key);
        break;
      case 5:
        command.mutable_never_remove()->mutable_rule()->set_key(head.key);
        break;
      case 6:
        command.mutable_release()->mutable_all()->set_reason("INVALID_ARGUMENT");
        command.mutable_release()->mutable_all()->set_per_second(static_cast<uint32_t>(Draw(0, 2) * 50));
        break;
      case 7:
        *command.mutable_release()->mutable_target() = target;
        break;
      default:
        *command.mutable_replace()->mutable_target() = target;
        command.mutable_replace()->set_value(DrawOrder(head.key));
        command.mutable_replace()->set_release(Draw(0, 1) == 0);
        break;
    }
    return command;
  }

  // One of three cannot be processed either.
  std::string DrawOrder(const std::string& customer) {
    orders::v1::OrderPlaced order;
    order.set_order_id(prefix_);
    order.set_customer_id(customer);
    order.set_cents(Draw(0, 2) == 0 ? -Draw(0, 100) : Draw(1, 1000));
    return order.SerializeAsString();
  }

  // Of nobody's queue, of events that never come, of another application: whatever is applied, no event's fate changes.
  Command DrawCommand() {
    Command command;
    const std::string nobody = "nobody-" + std::to_string(Draw(0, 9));
    switch (Draw(0, 9)) {
      case 0:
        command.mutable_pause();
        break;
      case 1:
        command.mutable_resume();
        break;
      case 2:
        command.mutable_retry_task();
        break;
      case 3:
        command.mutable_skip()->mutable_target()->set_key(nobody);
        break;
      case 4:
        command.mutable_discard()->mutable_target()->set_key(nobody);
        break;
      case 5:
        command.mutable_replace()->mutable_target()->set_key(nobody);
        break;
      case 6:
        command.mutable_never_add()->mutable_rule()->set_event_id(nobody);
        break;
      case 7:
        command.mutable_never_remove()->mutable_rule()->set_event_id(nobody);
        break;
      case 8:
        command.mutable_release()->mutable_all()->set_reason("NOBODYS_REASON");
        break;
      default:
        command.mutable_pause();
        command.set_application("another");
        break;
    }
    return command;
  }

  Command Named(Command command) {
    command.set_id(prefix_ + "-" + std::to_string(sent_.size()));
    command.set_issuer("chaos");
    return command;
  }

  void SendOne() {
    if (!heads_.empty() && Draw(0, 1) == 0) {
      const Head& head = heads_[static_cast<size_t>(Draw(0, static_cast<int64_t>(heads_.size()) - 1))];
      Send(head.partition, Named(DrawFate(head)), Draw(0, 2) == 0 ? 2 : 1);
      return;
    }
    const auto partition = static_cast<int32_t>(Draw(0, partitions_ - 1));
    if (Draw(0, 19) == 0) Produce(partition, "no command");
    Send(partition, Named(DrawCommand()), Draw(0, 4) == 0 ? 2 : 1);
  }

  void Send(int32_t partition, const Command& command, int times) {
    sent_[command.id()] = {partition};
    ++waiting_;
    for (; times > 0; --times) Produce(partition, command.SerializeAsString());
  }

  void Produce(int32_t partition, const std::string& value) {
    const rd_kafka_resp_err_t error =
        rd_kafka_producev(producer_, RD_KAFKA_V_TOPIC(control_.c_str()), RD_KAFKA_V_PARTITION(partition),
                          RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
                          RD_KAFKA_V_VALUE(const_cast<char*>(value.data()), value.size()), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) GiveUp(rd_kafka_err2str(error));
  }

  void Poll(int wait_ms) {
    rd_kafka_poll(producer_, 0);
    rd_kafka_message_t* const message = rd_kafka_consumer_poll(consumer_, wait_ms);
    if (message == nullptr) return;
    CommandResult result;
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && rd_kafka_topic_name(message->rkt) == dead_letters_) {
      Note(message);
    } else if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && result.ParseFromArray(message->payload, message->len)) {
      Take(result);
    }
    rd_kafka_message_destroy(message);
  }

  // Remembers the latest events that failed.
  void Note(const rd_kafka_message_t* message) {
    if (message->key == nullptr || HeaderOf(message, "once.disposition") != "FAILED") return;
    const std::string origin = HeaderOf(message, "once.origin").value_or("");
    const size_t offset = origin.rfind('-');
    const size_t partition = offset == std::string::npos ? offset : origin.rfind('-', offset - 1);
    if (partition == std::string::npos) return;
    Head head{.partition = std::atoi(origin.substr(partition + 1, offset - partition - 1).c_str()),
              .key = std::string(static_cast<const char*>(message->key), message->key_len),
              .event_id = HeaderOf(message, "ce_id").value_or(origin)};
    head.is_odd = HeaderOf(message, "chaos.fails").has_value() || HeaderOf(message, "chaos.may_fail").has_value();
    heads_.push_back(std::move(head));
    if (heads_.size() > kMostHeads) heads_.pop_front();
  }

  void Take(const CommandResult& result) {
    const auto entry = sent_.find(result.command_id());
    if (entry == sent_.end()) return;  // Of no command, or of another commander's.
    if (result.outcome() == CommandResult::DUPLICATE) {
      ++duplicates_;
      return;
    }
    ++(result.outcome() == CommandResult::APPLIED ? applied_ : refused_);
    if (entry->second.partition != result.partition()) Violation(entry->first + " was carried out elsewhere");
    if (++entry->second.results == 1) {
      --waiting_;
    } else {
      Violation("command " + entry->first + " was carried out " + std::to_string(entry->second.results) + " times");
    }
  }

  void Violation(const std::string& what) {
    is_right_ = false;
    std::printf("VIOLATION %s\n", what.c_str());
  }

  const std::string control_;
  const std::string audit_;
  const std::string dead_letters_;
  const int32_t partitions_;
  const std::string prefix_;
  std::mt19937_64 random_;
  rd_kafka_t* const producer_;
  rd_kafka_t* const consumer_;
  std::map<std::string, Sent> sent_;
  std::deque<Head> heads_;
  size_t waiting_ = 0;
  int applied_ = 0;
  int refused_ = 0;
  int duplicates_ = 0;
  bool is_right_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 9) GiveUp("see the beginning of commander.cc for what it takes");
  Commander commander(argv[1], argv[2], argv[3], std::atoi(argv[4]), argv[5], argv[6],
                      std::strtoull(argv[7], nullptr, 10));
  commander.SendFor(std::chrono::seconds(std::atoi(argv[8])));
  const bool is_right = commander.AwaitResults();
  std::fflush(stdout);
  // A client that waits for a broker would hold the end up.
  std::_Exit(is_right ? 0 : 1);
}
