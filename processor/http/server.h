// Serves a handler by HTTP/1.1, on one thread, by GNU libmicrohttpd.
//
// Clients cannot use anything up: there are so many connections at most, each with so much memory, and one that has not
// completed a request in time is ended; where there are too many, the one that has dawdled longest makes room.
#ifndef ONCE_PROCESSOR_HTTP_SERVER_H_
#define ONCE_PROCESSOR_HTTP_SERVER_H_

#include <cstddef>
#include <memory>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/listen_address.h"
#include "processor/http/message.h"

namespace once::http {

struct ServerOptions {
  ListenAddress address = {};
  size_t max_connections = 64;
  size_t max_request_bytes = size_t{16} << 10;  // Of the request line and headers, with what it takes to hold them.
  // Of answers that clients have not taken yet, of all connections; beyond it only short ones are given, as those to
  // probes are, and a first one of any size.
  size_t max_queued_bytes = size_t{16} << 20;
  absl::Duration request_timeout =
      absl::Seconds(5);  // From the connection, or its last request, to the end of the next.
};

class Server {
 public:
  // FailedPrecondition, with the address and why, if it cannot listen there. `handler` is called by the server's
  // thread.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, Handler handler);
  virtual ~Server() = default;
  // Where it listens, the port that was chosen included.
  virtual const ListenAddress& address() const = 0;
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_SERVER_H_
