#include "processor/http/listen_socket.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/in.h>
#include <string.h>
#include <unistd.h>

#include "absl/strings/str_cat.h"

namespace once::http {

absl::Status ListenFailure(const ListenAddress& address, const char* what) {
  return absl::FailedPreconditionError(absl::StrCat("http_listen: cannot listen on ", address.ToString(), ": ", what,
                                                    errno != 0 ? absl::StrCat(": ", strerror(errno)) : "",
                                                    "; choose another address or port"));
}

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
  if (fd < 0) return ListenFailure(*address, "socket");
  setsockopt(fd, SOL_SOCKET, SO_REUSEADDR, &one, sizeof(one));
  if (bind(fd, reinterpret_cast<sockaddr*>(&storage), size) != 0 || listen(fd, 64) != 0 ||
      getsockname(fd, reinterpret_cast<sockaddr*>(&storage), &size) != 0) {
    const absl::Status failed = ListenFailure(*address, "bind");
    close(fd);
    return failed;
  }
  address->port = ntohs(storage.ss_family == AF_INET ? v4->sin_port : v6->sin6_port);
  return fd;
}

std::string AddressText(const sockaddr* address) {
  char text[INET6_ADDRSTRLEN] = "";
  if (address == nullptr) return "";
  if (address->sa_family == AF_INET) {
    inet_ntop(AF_INET, &reinterpret_cast<const sockaddr_in*>(address)->sin_addr, text, sizeof(text));
  } else if (address->sa_family == AF_INET6) {
    inet_ntop(AF_INET6, &reinterpret_cast<const sockaddr_in6*>(address)->sin6_addr, text, sizeof(text));
  }
  return text;
}

std::string OwnAddress(int connection) {
  sockaddr_storage storage = {};
  auto* const address = reinterpret_cast<sockaddr*>(&storage);
  socklen_t size = sizeof(storage);
  if (getsockname(connection, address, &size) != 0) return "";
  const std::string host = AddressText(address);
  if (host.empty()) return "";
  const bool is_v6 = storage.ss_family == AF_INET6;
  const in_port_t port =
      is_v6 ? reinterpret_cast<sockaddr_in6*>(address)->sin6_port : reinterpret_cast<sockaddr_in*>(address)->sin_port;
  return ListenAddress{.host = host, .port = ntohs(port)}.ToString();
}

}  // namespace once::http
