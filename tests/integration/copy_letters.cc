// Copies records of a topic into another one with a plain consumer and a plain producer, as Kafka's user interfaces and
// kcat do: it knows nothing of Once, of transactions of its own, or of what the headers mean.
//   copy_letters BOOTSTRAP_SERVERS FROM TO [all | PARTITION:OFFSET...] [reverse] [add=NAME=VALUE] [drop=PREFIX]
//                [halt=N]
// What was there when it began is copied, and nothing that comes meanwhile.
// reverse: the headers in the opposite order; add: one more; drop: without those that begin so; halt: says "halted"
// after N records and waits to be killed. Its last line is `copied=N`. Exit codes: 0 done, 2 it could not be done.
#include <librdkafka/rdkafka.h>
#include <unistd.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <map>
#include <set>
#include <string>
#include <utility>
#include <vector>

namespace {

constexpr int kAnswerMs = 20'000;

[[noreturn]] void GiveUp(const std::string& why) {
  std::fprintf(stderr, "copy_letters: %s\n", why.c_str());
  std::exit(2);
}

struct Request {
  std::string bootstrap_servers = {};
  std::string from = {};
  std::string to = {};
  std::string added = {};
  std::string dropped = {};
  std::set<std::string> places = {};  // Empty: all.
  bool reverse = false;
  int halt = -1;
};

rd_kafka_t* MakeClient(rd_kafka_type_t type, const std::map<std::string, std::string>& settings) {
  rd_kafka_conf_t* const conf = rd_kafka_conf_new();
  char error[512];
  for (const auto& [name, value] : settings) {
    if (rd_kafka_conf_set(conf, name.c_str(), value.c_str(), error, sizeof(error)) != RD_KAFKA_CONF_OK) GiveUp(error);
  }
  rd_kafka_t* const client = rd_kafka_new(type, conf, error, sizeof(error));
  if (client == nullptr) GiveUp(error);
  return client;
}

using Header = std::pair<std::string, std::string>;

std::vector<Header> HeadersOf(const rd_kafka_message_t* message, const Request& request) {
  std::vector<Header> headers;
  rd_kafka_headers_t* of = nullptr;
  if (rd_kafka_message_headers(message, &of) == RD_KAFKA_RESP_ERR_NO_ERROR) {
    const char* name = nullptr;
    const void* value = nullptr;
    size_t size = 0;
    for (size_t i = 0; rd_kafka_header_get_all(of, i, &name, &value, &size) == RD_KAFKA_RESP_ERR_NO_ERROR; ++i) {
      const std::string text = name;
      if (!request.dropped.empty() && text.compare(0, request.dropped.size(), request.dropped) == 0) continue;
      headers.emplace_back(text, std::string(static_cast<const char*>(value), size));
    }
  }
  if (request.reverse) std::reverse(headers.begin(), headers.end());
  if (const size_t equals = request.added.find('='); equals != std::string::npos) {
    headers.emplace_back(request.added.substr(0, equals), request.added.substr(equals + 1));
  }
  return headers;
}

class Copier {
 public:
  explicit Copier(const Request& request)
      : request_(request),
        consumer_(MakeClient(RD_KAFKA_CONSUMER, {{"bootstrap.servers", request.bootstrap_servers},
                                                 {"group.id", "copy_letters"},
                                                 {"enable.auto.commit", "false"},
                                                 {"enable.partition.eof", "true"}})),
        producer_(MakeClient(RD_KAFKA_PRODUCER,
                             {{"bootstrap.servers", request.bootstrap_servers}, {"partitioner", "murmur2_random"}})) {
    rd_kafka_poll_set_consumer(consumer_);
  }

  void CopyAll() {
    for (size_t left = Assign(); left > 0;) {
      rd_kafka_message_t* const message = rd_kafka_consumer_poll(consumer_, kAnswerMs);
      if (message == nullptr) GiveUp("nothing comes from " + request_.from);
      if (message->err == RD_KAFKA_RESP_ERR__PARTITION_EOF) --left;
      if (message->err == RD_KAFKA_RESP_ERR_NO_ERROR) Copy(message);
      rd_kafka_message_destroy(message);
    }
    Flush();
    std::printf("copied=%d\n", copied_);
  }

 private:
  // To the beginning of all partitions; how many there are.
  size_t Assign() {
    const rd_kafka_metadata_t* metadata = nullptr;
    rd_kafka_topic_t* const topic = rd_kafka_topic_new(consumer_, request_.from.c_str(), nullptr);
    const rd_kafka_resp_err_t error = rd_kafka_metadata(consumer_, 0, topic, &metadata, kAnswerMs);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR || metadata->topic_cnt != 1) GiveUp(rd_kafka_err2str(error));
    const int partitions = metadata->topics[0].partition_cnt;
    rd_kafka_metadata_destroy(metadata);
    rd_kafka_topic_destroy(topic);
    rd_kafka_topic_partition_list_t* const list = rd_kafka_topic_partition_list_new(partitions);
    for (int i = 0; i < partitions; ++i) {
      int64_t low = 0, high = 0;
      if (rd_kafka_query_watermark_offsets(consumer_, request_.from.c_str(), i, &low, &high, kAnswerMs) != 0) {
        GiveUp("no end of " + request_.from);
      }
      ends_.push_back(high);
      rd_kafka_topic_partition_list_add(list, request_.from.c_str(), i)->offset = RD_KAFKA_OFFSET_BEGINNING;
    }
    rd_kafka_assign(consumer_, list);
    rd_kafka_topic_partition_list_destroy(list);
    return static_cast<size_t>(partitions);
  }

  void Copy(const rd_kafka_message_t* message) {
    if (message->offset >= ends_[static_cast<size_t>(message->partition)]) return;
    const std::string place = std::to_string(message->partition) + ":" + std::to_string(message->offset);
    if (!request_.places.empty() && request_.places.count(place) == 0) return;
    rd_kafka_headers_t* const headers = rd_kafka_headers_new(8);
    for (const auto& [name, value] : HeadersOf(message, request_)) {
      rd_kafka_header_add(headers, name.data(), static_cast<ssize_t>(name.size()), value.data(),
                          static_cast<ssize_t>(value.size()));
    }
    const rd_kafka_resp_err_t error = rd_kafka_producev(
        producer_, RD_KAFKA_V_TOPIC(request_.to.c_str()), RD_KAFKA_V_MSGFLAGS(RD_KAFKA_MSG_F_COPY),
        RD_KAFKA_V_KEY(message->key, message->key_len), RD_KAFKA_V_VALUE(message->payload, message->len),
        RD_KAFKA_V_HEADERS(headers), RD_KAFKA_V_END);
    if (error != RD_KAFKA_RESP_ERR_NO_ERROR) GiveUp(rd_kafka_err2str(error));
    if (++copied_ != request_.halt) return;
    Flush();
    std::printf("halted\n");
    std::fflush(stdout);
    pause();
  }

  void Flush() {
    if (rd_kafka_flush(producer_, kAnswerMs) != RD_KAFKA_RESP_ERR_NO_ERROR) GiveUp("not all was taken");
  }

  const Request request_;
  rd_kafka_t* const consumer_;
  rd_kafka_t* const producer_;
  std::vector<int64_t> ends_;  // By partition.
  int copied_ = 0;
};

Request Parse(int argc, char** argv) {
  if (argc < 4) GiveUp("see the beginning of copy_letters.cc for what it takes");
  Request request{.bootstrap_servers = argv[1], .from = argv[2], .to = argv[3]};
  for (int i = 4; i < argc; ++i) {
    const std::string word = argv[i];
    if (word.rfind("add=", 0) == 0) {
      request.added = word.substr(4);
    } else if (word.rfind("drop=", 0) == 0) {
      request.dropped = word.substr(5);
    } else if (word.rfind("halt=", 0) == 0) {
      request.halt = std::atoi(word.c_str() + 5);
    } else if (word == "reverse") {
      request.reverse = true;
    } else if (word != "all") {
      request.places.insert(word);
    }
  }
  return request;
}

}  // namespace

int main(int argc, char** argv) {
  Copier(Parse(argc, argv)).CopyAll();
  std::fflush(stdout);
  // Closing would wait for brokers, and there is nothing left to do.
  std::_Exit(0);
}
