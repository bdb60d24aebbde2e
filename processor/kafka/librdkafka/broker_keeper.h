// Sees to it that a librdkafka instance does not end up without brokers.
#ifndef ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_BROKER_KEEPER_H_
#define ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_BROKER_KEEPER_H_

#include <librdkafka/rdkafka.h>

#include <atomic>
#include <cstdint>
#include <string>

namespace once::kafka {

// librdkafka 2.14 (2.8 does not) forgets a broker that a metadata answer does not name, and a broker that was stopped
// for long names none for a moment. Where answers with and without brokers alternate, the instance is left with none,
// and asks nobody any more: not even bootstrap_servers (found by chaos; tests/kafka/librdkafka_brokers_test shows it).
// So when there was trouble and no broker is connected, bootstrap_servers are given to the instance again, which does
// nothing where they are known. Thread-safe.
class BrokerKeeper {
 public:
  // Something about a connection went wrong: looks are worth while for a minute from now.
  void NoteTrouble();

  // Whether a look is due: next to nothing without trouble, and seldom with it.
  bool IsDue();
  // A look. `topic`: one that the instance uses, or empty for an instance that has just failed to reach anybody.
  void Look(rd_kafka_t* rk, const std::string& bootstrap_servers, const std::string& topic);

 private:
  // Nanoseconds of the steady clock; 0: never.
  std::atomic<int64_t> troubled_until_{0};
  std::atomic<int64_t> next_look_{0};
  std::atomic<int64_t> pause_{0};
};

}  // namespace once::kafka

#endif  // ONCE_PROCESSOR_KAFKA_LIBRDKAFKA_BROKER_KEEPER_H_
