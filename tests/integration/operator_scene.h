// A scene with an operator, who sends commands and reads results: the base of tests of commands and of dead letters
// that are sent back.
#ifndef ONCE_TESTS_INTEGRATION_OPERATOR_SCENE_H_
#define ONCE_TESTS_INTEGRATION_OPERATOR_SCENE_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "once/v1/control.pb.h"
#include "tests/integration/scene.h"

namespace once {

// A record as it is written, and as it was read.
struct PlainRecord {
  std::optional<std::string> key = {};
  std::optional<std::string> value = {};
  std::vector<std::pair<std::string, std::string>> headers = {};
  Partition partition = Partition(0);
  int64_t offset = -1;
  int64_t timestamp_ms = -1;  // -1: that of the writing. It is not read.
};

class OperatorTest : public testing::Test {
 protected:
  OperatorTest(const std::string& name, int partitions) : scene_(name), partitions_(partitions) {
    scene_.CreateTopics(partitions);
  }

  std::string control() const { return scene_.application_id() + "-orders-control"; }
  std::string audit() const { return scene_.application_id() + "-orders-audit"; }
  std::string changelog() const { return scene_.application_id() + "-orders-changelog"; }

  // order_totals.
  void StartPod(const PodSpec& spec = {}) { pod_ = scene_.StartPod(spec); }
  // mendable_app, which is broken as long as the file is there. `instance` has a disk of its own.
  void StartMendable(const std::string& then = "block", const std::string& instance = "a",
                     const std::vector<std::string>& flags = {});
  // The same program's command on the same topics, with --yes.
  std::unique_ptr<Process> StartCommand(const std::vector<std::string>& words);
  void Break() const;
  void Mend() const;
  // SIGKILL, and that it is gone.
  void KillPod();
  bool AwaitRunning();
  bool AwaitLog(const std::string& words);

  // One transaction with these records. `client`, here and below: null for the scene's.
  void Write(const std::string& topic, const std::vector<PlainRecord>& records, kafka::Client* client = nullptr);
  // Orders of order_totals by their cents; "CUSTOMER/INDEX" is the event's ID.
  void Place(const std::string& customer, const std::vector<int64_t>& all_cents, int64_t timestamp_ms = -1,
             kafka::Client* client = nullptr);
  static std::string Order(const std::string& customer, int64_t cents);
  // Values for mendable_app, each event with its value as its ID.
  void Send(const std::string& key, const std::vector<std::string>& values, int partition = 0);

  // All committed records of the topic, those of a partition in their order, to its end of now.
  std::vector<PlainRecord> Read(const std::string& topic, kafka::Client* client = nullptr);
  // The values of the output's records of this key, in order.
  std::vector<std::string> Outputs(const std::string& key);
  bool AwaitOutputs(const std::string& key, size_t count, absl::Duration timeout = absl::Seconds(60));
  // "count:cents" of each of the customer's totals, in order.
  std::vector<std::string> Totals(const std::string& customer, kafka::Client* client = nullptr);
  bool AwaitTotals(const std::string& customer, size_t count);
  // The dead letters of this disposition.
  int64_t DeadLetters(const std::string& disposition);
  bool AwaitDeadLetters(const std::string& disposition, int64_t count);

  void Command(const std::string& id, v1::Command command, int partition = 0);
  std::vector<v1::CommandResult> Results();
  // "ID OUTCOME CODE" of each result, once there are so many.
  std::vector<std::string> Outcomes(size_t count);

  Scene scene_;
  const int partitions_;
  std::unique_ptr<Process> pod_;

 private:
  kafka::Client& Or(kafka::Client* client) { return client == nullptr ? scene_.client() : *client; }
  std::string broken_file() const { return scene_.StateDir("broken"); }
  std::vector<std::string> MendableArgs(const std::vector<std::string>& words) const;

  int placed_ = 0;
  int pods_ = 0;
};

// The last value of a header; empty if there is none.
std::string HeaderOf(const PlainRecord& record, const std::string& name);

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_OPERATOR_SCENE_H_
