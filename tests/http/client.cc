#include "tests/http/client.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <poll.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <cstdlib>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"

namespace once::http {

namespace {
constexpr absl::Duration kPatience = absl::Seconds(30);
}  // namespace

Connection::Connection(int port) {
  sockaddr_in address = {};
  address.sin_family = AF_INET;
  address.sin_port = htons(static_cast<uint16_t>(port));
  inet_pton(AF_INET, "127.0.0.1", &address.sin_addr);
  fd_ = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
  if (fd_ < 0 || connect(fd_, reinterpret_cast<sockaddr*>(&address), sizeof(address)) == 0) return;
  close(fd_);
  fd_ = -1;
}

Connection::~Connection() {
  if (fd_ >= 0) close(fd_);
}

bool Connection::Write(const std::string& bytes) {
  for (size_t done = 0; done < bytes.size();) {
    const ssize_t sent = send(fd_, bytes.data() + done, bytes.size() - done, MSG_NOSIGNAL);
    if (sent <= 0) return false;
    done += static_cast<size_t>(sent);
  }
  return true;
}

std::optional<std::string> Connection::ReadToEnd(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  std::string all;
  while (true) {
    const int64_t left = absl::ToInt64Milliseconds(deadline - absl::Now());
    pollfd ready = {.fd = fd_, .events = POLLIN, .revents = 0};
    if (left <= 0 || poll(&ready, 1, static_cast<int>(left)) == 0) return std::nullopt;
    char buffer[4096];
    const ssize_t got = recv(fd_, buffer, sizeof(buffer), 0);
    if (got <= 0) return all;
    all.append(buffer, static_cast<size_t>(got));
  }
}

Answer Exchange(int port, const std::string& bytes) {
  Connection connection(port);
  Answer answer;
  if (!connection.connected()) return answer;
  // Who closes while we write may have answered all the same.
  connection.Write(bytes);
  const std::string all = connection.ReadToEnd(kPatience).value_or("");
  const size_t end = all.find("\r\n\r\n");
  if (all.compare(0, 7, "HTTP/1.") != 0 || end == std::string::npos) return answer;
  answer.status = atoi(all.substr(9, 3).c_str());
  answer.head = all.substr(0, end);
  answer.body = all.substr(end + 4);
  return answer;
}

Answer Get(int port, const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers,
           const std::string& method) {
  std::string request = absl::StrCat(method, " ", path, " HTTP/1.1\r\nConnection: close\r\n");
  const bool has_host = std::any_of(headers.begin(), headers.end(), [](const auto& h) { return h.first == "Host"; });
  if (!has_host) absl::StrAppend(&request, "Host: 127.0.0.1:", port, "\r\n");
  for (const auto& [name, value] : headers) absl::StrAppend(&request, name, ": ", value, "\r\n");
  return Exchange(port, request + "\r\n");
}

}  // namespace once::http
