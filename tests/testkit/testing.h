// Tests of a topology, as "once/testing.h": TopologyTestDriver runs it on a Kafka in memory. Link
// //tests/testkit:testing.
#ifndef ONCE_TESTS_TESTKIT_TESTING_H_
#define ONCE_TESTS_TESTKIT_TESTING_H_

#include "tests/testkit/topology_test_driver.h"

#endif  // ONCE_TESTS_TESTKIT_TESTING_H_
