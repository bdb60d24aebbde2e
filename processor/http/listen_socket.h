// A socket that listens.
#ifndef ONCE_PROCESSOR_HTTP_LISTEN_SOCKET_H_
#define ONCE_PROCESSOR_HTTP_LISTEN_SOCKET_H_

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/listen_address.h"

namespace once::http {

// Its descriptor, the caller's to close; the port that it got goes to `address`. FailedPrecondition, with the address
// and why, if there is no listening there.
absl::StatusOr<int> ListenAt(ListenAddress* address);

// That error, with what errno says, for whoever fails to serve there.
absl::Status CannotListen(const ListenAddress& address, const char* what);

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_LISTEN_SOCKET_H_
