// X6 on a real broker: a process whose wall clock steps, by a library that is preloaded.
#include <fcntl.h>
#include <unistd.h>

#include <csignal>
#include <filesystem>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "tests/integration/process.h"
#include "tests/integration/scene.h"
#include "tests/kafka/broker_admin.h"

namespace once {
namespace {

constexpr absl::Duration kPatience = absl::Seconds(60);

// What a process under the shim is told.
class WallClock {
 public:
  explicit WallClock(std::string path) : path_(std::move(path)) { SetWrongBy(absl::ZeroDuration()); }
  void SetWrongBy(absl::Duration wrong_by) const {
    const int64_t seconds = absl::ToInt64Seconds(wrong_by);
    const int file = ::open(path_.c_str(), O_WRONLY | O_CREAT | O_CLOEXEC, 0644);
    EXPECT_EQ(::pwrite(file, &seconds, sizeof(seconds), 0), static_cast<ssize_t>(sizeof(seconds)));
    ::close(file);
  }
  std::vector<std::pair<std::string, std::string>> Environment() const {
    return {{"LD_PRELOAD", std::filesystem::absolute("tests/integration/wall_shim.so").string()},
            {"WALL_CLOCK_SHIM", path_}};
  }

 private:
  const std::string path_;
};

TEST(ClockStepsTest, X6CommitsGoOnAndNothingIsForgotten) {
  Scene scene("clock-steps");
  scene.CreateTopics(2);
  const WallClock clock(testing::TempDir() + "/wall");
  auto pod = scene.StartPod({.environment = clock.Environment()});
  auto generator = scene.StartGenerator({.orders = 60'000, .duplicates_percent = 10, .rate = 2'000});
  ASSERT_TRUE(scene.AwaitOutput(1)) << pod->Log();
  for (const absl::Duration wrong_by :
       {-absl::Hours(1), absl::ZeroDuration(), absl::Hours(1), absl::Hours(48), absl::ZeroDuration()}) {
    clock.SetWrongBy(wrong_by);
    // Two seconds' worth, so that commits go on well beyond what was under way.
    ASSERT_TRUE(scene.AwaitOutput(scene.CountOutput() + 4'000, kPatience))
        << "wrong by " << absl::FormatDuration(wrong_by) << "\n"
        << pod->Log();
  }
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(kPatience), 0) << scene.verifier_output() << pod->Log();
  EXPECT_NE(pod->Log().find("steps of the wall clock"), std::string::npos) << pod->Log();
  EXPECT_EQ(pod->Log().find("timed out"), std::string::npos) << "nothing was fenced\n" << pod->Log();
  pod->Signal(SIGTERM);
  EXPECT_TRUE(pod->Wait(kPatience).has_value());
}

// A pod that has nothing to do stays in its group: nothing that it waits for outlasts a clock that is set back.
TEST(ClockStepsTest, X6AnIdlePodStaysAMember) {
  Scene scene("clock-idle");
  scene.CreateTopics(2);
  const WallClock clock(testing::TempDir() + "/wall-idle");
  auto pod = scene.StartPod({.environment = clock.Environment()});
  scene.Generate({.orders = 100});
  ASSERT_EQ(scene.Verify(kPatience), 0) << scene.verifier_output() << pod->Log();
  const auto is_out = [&pod] { return pod->Log().find("has lost") != std::string::npos; };
  for (const absl::Duration wrong_by : {-absl::Hours(1), -absl::Hours(25)}) {
    clock.SetWrongBy(wrong_by);
    // Longer than a session that nobody keeps up.
    EXPECT_FALSE(Scene::Eventually(is_out, absl::Seconds(10))) << pod->Log();
  }
  scene.Generate({.orders = 100, .start_index = 100});
  EXPECT_EQ(scene.Verify(kPatience), 0) << scene.verifier_output() << pod->Log();
  EXPECT_FALSE(is_out()) << pod->Log();
  pod->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod->Wait(kPatience);
  EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
}

// Topics that take nothing an hour old, and a clock that is behind by more when the pod starts, and by still more
// later: no broker says which way a refused stamp is wrong.
TEST(ClockStepsTest, X6AClockBehindTheBrokersFailsNoEvent) {
  Scene scene("clock-behind");
  scene.CreateTopics(2);
  kafka::BrokerAdmin admin(scene.bootstrap_servers());
  for (const std::string& topic : {scene.output(), scene.dead_letters()}) {
    admin.SetTopicSetting(topic, "message.timestamp.before.max.ms", "3600000");
  }
  const WallClock clock(testing::TempDir() + "/wall-behind");
  clock.SetWrongBy(-absl::Hours(6));
  auto pod = scene.StartPod({.environment = clock.Environment()});
  auto generator = scene.StartGenerator({.orders = 20'000, .poison_percent = 1, .rate = 500});
  for (const absl::Duration wrong_by : {-absl::Hours(6), -absl::Hours(25), absl::ZeroDuration()}) {
    clock.SetWrongBy(wrong_by);
    ASSERT_TRUE(scene.AwaitOutput(scene.CountOutput() + 500, kPatience))
        << "wrong by " << absl::FormatDuration(wrong_by) << "\n"
        << pod->Log();
  }
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(kPatience), 0) << scene.verifier_output() << pod->Log();
  EXPECT_NE(pod->Log().find("refuses timestamps of this instance"), std::string::npos) << pod->Log();
  pod->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod->Wait(kPatience);
  EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
}

}  // namespace
}  // namespace once
