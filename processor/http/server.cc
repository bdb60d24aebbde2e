#include "processor/http/server.h"

#include <arpa/inet.h>
#include <errno.h>
#include <microhttpd.h>
#include <netinet/in.h>
#include <signal.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <map>
#include <string>
#include <thread>
#include <utility>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"

namespace once::http {

namespace {

// How long the thread waits at most before it looks at dawdlers, and whether it is to end.
constexpr int kTurnMs = 50;
// Beyond `max_connections` so many are accepted, for as long as it takes to end others.
constexpr unsigned kSpareConnections = 8;

// Answers of this size are given whatever else is queued: there are no more of them than connections.
constexpr size_t kShortAnswer = size_t{4} << 10;

std::string_view HeaderOf(MHD_Connection* connection, const char* name) {
  const char* const value = MHD_lookup_connection_value(connection, MHD_HEADER_KIND, name);
  return value == nullptr ? std::string_view() : std::string_view(value);
}

// Paths are compared as they came: what is spelt in another way is another path, for whoever guards them as for us.
size_t LeaveEscaped(void*, MHD_Connection*, char* text) { return strlen(text); }

MHD_Result Send(MHD_Connection* connection, const Response& answer) {
  // MHD copies the body. It changes nothing of it, its interface is older than const.
  MHD_Response* const response =
      MHD_create_response_from_buffer(answer.body.size(), const_cast<char*>(answer.body.data()), MHD_RESPMEM_MUST_COPY);
  if (response == nullptr) return MHD_NO;
  MHD_add_response_header(response, "Content-Type", answer.content_type.c_str());
  const bool is_kept = std::any_of(answer.headers.begin(), answer.headers.end(),
                                   [](const auto& header) { return header.first == "Cache-Control"; });
  if (!is_kept) MHD_add_response_header(response, "Cache-Control", "no-store");
  MHD_add_response_header(response, "X-Content-Type-Options", "nosniff");
  for (const auto& [name, value] : answer.headers) MHD_add_response_header(response, name.c_str(), value.c_str());
  const MHD_Result queued = MHD_queue_response(connection, static_cast<unsigned>(answer.status), response);
  MHD_destroy_response(response);
  return queued;
}

absl::Status Failure(const ListenAddress& address, const char* what) {
  return absl::FailedPreconditionError(absl::StrCat("http_listen: cannot listen on ", address.ToString(), ": ", what,
                                                    errno != 0 ? absl::StrCat(": ", strerror(errno)) : "",
                                                    "; choose another address or port"));
}

// A socket that listens there; the port that it got goes to `address`.
absl::StatusOr<int> Listen(ListenAddress* address) {
  sockaddr_storage storage = {};
  socklen_t size = 0;
  auto* const v4 = reinterpret_cast<sockaddr_in*>(&storage);
  auto* const v6 = reinterpret_cast<sockaddr_in6*>(&storage);
  if (inet_pton(AF_INET, address->host.c_str(), &v4->sin_addr) == 1) {
    v4->sin_family = AF_INET;
    v4->sin_port = htons(static_cast<uint16_t>(address->port));
    size = sizeof(*v4);
  } else if (inet_pton(AF_INET6, address->host.c_str(), &v6->sin6_addr) == 1) {
    v6->sin6_family = AF_INET6;
    v6->sin6_port = htons(static_cast<uint16_t>(address->port));
    size = sizeof(*v6);
  }
  const int one = 1;
  errno = 0;
  const int fd = socket(storage.ss_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
  if (fd < 0) return Failure(*address, "socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    const absl::Status failed = Failure(*address, "bind");
    close(fd);
    return failed;
  }
  address->port = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
  return fd;
}

// All of MHD's calls and callbacks are of one thread.
class MhdServer final : public Server {
 public:
  MhdServer(const ServerOptions& options, Handler handler) : options_(options), handler_(std::move(handler)) {}
  ~MhdServer() override {
    stopping_.store(true);
    if (thread_.joinable()) thread_.join();
    if (daemon_ != nullptr) MHD_stop_daemon(daemon_);
  }
  const ListenAddress& address() const override { return options_.address; }

  absl::Status Open() {
    absl::StatusOr<int> listening = Listen(&options_.address);
    if (!listening.ok()) return listening.status();
    const auto most = static_cast<unsigned>(options_.max_connections) + kSpareConnections;
    const auto timeout = static_cast<unsigned>(std::max<int64_t>(absl::ToInt64Seconds(options_.request_timeout), 1));
    errno = 0;
    daemon_ =
        MHD_start_daemon(MHD_USE_EPOLL, 0, nullptr, nullptr, &OnRequest, this, MHD_OPTION_LISTEN_SOCKET, *listening,
                         MHD_OPTION_CONNECTION_LIMIT, most, MHD_OPTION_CONNECTION_TIMEOUT, timeout,
                         MHD_OPTION_CONNECTION_MEMORY_LIMIT, options_.max_request_bytes, MHD_OPTION_STRICT_FOR_CLIENT,
                         1, MHD_OPTION_UNESCAPE_CALLBACK, &LeaveEscaped, nullptr, MHD_OPTION_NOTIFY_CONNECTION,
                         &OnConnection, this, MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_END);
    if (daemon_ == nullptr) {
      const absl::Status failed = Failure(options_.address, "libmicrohttpd does not start");
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

 private:
  struct Peer {
    int fd = -1;
    absl::Time since = absl::InfinitePast();  // Its last request was done, or it came.
    size_t queued = 0;                        // Bytes of its answer, until it is taken.
  };

  void Run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
      // Without it nothing is served, and the pod goes on: it is no part of what it is there for.
      if (MHD_run_wait(daemon_, kTurnMs) != MHD_YES) absl::SleepFor(absl::Milliseconds(kTurnMs));
      EndDawdlers();
    }
  }

  // Whoever sends its request, or takes its answer, a byte at a time is ended; MHD then finds the connection closed.
  void EndDawdlers() {
    const absl::Time now = SteadyNow();
    for (const auto& each : peers_) {
      if (now - each.second.since >= options_.request_timeout) shutdown(each.second.fd, SHUT_RDWR);
    }
  }

  void MakeRoom() {
    if (peers_.size() <= options_.max_connections) return;
    const auto oldest = std::min_element(peers_.begin(), peers_.end(),
                                         [](const auto& a, const auto& b) { return a.second.since < b.second.since; });
    shutdown(oldest->second.fd, SHUT_RDWR);
  }

  static void OnConnection(void* self, MHD_Connection* connection, void**, MHD_ConnectionNotificationCode code) {
    auto* const server = static_cast<MhdServer*>(self);
    if (code != MHD_CONNECTION_NOTIFY_STARTED) {
      server->Forget(connection);
      server->peers_.erase(connection);
      return;
    }
    const MHD_ConnectionInfo* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (info == nullptr) return;
    server->peers_[connection] = {.fd = info->connect_fd, .since = SteadyNow()};
    server->MakeRoom();
  }

  static void OnCompleted(void* self, MHD_Connection* connection, void**, MHD_RequestTerminationCode) {
    auto* const server = static_cast<MhdServer*>(self);
    server->Forget(connection);
    const auto found = server->peers_.find(connection);
    if (found != server->peers_.end()) found->second.since = SteadyNow();
  }

  // Its answer was taken, or is given up.
  void Forget(MHD_Connection* connection) {
    const auto found = peers_.find(connection);
    if (found != peers_.end()) queued_ -= std::exchange(found->second.queued, 0);
  }

  // Clients that ask for much and take nothing would fill the memory of a process that has better use for it.
  MHD_Result Give(MHD_Connection* connection, Response answer) {
    if (answer.body.size() > kShortAnswer && queued_ > 0 && queued_ + answer.body.size() > options_.max_queued_bytes) {
      answer = {.status = MHD_HTTP_SERVICE_UNAVAILABLE, .body = "others have not taken their answers yet; ask again\n"};
      answer.headers.emplace_back("Retry-After", "1");
    }
    const auto found = peers_.find(connection);
    if (found != peers_.end()) {
      found->second.queued += answer.body.size();
      queued_ += answer.body.size();
    }
    return Send(connection, answer);
  }

  // Called when the headers are there, and again at the request's end. One with a body is answered at once and ends its
  // connection, whatever follows.
  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                              const char*, size_t*, void** request_state) {
    auto* const server = static_cast<MhdServer*>(self);
    const std::string_view length = HeaderOf(connection, "Content-Length");
    const bool has_length = length.find_first_not_of('0') != std::string_view::npos;
    const Request request{.method = method,
                          .path = url,
                          .authorization = HeaderOf(connection, "Authorization"),
                          .host = HeaderOf(connection, "Host"),
                          .accept_encoding = HeaderOf(connection, "Accept-Encoding"),
                          .if_none_match = HeaderOf(connection, "If-None-Match"),
                          .has_body = has_length || !HeaderOf(connection, "Transfer-Encoding").empty()};
    // So that OnCompleted is called for it.
    const bool is_first = std::exchange(*request_state, self) == nullptr;
    if (is_first && !request.has_body) return MHD_YES;
    return server->Give(connection, server->handler_(request));
  }

  ServerOptions options_;
  const Handler handler_;
  MHD_Daemon* daemon_ = nullptr;
  std::map<MHD_Connection*, Peer> peers_;
  size_t queued_ = 0;  // Of all of them.
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Handler handler) {
  auto server = std::make_unique<MhdServer>(options, std::move(handler));
  if (absl::Status opened = server->Open(); !opened.ok()) return opened;
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace once::http
