// Brokers that are reached by ways of the program's: here all of them are a socket of the test's.
#include <arpa/inet.h>
#include <errno.h>
#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <set>
#include <stdexcept>
#include <string>

#include "absl/strings/str_cat.h"
#include "processor/base/mutex.h"
#include "processor/kafka/librdkafka/client.h"

namespace once::kafka {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;

class Silent final : public LogSink {
 public:
  void Log(LogLevel, const std::string&) override {}
};

class HooksTest : public ::testing::Test {
 protected:
  HooksTest() : listener_(socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)) {
    address_.sin_family = AF_INET;
    address_.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    socklen_t size = sizeof(address_);
    bind(listener_, reinterpret_cast<sockaddr*>(&address_), size);
    listen(listener_, 16);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address_), &size);
    config_.bootstrap_servers = "broker.invalid:9092";
  }
  ~HooksTest() override { close(listener_); }

  // Asks brokers that answer nothing, and returns what is told.
  std::string Ask() {
    auto client = MakeRdKafkaClient(config_, &log_);
    auto admin = (*client)->NewAdmin();
    return (*admin)->DescribeTopic("t", absl::Seconds(1)).status().ToString();
  }

  bool WasReached() const {
    pollfd waiting{.fd = listener_, .events = POLLIN, .revents = 0};
    return poll(&waiting, 1, 0) == 1;
  }

  const int listener_;
  sockaddr_in address_ = {};
  RdKafkaConfig config_;
  Silent log_;
  Mutex mutex_;
  std::set<std::string> seen_ ABSL_GUARDED_BY(mutex_);
};

TEST_F(HooksTest, ABrokerIsLookedUpByTheNameThatTheProgramGives) {
  config_.resolve = [&](std::string* host, std::string* port) {
    MutexLock lock(&mutex_);
    seen_.insert(absl::StrCat(*host, ":", *port));
    *host = "127.0.0.1";
    *port = absl::StrCat(ntohs(address_.sin_port));
  };
  Ask();
  EXPECT_TRUE(WasReached());
  MutexLock lock(&mutex_);
  EXPECT_THAT(seen_, Contains("broker.invalid:9092"));
}

TEST_F(HooksTest, ABrokerIsConnectedToByTheProgram) {
  config_.bootstrap_servers = "127.0.0.1:1";
  config_.connect = [&](int socket, const sockaddr*, socklen_t, const std::string& broker) {
    MutexLock lock(&mutex_);
    seen_.insert(broker);
    const int done = connect(socket, reinterpret_cast<sockaddr*>(&address_), sizeof(address_));
    return done == 0 ? 0 : errno;
  };
  Ask();
  EXPECT_TRUE(WasReached());
  MutexLock lock(&mutex_);
  EXPECT_THAT(seen_, Contains("127.0.0.1:1"));
}

TEST_F(HooksTest, X3WhatTheyThrowIsAFailure) {
  config_.resolve = [](std::string*, std::string*) { throw std::runtime_error("oops"); };
  EXPECT_THAT(Ask(), HasSubstr("resolve"));
  config_.bootstrap_servers = "127.0.0.1:1";
  config_.resolve = {};
  config_.connect = [](int, const sockaddr*, socklen_t, const std::string&) -> int { throw 7; };
  EXPECT_THAT(Ask(), HasSubstr("Connection refused"));
  EXPECT_FALSE(WasReached());
}

}  // namespace
}  // namespace once::kafka
