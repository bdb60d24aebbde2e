// What a running application shows of itself by HTTP: its board, and the server that shows it.
#ifndef ONCE_PROCESSOR_APP_POD_SERVER_H_
#define ONCE_PROCESSOR_APP_POD_SERVER_H_

#include <memory>
#include <string>
#include <string_view>

#include "absl/status/statusor.h"
#include "processor/base/clock.h"
#include "processor/base/log.h"
#include "processor/base/mutex.h"
#include "processor/config/options.h"
#include "processor/http/back_office.h"
#include "processor/http/pod_api.h"
#include "processor/http/server.h"
#include "processor/http/tokens.h"
#include "processor/runtime/status_board.h"
#include "processor/topology/graph.h"

namespace once {

// Thread-safe, as its board is.
class PodServer final : private http::BackOffice {
 public:
  // Listens from now on until it is destroyed. `options` are complete, with an application_id and a memory_bytes.
  // FailedPrecondition, with what to do, if it cannot listen there or the tokens cannot be read. `clock` and `log` must
  // outlive this.
  static absl::StatusOr<std::unique_ptr<PodServer>> Start(const Options& options, const Graph& graph, Clock* clock,
                                                          LogSink* log);

  StatusBoard* board() { return &board_; }
  const ListenAddress& address() const { return server_->address(); }
  // Who is asked what brokers have to say; null, which it is at first and must be again before `office` is destroyed:
  // nobody, and those who ask are told that the pod starts or stops.
  void SetOffice(http::BackOffice* office);
  // What this pod shows another one that it asks by a GET; empty where there are no tokens. Thread-safe.
  std::string ProveTo(std::string_view address, std::string_view path);

 private:
  PodServer(const Options& options, const Graph& graph, Clock* clock);
  void Ask(http::Question question, http::Reply reply) override;

  StatusBoard board_;
  Mutex mutex_;
  http::BackOffice* office_ ABSL_GUARDED_BY(mutex_) = nullptr;
  std::unique_ptr<http::Guard> guard_;  // Null: there are no tokens.
  std::unique_ptr<http::PodApi> api_;
  std::unique_ptr<http::Server> server_;  // Uses all others, so it is the first to go.
};

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_POD_SERVER_H_
