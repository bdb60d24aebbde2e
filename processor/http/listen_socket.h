// A socket that listens.
#ifndef ONCE_PROCESSOR_HTTP_LISTEN_SOCKET_H_
#define ONCE_PROCESSOR_HTTP_LISTEN_SOCKET_H_

#include <sys/socket.h>

#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/listen_address.h"

namespace once::http {

// The descriptor, which is the caller's; the port that it got goes to `address`. FailedPrecondition, as ListenFailure
// makes it.
absl::StatusOr<int> Listen(ListenAddress* address);

// With the address, `what` did not work, errno's text, and what to do.
absl::Status ListenFailure(const ListenAddress& address, const char* what);

// The address in digits, without the port; empty if it is none of IP's.
std::string AddressText(const sockaddr* address);

// HOST:PORT of this end of a connection, the host in digits; empty if it is none of IP's.
std::string OwnAddress(int connection);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_LISTEN_SOCKET_H_
