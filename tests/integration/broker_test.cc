// A broker that dies at once, without a goodbye, while a pod works, and comes back with its data.
#include "tests/integration/broker.h"

#include <csignal>

#include "gtest/gtest.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

TEST(BrokerTest, KilledAndRestartedUnderLoad) {
  // Kafka 4.3 forgets the markers of partitions without a leader (docs/testing.md): after a kill it serves no stable
  // offsets for ever.
  Broker broker({"--kafka=4.1.1"});
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
