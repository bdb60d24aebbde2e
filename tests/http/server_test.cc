// The server with clients that do not behave.
#include "processor/http/server.h"

#include <atomic>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <random>
#include <string>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/http/client.h"

namespace once::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr absl::Duration kLong = absl::Seconds(30);

class ServerTest : public testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.address = {.host = "127.0.0.1", .port = 0};
    auto server = Server::Start(options, [this](const Request& request) {
      ++asked_;
      last_path_ = std::string(request.path);
      last_authorization_ = std::string(request.authorization);
      if (request.has_body) return Response{.status = 413};
      if (request.path == "/large") return Response{.body = std::string(kLarge, 'x')};
      Response response{.status = request.method == "GET" || request.method == "HEAD" ? 200 : 405, .body = "hello\n"};
      response.headers.emplace_back("X-Test", "yes");
      return response;
    });
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->address().port;
  }

  // More than the buffers of a connection take, so that it stays with the server until somebody reads.
  static constexpr size_t kLarge = size_t{15} << 20;

  std::atomic<int> asked_{0};
  std::string last_path_;
  std::string last_authorization_;
  int port_ = 0;
  std::unique_ptr<Server> server_;  // Uses all others.
};

TEST_F(ServerTest, AnswersWithItsHeaders) {
  Start();
  const Answer answer = Get(port_, "/livez?verbose=1", {{"Authorization", "Bearer x"}});
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "hello\n");
  EXPECT_THAT(answer.head, HasSubstr("Content-Type: text/plain; charset=utf-8"));
  EXPECT_THAT(answer.head, HasSubstr("Cache-Control: no-store"));
  EXPECT_THAT(answer.head, HasSubstr("X-Content-Type-Options: nosniff"));
  EXPECT_THAT(answer.head, HasSubstr("X-Test: yes"));
  EXPECT_EQ(last_path_, "/livez");
  EXPECT_EQ(last_authorization_, "Bearer x");
}

TEST_F(ServerTest, AHeadHasNoBody) {
  Start();
  const Answer answer = Get(port_, "/", {}, "HEAD");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, "");
  EXPECT_THAT(answer.head, HasSubstr("Content-Length: 6"));
}

TEST_F(ServerTest, OneConnectionMayAskAgain) {
  Start();
  Connection connection(port_);
  ASSERT_TRUE(
      connection.Write("GET /a HTTP/1.1\r\nHost: x\r\n\r\nGET /b HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"));
  const std::string all = connection.ReadToEnd(kLong).value_or("");
  EXPECT_EQ(asked_, 2);
  EXPECT_THAT(all.substr(all.rfind("HTTP/1.1")), HasSubstr("200"));
}

// A path is what it is written as, for us as for a proxy that guards it.
TEST_F(ServerTest, PathsAreNotDecoded) {
  Start();
  for (const char* path : {"/v1%2Fstatus", "/%2e%2e/etc/passwd", "/a/../b", "//x", "/%00", "/%zz"}) {
    EXPECT_EQ(Get(port_, path).status, 200) << path;
    EXPECT_EQ(last_path_, path);
  }
}

TEST_F(ServerTest, WhatIsTooLargeIsRefused) {
  Start({.max_request_bytes = 8192});
  for (const std::string& request :
       {absl::StrCat("GET /", std::string(100'000, 'a'), " HTTP/1.1\r\nHost: x\r\n\r\n"),
        absl::StrCat("GET / HTTP/1.1\r\nHost: x\r\nX: ", std::string(100'000, 'a'), "\r\n\r\n"),
        absl::StrCat("GET / HTTP/1.1\r\nHost: x\r\n", std::string(100'000, 'a'))}) {
    const int status = Exchange(port_, request).status;
    // Whoever does not stop sending may find the connection reset before the answer.
    EXPECT_TRUE(status == 0 || (status >= 400 && status < 500)) << status;
  }
  std::string many = "GET / HTTP/1.1\r\nHost: x\r\n";
  for (int i = 0; i < 5000; ++i) absl::StrAppend(&many, "X-", i, ": y\r\n");
  EXPECT_NE(Exchange(port_, many + "\r\n").status, 200);
  EXPECT_EQ(asked_, 0);
  EXPECT_EQ(Get(port_, "/").status, 200);
}

TEST_F(ServerTest, ABodyIsNotReadAndEndsTheConnection) {
  Start();
  const Answer answer =
      Exchange(port_, absl::StrCat("POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 1000000000\r\n\r\n", "abc"));
  EXPECT_EQ(answer.status, 413);
  EXPECT_EQ(Exchange(port_, "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\nffffffff\r\n").status,
            413);
  // What looks like a second request is the body of the first, and is no request.
  const int before = asked_;
  Exchange(port_,
           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nGET /smuggled "
           "HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(asked_, before + 1);
  EXPECT_THAT(last_path_, Not(HasSubstr("smuggled")));
}

TEST_F(ServerTest, WhatIsNoRequestIsRefused) {
  Start();
  for (const std::string& bytes :
       {std::string("\r\n\r\n\r\n"), std::string("\0\0\0\0\r\n\r\n", 8), std::string("GET\r\n\r\n"),
        std::string("GET / HTTP/1.1\r\n\r\n"), std::string("\x16\x03\x01\x02\x00\x01\x00\r\n\r\n", 11),
        std::string("GET / HTTP/9.9\r\nHost: x\r\n\r\n")}) {
    Connection connection(port_);
    connection.Write(bytes);
  }
  EXPECT_EQ(Get(port_, "/").status, 200);
}

// Slow clients, however many, take no thread, and none of them keeps its connection.
TEST_F(ServerTest, DawdlersMakeRoomForOthers) {
  Start({.max_connections = 16, .request_timeout = absl::Hours(1)});
  std::deque<Connection> dawdlers;
  for (int i = 0; i < 200; ++i) {
    dawdlers.emplace_back(port_);
    ASSERT_TRUE(dawdlers.back().connected());
    dawdlers.back().Write("GET / HTTP/1.1\r\nX-Slow: ");
    if (i % 50 == 49) {
      EXPECT_EQ(Get(port_, "/").status, 200);
    }
  }
  EXPECT_EQ(Get(port_, "/").status, 200);
  EXPECT_TRUE(dawdlers.front().ReadToEnd(kLong).has_value()) << "the first has been ended";
}

TEST_F(ServerTest, WhoDoesNotFinishInTimeIsEnded) {
  Start({.request_timeout = absl::Milliseconds(200)});
  Connection silent(port_);
  Connection slow(port_);
  Connection idle(port_);
  ASSERT_TRUE(idle.Write("GET / HTTP/1.1\r\nHost: x\r\n\r\n"));
  // A byte now and then does not help.
  while (slow.Write("G")) {
    if (slow.ReadToEnd(absl::Milliseconds(20)).has_value()) break;
  }
  EXPECT_TRUE(silent.ReadToEnd(kLong).has_value());
  EXPECT_THAT(idle.ReadToEnd(kLong).value_or(""), HasSubstr("hello"));
  EXPECT_EQ(Get(port_, "/").status, 200);
}

TEST_F(ServerTest, AnswersThatNobodyTakesDoNotFillTheMemory) {
  Start({.request_timeout = absl::Hours(1)});
  {
    Connection greedy(port_);
    ASSERT_TRUE(greedy.Write("GET /large HTTP/1.1\r\nHost: x\r\n\r\n"));
    while (asked_ == 0) std::this_thread::yield();
    EXPECT_EQ(Get(port_, "/large").status, 503);
    EXPECT_EQ(Get(port_, "/livez").status, 200) << "probes are answered";
  }
  // It is gone, and the server finds that out some time.
  Answer answer;
  while (answer = Get(port_, "/large"), answer.status == 503) std::this_thread::yield();
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body.size(), kLarge);
  EXPECT_EQ(Get(port_, "/large").status, 200);
}

// Whatever bytes come, well-behaved clients are answered.
TEST_F(ServerTest, OddBytesHurtNobody) {
  Start();
  std::mt19937 random(7);
  const std::string requests[] = {
      "GET / HTTP/1.1\r\nHost: x\r\n\r\n", "HEAD /livez?a=b HTTP/1.0\r\n\r\n",
      "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nabcde\r\n0\r\n\r\n",
      "GET /a HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer x\r\nExpect: 100-continue\r\n\r\n"};
  for (int i = 0; i < 400; ++i) {
    std::string bytes = requests[random() % std::size(requests)];
    for (uint32_t changes = random() % 5; changes > 0; --changes) {
      const size_t at = random() % bytes.size();
      if (random() % 3 == 0) bytes.insert(at, bytes.substr(random() % bytes.size()));
      bytes[at] = random() % 4 == 0 ? "\r\n :\0%"[random() % 6] : static_cast<char>(random());
    }
    Connection connection(port_);
    connection.Write(bytes);
    if (i % 20 == 0) {
      EXPECT_EQ(Get(port_, "/").status, 200);
    }
  }
  EXPECT_EQ(Get(port_, "/").status, 200);
}

TEST_F(ServerTest, EndsWhileClientsAreConnected) {
  Start();
  Connection idle(port_);
  Connection half(port_);
  half.Write("GET / HTTP/1.1\r\n");
  ASSERT_EQ(Get(port_, "/").status, 200);
  server_.reset();
  EXPECT_TRUE(idle.ReadToEnd(kLong).has_value());
  EXPECT_FALSE(Connection(port_).connected());
}

TEST_F(ServerTest, APortInUseIsToldWithItsAddress) {
  Start();
  const auto second = Server::Start({.address = server_->address()}, [](const Request&) { return Response(); });
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(absl::StrCat("127.0.0.1:", port_)));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

TEST(ListenAddressTest, WhatIsAnAddress) {
  for (const auto& [text, shown, loopback] : std::initializer_list<std::tuple<const char*, const char*, bool>>{
           {"127.0.0.1:8080", "127.0.0.1:8080", true},
           {"127.8.0.1:0", "127.8.0.1:0", true},
           {"localhost:1", "127.0.0.1:1", true},
           {"[::1]:8080", "[::1]:8080", true},
           {"0.0.0.0:65535", "0.0.0.0:65535", false},
           {"[::]:8080", "[::]:8080", false},
           {"[::ffff:127.0.0.1]:1", "[::ffff:127.0.0.1]:1", false}}) {
    const auto address = ParseListenAddress(text);
    ASSERT_TRUE(address.ok()) << address.status();
    EXPECT_EQ(address->ToString(), shown);
    EXPECT_EQ(address->is_loopback(), loopback) << text;
  }
  for (const std::string& text :
       {std::string(), std::string(":8080"), std::string("8080"), std::string("127.0.0.1"), std::string("127.0.0.1:"),
        std::string("127.0.0.1:65536"), std::string("127.0.0.1:-1"), std::string("127.0.0.1:80x"),
        std::string("::1:80"), std::string("[::1]"), std::string("[127.0.0.1]:80"), std::string("example.com:80"),
        std::string("127.0.0.1\0:80", 13), std::string("127.0.0.1: 80"), std::string("[]:80")}) {
    EXPECT_FALSE(ParseListenAddress(text).ok()) << text;
  }
}

}  // namespace
}  // namespace once::http
