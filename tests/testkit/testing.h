// Runs a topology in a test, on the engine that ships and a Kafka in memory: once::TopologyTestDriver.
#ifndef ONCE_TESTS_TESTKIT_TESTING_H_
#define ONCE_TESTS_TESTKIT_TESTING_H_

#include "tests/testkit/topology_test_driver.h"

#endif  // ONCE_TESTS_TESTKIT_TESTING_H_
