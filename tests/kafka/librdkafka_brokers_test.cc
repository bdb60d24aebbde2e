// A broker that was stopped for long answers for a moment that the cluster has no brokers. librdkafka 2.14 may be left
// without any by that, for ever (docs/librdkafka.md); ours begins again.
#include <arpa/inet.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include <atomic>
#include <cstdint>
#include <functional>
#include <iterator>
#include <list>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::kafka {
namespace {

constexpr char kTopic[] = "topic";
constexpr absl::Duration kPatience = absl::Seconds(60);

// A big-endian message of Kafka's protocol.
class Message {
 public:
  Message& Int(int64_t value, int bytes) {
    for (int i = bytes - 1; i >= 0; --i) text_ += static_cast<char>(value >> (8 * i));
    return *this;
  }
  Message& String(const std::string& value) {
    Int(static_cast<int64_t>(value.size()), 2);
    text_ += value;
    return *this;
  }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

// The only broker of a cluster with one topic of one partition. It answers ApiVersions (version 0) and Metadata
// (version 1), and drops all else.
class FakeBroker {
 public:
  FakeBroker() : listener_(socket(AF_INET, SOCK_STREAM, 0)) {
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address);
    auto* const any = reinterpret_cast<sockaddr*>(&address);
    EXPECT_EQ(bind(listener_, any, size), 0);
    EXPECT_EQ(listen(listener_, 64), 0);
    EXPECT_EQ(getsockname(listener_, any, &size), 0);
    port_ = ntohs(address.sin_port);
    acceptor_ = std::thread([this] { Accept(); });
  }
  ~FakeBroker() {
    shutdown(listener_, SHUT_RDWR);
    acceptor_.join();
    for (Connection& each : connections_) shutdown(each.socket, SHUT_RDWR);
    for (Connection& each : connections_) each.thread.join();
    for (Connection& each : connections_) close(each.socket);
    close(listener_);
  }

  std::string address() const { return absl::StrCat("127.0.0.1:", port_); }
  // Of the metadata answers from now on every other names no broker.
  void set_wavering(bool is_wavering) { is_wavering_ = is_wavering; }
  // Metadata answers so far that named it.
  int named() const { return named_; }
  int unnamed() const { return unnamed_; }

 private:
  struct Connection {
    int socket;
    std::thread thread;
  };

  void Accept() {
    for (int accepted = 0; (accepted = accept(listener_, nullptr, nullptr)) >= 0;) {
      const int yes = 1;
      setsockopt(accepted, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
      connections_.push_back({accepted, std::thread([this, accepted] { Serve(accepted); })});
    }
  }

  static bool Read(int socket, size_t bytes, std::string* text) {
    text->resize(bytes);
    return recv(socket, text->data(), bytes, MSG_WAITALL) == static_cast<ssize_t>(bytes);
  }
  static int64_t IntAt(const std::string& text, size_t at, int bytes) {
    int64_t value = 0;
    for (int i = 0; i < bytes; ++i) value = value << 8 | static_cast<uint8_t>(text[at + static_cast<size_t>(i)]);
    return value;
  }

  void Serve(int socket) {
    for (std::string size, request; Read(socket, 4, &size);) {
      if (!Read(socket, static_cast<size_t>(IntAt(size, 0, 4)), &request)) return;
      const int64_t kind = IntAt(request, 0, 2);
      if (kind != kApiVersions && kind != kMetadata) continue;
      Message answer;
      answer.Int(IntAt(request, 4, 4), 4);
      kind == kApiVersions ? SayVersions(IntAt(request, 2, 2), &answer) : SayMetadata(&answer);
      Message framed;
      framed.Int(static_cast<int64_t>(answer.text().size()), 4);
      const std::string sent = framed.text() + answer.text();
      if (send(socket, sent.data(), sent.size(), MSG_NOSIGNAL) < 0) return;
    }
  }

  static void SayVersions(int64_t asked, Message* answer) {
    constexpr int kUnsupportedVersion = 35;
    // FindCoordinator, InitProducerId, AddPartitionsToTxn, AddOffsetsToTxn, EndTxn, TxnOffsetCommit: without them no
    // transactional producer tries.
    constexpr int kUnanswered[] = {10, 22, 24, 25, 26, 28};
    answer->Int(asked == 0 ? 0 : kUnsupportedVersion, 2).Int(2 + std::size(kUnanswered), 4);
    answer->Int(kApiVersions, 2).Int(0, 2).Int(0, 2);
    answer->Int(kMetadata, 2).Int(0, 2).Int(1, 2);
    for (const int kind : kUnanswered) answer->Int(kind, 2).Int(0, 2).Int(1, 2);
  }

  void SayMetadata(Message* answer) {
    constexpr int kLeaderNotAvailable = 5;
    const bool is_named = !is_wavering_ || ++answers_ % 2 == 0;
    ++(is_named ? named_ : unnamed_);
    answer->Int(is_named ? 1 : 0, 4);
    if (is_named) answer->Int(kId, 4).String("127.0.0.1").Int(port_, 4).Int(-1, 2);
    answer->Int(is_named ? kId : -1, 4);
    answer->Int(1, 4).Int(0, 2).String(kTopic).Int(0, 1).Int(1, 4);
    answer->Int(is_named ? 0 : kLeaderNotAvailable, 2).Int(0, 4).Int(is_named ? kId : -1, 4);
    answer->Int(1, 4).Int(kId, 4).Int(1, 4).Int(kId, 4);
  }

  static constexpr int kMetadata = 3;
  static constexpr int kApiVersions = 18;
  static constexpr int kId = 1;

  const int listener_;
  int port_ = 0;
  std::atomic<bool> is_wavering_{false};
  std::atomic<int> answers_{0}, named_{0}, unnamed_{0};
  std::list<Connection> connections_;  // The acceptor's, until it has ended.
  std::thread acceptor_;
};

class BrokersTest : public testing::Test {
 protected:
  BrokersTest() {
    RdKafkaConfig config;
    config.bootstrap_servers = broker_.address();
    config.extra = {{"topic.metadata.refresh.interval.ms", "50"}, {"reconnect.backoff.max.ms", "100"}};
    client_ = *MakeRdKafkaClient(config, &log_);
  }

  // Calls until `holds`; false after a while.
  static bool Eventually(const std::function<void()>& call, const std::function<bool()>& holds) {
    const absl::Time deadline = absl::Now() + kPatience;
    while (!holds()) {
      if (absl::Now() >= deadline) return false;
      call();
    }
    return true;
  }

  // `call` is made while the broker wavers, and then until metadata comes again.
  void ExpectItComesBack(const std::function<void()>& call) {
    ASSERT_TRUE(Eventually(call, [&] { return broker_.named() > 0; }));
    broker_.set_wavering(true);
    // Enough for librdkafka to have lost its brokers, or to have been saved from that.
    const absl::Time until = absl::Now() + absl::Seconds(5);
    ASSERT_TRUE(Eventually(call, [&] { return broker_.unnamed() >= 20 || absl::Now() >= until; }));
    broker_.set_wavering(false);
    const int before = broker_.named();
    EXPECT_TRUE(Eventually(call, [&] { return broker_.named() >= before + 5; }));
  }

  NullLogSink log_;
  FakeBroker broker_;
  std::unique_ptr<Client> client_;
};

TEST_F(BrokersTest, AnAdminFindsItsBrokersAgain) {
  const std::unique_ptr<Admin> admin = *client_->NewAdmin();
  const std::vector<TopicPartition> asked = {{kTopic, Partition(0)}};
  ExpectItComesBack([&] { admin->ReadLogOffsets(LogPoint::kHighWatermark, asked, absl::Milliseconds(200)); });
}

TEST_F(BrokersTest, ALogReaderFindsItsBrokersAgain) {
  const std::unique_ptr<LogReader> reader = *client_->NewLogReader({kTopic});
  ASSERT_TRUE(reader->Add({{kTopic, Partition(0)}, Offset(0)}).ok());
  Batch batch;
  ExpectItComesBack([&] { EXPECT_TRUE(reader->Poll(absl::Milliseconds(50), &batch).ok()); });
}

TEST_F(BrokersTest, AProducerFindsItsBrokersAgain) {
  const std::unique_ptr<TransactionalProducer> producer = *client_->NewProducer("id", {kTopic});
  Result last;
  ExpectItComesBack([&] { last = producer->InitTransactions(absl::Milliseconds(200)); });
  EXPECT_EQ(last.error, ErrorClass::kRetriable) << last.message;
}

}  // namespace
}  // namespace once::kafka
