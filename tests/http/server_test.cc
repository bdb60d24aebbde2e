// The server with clients that do not behave.
#include "processor/http/server.h"

#include <algorithm>
#include <atomic>
#include <cstdint>
#include <deque>
#include <iterator>
#include <memory>
#include <optional>
#include <random>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/base/mutex.h"
#include "tests/http/client.h"

namespace once::http {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr absl::Duration kLong = absl::Seconds(30);

// More than the buffers of a connection take, so that it stays with the server until somebody reads.
constexpr size_t kLarge = size_t{15} << 20;

// Remembers what it was asked last.
class OneService final : public Service {
 public:
  ~OneService() override {
    for (std::thread& thread : threads_) thread.join();
  }

  // Bodies are taken at /body alone.
  std::optional<Response> Refuse(const Request& head) override {
    if (!head.has_body || head.path == "/body") return std::nullopt;
    ++asked;
    last_path = std::string(head.path);
    return Response{.status = 413};
  }

  std::optional<Response> Answer(const Request& request, const Reply& later) override {
    ++asked;
    last_path = std::string(request.path);
    last_authorization = std::string(request.authorization);
    last_query = request.query;
    last_peer = request.peer;
    if (request.path == "/large") return Response{.body = std::string(kLarge, 'x')};
    if (request.path == "/body") return Response{.body = std::string(request.body)};
    if (request.path == "/later") {
      threads_.emplace_back([later] { later({.body = "later\n"}); });
      return std::nullopt;
    }
    if (request.path == "/when-told") {
      MutexLock lock(&mutex_);
      waiting_.push_back(later);
      return std::nullopt;
    }
    if (request.path == "/at-once") {
      later({.body = "at once\n"});
      later({.body = "again\n"});
      return std::nullopt;
    }
    Response response{.status = request.method == "GET" || request.method == "HEAD" ? 200 : 405, .body = "hello\n"};
    response.headers.emplace_back("X-Test", "yes");
    return response;
  }

  // Of those who asked for /when-told.
  std::vector<Reply> TakeWaiting(size_t count) {
    const absl::Time deadline = absl::Now() + kLong;
    while (absl::Now() < deadline) {
      {
        MutexLock lock(&mutex_);
        if (waiting_.size() >= count) return std::exchange(waiting_, {});
      }
      absl::SleepFor(absl::Milliseconds(1));
    }
    return {};
  }

  std::atomic<int> asked{0};
  std::string last_path;
  std::string last_authorization;
  std::vector<std::pair<std::string, std::string>> last_query;
  std::string last_peer;

 private:
  std::vector<std::thread> threads_;
  Mutex mutex_;
  std::vector<Reply> waiting_ ABSL_GUARDED_BY(mutex_);
};

class ServerTest : public testing::Test {
 protected:
  void Start(ServerOptions options = {}) {
    options.address = {.host = "127.0.0.1", .port = 0};
    auto server = Server::Start(options, &service_);
    ASSERT_TRUE(server.ok()) << server.status();
    server_ = *std::move(server);
    port_ = server_->address().port;
  }

  OneService service_;
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
  EXPECT_EQ(service_.last_path, "/livez");
  EXPECT_EQ(service_.last_authorization, "Bearer x");
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
  EXPECT_EQ(service_.asked, 2);
  EXPECT_THAT(all.substr(all.rfind("HTTP/1.1")), HasSubstr("200"));
}

// A path is what it is written as, for us as for a proxy that guards it.
TEST_F(ServerTest, PathsAreNotDecoded) {
  Start();
  for (const char* path : {"/v1%2Fstatus", "/%2e%2e/etc/passwd", "/a/../b", "//x", "/%00", "/%zz"}) {
    EXPECT_EQ(Get(port_, path).status, 200) << path;
    EXPECT_EQ(service_.last_path, path);
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
  EXPECT_EQ(service_.asked, 0);
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
  const int before = service_.asked;
  Exchange(port_,
           "POST / HTTP/1.1\r\nHost: x\r\nContent-Length: 5\r\nConnection: close\r\n\r\nGET /smuggled "
           "HTTP/1.1\r\nHost: x\r\n\r\n");
  EXPECT_EQ(service_.asked, before + 1);
  EXPECT_THAT(service_.last_path, Not(HasSubstr("smuggled")));
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
    while (service_.asked == 0) std::this_thread::yield();
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

std::string Posting(const std::string& body, int64_t length) {
  return absl::StrCat("POST /body HTTP/1.1\r\nHost: x\r\nConnection: close\r\nContent-Length: ", length, "\r\n\r\n",
                      body);
}

TEST_F(ServerTest, ABodyComesWhole) {
  Start();
  const std::string body(300'000, 'b');
  const Answer answer = Exchange(port_, Posting(body, 300'000));
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(answer.body, body);
  EXPECT_EQ(service_.last_peer, "127.0.0.1");
}

TEST_F(ServerTest, BodiesOfAllTogetherAreBounded) {
  Start({.max_bodies_bytes = 100'000});
  EXPECT_EQ(Exchange(port_, Posting("", 100'001)).status, 413);
  EXPECT_EQ(Exchange(port_, Posting("", -1)).status, 400);
  {
    // It has said how much it sends, and has not sent it.
    Connection dawdler(port_);
    dawdler.Write(Posting("half", 90'000));
    ASSERT_EQ(Get(port_, "/").status, 200);
    EXPECT_EQ(Exchange(port_, Posting(std::string(20'000, 'b'), 20'000)).status, 503);
    EXPECT_EQ(Exchange(port_, Posting(std::string(5'000, 'b'), 5'000)).status, 200);
  }
  // It has gone, and so has what was kept for it.
  const absl::Time deadline = absl::Now() + kLong;
  int status = 0;
  while (status != 200 && absl::Now() < deadline) {
    status = Exchange(port_, Posting(std::string(20'000, 'b'), 20'000)).status;
  }
  EXPECT_EQ(status, 200);
}

TEST_F(ServerTest, TheQueryComesUndecoded) {
  Start();
  EXPECT_EQ(Get(port_, "/?a=%2F&b&c=1+2&a=%zz").status, 200);
  EXPECT_EQ(service_.last_query,
            (std::vector<std::pair<std::string, std::string>>{{"a", "%2F"}, {"b", ""}, {"c", "1 2"}, {"a", "%zz"}}));
}

TEST_F(ServerTest, AnAnswerMayComeLaterFromAnyThread) {
  Start();
  for (int i = 0; i < 50; ++i) {
    EXPECT_EQ(Get(port_, "/later").body, "later\n");
    EXPECT_EQ(Get(port_, "/at-once").body, "at once\n");
  }
  Connection connection(port_);
  connection.Write("GET /later HTTP/1.1\r\nHost: x\r\n\r\nGET /a HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(connection.ReadToEnd(kLong).value_or(""), HasSubstr("hello"));
}

// Those who wait for us keep nobody else from being served, and are not ended as dawdlers.
TEST_F(ServerTest, WhoWaitsForAnAnswerIsNotToBlame) {
  Start({.max_connections = 4, .request_timeout = absl::Seconds(1)});
  Connection patient(port_);
  patient.Write("GET /when-told HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::vector<Reply> waiting = service_.TakeWaiting(1);
  ASSERT_EQ(waiting.size(), 1u);
  for (int i = 0; i < 20; ++i) EXPECT_EQ(Get(port_, "/").status, 200);
  {
    // Longer than a dawdler has.
    Connection dawdler(port_);
    EXPECT_TRUE(dawdler.ReadToEnd(kLong).has_value());
  }
  waiting[0]({.body = "told\n"});
  EXPECT_THAT(patient.ReadToEnd(kLong).value_or(""), HasSubstr("told"));
}

TEST_F(ServerTest, AnAnswerThatDoesNotComeIsToldInTime) {
  Start({.reply_timeout = absl::Milliseconds(100)});
  EXPECT_EQ(Get(port_, "/when-told").status, 504);
  // Nobody waits any more.
  for (const Reply& reply : service_.TakeWaiting(1)) reply({.body = "told\n"});
  EXPECT_EQ(Get(port_, "/").status, 200);
}

TEST_F(ServerTest, AnAnswerThatComesLaterIsGivenAtOnce) {
  Start();
  std::vector<absl::Duration> waits(21);  // At the thread's next turn it would be 50 ms.
  for (absl::Duration& wait : waits) {
    Connection connection(port_);
    connection.Write("GET /when-told HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
    const Reply reply = service_.TakeWaiting(1).at(0);
    const absl::Time told = absl::Now();
    reply({});
    connection.ReadToEnd(kLong);
    wait = absl::Now() - told;
  }
  std::nth_element(waits.begin(), waits.begin() + 10, waits.end());
  EXPECT_LT(waits[10], absl::Milliseconds(25));
}

TEST_F(ServerTest, EndsWhileClientsWaitForAnswers) {
  Start();
  Connection connection(port_);
  connection.Write("GET /when-told HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n");
  const std::vector<Reply> waiting = service_.TakeWaiting(1);
  ASSERT_EQ(waiting.size(), 1u);
  server_.reset();
  EXPECT_TRUE(connection.ReadToEnd(kLong).has_value());
  // The server is gone.
  waiting[0]({.body = "told\n"});
}

TEST_F(ServerTest, APortInUseIsToldWithItsAddress) {
  Start();
  const auto second = Server::Start({.address = server_->address()}, &service_);
  ASSERT_FALSE(second.ok());
  EXPECT_THAT(std::string(second.status().message()), HasSubstr(absl::StrCat("127.0.0.1:", port_)));
  EXPECT_THAT(std::string(second.status().message()), HasSubstr("in use"));
}

}  // namespace
}  // namespace once::http
