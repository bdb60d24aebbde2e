#include "tools/gateway/server.h"

#include <errno.h>
#include <microhttpd.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string_view>
#include <thread>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/http/listen_socket.h"
#include "tools/gateway/exchange.h"

namespace once::gateway {

namespace {

// How long the thread waits at most before it looks at dawdlers, and whether it is to end.
constexpr int kTurnMs = 20;
// Beyond `max_connections` so many are accepted, for as long as it takes to end others.
constexpr unsigned kSpareConnections = 8;

// Paths and queries are taken as they came: what is spelt in another way is another path.
size_t LeaveEscaped(void*, MHD_Connection*, char* text) { return strlen(text); }

http::Response ErrorOf(int status, const char* why) {
  http::Response response{.status = status, .content_type = "application/json"};
  response.body = std::string("{\"error\":\"") + why + "\"}";
  if (status == 503) response.headers.emplace_back("Retry-After", "1");
  return response;
}

MHD_Result AddHeader(void* request, MHD_ValueKind, const char* name, const char* value) {
  auto* const into = static_cast<Request*>(request);
  const std::string lower = absl::AsciiStrToLower(name);
  if (std::find(std::begin(kHeadersRead), std::end(kHeadersRead), lower) == std::end(kHeadersRead)) return MHD_YES;
  if (!into->headers.emplace(lower, value == nullptr ? "" : value).second) into->has_repeated_header = true;
  return MHD_YES;
}

MHD_Result AddArgument(void* request, MHD_ValueKind, const char* name, const char* value) {
  static_cast<Request*>(request)->query.emplace_back(name == nullptr ? "" : name, value == nullptr ? "" : value);
  return MHD_YES;
}

// All of MHD's calls but for waking connections, and its callbacks, are of one thread.
class MhdServer final : public HttpServer {
 public:
  MhdServer(const HttpServerOptions& options, RequestHandler* handler) : options_(options), handler_(handler) {}
  ~MhdServer() override {
    stopping_.store(true);
    if (thread_.joinable()) thread_.join();
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
    if (quiesced_fd_ >= 0) close(quiesced_fd_);
  }
  const ListenAddress& address() const override { return options_.address; }
  size_t connections() const override { return connections_.load(std::memory_order_relaxed); }

  absl::Status Open() {
    absl::StatusOr<int> listening = http::Listen(&options_.address);
    if (!listening.ok()) return listening.status();
    const auto most = static_cast<unsigned>(options_.max_connections) + kSpareConnections;
    errno = 0;
    daemon_ =
        MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &OnRequest, this,
                         MHD_OPTION_LISTEN_SOCKET, *listening, MHD_OPTION_CONNECTION_LIMIT, most,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, options_.max_head_bytes, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                         MHD_OPTION_UNESCAPE_CALLBACK, &LeaveEscaped, nullptr, MHD_OPTION_NOTIFY_CONNECTION,
                         &OnConnection, this, MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_END);
    if (daemon_ == nullptr) {
      const absl::Status failed = http::ListenFailure(options_.address, "libmicrohttpd does not start");
      close(*listening);
      return failed;
    }
    // Signals are for the threads that expect them.
    sigset_t all, before;
    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &before);
    thread_ = std::thread([this] { Run(); });
    pthread_sigmask(SIG_SETMASK, &before, nullptr);
    return absl::OkStatus();
  }

  void Drain(absl::Duration patience) override {
    drain_until_ns_.store(absl::ToUnixNanos(SteadyNow() + patience));
    if (thread_.joinable()) thread_.join();
  }

 private:
  struct Peer {
    int fd = -1;
    absl::Time since = absl::InfinitePast();  // Its last request was answered, or it came.
    std::shared_ptr<Exchange> exchange = nullptr;
    size_t queued = 0;  // Bytes of its answer, until it is taken.

    bool waits_for_us() const { return exchange != nullptr && exchange->is_handed_on && !exchange->is_answered(); }
  };

  void Run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
      if (!waker_->Run(daemon_, kTurnMs)) absl::SleepFor(absl::Milliseconds(kTurnMs));
      Look();
      if (drain_until_ns_.load() != 0 && MayStop()) break;
    }
    for (auto& each : peers_) {
      if (each.second.exchange != nullptr) each.second.exchange->Answer(ErrorOf(503, "the gateway is stopping"));
      if (const auto stream = StreamOf(each.second); stream != nullptr) stream->End();
      shutdown(each.second.fd, SHUT_RDWR);
    }
    // A connection that sleeps must not meet the daemon's end.
    for (int i = 0; i < 50 && !peers_.empty(); ++i) MHD_run_wait(daemon_, kTurnMs);
  }

  static std::shared_ptr<MhdStream> StreamOf(const Peer& peer) {
    return peer.exchange == nullptr ? nullptr : peer.exchange->stream();
  }

  // Whoever sends its request, or takes its answer, a byte at a time is ended; MHD then finds the connection closed.
  void Look() {
    const absl::Time now = SteadyNow();
    for (auto& [connection, peer] : peers_) {
      if (peer.exchange != nullptr && peer.exchange->is_answered() && !peer.exchange->is_sent) continue;
      if (peer.waits_for_us()) {
        if (now - peer.exchange->handed_on_at < options_.answer_timeout) continue;
        peer.exchange->Answer(handler_->TimedOut());
      } else if (const auto stream = StreamOf(peer); stream != nullptr) {
        const std::optional<absl::Time> waits_since = stream->WaitsSince();
        if (!waits_since.has_value() || now - *waits_since < options_.client_timeout) continue;
        shutdown(peer.fd, SHUT_RDWR);
      } else if (now - peer.since >= options_.client_timeout) {
        shutdown(peer.fd, SHUT_RDWR);
      }
    }
    connections_.store(peers_.size(), std::memory_order_relaxed);
  }

  bool MayStop() {
    if (quiesced_fd_ < 0) quiesced_fd_ = MHD_quiesce_daemon(daemon_);
    for (auto& [connection, peer] : peers_) {
      if (const auto stream = StreamOf(peer); stream != nullptr) stream->End();
      // Between two requests.
      if (peer.exchange == nullptr) shutdown(peer.fd, SHUT_RDWR);
    }
    return peers_.empty() || absl::ToUnixNanos(SteadyNow()) >= drain_until_ns_.load();
  }

  void MakeRoom() {
    if (peers_.size() <= options_.max_connections) return;
    // Those that wait for us, and followers, are not to blame, so long as there are others.
    const auto rank = [](const Peer& peer) {
      return std::pair(peer.waits_for_us() || StreamOf(peer) != nullptr, peer.since);
    };
    const auto oldest = std::min_element(peers_.begin(), peers_.end(),
                                         [&](const auto& a, const auto& b) { return rank(a.second) < rank(b.second); });
    shutdown(oldest->second.fd, SHUT_RDWR);
  }

  static void OnConnection(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
    auto* const server = static_cast<MhdServer*>(self);
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
      server->peers_.erase(connection);
      return;
    }
    const MHD_ConnectionInfo* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == nullptr) return;
    server->peers_[connection] = {.fd = info->connect_fd, .since = SteadyNow()};
    server->MakeRoom();
  }

  static void OnCompleted(void* self, MHD_Connection* connection, void** request_state, MHD_RequestTerminationCode) {
    auto* const server = static_cast<MhdServer*>(self);
    auto* const exchange = static_cast<Exchange*>(std::exchange(*request_state, nullptr));
    const auto peer = server->peers_.find(connection);
    if (exchange == nullptr || peer == server->peers_.end()) return;
    server->pending_ -= exchange->body_bytes + std::exchange(peer->second.queued, 0);
    exchange->Abandon();
    peer->second.exchange = nullptr;
    peer->second.since = SteadyNow();
  }

  // Called when the headers are there, for each piece of the body, at its end, and again when it was woken.
  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                              const char* data, size_t* size, void** request_state) {
    auto* const server = static_cast<MhdServer*>(self);
    const auto found = server->peers_.find(connection);
    if (found == server->peers_.end()) return MHD_NO;
    Peer& peer = found->second;
    if (*request_state == nullptr) {
      peer.exchange = std::make_shared<Exchange>(server->options_.max_stream_bytes, server->waker_);
      *request_state = peer.exchange.get();
      return server->Begin(connection, peer, url, method);
    }
    if (*size > 0) return server->TakeBody(peer, data, size);
    return server->Conclude(connection, peer);
  }

  MHD_Result Begin(MHD_Connection* connection, Peer& peer, const char* url, const char* method) {
    Request& request = peer.exchange->request;
    request.method = method;
    request.path = url;
    MHD_get_connection_values(connection, MHD_HEADER_KIND, &AddHeader, &request);
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &AddArgument, &request);
    std::optional<http::Response> refusal;
    uint64_t length = 0;
    const std::string_view length_text = request.Header("content-length");
    if (!length_text.empty() && !absl::SimpleAtoi(ToAbsl(length_text), &length)) {
      refusal = ErrorOf(400, "Content-Length is no number");
    } else if (drain_until_ns_.load() != 0) {
      refusal = ErrorOf(503, "the gateway is stopping");
    } else {
      refusal = handler_->Refuse(request);
    }
    if (!refusal.has_value() && length > options_.max_body_bytes) {
      refusal = ErrorOf(413, "the body is larger than --max_body_bytes");
    }
    if (!refusal.has_value() && pending_ + length > options_.max_pending_bytes) {
      refusal = ErrorOf(503, "too much is under way; ask again");
    }
    if (!refusal.has_value()) return MHD_YES;
    peer.since = SteadyNow();
    // Before its body was read, which is not wanted.
    const bool has_body = length > 0 || !request.Header("transfer-encoding").empty();
    if (has_body) refusal->headers.emplace_back("Connection", "close");
    peer.exchange->Answer(*std::move(refusal));
    return *Send(connection, peer);
  }

  MHD_Result TakeBody(Peer& peer, const char* data, size_t* size) {
    Exchange& exchange = *peer.exchange;
    // One without a length shows only now how long it is; the connection ends.
    if (exchange.request.body.size() + *size > options_.max_body_bytes) return MHD_NO;
    exchange.request.body.append(data, *size);
    exchange.body_bytes += *size;
    pending_ += *size;
    *size = 0;
    return MHD_YES;
  }

  MHD_Result Conclude(MHD_Connection* connection, Peer& peer) {
    const std::shared_ptr<Exchange> exchange = peer.exchange;
    if (!std::exchange(exchange->is_handed_on, true)) {
      exchange->handed_on_at = SteadyNow();
      exchange->Suspend(connection);
      handler_->Handle(std::move(exchange->request), exchange);
      return MHD_YES;
    }
    peer.since = SteadyNow();
    return Send(connection, peer).value_or(MHD_YES);
  }

  std::optional<MHD_Result> Send(MHD_Connection* connection, Peer& peer) {
    peer.queued = peer.exchange->answer_bytes();
    pending_ += peer.queued;
    return peer.exchange->Send(connection);
  }

  HttpServerOptions options_;
  RequestHandler* const handler_;
  MHD_Daemon* daemon_ = nullptr;
  int quiesced_fd_ = -1;
  std::map<MHD_Connection*, Peer> peers_;
  size_t pending_ = 0;
  std::atomic<size_t> connections_{0};
  std::atomic<int64_t> drain_until_ns_{0};  // Steady; 0: it is not draining.
  std::atomic<bool> stopping_{false};
  // Those who answer later may do so when the server is gone.
  const std::shared_ptr<const http::Waker> waker_ = std::make_shared<http::Waker>();
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<HttpServer>> HttpServer::Start(const HttpServerOptions& options,
                                                              RequestHandler* handler) {
  auto server = std::make_unique<MhdServer>(options, handler);
  if (absl::Status opened = server->Open(); !opened.ok()) return opened;
  return std::unique_ptr<HttpServer>(std::move(server));
}

}  // namespace once::gateway
