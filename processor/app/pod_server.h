// What a running application shows of itself by HTTP: its board, and the server that shows it.
#ifndef ONCE_PROCESSOR_APP_POD_SERVER_H_
#define ONCE_PROCESSOR_APP_POD_SERVER_H_

#include <memory>

#include "absl/status/statusor.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/config/options.h"
#include "processor/http/server.h"
#include "processor/runtime/status_board.h"
#include "processor/topology/graph.h"

namespace once {

// Thread-safe, as its board is.
class PodServer {
 public:
  // Listens from now on until it is destroyed. `options` are complete, with an application_id and a memory_bytes.
  // FailedPrecondition, with what to do, if it cannot listen there or the token cannot be read. `clock` must outlive
  // this.
  static absl::StatusOr<std::unique_ptr<PodServer>> Start(const Options& options, const Graph& graph, Clock* clock,
                                                          LogSink* log);

  StatusBoard* board() { return &board_; }

 private:
  PodServer(const Options& options, const Graph& graph, Clock* clock);

  StatusBoard board_;
  std::unique_ptr<http::Server> server_;  // Uses it, so it is the first to go.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_POD_SERVER_H_
