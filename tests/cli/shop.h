// An application on a Kafka in memory, and its operator, who types.
#ifndef ONCE_TESTS_CLI_SHOP_H_
#define ONCE_TESTS_CLI_SHOP_H_

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "gtest/gtest.h"
#include "processor/cli/commands.h"
#include "tests/cli/console.h"
#include "tests/cli/reader_client.h"
#include "tests/driver/orders.h"

namespace once::cli {

// Whoever waits for records lets the application run.
class DrivingReader final : public kafka::LogReader {
 public:
  DrivingReader(std::unique_ptr<kafka::LogReader> reader, TopologyTestDriver* driver, std::function<void()> on_poll)
      : reader_(std::move(reader)), driver_(driver), on_poll_(std::move(on_poll)) {}
  absl::Status Add(const TopicPartitionOffset& from) override { return reader_->Add(from); }
  absl::Status Remove(const TopicPartition& partition) override { return reader_->Remove(partition); }
  absl::Status Poll(absl::Duration timeout, kafka::Batch* batch) override {
    if (driver_ != nullptr) driver_->RunUntilIdle();
    if (on_poll_) on_poll_();
    return reader_->Poll(timeout, batch);
  }

 private:
  const std::unique_ptr<kafka::LogReader> reader_;
  TopologyTestDriver* const driver_;
  const std::function<void()> on_poll_;
};

class ApplicationTest : public testing::Test {
 protected:
  explicit ApplicationTest(TopologyFactory build, int partitions = 2)
      : build_(std::move(build)), driver_(build_, {.partitions = partitions}) {
    console_.environment.connect = [this](const Options&,
                                          const Config&) -> absl::StatusOr<std::unique_ptr<kafka::Client>> {
      return std::make_unique<ReaderClient>(
          driver_.cluster().NewClient(),
          [driver = is_running_ ? &driver_ : nullptr, on_poll = on_poll_](std::unique_ptr<kafka::LogReader> reader) {
            return std::make_unique<DrivingReader>(std::move(reader), driver, on_poll);
          });
    };
    console_.environment.clock = &driver_.clock();
  }

  int Run(const std::vector<std::string>& words) { return console_.Run(words, registry_, build_); }
  // With --yes, and what went wrong.
  int Do(std::vector<std::string> words) {
    words.push_back("--yes");
    return Run(words);
  }
  size_t Commands() const { return driver_.audit().size(); }

  const TopologyFactory build_;
  TopologyTestDriver driver_;
  const Registry registry_ = AllCommands();
  Console console_;
  bool is_running_ = true;
  // Whenever somebody waits for records.
  std::function<void()> on_poll_;
};

// order_totals, with two partitions.
class ShopTest : public ApplicationTest {
 protected:
  ShopTest() : ApplicationTest(BuildOrderTotals) {}

  // Orders of a customer by their cents; IDs are CUSTOMER/INDEX. What is not positive fails.
  void Place(const std::string& customer, const std::vector<int64_t>& all_cents) {
    for (const int64_t cents : all_cents) {
      driver_.Send("orders", customer, Order(cents), {.event_id = absl::StrCat(customer, "/", placed_++)});
    }
    driver_.RunUntilIdle();
  }

  int placed_ = 0;
};

}  // namespace once::cli

#endif  // ONCE_TESTS_CLI_SHOP_H_
