// A client that sends the bytes it is given, so that it can be as wrong as anybody.
#ifndef ONCE_TESTS_HTTP_CLIENT_H_
#define ONCE_TESTS_HTTP_CLIENT_H_

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"

namespace once::http {

// One connection to a port of 127.0.0.1. Not thread-safe.
class Connection {
 public:
  explicit Connection(int port);
  ~Connection();
  Connection(const Connection&) = delete;
  Connection& operator=(const Connection&) = delete;

  bool connected() const { return fd_ >= 0; }
  // False when the other side has closed.
  bool Write(const std::string& bytes);
  // All that comes until the other side closes, or until `timeout` has passed: nothing then.
  std::optional<std::string> ReadToEnd(absl::Duration timeout);

 private:
  int fd_ = -1;
};

struct Answer {
  int status = 0;  // 0: none came.
  std::string head = {};
  std::string body = {};
};

// One request on a connection of its own. `headers` beside Host and Connection; a Host among them replaces the usual.
Answer Get(int port, const std::string& path, const std::vector<std::pair<std::string, std::string>>& headers = {},
           const std::string& method = "GET");
// What such bytes are answered with.
Answer Exchange(int port, const std::string& bytes);

}  // namespace once::http

#endif  // ONCE_TESTS_HTTP_CLIENT_H_
