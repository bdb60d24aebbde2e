// One test's gateway on a real broker: its own topics and name, its process, and requests to it.
//
//   GatewayScene scene("retry");
//   scene.CreateTopic("a");
//   scene.Start();
//   EXPECT_EQ(scene.Post("producer/transaction", scene.Events({{"a", "1"}}), {{"Idempotency-Key", "k"}}).status, 200);
//   EXPECT_THAT(scene.Committed("a"), ElementsAre("1"));
#ifndef ONCE_TESTS_GATEWAY_GATEWAY_SCENE_H_
#define ONCE_TESTS_GATEWAY_GATEWAY_SCENE_H_

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "nlohmann/json.hpp"
#include "processor/base/log.h"
#include "processor/kafka/kafka.h"
#include "tests/http/client.h"
#include "tests/integration/process.h"

namespace once {

struct GatewaySpec {
  std::string instance = "0";
  std::string crash_at = {};  // See tests/testkit/crash: the process kills itself there.
  std::vector<std::string> flags = {};
};

class GatewayScene {
 public:
  using Headers = std::vector<std::pair<std::string, std::string>>;

  explicit GatewayScene(const std::string& name);
  ~GatewayScene();

  // Topics are called so by the test; on the broker they have a name of this test's own.
  void CreateTopic(const std::string& topic, int partitions = 1, std::map<std::string, std::string> settings = {});
  std::string TopicName(const std::string& topic) const { return topic + "-" + unique_; }

  // False, with a failure of the test, if it does not serve. A second one of another instance may run beside it.
  bool Start(const GatewaySpec& spec = {});
  void Kill();
  // It runs on, and is asked at port() as of now; another one may be started.
  std::unique_ptr<Process> Detach() { return std::move(process_); }
  Process& process() { return *process_; }
  int port() const { return port_; }
  const std::string& dir() const { return dir_; }
  const std::string& name() const { return unique_; }

  // JSON to /api/v1/PATH. Status 0: the connection ended without an answer.
  http::Answer Post(const std::string& path, const nlohmann::json& body, const Headers& headers = {});
  static http::Answer PostTo(int port, const std::string& path, const nlohmann::json& body, const Headers& headers);
  http::Answer Get(const std::string& path, const Headers& headers = {});
  // {"events": …} of untyped events: (topic, value).
  nlohmann::json Events(const std::vector<std::pair<std::string, std::string>>& events,
                        const std::string& transaction_id = "") const;
  // The id of a new transaction.
  std::string Begin(int timeout_ms = 30'000);

  // Values of the topic's records, read from the broker and not through the gateway, up to its high watermark; waits
  // until transactions that are open there have ended.
  std::vector<std::string> Committed(const std::string& topic);
  std::vector<std::string> Uncommitted(const std::string& topic);
  // Whether a transaction is open in the topic's first partition.
  bool IsHeldBack(const std::string& topic);

  // The client IDs of a consumer group's members, as the brokers tell.
  std::vector<std::string> MembersOf(const std::string& group);

  static bool Eventually(const std::function<bool()>& condition, absl::Duration timeout = absl::Seconds(60));

 private:
  std::vector<std::string> Read(const std::string& topic, std::unique_ptr<kafka::LogReader> reader);

  std::string unique_;
  std::string dir_;
  std::string bootstrap_servers_;
  int starts_ = 0;
  int port_ = 0;
  std::unique_ptr<LogSink> log_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  std::unique_ptr<Process> process_;
};

}  // namespace once

#endif  // ONCE_TESTS_GATEWAY_GATEWAY_SCENE_H_
