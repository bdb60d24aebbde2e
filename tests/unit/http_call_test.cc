#include "processor/net/http_call.h"

#include <arpa/inet.h>
#include <gtest/gtest.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <vector>

#include "absl/strings/str_cat.h"

namespace once::internal {
namespace {

// Gives one connection after the other an answer of `answers`, each when a whole head of a request has come; keeps what
// was asked. Without answers it accepts nobody.
class Server {
 public:
  explicit Server(std::vector<std::string> answers) : answers_(std::move(answers)) {
    socket_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    EXPECT_EQ(bind(socket_, reinterpret_cast<sockaddr*>(&address), sizeof(address)), 0);
    EXPECT_EQ(listen(socket_, 8), 0);
    socklen_t size = sizeof(address);
    EXPECT_EQ(getsockname(socket_, reinterpret_cast<sockaddr*>(&address), &size), 0);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~Server() {
    thread_.join();
    close(socket_);
  }

  std::string Url(const std::string& path) const { return absl::StrCat("http://127.0.0.1:", port_, path); }
  // When all answers were given.
  std::vector<std::string> Asked() {
    thread_.join();
    thread_ = std::thread([] {});
    return asked_;
  }

 private:
  void Serve() {
    for (const std::string& answer : answers_) {
      const int connection = accept(socket_, nullptr, nullptr);
      std::string head;
      char byte = 0;
      while (head.find("\r\n\r\n") == std::string::npos && read(connection, &byte, 1) == 1) head.push_back(byte);
      asked_.push_back(head);
      size_t sent = 0;
      while (sent < answer.size()) {
        // Who has had enough closes.
        const ssize_t took = send(connection, answer.data() + sent, answer.size() - sent, MSG_NOSIGNAL);
        if (took <= 0) break;
        sent += static_cast<size_t>(took);
      }
      close(connection);
    }
  }

  const std::vector<std::string> answers_;
  int socket_ = -1;
  int port_ = 0;
  std::vector<std::string> asked_;
  std::thread thread_;
};

std::string Answer(int status, const std::string& body, const std::string& headers = "") {
  return absl::StrCat("HTTP/1.1 ", status, " X\r\n", headers, "Content-Length: ", body.size(),
                      "\r\nConnection: close\r\n\r\n", body);
}

TEST(HttpCallTest, AnyStatusIsAnAnswer) {
  Server server({Answer(200, "yes"), Answer(503, "later")});
  HttpConnections connections;
  const auto yes = connections.Ask({.url = server.Url("/a"), .headers = {"X-Mine: 1"}});
  ASSERT_TRUE(yes.ok()) << yes.status();
  EXPECT_EQ(yes->status, 200);
  EXPECT_EQ(yes->body, "yes");
  const auto later =
      connections.Ask({.url = server.Url("/b"), .method = "PUT", .body = "", .username = "u", .password = "p"});
  ASSERT_TRUE(later.ok()) << later.status();
  EXPECT_EQ(later->status, 503);
  const std::vector<std::string> asked = server.Asked();
  EXPECT_TRUE(asked[0].starts_with("GET /a HTTP/1.1\r\n")) << asked[0];
  EXPECT_NE(asked[0].find("\r\nX-Mine: 1\r\n"), std::string::npos) << asked[0];
  EXPECT_TRUE(asked[1].starts_with("PUT /b HTTP/1.1\r\n")) << asked[1];
  EXPECT_NE(asked[1].find("\r\nContent-Length: 0\r\n"), std::string::npos) << asked[1];
  EXPECT_NE(asked[1].find("\r\nAuthorization: Basic dTpw\r\n"), std::string::npos) << asked[1];
}

TEST(HttpCallTest, AnAnswerThatIsTooLongEndsThere) {
  Server server({Answer(200, std::string(3'000'000, 'x')), Answer(200, "four")});
  HttpConnections connections;
  const auto cut = connections.Ask({.url = server.Url("/"), .max_answer_bytes = 1'000'000});
  ASSERT_TRUE(cut.ok()) << cut.status();
  EXPECT_TRUE(cut->is_too_long);
  EXPECT_LE(cut->body.size(), 1'000'000u);
  const auto whole = connections.Ask({.url = server.Url("/"), .max_answer_bytes = 4});
  ASSERT_TRUE(whole.ok()) << whole.status();
  EXPECT_FALSE(whole->is_too_long);
  EXPECT_EQ(whole->body, "four");
}

TEST(HttpCallTest, ItGoesNowhereElse) {
  Server other({Answer(200, "")});
  Server server({Answer(302, "", absl::StrCat("Location: ", other.Url("/else"), "\r\n"))});
  HttpConnections connections;
  const auto moved = connections.Ask({.url = server.Url("/")});
  ASSERT_TRUE(moved.ok()) << moved.status();
  EXPECT_EQ(moved->status, 302);
  EXPECT_FALSE(connections.Ask({.url = "file:///etc/hostname"}).ok());
  // The one connection that it gets.
  EXPECT_TRUE(connections.Ask({.url = other.Url("/mine")}).ok());
  EXPECT_TRUE(other.Asked()[0].starts_with("GET /mine "));
}

TEST(HttpCallTest, AReasonHasNoSecret) {
  std::string url;
  {
    Server gone({});
    url = gone.Url("/");
  }
  const auto answer = HttpConnections().Ask({.url = url, .username = "name-x", .password = "secret-x"});
  ASSERT_EQ(answer.status().code(), absl::StatusCode::kUnavailable);
  EXPECT_EQ(answer.status().message().find("secret-x"), std::string::npos) << answer.status();
  EXPECT_NE(answer.status().message().find("connect"), std::string::npos) << answer.status();
}

TEST(HttpCallTest, AConnectionThatClosesWithoutAWordIsNoAnswer) {
  Server silent({""});
  EXPECT_EQ(HttpConnections().Ask({.url = silent.Url("/")}).status().code(), absl::StatusCode::kUnavailable);
}

TEST(HttpCallTest, PartsOfAUrlAreEscaped) { EXPECT_EQ(EscapeForUrl("a b/ü"), "a%20b%2F%C3%BC"); }

}  // namespace
}  // namespace once::internal
