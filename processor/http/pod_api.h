// The routes of a pod, and who may ask for what.
#ifndef ONCE_PROCESSOR_HTTP_POD_API_H_
#define ONCE_PROCESSOR_HTTP_POD_API_H_

#include <span>
#include <string>
#include <string_view>

#include "processor/base/status.h"
#include "processor/http/message.h"

namespace once::http {

struct PodApiOptions {
  std::string token = {};    // Empty: there is none.
  bool is_loopback = false;  // Only this machine can ask.
};

// Thread-safe.
//
// Probes, metrics and the description answer whoever asks. All else wants the token; without one it answers only on a
// loopback address, and then only requests whose Host is an address or "localhost": a page in a browser whose own name
// resolves to this machine is not let in.
class PodApi {
 public:
  enum class Access { kOpen, kGuarded };
  struct Route {
    std::string_view path;
    Access access;
    Response (*answer)(const PodStatus& pod);
  };

  // `status` must outlive this.
  PodApi(StatusProvider* status, PodApiOptions options) : status_(status), options_(std::move(options)) {}

  Response Answer(const Request& request) const;

  // All of them, in the order in which they are described.
  static std::span<const Route> routes();

 private:
  const Route* Find(std::string_view path) const;
  bool MayAsk(const Request& request, Response* refusal) const;

  StatusProvider* const status_;
  const PodApiOptions options_;
};

}  // namespace once::http

#endif  // ONCE_PROCESSOR_HTTP_POD_API_H_
