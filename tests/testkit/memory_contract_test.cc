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
