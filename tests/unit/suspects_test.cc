// Whom a refused batch is the fault of (rules R3b, X3).
#include "processor/engine/suspects.h"

#include <gtest/gtest.h>

#include <set>
#include <vector>

#include "processor/engine/crash_memory.h"

namespace once {
namespace {

using What = Suspects::Refused::What;
using Treatment = Suspects::Treatment;

const TopicPartition kInput{"orders", Partition(0)};

Place At(int64_t offset) { return {kInput, Offset(offset)}; }

Suspects::Ran Events(int64_t first, int64_t count) {
  Suspects::Ran ran{.events = count, .read_to = {{kInput, Offset(first + count)}}};
  if (count == 1) ran.only = At(first);
  return ran;
}

Suspects::Refused Output(int64_t offset, kafka::Refusal refusal = kafka::Refusal::kSuspect, bool likeliest = false) {
  return {.what = What::kOutput,
          .cause = At(offset),
          .refusal = refusal,
          .likeliest = likeliest,
          .topic = "totals",
          .error = "INVALID_TIMESTAMP"};
}

std::vector<Suspects::Refused> Batch(int64_t first, int64_t count) {
  std::vector<Suspects::Refused> batch;
  for (int64_t i = first; i < first + count; ++i) batch.push_back(Output(i));
  return batch;
}

// Runs the events 0 .. count-1 as the engine does, against a broker that refuses each batch with one of `bad` in it.
// Returns the epochs it took; who was blamed goes to `blamed`.
int RunAll(int64_t count, const std::set<int64_t>& bad, std::set<int64_t>* blamed) {
  Suspects suspects;
  int epochs = 0;
  for (int64_t position = 0; position < count; ++epochs) {
    int64_t end = position;
    std::vector<Suspects::Refused> refused;
    bool is_refused = false;
    Treatment first = suspects.TreatmentOf(At(position));
    while (end < count && suspects.TreatmentOf(At(end)) == first) {
      if (first == Treatment::kAlone && end > position) break;
      if (first == Treatment::kGrouped && end - position >= suspects.group()) break;
      if (suspects.BlamedFor(At(end)) == nullptr) {
        refused.push_back(Output(end));
        is_refused |= bad.contains(end);
      } else {
        blamed->insert(end);
      }
      ++end;
    }
    const Suspects::Ran ran = Events(position, end - position);
    if (is_refused) {
      EXPECT_TRUE(suspects.OnRefused(ran, refused).ok());
    } else {
      suspects.OnCommitted(ran);
      position = end;
    }
  }
  EXPECT_TRUE(suspects.empty());
  return epochs;
}

TEST(SuspectsTest, X3OnlyWhatIsRefusedAloneIsBlamed) {
  for (const std::set<int64_t>& bad : std::vector<std::set<int64_t>>{{}, {0}, {999}, {500}, {3, 4, 5}, {0, 500, 999}}) {
    std::set<int64_t> blamed;
    const int epochs = RunAll(1000, bad, &blamed);
    EXPECT_EQ(blamed, bad);
    EXPECT_LE(epochs, 1 + 30 * static_cast<int>(bad.size())) << "groups are halved";
  }
}

// What an opening finds to be over is named in neither place.
TEST(SuspectsTest, T5CrashMarksOfWhatIsOverGoAtAnOpening) {
  v1::Frontier frontier;
  v1::RunMark* mark = frontier.add_run_marks();
  mark->set_topic(kInput.topic);
  mark->set_offset(3);
  mark->set_runs(1);
  mark->set_is_parked(true);
  CrashMemory crashes({kInput}, 100);
  Suspects suspects;
  crashes.Load(frontier, &suspects);
  ASSERT_TRUE(crashes.has_marks());
  crashes.OnOpened([](const Place&) { return false; });
  EXPECT_TRUE(crashes.has_marks());
  crashes.OnOpened([](const Place& place) { return place == At(3); });
  EXPECT_FALSE(crashes.has_marks());
}

// However many commits it takes to come past a large epoch.
TEST(SuspectsTest, R3bGroupsOnlyGrow) {
  Suspects suspects;
  const TopicPartition where{"orders", Partition(0)};
  const Suspects::Refused refused{.what = Suspects::Refused::What::kOwn};
  ASSERT_TRUE(suspects.OnRefused({.events = 20'000, .read_to = {{where, Offset(20'000)}}}, {&refused, 1}).ok());
  for (int commit = 1; commit < 200; ++commit) {
    suspects.OnCommitted({.events = 100, .read_to = {{where, Offset(100 * commit)}}});
    ASSERT_GE(suspects.group(), 100) << commit;
  }
}

TEST(SuspectsTest, R3bRefusedByItselfIsToBlameAtOnce) {
  Suspects suspects;
  const std::vector<Suspects::Refused> refused = {Output(7, kafka::Refusal::kAlone)};
  ASSERT_TRUE(suspects.OnRefused(Events(0, 100), refused).ok());
  ASSERT_NE(suspects.BlamedFor(At(7)), nullptr);
  EXPECT_NE(suspects.BlamedFor(At(7))->find("totals: INVALID_TIMESTAMP"), std::string::npos);
  EXPECT_EQ(suspects.TreatmentOf(At(7)), Treatment::kAlone);
  EXPECT_EQ(suspects.TreatmentOf(At(6)), Treatment::kFree);
  suspects.OnCommitted(Events(7, 1));
  EXPECT_TRUE(suspects.empty());
}

TEST(SuspectsTest, TheLikeliestIsRunAloneAndNotBlamedForIt) {
  Suspects suspects;
  std::vector<Suspects::Refused> refused = Batch(0, 10);
  refused[4].likeliest = true;
  ASSERT_TRUE(suspects.OnRefused(Events(0, 10), refused).ok());
  EXPECT_EQ(suspects.TreatmentOf(At(4)), Treatment::kAlone);
  EXPECT_EQ(suspects.TreatmentOf(At(3)), Treatment::kGrouped);
  EXPECT_EQ(suspects.TreatmentOf(At(10)), Treatment::kFree);
  EXPECT_EQ(suspects.BlamedFor(At(4)), nullptr);
  suspects.OnCommitted(Events(4, 1));
  EXPECT_NE(suspects.TreatmentOf(At(4)), Treatment::kAlone) << "it was innocent";
}

TEST(SuspectsTest, X3ADeadLetterGetsSmallerAndThenTheTaskCannotGoOn) {
  Suspects suspects;
  const std::vector<Suspects::Refused> letter = {{.what = What::kDeadLetter, .cause = At(1), .topic = "dead"}};
  ASSERT_TRUE(suspects.OnRefused(Events(0, 5), letter).ok());
  EXPECT_FALSE(suspects.NeedsMinimalLetter(At(1))) << "one of five";
  ASSERT_TRUE(suspects.OnRefused(Events(1, 1), letter).ok());
  EXPECT_TRUE(suspects.NeedsMinimalLetter(At(1)));
  EXPECT_EQ(suspects.BlamedFor(At(1)), nullptr) << "the event itself is not the reason";
  const absl::Status refused = suspects.OnRefused(Events(1, 1), letter);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused));
  EXPECT_NE(refused.message().find("orders-0-1"), absl::string_view::npos) << refused;
}

TEST(SuspectsTest, ARefusedStateIsItsEventsThenItsPlaceIsParked) {
  Suspects suspects;
  const std::vector<Suspects::Refused> own = {{.what = What::kOwn, .topic = "changelog"}};
  ASSERT_TRUE(suspects.OnRefused(Events(0, 4), own).ok());
  EXPECT_EQ(suspects.TreatmentOf(At(3)), Treatment::kGrouped);
  EXPECT_EQ(suspects.group(), 2);
  ASSERT_TRUE(suspects.OnRefused(Events(2, 1), own).ok());
  EXPECT_NE(suspects.BlamedFor(At(2)), nullptr);
  EXPECT_FALSE(suspects.NeedsOmission(At(2), /*follows=*/false));
  EXPECT_TRUE(suspects.NeedsOmission(At(2), /*follows=*/true));
  ASSERT_TRUE(suspects.OnRefused(Events(2, 1), own).ok());
  EXPECT_TRUE(suspects.NeedsOmission(At(2), /*follows=*/false));
  EXPECT_FALSE(suspects.OnRefused(Events(2, 1), own).ok());
}

TEST(SuspectsTest, WithoutAnEventARefusedRecordOfTheEngineIsNobodysFault) {
  Suspects suspects;
  const std::vector<Suspects::Refused> own = {{.what = What::kOwn, .topic = "changelog"}};
  EXPECT_FALSE(suspects.OnRefused(Events(0, 0), own).ok());
}

// The simulator saw the second record of an event pass for its dead letter.
TEST(SuspectsTest, SeveralRecordsOfOneEventAreOneRefusal) {
  Suspects suspects;
  const std::vector<Suspects::Refused> refused = {
      Output(1), Output(1), {.what = What::kOwn, .topic = "changelog"}, {.what = What::kOwn, .topic = "changelog"}};
  ASSERT_TRUE(suspects.OnRefused(Events(1, 1), refused).ok());
  EXPECT_FALSE(suspects.NeedsOmission(At(1), /*follows=*/false));
}

}  // namespace
}  // namespace once
