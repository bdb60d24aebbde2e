// A request and its answer, as far as they matter here.
#ifndef ONCE_PROCESSOR_HTTP_MESSAGE_H_
#define ONCE_PROCESSOR_HTTP_MESSAGE_H_

#include <functional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace once::http {

// Views hold while it is answered. All of it is somebody else's: any bytes.
struct Request {
  std::string_view method = {};         // "GET"
  std::string_view path = {};           // As it came: nothing is decoded, what is behind a '?' is left out.
  std::string_view authorization = {};  // The header's value; empty if there is none. As are the following.
  std::string_view host = {};
  std::string_view accept_encoding = {};
  std::string_view if_none_match = {};
  bool has_body = false;
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // Beside the usual ones.
};

// Answers at once: it must wait for nobody. Called by one thread.
using Handler = std::function<Response(const Request&)>;

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_MESSAGE_H_
