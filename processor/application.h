// A topology running as one instance (pod) of an application: its workers, its local state, its connection to Kafka.
//
//   once::ApplicationDeps deps;
//   deps.log = &log;
//   auto application = once::Application::Create(options, topology, deps);   // opens the state, runs the preflight
//   if (!application.ok()) ...
//   absl::Status status = (*application)->Run();                             // until Stop() or a failure
#ifndef ONCE_PROCESSOR_APPLICATION_H_
#define ONCE_PROCESSOR_APPLICATION_H_

#include <sys/socket.h>

#include <functional>
#include <map>
#include <memory>
#include <string>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/log.h"
#include "processor/config/options.h"
#include "processor/kafka/kafka.h"
#include "processor/kafka/oauth_token.h"
#include "processor/topology.h"
#include "state/checkpoint_store.h"

namespace once {

struct ApplicationDeps {
  LogSink* log = nullptr;  // Required; must outlive the application.
  // librdkafka's own properties, verbatim, such as {"security.protocol", "SSL"}; of a secret NAME, "NAME.file" is the
  // path of a file that holds it, which is read again when it changes (docs/security.md).
  std::map<std::string, std::string> kafka_properties = {};
  // Brings tokens, where sasl.mechanism is OAUTHBEARER and librdkafka is not to fetch them itself
  // (sasl.oauthbearer.method=oidc).
  kafka::OauthTokenFunction oauth_token = {};
  // Where brokers are behind something: `resolve` changes the name and port that a broker is looked up by, and not by
  // which its certificate is checked; `connect` connects a socket to an address, as connect(2), and may go through a
  // proxy: 0, or the errno of its failure; `broker` is "host:port", the socket does not block. Called on threads of
  // librdkafka's, several at a time; they are to return within a second or so, and what they throw is a failure.
  std::function<void(std::string* host, std::string* port)> resolve = {};
  std::function<int(int socket, const sockaddr* address, socklen_t size, const std::string& broker)> connect = {};
  // Wraps the connection to Kafka, for instance to count or disturb its calls; absent: as it is.
  std::function<std::unique_ptr<kafka::Client>(std::unique_ptr<kafka::Client>)> wrap_client = {};
  // The same for the local state.
  std::function<std::unique_ptr<CheckpointStore>(std::unique_ptr<CheckpointStore>)> wrap_store = {};
  // Whether Create is to wait no longer for brokers that do not answer; absent: it waits up to start_timeout.
  std::function<bool()> is_stopping = {};
};

class Application {
 public:
  virtual ~Application() = default;

  // Opens the state directory, connects, checks the topics. FailedPrecondition or InvalidArgument if something has to
  // be mended first (the message says what, where and how); Unavailable or DeadlineExceeded if no broker was reached
  // within start_timeout.
  static absl::StatusOr<std::unique_ptr<Application>> Create(const Options& options, const Topology& topology,
                                                             const ApplicationDeps& deps);

  // Ends the process, with an error in the log and exit code 1, when a handler does not return within handler_timeout.
  // Otherwise blocks until Stop(), then commits what is open, checkpoints and leaves the group; OK. Returns an error
  // when the application cannot go on; nothing is lost then, and a restart continues from the last commit. Call once.
  virtual absl::Status Run() = 0;

  // Asks Run to return. Thread-safe; may be called before Run and more than once.
  virtual void Stop() = 0;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_APPLICATION_H_
