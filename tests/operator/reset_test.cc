// After a reset the application is one that has never run.
#include <filesystem>
#include <fstream>

#include "gmock/gmock.h"
#include "processor/operator/application_reset.h"
#include "tests/operator/scene.h"

namespace once {
namespace {

using testing::HasSubstr;

class ApplicationResetTest : public OperatorTest {
 protected:
  ApplicationResetTest() {
    Send(0, 10, "a");
    Send(1, 1);
    driver_.RunUntilIdle();
    std::filesystem::create_directories(options_of_reset_.state_dir + "/rocksdb");
    std::ofstream(options_of_reset_.state_dir + "/rocksdb/000001.log") << "x";
    std::ofstream(options_of_reset_.state_dir + "/instance_id") << "me";
  }
  bool HasTopic(const std::string& name) {
    const std::vector<std::string> names = driver_.cluster().TopicNames();
    return std::find(names.begin(), names.end(), name) != names.end();
  }

  ResetOptions options_of_reset_{.state_dir = testing::TempDir() + "/state", .timeout = absl::Seconds(5)};
};

TEST_F(ApplicationResetTest, EverythingOfItsOwnIsDeletedAndNothingElse) {
  Stop();
  const absl::StatusOr<ResetPlan> doomed = PlanReset(plan_, admin_.get(), options_of_reset_);
  ASSERT_TRUE(doomed.ok()) << doomed.status();
  EXPECT_TRUE(doomed->has_group);
  ASSERT_EQ(doomed->topics.size(), 3);
  EXPECT_EQ(doomed->topics[0].topic, "scripted-orders-changelog");
  EXPECT_GT(doomed->topics[0].records, 0);
  EXPECT_EQ(doomed->state_dir, options_of_reset_.state_dir);
  // To plan it deletes nothing.
  EXPECT_TRUE(HasTopic("scripted-orders-changelog"));
  EXPECT_EQ(Committed(0), Offset(1));

  ASSERT_TRUE(ResetApplication(plan_, admin_.get(), *doomed, options_of_reset_).ok());
  EXPECT_EQ(Committed(0), std::nullopt);
  EXPECT_FALSE(HasTopic("scripted-orders-changelog"));
  EXPECT_FALSE(HasTopic("scripted-orders-control"));
  EXPECT_FALSE(HasTopic("scripted-orders-audit"));
  EXPECT_TRUE(HasTopic("orders"));
  EXPECT_TRUE(HasTopic("customer-totals"));
  EXPECT_FALSE(std::filesystem::exists(options_of_reset_.state_dir + "/rocksdb"));
  EXPECT_TRUE(std::filesystem::exists(options_of_reset_.state_dir + "/instance_id"));
  const absl::StatusOr<ResetPlan> again = PlanReset(plan_, admin_.get(), options_of_reset_);
  ASSERT_TRUE(again.ok()) << again.status();
  EXPECT_TRUE(again->is_empty());

  // All of the input takes effect again, on nothing.
  for (int p = 0; p < 2; ++p) ASSERT_TRUE(driver_.store().Wipe(TaskPrefix("orders", Partition(p))).ok());
  Start();
  EXPECT_TRUE(driver_.status().ok()) << driver_.status();
  EXPECT_EQ(Cents(0), 10);
  EXPECT_EQ(Cents(1), 1);
  EXPECT_EQ(driver_.Read<CustomerTotal>("customer-totals").size(), 4);
}

TEST_F(ApplicationResetTest, AuditAndStateDirectoryStayIfWanted) {
  Stop();
  options_of_reset_.keep_audit = true;
  options_of_reset_.state_dir.clear();
  const absl::StatusOr<ResetPlan> doomed = PlanReset(plan_, admin_.get(), options_of_reset_);
  ASSERT_TRUE(doomed.ok()) << doomed.status();
  ASSERT_TRUE(ResetApplication(plan_, admin_.get(), *doomed, options_of_reset_).ok());
  EXPECT_TRUE(HasTopic("scripted-orders-audit"));
  EXPECT_FALSE(HasTopic("scripted-orders-control"));
}

TEST_F(ApplicationResetTest, RefusedWhileItRuns) {
  Stop();
  const absl::StatusOr<ResetPlan> doomed = PlanReset(plan_, admin_.get(), options_of_reset_);
  ASSERT_TRUE(doomed.ok()) << doomed.status();
  Start();
  EXPECT_TRUE(absl::IsFailedPrecondition(PlanReset(plan_, admin_.get(), options_of_reset_).status()));
  const absl::Status refused = ResetApplication(plan_, admin_.get(), *doomed, options_of_reset_);
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  EXPECT_THAT(refused.ToString(), HasSubstr("Stop all instances first"));
  EXPECT_TRUE(HasTopic("scripted-orders-changelog"));
  EXPECT_EQ(Committed(0), Offset(1));
}

// What fails in the middle is done by the next one.
TEST_F(ApplicationResetTest, OneThatFailsHalfWayIsDoneAgain) {
  Stop();
  const absl::StatusOr<ResetPlan> doomed = PlanReset(plan_, admin_.get(), options_of_reset_);
  ASSERT_TRUE(doomed.ok()) << doomed.status();
  driver_.cluster().FailNext({.call = testkit::Call::kCreateTopic,
                              .id_prefix = "scripted-orders-control",
                              .result = {.error = kafka::ErrorClass::kFatal, .code = "INJECTED", .message = "no"}});
  EXPECT_FALSE(ResetApplication(plan_, admin_.get(), *doomed, options_of_reset_).ok());
  EXPECT_FALSE(HasTopic("scripted-orders-changelog"));
  EXPECT_TRUE(HasTopic("scripted-orders-control"));
  const absl::StatusOr<ResetPlan> rest = PlanReset(plan_, admin_.get(), options_of_reset_);
  ASSERT_TRUE(rest.ok()) << rest.status();
  EXPECT_FALSE(rest->has_group);
  ASSERT_TRUE(ResetApplication(plan_, admin_.get(), *rest, options_of_reset_).ok());
  EXPECT_FALSE(HasTopic("scripted-orders-control"));
}

}  // namespace
}  // namespace once
