// A program of an application on a real broker: topics of a test's own, events sent to it, and what came out.
//
//   ProgramScene scene("enrichment", "examples/order_enrichment/order_enrichment");
//   scene.CreateTopics({"orders", "enriched-orders"});
//   auto pod = scene.Start({.flags = {"--orders_topic=" + scene.Topic("orders")}});
//   scene.Send({{.topic = "orders", .key = "c1", .value = bytes, .id = "o1"}});
//   ASSERT_TRUE(scene.AwaitConsumed({"orders"})) << pod->Log();
//   EXPECT_EQ(scene.Read("enriched-orders").size(), 1);
#ifndef ONCE_TESTS_INTEGRATION_PROGRAM_SCENE_H_
#define ONCE_TESTS_INTEGRATION_PROGRAM_SCENE_H_

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/time/time.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"

namespace once {

struct ProgramSpec {
  std::string program = {};      // Path below the tree's root; empty: the scene's.
  std::string application = {};  // Added to the scene's application id; empty: that alone.
  std::string instance = "a";
  std::vector<std::string> flags = {};
};

struct ProgramEvent {
  std::string topic;  // As to CreateTopics.
  std::string key;
  std::optional<std::string> value = {};
  std::string id = {};    // ce_id; empty: none.
  std::string type = {};  // ce_type; empty: none.
};

struct ProgramRecord {
  std::string key;
  std::optional<std::string> value;
  std::map<std::string, std::string> headers;
};

// Topics go by their short names; the scene makes names of its own of them. A call that fails fails the test. Not
// thread-safe.
class ProgramScene {
 public:
  ProgramScene(const std::string& name, std::string program);
  ~ProgramScene();

  std::string Topic(const std::string& short_name) const;
  std::string ApplicationId(const std::string& application = "") const;
  // Each of kPartitions.
  void CreateTopics(const std::vector<std::string>& short_names);
  std::unique_ptr<Process> Start(const ProgramSpec& spec = {});
  // Kills it with -9, and waits until it is gone.
  static void Kill(Process* pod);
  // The state directory of an instance that does not run is gone.
  void LoseDisk(const std::string& application = "", const std::string& instance = "a");
  // In one transaction.
  void Send(const std::vector<ProgramEvent>& events);
  // Until the application has committed the topics to their ends; false if it takes too long.
  bool AwaitConsumed(const std::vector<std::string>& short_names, const std::string& application = "");
  // All that is committed, by partition and offset.
  std::vector<ProgramRecord> Read(const std::string& short_name);
  // Where the pod serves HTTP, which --http_listen=127.0.0.1:0 made it do; 0 if it does not say so.
  static int AwaitPort(const Process& pod);

  static constexpr int kPartitions = 3;

 private:
  std::string StateDir(const std::string& application, const std::string& instance) const {
    return scene_.StateDir(ApplicationId(application) + "-" + instance);
  }

  Scene scene_;
  const std::string program_;
  std::unique_ptr<kafka::TransactionalProducer> producer_;
  std::vector<std::string> topics_;  // Of the producer.
};

}  // namespace once

#endif  // ONCE_TESTS_INTEGRATION_PROGRAM_SCENE_H_
