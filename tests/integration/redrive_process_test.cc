// Dead letters that a plain producer copies back to their source (R6), on a real broker: by copy_letters, which knows
// nothing of Once.
#include <csignal>
#include <filesystem>
#include <string>
#include <vector>

#include "absl/strings/str_cat.h"
#include "gmock/gmock.h"
#include "tests/integration/operator_scene.h"

namespace once {
namespace {

using testing::ElementsAre;

constexpr int kPartitions = 3;

class RedriveProcessTest : public OperatorTest {
 protected:
  RedriveProcessTest() : OperatorTest("redrive", kPartitions) { Break(); }

  std::unique_ptr<Process> StartCopying(const std::vector<std::string>& words) {
    std::vector<std::string> args = {std::filesystem::absolute("tests/integration/copy_letters").string(),
                                     scene_.bootstrap_servers(), scene_.dead_letters(), scene_.input()};
    args.insert(args.end(), words.begin(), words.end());
    return std::make_unique<Process>(args, std::vector<std::pair<std::string, std::string>>{},
                                     scene_.StateDir(absl::StrCat("copy", copies_++)));
  }
  void CopyBack(const std::vector<std::string>& words = {}) {
    const std::unique_ptr<Process> copying = StartCopying(words);
    const std::optional<ExitState> ended = copying->Wait(absl::Seconds(60));
    ASSERT_TRUE(ended.has_value() && ended->code == 0) << copying->Log();
  }
  // By Java's partitioner, as the plain producer sends them.
  void SendAs(const std::string& key, const std::vector<std::string>& values) {
    std::vector<PlainRecord> records;
    for (const std::string& value : values) {
      records.push_back({.key = key,
                         .value = value,
                         .headers = {{"ce_id", absl::StrCat(key, "/", value)}, {"trace", "t"}},
                         .partition = kAnyPartition});
    }
    Write(scene_.input(), records);
  }
  // Waits until all that was sent before has been taken up, in every partition.
  void PassMarkers() {
    ++markers_;
    std::vector<PlainRecord> records;
    for (int i = 0; i < kPartitions; ++i) {
      records.push_back({.key = absl::StrCat("m", i), .value = "marker", .partition = Partition(i)});
    }
    Write(scene_.input(), records);
    for (int i = 0; i < kPartitions; ++i) {
      ASSERT_TRUE(AwaitOutputs(absl::StrCat("m", i), static_cast<size_t>(markers_))) << pod_->Log();
    }
  }

 private:
  int copies_ = 0;
  int markers_ = 0;
};

TEST_F(RedriveProcessTest, OneLetterTakesEffectOnceHoweverOftenItIsSentBack) {
  StartMendable("skip");
  SendAs("a", {"bad1", "ok2"});
  ASSERT_TRUE(AwaitDeadLetters("FAILED", 1)) << pod_->Log();
  CopyBack();
  ASSERT_TRUE(AwaitDeadLetters("FAILED", 2)) << "broken still, it fails again: " << pod_->Log();
  Mend();
  // Both letters: of rounds 1 and 2. The first has been here, the second takes effect.
  CopyBack();
  ASSERT_TRUE(AwaitOutputs("a", 2)) << pod_->Log();
  CopyBack();
  CopyBack();
  PassMarkers();
  EXPECT_THAT(Outputs("a"), ElementsAre("ok2", "bad1"));
  EXPECT_EQ(DeadLetters("FAILED"), 2);
}

// A user interface may show headers in another order, and add its own.
TEST_F(RedriveProcessTest, TheOrderOfHeadersAndFurtherOnesDoNotMatter) {
  StartMendable("skip");
  SendAs("a", {"bad1"});
  ASSERT_TRUE(AwaitDeadLetters("FAILED", 1)) << pod_->Log();
  Mend();
  CopyBack({"reverse", "add=ui=resent by alice"});
  CopyBack();
  CopyBack({"add=once.upon=a time"});
  PassMarkers();
  EXPECT_THAT(Outputs("a"), ElementsAre("bad1"));
}

// Without what a letter says it is the event itself, which is known by its ID, or, without one, another event.
TEST_F(RedriveProcessTest, WithoutItsHeadersALetterIsTheEvent) {
  StartMendable("skip");
  SendAs("a", {"bad1"});
  Write(scene_.input(), {{.key = "nameless", .value = "bad2", .partition = kAnyPartition}});
  ASSERT_TRUE(AwaitDeadLetters("FAILED", 2)) << pod_->Log();
  Mend();
  CopyBack({"drop=once."});
  PassMarkers();
  EXPECT_TRUE(Outputs("a").empty()) << "its ID is known";
  EXPECT_THAT(Outputs("nameless"), ElementsAre("bad2"));
  CopyBack();
  ASSERT_TRUE(AwaitOutputs("a", 1)) << pod_->Log();
}

TEST_F(RedriveProcessTest, AWholeTopicReleasesHeadsAndSuppressesFollowers) {
  constexpr int kKeys = 20;
  StartMendable();
  for (int i = 0; i < kKeys; ++i) SendAs(absl::StrCat("k", i), {"bad1", "ok2", "bad3"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 2 * kKeys)) << pod_->Log();
  ASSERT_EQ(DeadLetters("FAILED"), kKeys);
  Mend();
  CopyBack();
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(AwaitOutputs(absl::StrCat("k", i), 3)) << pod_->Log();
  CopyBack({"reverse", "add=ui=1"});
  PassMarkers();
  for (int i = 0; i < kKeys; ++i) {
    EXPECT_THAT(Outputs(absl::StrCat("k", i)), ElementsAre("bad1", "ok2", "bad3")) << i;
  }
  EXPECT_EQ(Read(scene_.dead_letters()).size(), static_cast<size_t>(3 * kKeys)) << "no letter is a new one";
}

// Killed in the middle: of the tool, then of the pod; what was copied already does not count twice.
TEST_F(RedriveProcessTest, KilledHalfWayAndRunAgainNothingIsLostOrDoubled) {
  constexpr int kKeys = 40;
  StartMendable();
  for (int i = 0; i < kKeys; ++i) SendAs(absl::StrCat("k", i), {"bad1", "ok2"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", kKeys)) << pod_->Log();
  Mend();
  const std::unique_ptr<Process> copying = StartCopying({"halt=33"});
  ASSERT_TRUE(Scene::Eventually([&] { return copying->Log().find("halted") != std::string::npos; })) << copying->Log();
  copying->Signal(SIGKILL);
  ASSERT_TRUE(copying->Wait(absl::Seconds(10)).has_value());
  KillPod();
  StartMendable("block", "b");
  CopyBack();
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(AwaitOutputs(absl::StrCat("k", i), 2)) << pod_->Log();
  PassMarkers();
  for (int i = 0; i < kKeys; ++i) EXPECT_THAT(Outputs(absl::StrCat("k", i)), ElementsAre("bad1", "ok2")) << i;
}

// The application's own `dlq redrive`, on the same terms as any tool.
class RedriveCommandTest : public RedriveProcessTest {
 protected:
  int Redrive(std::vector<std::string> words) {
    words.insert(words.begin(), {"dlq", "redrive"});
    const std::unique_ptr<Process> command = StartCommand(words);
    const std::optional<ExitState> ended = command->Wait(absl::Seconds(60));
    said_ = command->Log();
    return ended.has_value() ? ended->code.value_or(-1) : -1;
  }
  size_t Inputs() { return Read(scene_.input()).size(); }

  std::string said_;
};

TEST_F(RedriveCommandTest, TakesEffectOnceOrSaysWhyNot) {
  StartMendable();
  for (const std::string key : {"a", "b", "c"}) SendAs(key, {"bad1", "ok2", "bad3"});
  ASSERT_TRUE(AwaitDeadLetters("BLOCKED", 6)) << pod_->Log();
  const size_t before = Inputs();
  EXPECT_EQ(Redrive({"--all", "--dry-run"}), 0) << said_;
  EXPECT_EQ(Redrive({"first"}), 2) << said_;
  EXPECT_EQ(Redrive({"0/4711"}), 3) << said_;
  EXPECT_EQ(Inputs(), before);
  // Of another application, in a topic that both use.
  Write(scene_.dead_letters(), {{.key = "x",
                                 .value = "ok",
                                 .headers = {{"once.disposition", "FAILED"},
                                             {"once.reason", "INTERNAL"},
                                             {"once.origin", scene_.input() + "-0-0"},
                                             {"once.application", "another"}}}});
  const PlainRecord foreign = [&] {
    for (const PlainRecord& letter : Read(scene_.dead_letters())) {
      if (letter.key == "x") return letter;
    }
    return PlainRecord();
  }();
  EXPECT_EQ(Redrive({absl::StrCat(foreign.partition.value(), "/", foreign.offset)}), 1) << said_;
  EXPECT_EQ(Inputs(), before);
  Mend();
  EXPECT_EQ(Redrive({"--all"}), 0) << said_;
  EXPECT_EQ(Inputs(), before + 9);
  for (const std::string key : {"a", "b", "c"}) ASSERT_TRUE(AwaitOutputs(key, 3)) << pod_->Log();
  EXPECT_EQ(Redrive({"--all"}), 0) << said_;
  PassMarkers();
  for (const std::string key : {"a", "b", "c"}) EXPECT_THAT(Outputs(key), ElementsAre("bad1", "ok2", "bad3"));
}

TEST_F(RedriveCommandTest, KilledHalfWayAndRunAgainNothingIsLostOrDoubled) {
  constexpr int kKeys = 40;
  StartMendable("skip");
  for (int i = 0; i < kKeys; ++i) SendAs(absl::StrCat("k", i), {"bad1"});
  ASSERT_TRUE(AwaitDeadLetters("FAILED", kKeys)) << pod_->Log();
  Mend();
  const size_t before = Inputs();
  // So slowly that it is killed long before its end.
  const std::unique_ptr<Process> half = StartCommand({"dlq", "redrive", "--all", "--per_second=2"});
  ASSERT_TRUE(Scene::Eventually([&] { return Inputs() >= before + 4; })) << half->Log();
  half->Signal(SIGKILL);
  const std::optional<ExitState> ended = half->Wait(absl::Seconds(10));
  ASSERT_TRUE(ended.has_value() && ended->signal == SIGKILL) << half->Log();
  ASSERT_LT(Inputs(), before + kKeys);
  EXPECT_EQ(Redrive({"--all"}), 0) << said_;
  for (int i = 0; i < kKeys; ++i) ASSERT_TRUE(AwaitOutputs(absl::StrCat("k", i), 1)) << pod_->Log();
  PassMarkers();
  for (int i = 0; i < kKeys; ++i) EXPECT_THAT(Outputs(absl::StrCat("k", i)), ElementsAre("bad1")) << i;
}

}  // namespace
}  // namespace once
