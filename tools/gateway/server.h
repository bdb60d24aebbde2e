// Serves the gateway by HTTP/1.1, on one thread, by GNU libmicrohttpd.
//
// The pod's server (processor/http/server.h) answers at once and takes no bodies; here a request has one, is answered
// later by another thread, or becomes a stream of events. A connection that waits is suspended, so that neither slow
// clients nor slow brokers take a thread. What clients can use up is bounded: connections, bytes of bodies, the time
// from a connection to the end of its request, the time until it is answered, and that until the answer is taken.
#ifndef ONCE_TOOLS_GATEWAY_SERVER_H_
#define ONCE_TOOLS_GATEWAY_SERVER_H_

#include <cstddef>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/listen_address.h"
#include "processor/http/message.h"
#include "tools/gateway/request.h"

namespace once::gateway {

// What is sent to one follower. Thread-safe.
class EventStream {
 public:
  virtual ~EventStream() = default;
  // False, and nothing is kept, if it has ended or holds so much already that the client has not taken.
  virtual bool Push(const std::string& text) = 0;
  // Bytes that the client has not taken.
  virtual size_t pending() const = 0;
  // Nothing more will be pushed; what is pending is still sent.
  virtual void End() = 0;
  // The client has gone, or is ended.
  virtual bool has_ended() const = 0;
};

// Answers one request, once; later answers are dropped. Thread-safe.
class Responder {
 public:
  virtual ~Responder() = default;
  virtual void Answer(http::Response response) = 0;
  // The answer is a stream; null if the request has been answered already.
  virtual std::shared_ptr<EventStream> Stream(const std::string& content_type) = 0;
  virtual bool is_answered() const = 0;
};

// Called by the server's thread; must wait for nobody.
class RequestHandler {
 public:
  virtual ~RequestHandler() = default;
  // When the headers are there, before any of the body is read: an answer that ends the connection, or nothing.
  virtual std::optional<http::Response> Refuse(const Request& head) = 0;
  virtual void Handle(Request request, std::shared_ptr<Responder> responder) = 0;
  // What a request is answered that was not in time.
  virtual http::Response TimedOut() = 0;
};

struct HttpServerOptions {
  ListenAddress address = {};
  size_t max_connections = 256;
  size_t max_head_bytes = size_t{32} << 10;     // Of request line and headers, with what it takes to hold them.
  size_t max_body_bytes = size_t{1} << 20;      // Of one request.
  size_t max_pending_bytes = size_t{64} << 20;  // Of all bodies that are not answered, and answers not taken.
  size_t max_stream_bytes = size_t{1} << 20;    // That a follower has not taken.
  // From the connection, or its last answer, to the end of the request; and for taking the answer.
  absl::Duration client_timeout = absl::Seconds(10);
  absl::Duration answer_timeout = absl::Seconds(30);  // From the request's end to its answer.
};

class HttpServer {
 public:
  // FailedPrecondition, with the address and why, if it cannot listen there. `handler` outlives the server.
  static absl::StatusOr<std::unique_ptr<HttpServer>> Start(const HttpServerOptions& options, RequestHandler* handler);
  // Stops at once if it has not been drained.
  virtual ~HttpServer() = default;
  virtual const ListenAddress& address() const = 0;
  virtual size_t connections() const = 0;
  // Takes no further connections, ends streams, waits for at most `patience` until what was asked is answered and
  // taken.
  virtual void Drain(absl::Duration patience) = 0;
};

}  // namespace once::gateway

#endif  // ONCE_TOOLS_GATEWAY_SERVER_H_
