// A real broker as one side of the comparison.
#ifndef ONCE_TESTS_FIDELITY_BROKER_SIDE_H_
#define ONCE_TESTS_FIDELITY_BROKER_SIDE_H_

#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "processor/base/log.h"
#include "tests/fidelity/player.h"

typedef struct rd_kafka_s rd_kafka_t;

namespace once::fidelity {

class BrokerSide final : public Side {
 public:
  explicit BrokerSide(const std::string& bootstrap_servers);
  ~BrokerSide() override;

  kafka::Client& client() override { return *client_; }
  void Pause() override;
  absl::Duration patience() const override { return absl::Seconds(5); }
  std::vector<std::pair<Offset, std::string>> ReadUncommitted(const TopicPartition& where, Offset from,
                                                              Offset end) override;

 private:
  class StderrLog final : public LogSink {
   public:
    void Log(LogLevel level, const std::string& message) override;
  };

  StderrLog log_;
  std::unique_ptr<kafka::Client> client_;
  rd_kafka_t* reader_ = nullptr;  // Reads uncommitted records, which the ports cannot.
};

}  // namespace once::fidelity

#endif  // ONCE_TESTS_FIDELITY_BROKER_SIDE_H_
