// Sends random commands that change nothing of what is checked at the end (docs/commands.md), some of them twice and
// some of them no commands at all, and reads their results: each command has exactly one that is no DUPLICATE.
//   commander BOOTSTRAP_SERVERS APPLICATION GROUP PARTITIONS PREFIX SEED SECONDS
// Inputs that it pauses it resumes. Its last line is `commands=N applied=N refused=N duplicates=N`. Exit codes: 0 all
// is right, 1 a violation, named in a line that begins with VIOLATION, 2 it could not be done.
#include <librdkafka/rdkafka.h>

#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "once/v1/control.pb.h"

namespace {

using Clock = std::chrono::steady_clock;
using once::v1::Command;
using once::v1::CommandResult;

// I8: far more than a task takes to come back from what chaos does to it.
constexpr std::chrono::seconds kPatience(300);
constexpr int kAnswerMs = 10'000;

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

struct Sent {
  int32_t partition = 0;
  int results = 0;  // But for duplicates.
};

class Commander {
 public:
  Commander(const std::string& bootstrap_servers, const std::string& application, const std::string& group,
            int32_t partitions, std::string prefix, uint64_t seed)
      : control_(application + "-" + group + "-control"),
        audit_(application + "-" + group + "-audit"),
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
    rd_kafka_assign(consumer_, list);
    rd_kafka_topic_partition_list_destroy(list);
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
    if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR && result.ParseFromArray(message->payload, message->len)) {
      Take(result);
    }
    rd_kafka_message_destroy(message);
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
  const int32_t partitions_;
  const std::string prefix_;
  std::mt19937_64 random_;
  rd_kafka_t* const producer_;
  rd_kafka_t* const consumer_;
  std::map<std::string, Sent> sent_;
  size_t waiting_ = 0;
  int applied_ = 0;
  int refused_ = 0;
  int duplicates_ = 0;
  bool is_right_ = true;
};

}  // namespace

int main(int argc, char** argv) {
  if (argc != 8) GiveUp("see the beginning of commander.cc for what it takes");
  Commander commander(argv[1], argv[2], argv[3], std::atoi(argv[4]), argv[5], std::strtoull(argv[6], nullptr, 10));
  commander.SendFor(std::chrono::seconds(std::atoi(argv[7])));
  const bool is_right = commander.AwaitResults();
  std::fflush(stdout);
  // A client that waits for a broker would hold the end up.
  std::_Exit(is_right ? 0 : 1);
}
