// Orders for the tests that drive examples/order_totals.
#ifndef ONCE_TESTS_DRIVER_ORDERS_H_
#define ONCE_TESTS_DRIVER_ORDERS_H_

#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/topology.h"
#include "gtest/gtest.h"
#include "tests/testkit/topology_test_driver.h"

namespace once {

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

OrderPlaced Order(int64_t cents);

// "alice:1:100 alice:2:300": customer, count and cents of each output, in order.
std::string Totals(const TopologyTestDriver& driver);

// "FAILED:2 BLOCKED:3": disposition and event ID of each dead letter, in order.
std::string Letters(const TopologyTestDriver& driver);

// Copies a dead letter to where it came from, as any tool would: key, value and headers as they are.
void SendBack(TopologyTestDriver* driver, size_t index, const std::string& source = "orders");

// A transaction of somebody else's with one record, of key "carol", in partition 0 of `topic`; open.
struct OthersTransaction {
  std::unique_ptr<kafka::Client> client;
  std::unique_ptr<kafka::TransactionalProducer> producer;
};

OthersTransaction OpenByOthers(TopologyTestDriver* driver, const std::string& topic);

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_ORDERS_H_
