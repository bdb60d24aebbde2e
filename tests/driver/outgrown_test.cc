// X3: an event whose outputs no transaction can hold fails by itself.
#include <memory>
#include <string>

#include "tests/driver/scripted.h"

namespace once {
namespace {

constexpr int64_t kHuge = 1'000'000;

class OutgrownTest : public testing::Test {
 protected:
  // An order of at least kHuge cents makes 100 outputs, which take `takes`.
  void Start(absl::Duration takes) {
    DriverOptions options{.partitions = 2};
    options.engine.max_epoch_bytes = 2'000;
    driver_ = std::make_unique<TopologyTestDriver>(
        [this, takes](const Config&) -> absl::StatusOr<Topology> {
          TopologyBuilder builder("outgrown");
          auto orders = builder.AddSource("orders", {.topic = "orders"});
          auto totals = builder.AddSink<CustomerTotal>("totals", {.topic = "customer-totals"});
          builder.DeadLetterTo("orders.dlq");
          builder.AddAggregate<CustomerTotal>("customer")
              .EmitsTo(totals)
              .On<OrderPlaced>(orders, [this, totals, takes](const OrderPlaced& order, auto& customer) {
                CustomerTotal& total = *customer.mutable_state();
                total.set_order_count(total.order_count() + 1);
                for (int i = 0; i < (order.cents() >= kHuge ? 100 : 1); ++i) customer.Emit(totals, total);
                if (order.cents() >= kHuge) {
                  ++huge_calls_;
                  if (slow_) TimeOut(takes);
                }
                return absl::OkStatus();
              });
          return std::move(builder).Build();
        },
        options);
    driver_->RunUntilIdle();
  }
  // The transaction, while it is sent.
  void TimeOut(absl::Duration takes) {
    driver_->clock().Advance(takes);
    driver_->cluster().FailNext({.call = testkit::Call::kFlush,
                                 .result = {.error = kafka::ErrorClass::kFatal, .fenced = true, .code = "_FENCED"}});
  }
  void Send(int partition, const std::string& key, int64_t cents) {
    driver_->Send("orders", key, Order(cents), {.event_id = std::to_string(++sent_), .partition = partition});
  }

  std::unique_ptr<TopologyTestDriver> driver_;
  bool slow_ = true;
  int huge_calls_ = 0;
  int sent_ = 0;
};

TEST_F(OutgrownTest, X3FailsAloneAndTheOthersGoOn) {
  Start(absl::Seconds(16));
  Send(0, "before", 1);
  Send(0, "huge", kHuge);
  Send(0, "after", 2);
  Send(1, "beside", 3);
  driver_->RunUntilIdle();
  driver_->AdvanceTime(absl::Minutes(2));
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  for (const char* key : {"before", "after", "beside"}) {
    EXPECT_EQ(driver_->State<CustomerTotal>("customer", key)->order_count(), 1) << key;
  }
  EXPECT_FALSE(driver_->State<CustomerTotal>("customer", "huge").has_value());
  // Once with others, three times alone.
  EXPECT_EQ(huge_calls_, 4);
  ASSERT_EQ(driver_->dead_letters().size(), 1);
  const std::string text = driver_->dead_letters()[0].headers.at("once.message");
  EXPECT_NE(text.find("did not fit into a transaction"), std::string::npos) << text;
}

TEST_F(OutgrownTest, X3ABrokerThatIsSlowForAWhileBlamesNobody) {
  Start(absl::Seconds(16));
  Send(0, "huge", kHuge);
  for (int i = 0; i < 1'000 && huge_calls_ < 2; ++i) driver_->AdvanceTime(absl::Milliseconds(100));
  ASSERT_EQ(huge_calls_, 2);
  slow_ = false;
  driver_->AdvanceTime(absl::Minutes(2));
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_EQ(driver_->State<CustomerTotal>("customer", "huge")->order_count(), 1);
  EXPECT_TRUE(driver_->dead_letters().empty());
}

}  // namespace
}  // namespace once
