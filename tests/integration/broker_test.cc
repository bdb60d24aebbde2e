// A broker that dies at once, without a goodbye, while a pod works, and comes back with its data.
#include <unistd.h>

#include <csignal>
#include <cstdlib>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

// A broker of this test's own, through the script docker/kafka/broker.
class Broker {
 public:
  Broker() : dir_(absl::StrCat(::testing::TempDir(), "/once-broker-", ::getpid())) {
    const char* script = std::getenv("ONCE_TEST_BROKER");
    script_ = script == nullptr ? std::filesystem::absolute("../../docker/kafka/broker").string() : script;
  }
  ~Broker() { Run("stop"); }

  bool script_found() const { return std::filesystem::exists(script_); }
  const std::string& script() const { return script_; }
  const std::string& output() const { return output_; }

  bool Start() { return Run("start"); }
  bool Kill() { return Run("kill"); }

  std::string bootstrap_servers() const {
    const std::string label = "bootstrap_servers=";
    const size_t found = output_.find(label);
    if (found == std::string::npos) return "";
    const size_t begin = found + label.size();
    return output_.substr(begin, output_.find('\n', begin) - begin);
  }

 private:
  bool Run(const std::string& command) {
    std::vector<std::string> args = {script_, command, "--dir=" + dir_, "--port=0"};
    if (command == "start") args.push_back("--heap=512m");
    // Kafka 4.3 forgets the markers of partitions without a leader (docs/testing.md): after a kill it serves no stable
    // offsets for ever.
    if (command == "start") args.push_back("--kafka=4.1.1");
    Process process(args, {}, dir_ + "." + command + ".log");
    const std::optional<ExitState> ended = process.Wait(absl::Seconds(180));
    output_ = process.Log();
    return ended.has_value() && ended->code == 0;
  }

  const std::string dir_;
  std::string script_;
  std::string output_;
};

TEST(BrokerTest, KilledAndRestartedUnderLoad) {
  Broker broker;
  ASSERT_TRUE(broker.script_found()) << broker.script()
                                     << " is not there; set ONCE_TEST_BROKER to the path of docker/kafka/broker";
  ASSERT_TRUE(broker.Start()) << broker.output();
  Scene scene("broker", broker.bootstrap_servers());
  scene.CreateTopics(4);
  auto pod = scene.StartPod({});
  scene.Generate({.orders = 5'000});
  for (int round = 1; round <= 2; ++round) {
    const int64_t before = scene.CountOutput();
    auto generator = scene.StartGenerator({.orders = 20'000, .start_index = round * 100'000, .rate = 4'000});
    ASSERT_TRUE(scene.AwaitOutput(before + 3'000)) << pod->Log();
    ASSERT_TRUE(broker.Kill()) << broker.output();
    ASSERT_TRUE(broker.Start()) << broker.output();
    // Whether it survived this or not: what counts is what it brought into the topic.
    generator->Wait(absl::Seconds(60));
    generator.reset();
    scene.Generate({.orders = 5'000, .start_index = round * 100'000 + 50'000});
    ASSERT_EQ(scene.Verify(absl::Seconds(90)), 0) << scene.verifier_output() << pod->Log();
    EXPECT_TRUE(pod->Running()) << pod->Log();
  }
  pod->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(30));
  EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
}

}  // namespace
}  // namespace once
