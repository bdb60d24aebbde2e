// A request and its answer, as far as they matter here.
#ifndef ONCE_PROCESSOR_HTTP_MESSAGE_H_
#define ONCE_PROCESSOR_HTTP_MESSAGE_H_

#include <cstdint>
#include <functional>
#include <optional>
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
  std::string_view content_type = {};
  std::string_view origin = {};
  std::string_view fetch_site = {};  // Sec-Fetch-Site: what a browser says of the page that asks.
  std::vector<std::pair<std::string, std::string>> query = {};  // Behind the '?'; %XX are not decoded, '+' are blanks.
  bool has_body = false;
  std::optional<int64_t> content_length = {};  // Of a body; nothing: it does not say, or what it says is no number.
  std::string_view body = {};                  // Empty as long as Service::Refuse is asked.
  std::string peer = {};                       // The address that it comes from, in digits.
  std::string own_address = {};                // That it came to: HOST:PORT, the host in digits.
};

struct Response {
  int status = 200;
  std::string content_type = "text/plain; charset=utf-8";
  std::string body = {};
  std::vector<std::pair<std::string, std::string>> headers = {};  // Beside the usual ones.
};

// Takes an answer that comes later: from any thread, once. What comes when nobody waits any more is dropped.
using Reply = std::function<void(Response)>;

// What a server serves. Called by one thread, which serves everybody: it must wait for nobody.
class Service {
 public:
  virtual ~Service() = default;
  // Of a request whose head is there: what it is refused with before any of its body is read. Nothing: go on.
  virtual std::optional<Response> Refuse(const Request& head) = 0;
  // The whole request, which was not refused. Nothing: `later` is called, or was called already.
  virtual std::optional<Response> Answer(const Request& request, const Reply& later) = 0;
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_MESSAGE_H_
