// Where a server listens: an address of this machine and a port.
#ifndef ONCE_PROCESSOR_BASE_LISTEN_ADDRESS_H_
#define ONCE_PROCESSOR_BASE_LISTEN_ADDRESS_H_

#include <string>
#include <string_view>

#include "absl/status/statusor.h"

namespace once {

struct ListenAddress {
  std::string host = {};  // An address in digits, without brackets.
  int port = 0;           // 0: any free one.

  // Reached from this machine alone.
  bool is_loopback() const;
  // "127.0.0.1:8080", "[::1]:8080".
  std::string ToString() const;
};

// HOST:PORT, HOST an IPv4 address, an IPv6 address in brackets, or "localhost". No name is looked up. InvalidArgument,
// with what is right, for anything else.
absl::StatusOr<ListenAddress> ParseListenAddress(std::string_view text);

}  // namespace once

#endif  // ONCE_PROCESSOR_BASE_LISTEN_ADDRESS_H_
