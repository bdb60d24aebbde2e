// Serves by HTTP/1.1, on one thread, by GNU libmicrohttpd.
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
  // Of bodies that are being read or answered, of all connections; beyond it none is taken.
  size_t max_bodies_bytes = size_t{8} << 20;
  // Of answers that clients have not taken yet, of all connections; beyond it only short ones are given, as those to
  // probes are, and a first one of any size.
  size_t max_queued_bytes = size_t{16} << 20;
  absl::Duration request_timeout =
      absl::Seconds(5);  // From the connection, or its last request, to the end of the next.
  // How long an answer that comes later is waited for; then the client is told so.
  absl::Duration reply_timeout = absl::Seconds(30);
};

class Server {
 public:
  // FailedPrecondition, with the address and why, if it cannot listen there. `service` must outlive the server and is
  // called by its thread; it is not asked for a body of more than `max_bodies_bytes`, or one whose length is not said.
  static absl::StatusOr<std::unique_ptr<Server>> Start(const ServerOptions& options, Service* service);
  virtual ~Server() = default;
  // Where it listens, the port that was chosen included.
  virtual const ListenAddress& address() const = 0;
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_SERVER_H_
