// What the simulator's own runs and trials of any applications have in common: faults of a single pod, and what is not
// settled yet.
#ifndef ONCE_TESTS_SIM_POD_FAULTS_H_
#define ONCE_TESTS_SIM_POD_FAULTS_H_

#include <string>
#include <vector>

#include "processor/engine/plan.h"
#include "tests/sim/network.h"
#include "tests/sim/pod.h"
#include "tests/sim/random.h"
#include "tests/sim/scenario.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

// False, and nothing is done, if the fault is none of a pod, its disk or its calls. `pod` and `network` must outlive
// the run, since a fault may end later.
bool HitPod(const ScheduledFault& fault, const Plan& plan, SimPod* pod, Network* network, Random* random);

// The group throws one of its members out, if it has any.
void ExpireAnyMember(const std::string& application_id, testkit::MemoryCluster* cluster, Random* random);

// In words, the first transaction that is open, or partition that the application has not committed to its end; empty if
// there is none.
std::string FindUnsettled(const Plan& plan, const testkit::MemoryCluster& cluster);

// 0: there is no such topic.
int32_t CountPartitions(const std::string& topic, const testkit::MemoryCluster& cluster);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_POD_FAULTS_H_
