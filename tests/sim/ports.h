// The Kafka ports of one simulated process: those of the cluster in memory, behind the simulated network.
#ifndef ONCE_TESTS_SIM_PORTS_H_
#define ONCE_TESTS_SIM_PORTS_H_

#include <memory>

#include "processor/kafka/kafka.h"
#include "tests/sim/network.h"

namespace once::sim {

// `process`, `network` and `inner` must outlive the client and all it makes.
std::unique_ptr<kafka::Client> MakeSimClient(Process* process, Network* network, kafka::Client* inner);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_PORTS_H_
