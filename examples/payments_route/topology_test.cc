#include "examples/payments_route/topology.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <optional>
#include <string>

#include "examples/payments_route/payments.pb.h"
#include "tests/testkit/topology_test_driver.h"

namespace {

using payments::v1::Payment;
using payments::v1::Review;
using ::testing::Contains;
using ::testing::Pair;

Payment PaymentOf(const std::string& account, int64_t cents) {
  Payment payment;
  payment.set_account_id(account);
  payment.set_cents(cents);
  return payment;
}

TEST(PaymentsRouteTest, SmallOnesPassUntouched) {
  once::TopologyTestDriver driver(BuildPaymentsRoute);
  driver.Send("payments", "p1", PaymentOf("alice", 99'999), {.event_id = "1", .headers = {{"trace", "abc"}}});
  driver.RunUntilIdle();
  const auto small = driver.Read<Payment>("payments-small");
  ASSERT_EQ(small.size(), 1u);
  EXPECT_EQ(small[0].key, "p1");
  EXPECT_EQ(small[0].value->cents(), 99'999);
  EXPECT_THAT(small[0].headers, Contains(Pair("trace", "abc")));
  EXPECT_THAT(small[0].headers, Contains(Pair("ce_id", "1")));
  EXPECT_TRUE(driver.Read<Review>("payments-review").empty());
}

TEST(PaymentsRouteTest, LargeOnesBecomeReviewsByAccount) {
  once::TopologyTestDriver driver(BuildPaymentsRoute);
  driver.Send("payments", "p1", PaymentOf("alice", 100'000), {.event_id = "1"});
  driver.RunUntilIdle();
  const auto reviews = driver.Read<Review>("payments-review");
  ASSERT_EQ(reviews.size(), 1u);
  EXPECT_EQ(reviews[0].key, "alice");
  EXPECT_EQ(reviews[0].value->payment_id(), "p1");
  EXPECT_EQ(reviews[0].value->cents(), 100'000);
  EXPECT_THAT(reviews[0].headers, Contains(Pair("ce_type", "payments.v1.Review")));
  EXPECT_THAT(reviews[0].headers, Contains(Pair("priority", "high")));
}

TEST(PaymentsRouteTest, TheLimitIsASetting) {
  once::TopologyTestDriver driver(BuildPaymentsRoute, {.config = {{"review_cents", "50"}}});
  driver.Send("payments", "p1", PaymentOf("alice", 50));
  driver.RunUntilIdle();
  EXPECT_EQ(driver.Read<Review>("payments-review").size(), 1u);
}

TEST(PaymentsRouteTest, TestsAreDropped) {
  once::TopologyTestDriver driver(BuildPaymentsRoute);
  Payment payment = PaymentOf("alice", 100'000);
  payment.set_test(true);
  driver.Send("payments", "p1", payment, {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_TRUE(driver.Read<Payment>("payments-small").empty());
  EXPECT_TRUE(driver.Read<Review>("payments-review").empty());
  EXPECT_TRUE(driver.dead_letters().empty());
}

TEST(PaymentsRouteTest, DeletionsArePassedOn) {
  once::TopologyTestDriver driver(BuildPaymentsRoute);
  driver.SendBytes("payments", "p1", std::nullopt);
  driver.RunUntilIdle();
  const auto small = driver.Read<Payment>("payments-small");
  ASSERT_EQ(small.size(), 1u);
  EXPECT_EQ(small[0].key, "p1");
  EXPECT_FALSE(small[0].value.has_value());
}

TEST(PaymentsRouteTest, AFailureBlocksNothing) {
  once::TopologyTestDriver driver(BuildPaymentsRoute);
  driver.Send("payments", "p1", PaymentOf("alice", 0), {.event_id = "1"});
  driver.Send("payments", "p1", PaymentOf("alice", 5), {.event_id = "2"});
  driver.RunUntilIdle();
  ASSERT_EQ(driver.dead_letters().size(), 1u);
  EXPECT_EQ(driver.dead_letters()[0].disposition, "FAILED");
  EXPECT_EQ(driver.dead_letters()[0].reason, "INVALID_ARGUMENT");
  EXPECT_EQ(driver.Read<Payment>("payments-small").size(), 1u);
}

// Without a key nothing could wait in order, so nothing does.
TEST(PaymentsRouteTest, AKeylessPaymentIsHandledLikeAnyOther) {
  once::TopologyTestDriver driver(BuildPaymentsRoute);
  driver.SendBytes("payments", std::nullopt, PaymentOf("alice", 0).SerializeAsString());
  driver.SendBytes("payments", std::nullopt, PaymentOf("alice", 5).SerializeAsString());
  driver.RunUntilIdle();
  EXPECT_EQ(driver.dead_letters().size(), 1u);
  EXPECT_EQ(driver.Read<Payment>("payments-small").size(), 1u);
}

}  // namespace
