// An HTTP server that answers each connection with the next of some texts, whatever is asked, and keeps what was.
#ifndef ONCE_TESTS_SCHEMAS_CANNED_SERVER_H_
#define ONCE_TESTS_SCHEMAS_CANNED_SERVER_H_

#include <arpa/inet.h>
#include <sys/socket.h>
#include <unistd.h>

#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"

namespace once {

class CannedServer {
 public:
  // Status line, headers and body of an answer.
  static std::string Answer(int status, const std::string& body, const std::string& headers = "") {
    return absl::StrCat("HTTP/1.1 ", status, " x\r\nContent-Length: ", body.size(), "\r\nConnection: close\r\n",
                        headers, "\r\n", body);
  }

  // An empty answer: the connection is closed.
  explicit CannedServer(std::vector<std::string> answers) : answers_(std::move(answers)) {
    listener_ = socket(AF_INET, SOCK_STREAM, 0);
    sockaddr_in address{};
    address.sin_family = AF_INET;
    address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    bind(listener_, reinterpret_cast<sockaddr*>(&address), sizeof(address));
    listen(listener_, 16);
    socklen_t size = sizeof(address);
    getsockname(listener_, reinterpret_cast<sockaddr*>(&address), &size);
    port_ = ntohs(address.sin_port);
    thread_ = std::thread([this] { Serve(); });
  }
  ~CannedServer() { Stop(); }

  std::string url() const { return absl::StrCat("http://127.0.0.1:", port_); }
  // What was asked, whole; ends the server.
  const std::vector<std::string>& Stop() {
    shutdown(listener_, SHUT_RDWR);
    if (thread_.joinable()) thread_.join();
    if (listener_ >= 0) close(listener_);
    listener_ = -1;
    return asked_;
  }

 private:
  void Serve() {
    for (const std::string& answer : answers_) {
      const int connection = accept(listener_, nullptr, nullptr);
      if (connection < 0) return;
      asked_.push_back(ReadRequest(connection));
      [[maybe_unused]] const auto written = write(connection, answer.data(), answer.size());
      shutdown(connection, SHUT_WR);
      close(connection);
    }
  }

  static std::string ReadRequest(int connection) {
    std::string request;
    char bytes[4096];
    size_t end = std::string::npos, length = 0;
    while (end == std::string::npos || request.size() < end + 4 + length) {
      const ssize_t got = read(connection, bytes, sizeof(bytes));
      if (got <= 0) break;
      request.append(bytes, static_cast<size_t>(got));
      end = request.find("\r\n\r\n");
      const size_t header = request.find("Content-Length: ");
      if (header < end) length = std::stoul(request.substr(header + 16));
    }
    return request;
  }

  const std::vector<std::string> answers_;
  int listener_ = -1;
  int port_ = 0;
  std::vector<std::string> asked_;  // The thread's, until it has ended.
  std::thread thread_;
};

}  // namespace once

#endif  // ONCE_TESTS_SCHEMAS_CANNED_SERVER_H_
