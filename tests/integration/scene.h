// One test's world on a real broker: its own topics and application id, its pods, its load, and the verifier.
//
//   Scene scene("kill");
//   scene.CreateTopics(4);
//   auto pod = scene.StartPod({.instance = "a"});
//   scene.Generate({.orders = 20'000});
//   EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output();
#ifndef ONCE_TESTS_INTEGRATION_SCENE_H_
#define ONCE_TESTS_INTEGRATION_SCENE_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/time/time.h"
#include "processor/base/log.h"
#include "processor/kafka/kafka.h"
#include "tests/integration/process.h"

namespace once {

struct PodSpec {
  std::string instance = "a";
  bool crashable = false;  // order_totals_crashable, which reads ONCE_CRASH_AT and ONCE_ABORT_AT.
  bool troubled = false;   // order_totals_troubled, which reads --trouble_file.
  std::vector<std::pair<std::string, std::string>> environment = {};
  std::vector<std::string> flags = {};
};

struct LoadSpec {
  int64_t orders = 10'000;
  int64_t start_index = 0;
  double duplicates_percent = 5;
  double poison_percent = 0.1;
  int64_t customers = 1'000;
  int64_t rate = 0;
  std::vector<std::string> flags = {};
};

// Records of the output topic by isolation level.
struct OutputCounts {
  int64_t read_committed = 0;
  int64_t read_uncommitted = 0;
};

class Scene {
 public:
  // `bootstrap_servers` empty: $ONCE_TEST_BOOTSTRAP.
  explicit Scene(const std::string& name, std::string bootstrap_servers = "");
  ~Scene();

  const std::string& application_id() const { return application_id_; }
  const std::string& input() const { return input_; }
  const std::string& output() const { return output_; }
  const std::string& dead_letters() const { return dead_letters_; }
  const std::string& bootstrap_servers() const { return bootstrap_servers_; }
  std::string StateDir(const std::string& instance) const { return dir_ + "/state-" + instance; }
  kafka::Admin& admin() { return *admin_; }
  kafka::Client& client() { return *client_; }

  void CreateTopics(int partitions);
  std::unique_ptr<Process> StartPod(const PodSpec& spec);
  std::unique_ptr<Process> StartGenerator(const LoadSpec& spec);
  // Waits until it has ended well.
  bool Finish(Process* generator);
  // Runs the generator to its end; fails the test if it fails.
  void Generate(const LoadSpec& spec);
  // Waits until the input is consumed, then runs the verifier; its exit code.
  int Verify(absl::Duration wait = absl::Seconds(60), const std::vector<std::string>& flags = {});
  const std::string& verifier_output() const { return verifier_output_; }

  // Offsets used in the output topic: all that was written there, aborted records and markers included.
  int64_t CountOutput();
  // Reads the output topic to its end under both isolation levels.
  OutputCounts ReadOutput();
  // Waits until `condition` holds; false after `timeout`.
  static bool Eventually(const std::function<bool()>& condition, absl::Duration timeout = absl::Seconds(60));
  // Until CountOutput() reaches `records`.
  bool AwaitOutput(int64_t records, absl::Duration timeout = absl::Seconds(60));

 private:
  int64_t CountRecords(const char* isolation_level);
  std::string Tool(const std::string& name) const;
  std::string LogPath(const std::string& what);

  std::string bootstrap_servers_;
  std::string application_id_;
  std::string input_;
  std::string output_;
  std::string dead_letters_;
  std::string dir_;
  int logs_ = 0;
  int partitions_ = 0;
  std::string verifier_output_;
  std::unique_ptr<LogSink> log_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
};

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_SCENE_H_
