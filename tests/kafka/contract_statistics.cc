// What clients say of themselves, if they are asked to.
#include <algorithm>
#include <memory>
#include <string>

#include "tests/kafka/contract.h"

namespace once::kafka {
namespace {

const BrokerStatistics* FirstUp(const ClientStatistics& statistics) {
  const auto found =
      std::find_if(statistics.brokers.begin(), statistics.brokers.end(),
                   [](const BrokerStatistics& broker) { return broker.state == BrokerStatistics::State::kUp; });
  return found == statistics.brokers.end() ? nullptr : &*found;
}

TEST_P(ContractTest, ClientsThatAreNotAskedSayNothing) {
  const std::string topic = NewTopic("t");
  EXPECT_EQ(ReadyProducer({topic})->TakeStatistics(), nullptr);
  EXPECT_EQ(NewConsumer(cluster().UniqueName("group"), {topic})->statistics(), nullptr);
}

TEST_P(ContractTest, AProducerTellsOfItsBrokers) {
  const std::string topic = NewTopic("t");
  const auto telling = cluster().NewClient({.tells_statistics = true});
  auto producer = *telling->NewProducer(cluster().UniqueName("producer"), {topic});
  ASSERT_TRUE(Init(*producer).ok());
  const std::shared_ptr<ClientStatisticsSource> source = producer->TakeStatistics();
  ASSERT_NE(source, nullptr);
  CommitValues(*producer, {"a", "b"});
  std::shared_ptr<const ClientStatistics> said;
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    producer->TakeStatistics();
    said = source->Look();
    return said != nullptr && FirstUp(*said) != nullptr && FirstUp(*said)->responses > 0;
  }));
  EXPECT_FALSE(FirstUp(*said)->broker.empty());
  EXPECT_GE(FirstUp(*said)->requests, FirstUp(*said)->responses);
  EXPECT_EQ(said->queued_records, 0);
  EXPECT_NEAR(static_cast<double>(absl::ToUnixMillis(said->at)), static_cast<double>(cluster().NowMs()), 60'000);
  // It goes on while there is no transaction.
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    producer->TakeStatistics();
    return source->Look()->at > said->at;
  }));
  producer.reset();
  EXPECT_NE(source->Look(), nullptr) << "it outlives its client";
}

TEST_P(ContractTest, AConsumerTellsOfItsBrokersAndRebalances) {
  const std::string topic = NewTopic("t", 2);
  const auto telling = cluster().NewClient({.tells_statistics = true});
  Member member(*telling->NewGroupConsumer(cluster().UniqueName("group"), {topic}), {topic});
  const std::shared_ptr<ClientStatisticsSource> source = member.consumer().statistics();
  ASSERT_NE(source, nullptr);
  ASSERT_TRUE(cluster().Await(kPatience, [&] {
    member.Poll();
    const std::shared_ptr<const ClientStatistics> said = source->Look();
    return member.assigned().size() == 2 && said != nullptr && said->rebalances > 0 && FirstUp(*said) != nullptr;
  }));
  EXPECT_GT(FirstUp(*source->Look())->requests, 0);
}

}  // namespace
}  // namespace once::kafka
