// What a client in memory says of itself.
#ifndef ONCE_TESTS_TESTKIT_MEMORY_STATISTICS_H_
#define ONCE_TESTS_TESTKIT_MEMORY_STATISTICS_H_

#include <memory>
#include <mutex>
#include <utility>

#include "processor/base/client_statistics.h"

namespace once::testkit {

class MemoryStatistics final : public ClientStatisticsSource {
 public:
  // There is one broker. `news` has what else is told.
  void Put(ClientStatistics news, bool is_reachable, int64_t requests) {
    BrokerStatistics broker;
    broker.broker = "1";
    broker.state = is_reachable ? BrokerStatistics::State::kUp : BrokerStatistics::State::kDown;
    broker.requests = broker.responses = requests;
    news.brokers.push_back(std::move(broker));
    auto said = std::make_shared<const ClientStatistics>(std::move(news));
    const std::lock_guard lock(mutex_);
    said_.swap(said);
  }
  std::shared_ptr<const ClientStatistics> Look() override {
    const std::lock_guard lock(mutex_);
    return said_;
  }

 private:
  std::mutex mutex_;
  std::shared_ptr<const ClientStatistics> said_;
};

}  // namespace once::testkit

#endif  // ONCE_TESTS_TESTKIT_MEMORY_STATISTICS_H_
