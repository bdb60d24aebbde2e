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

inline OrderPlaced Order(int64_t cents) {
  OrderPlaced order;
  order.set_cents(cents);
  return order;
}

// "alice:1:100 alice:2:300": customer, count and cents of each output, in order.
inline std::string Totals(const TopologyTestDriver& driver) {
  std::string text;
  for (const ReadRecord<CustomerTotal>& record : driver.Read<CustomerTotal>("customer-totals")) {
    if (!text.empty()) text += " ";
    text +=
        record.key + ":" + std::to_string(record.value->order_count()) + ":" + std::to_string(record.value->cents());
  }
  return text;
}

// "FAILED:2 BLOCKED:3": disposition and event ID of each dead letter, in order.
inline std::string Letters(const TopologyTestDriver& driver) {
  std::string text;
  for (const DeadLetterRecord& letter : driver.dead_letters()) {
    if (!text.empty()) text += " ";
    const auto id = letter.headers.find("ce_id");
    text += letter.disposition + ":" + (id == letter.headers.end() ? "?" : id->second);
  }
  return text;
}

// Copies a dead letter to where it came from, as any tool would: key, value and headers as they are.
inline void SendBack(TopologyTestDriver* driver, size_t index, const std::string& source = "orders") {
  const testkit::MemoryRecord letter = driver->cluster().ReadCommitted("orders.dlq")[index];
  driver->cluster().Append(source, kAnyPartition, letter.key, letter.value, letter.headers);
  driver->RunUntilIdle();
}

// A transaction of somebody else's with one record, of key "carol", in partition 0 of `topic`; open.
struct OthersTransaction {
  std::unique_ptr<kafka::Client> client;
  std::unique_ptr<kafka::TransactionalProducer> producer;
};

inline OthersTransaction OpenByOthers(TopologyTestDriver* driver, const std::string& topic) {
  OthersTransaction others;
  others.client = driver->cluster().NewClient({.transaction_timeout = absl::InfiniteDuration()});
  others.producer = *others.client->NewProducer("others", {topic});
  EXPECT_TRUE(others.producer->InitTransactions(absl::Seconds(1)).ok());
  EXPECT_TRUE(others.producer->BeginTransaction().ok());
  OutputRecord record;
  record.partition = Partition(0);
  record.key = "carol";
  EXPECT_TRUE(others.producer->Send(record).ok());
  EXPECT_TRUE(others.producer->Flush(absl::Seconds(1)).ok());
  return others;
}

}  // namespace once

#endif  // ONCE_TESTS_DRIVER_ORDERS_H_
