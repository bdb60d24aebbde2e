// The contract suite of the Kafka ports on the cluster in memory.
#include <functional>
#include <memory>
#include <string>

#include "absl/strings/str_cat.h"
#include "tests/kafka/contract.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"

namespace once::kafka {
namespace {

class MemoryFixture final : public ClusterFixture {
 public:
  std::string UniqueName(const std::string& stem) override { return absl::StrCat(stem, "-", ++count_); }

  std::unique_ptr<Client> NewClient(const ClientOptions& options) override {
    testkit::MemoryClientOptions memory;
    memory.transaction_timeout = options.transaction_timeout;
    memory.session_timeout = options.session_timeout;
    memory.delivery_seed = 1;
    memory.tells_statistics = options.tells_statistics;
    return cluster_.NewClient(memory);
  }

  bool Await(absl::Duration at_most, const std::function<bool()>& done) override {
    const absl::Time deadline = clock_.Now() + at_most;
    while (!done()) {
      if (clock_.Now() > deadline || testing::Test::HasFatalFailure()) return false;
      clock_.Advance(absl::Milliseconds(10));
    }
    return true;
  }

  void DeleteRecordsBefore(const TopicPartitionOffset& first_kept) override { cluster_.Trim(first_kept); }

  int64_t NowMs() override { return absl::ToUnixMillis(clock_.Now()); }
  void SetTopicSetting(const std::string& topic, const std::string& setting, const std::string& value) override {
    cluster_.SetTopicSetting(topic, setting, value);
  }
  void DeleteTopic(const std::string& topic) override { cluster_.DeleteTopic(topic); }
  void CreateTopicAgain(const std::string& topic, int partitions) override { cluster_.CreateTopic(topic, partitions); }
  void GrowTopic(const std::string& topic, int partitions) override { cluster_.GrowTopic(topic, partitions); }
  bool DenyWriting(const std::string& topic) override {
    cluster_.Deny(testkit::Right::kWriteTopic, topic);
    return true;
  }
  void AllowWriting(const std::string& topic) override { cluster_.Allow(testkit::Right::kWriteTopic, topic); }

 private:
  testkit::ManualClock clock_;
  testkit::MemoryCluster cluster_{&clock_};
  int count_ = 0;
};

INSTANTIATE_TEST_SUITE_P(Memory, ContractTest,
                         testing::Values(ClusterParam{"memory", [] { return std::make_unique<MemoryFixture>(); }}),
                         ContractTest::Name);

}  // namespace
}  // namespace once::kafka
