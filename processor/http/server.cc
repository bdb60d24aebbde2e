#include "processor/http/server.h"

#include <errno.h>
#include <microhttpd.h>
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
#include "absl/strings/numbers.h"
#include "absl/time/clock.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/http/listen_socket.h"
#include "processor/http/mailbox.h"

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

MHD_Result AddParameter(void* query, MHD_ValueKind, const char* name, const char* value) {
  static_cast<std::vector<std::pair<std::string, std::string>>*>(query)->emplace_back(name,
                                                                                      value != nullptr ? value : "");
  return MHD_YES;
}

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

Response Busy(const char* why) {
  Response response{.status = MHD_HTTP_SERVICE_UNAVAILABLE, .body = why};
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// A request under way.
struct Exchange {
  std::string body = {};
  size_t reserved = 0;  // Of all bodies' bytes.
  uint64_t number = 0;  // In the mailbox; 0: none.
  bool waits = false;   // Its answer comes later.
};

// All of MHD's calls and callbacks are of one thread, but that those who answer later resume connections.
class MhdServer final : public Server {
 public:
  MhdServer(const ServerOptions& options, Service* service) : options_(options), service_(service) {}
  ~MhdServer() override {
    stopping_.store(true);
    if (thread_.joinable()) thread_.join();
    if (daemon_ == nullptr) return;
    // MHD wants all connections resumed before it stops.
    mailbox_->CloseAll(Busy("the pod stops\n"));
    MHD_run(daemon_);
    MHD_stop_daemon(daemon_);
  }
  const ListenAddress& address() const override { return options_.address; }

  absl::Status Open() {
    absl::StatusOr<int> listening = Listen(&options_.address);
    if (!listening.ok()) return listening.status();
    const auto most = static_cast<unsigned>(options_.max_connections) + kSpareConnections;
    const auto timeout = static_cast<unsigned>(std::max<int64_t>(absl::ToInt64Seconds(options_.request_timeout), 1));
    errno = 0;
    daemon_ = MHD_start_daemon(MHD_USE_EPOLL | MHD_ALLOW_SUSPEND_RESUME, 0, nullptr, nullptr, &OnRequest, this,
                               MHD_OPTION_LISTEN_SOCKET, *listening, MHD_OPTION_CONNECTION_LIMIT, most,
                               MHD_OPTION_CONNECTION_TIMEOUT, timeout, MHD_OPTION_CONNECTION_MEMORY_LIMIT,
                               options_.max_request_bytes, MHD_OPTION_STRICT_FOR_CLIENT, 1,
                               MHD_OPTION_UNESCAPE_CALLBACK, &LeaveEscaped, nullptr, MHD_OPTION_NOTIFY_CONNECTION,
                               &OnConnection, this, MHD_OPTION_NOTIFY_COMPLETED, &OnCompleted, this, MHD_OPTION_END);
    if (daemon_ == nullptr) {
      const absl::Status failed = ListenFailure(options_.address, "libmicrohttpd does not start");
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
    absl::Time since = absl::InfinitePast();  // Its last request was done, or it came; or it waits since then.
    size_t queued = 0;                        // Bytes of its answer, until it is taken.
    uint64_t waits_for = 0;                   // A number in the mailbox; 0: it does not wait for us.
  };

  void Run() {
    while (!stopping_.load(std::memory_order_relaxed)) {
      // Without it nothing is served, and the pod goes on: it is no part of what it is there for.
      if (!mailbox_->waker().Run(daemon_, kTurnMs)) absl::SleepFor(absl::Milliseconds(kTurnMs));
      EndDawdlers();
    }
  }

  // Whoever sends its request, or takes its answer, a byte at a time is ended; MHD then finds the connection closed.
  void EndDawdlers() {
    const absl::Time now = SteadyNow();
    for (const auto& [connection, peer] : peers_) {
      if (peer.waits_for == 0) {
        if (now - peer.since >= options_.request_timeout) shutdown(peer.fd, SHUT_RDWR);
      } else if (now - peer.since >= options_.reply_timeout) {
        mailbox_->Put(peer.waits_for, {.status = MHD_HTTP_GATEWAY_TIMEOUT, .body = "no answer has come in time\n"});
      }
    }
  }

  // Those that wait for us are not to blame.
  void MakeRoom() {
    if (peers_.size() <= options_.max_connections) return;
    const auto rank = [](const auto& each) { return std::pair(each.second.waits_for != 0, each.second.since); };
    const auto oldest =
        std::min_element(peers_.begin(), peers_.end(), [&](const auto& a, const auto& b) { return rank(a) < rank(b); });
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

  static void OnCompleted(void* self, MHD_Connection* connection, void** state, MHD_RequestTerminationCode) {
    auto* const server = static_cast<MhdServer*>(self);
    server->Forget(connection);
    const auto found = server->peers_.find(connection);
    if (found != server->peers_.end()) found->second.since = SteadyNow();
    const auto* const exchange = static_cast<Exchange*>(std::exchange(*state, nullptr));
    if (exchange == nullptr) return;
    server->bodies_ -= exchange->reserved;
    if (exchange->number != 0) server->mailbox_->Close(exchange->number);
    delete exchange;
  }

  // Its answer was taken, or is given up.
  void Forget(MHD_Connection* connection) {
    const auto found = peers_.find(connection);
    if (found != peers_.end()) queued_ -= std::exchange(found->second.queued, 0);
  }

  // Clients that ask for much and take nothing would fill the memory of a process that has better use for it.
  MHD_Result Give(MHD_Connection* connection, Response answer) {
    if (answer.body.size() > kShortAnswer && queued_ > 0 && queued_ + answer.body.size() > options_.max_queued_bytes) {
      answer = Busy("others have not taken their answers yet; ask again\n");
    }
    const auto found = peers_.find(connection);
    if (found != peers_.end()) {
      found->second.queued += answer.body.size();
      queued_ += answer.body.size();
    }
    return Send(connection, answer);
  }

  static Request RequestOf(MHD_Connection* connection, const char* url, const char* method) {
    const std::string_view length = HeaderOf(connection, "Content-Length");
    const bool is_chunked = !HeaderOf(connection, "Transfer-Encoding").empty();
    Request request{.method = method,
                    .path = url,
                    .authorization = HeaderOf(connection, "Authorization"),
                    .host = HeaderOf(connection, "Host"),
                    .accept_encoding = HeaderOf(connection, "Accept-Encoding"),
                    .if_none_match = HeaderOf(connection, "If-None-Match"),
                    .content_type = HeaderOf(connection, "Content-Type"),
                    .origin = HeaderOf(connection, "Origin"),
                    .fetch_site = HeaderOf(connection, "Sec-Fetch-Site"),
                    .has_body = is_chunked || length.find_first_not_of('0') != std::string_view::npos};
    int64_t bytes = 0;
    if (!is_chunked && request.has_body && absl::SimpleAtoi(ToAbsl(length), &bytes) && bytes > 0) {
      request.content_length = bytes;
    }
    MHD_get_connection_values(connection, MHD_GET_ARGUMENT_KIND, &AddParameter, &request.query);
    const MHD_ConnectionInfo* const info = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CLIENT_ADDRESS);
    if (info != nullptr) request.peer = AddressText(info->client_addr);
    const MHD_ConnectionInfo* const socket = MHD_get_connection_info(connection, MHD_CONNECTION_INFO_CONNECTION_FD);
    if (socket != nullptr) request.own_address = OwnAddress(socket->connect_fd);
    return request;
  }

  // Called when the headers are there, for each part of a body, at the request's end, and when its answer has come.
  static MHD_Result OnRequest(void* self, MHD_Connection* connection, const char* url, const char* method, const char*,
                              const char* data, size_t* data_size, void** state) {
    auto* const server = static_cast<MhdServer*>(self);
    if (*state == nullptr) {
      // So that OnCompleted is called for it.
      auto* const exchange = new Exchange();
      *state = exchange;
      return server->Begin(connection, RequestOf(connection, url, method), exchange);
    }
    auto* const exchange = static_cast<Exchange*>(*state);
    if (*data_size > 0) {
      exchange->body.append(data, std::exchange(*data_size, 0));
      return exchange->body.size() <= exchange->reserved ? MHD_YES : MHD_NO;
    }
    if (exchange->waits) return server->GiveLater(connection, exchange);
    Request request = RequestOf(connection, url, method);
    request.body = exchange->body;
    exchange->number = server->mailbox_->Open();
    const Reply later = [mailbox = server->mailbox_, number = exchange->number](Response response) {
      mailbox->Put(number, std::move(response));
    };
    std::optional<Response> now = server->service_->Answer(request, later);
    return now.has_value() ? server->Give(connection, *std::move(now)) : server->GiveLater(connection, exchange);
  }

  // One with a body that is not taken is answered at once and ends its connection, whatever follows.
  MHD_Result Begin(MHD_Connection* connection, const Request& head, Exchange* exchange) {
    if (std::optional<Response> refusal = service_->Refuse(head); refusal.has_value()) {
      return Give(connection, *std::move(refusal));
    }
    if (!head.has_body) return MHD_YES;
    if (!head.content_length.has_value() || *head.content_length > static_cast<int64_t>(options_.max_bodies_bytes)) {
      return Give(connection, {.status = MHD_HTTP_CONTENT_TOO_LARGE, .body = "the body is too large\n"});
    }
    const auto bytes = static_cast<size_t>(*head.content_length);
    if (bodies_ + bytes > options_.max_bodies_bytes) return Give(connection, Busy("too much is sent; try again\n"));
    exchange->reserved = bytes;
    bodies_ += bytes;
    return MHD_YES;
  }

  MHD_Result GiveLater(MHD_Connection* connection, Exchange* exchange) {
    std::optional<Response> answer = mailbox_->TakeOrWait(exchange->number, connection);
    exchange->waits = !answer.has_value();
    const auto peer = peers_.find(connection);
    if (peer != peers_.end()) {
      peer->second.waits_for = answer.has_value() ? 0 : exchange->number;
      peer->second.since = SteadyNow();
    }
    return answer.has_value() ? Give(connection, *std::move(answer)) : MHD_YES;
  }

  ServerOptions options_;
  Service* const service_;
  MHD_Daemon* daemon_ = nullptr;
  std::map<MHD_Connection*, Peer> peers_;
  size_t queued_ = 0;  // Of all of them.
  size_t bodies_ = 0;
  // Those who answer later may do so when the server is gone.
  const std::shared_ptr<Mailbox> mailbox_ = std::make_shared<Mailbox>();
  std::atomic<bool> stopping_{false};
  std::thread thread_;
};

}  // namespace

absl::StatusOr<std::unique_ptr<Server>> Server::Start(const ServerOptions& options, Service* service) {
  auto server = std::make_unique<MhdServer>(options, service);
  if (absl::Status opened = server->Open(); !opened.ok()) return opened;
  return std::unique_ptr<Server>(std::move(server));
}

}  // namespace once::http
