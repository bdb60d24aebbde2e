#include "tests/driver/orders.h"

#include <map>
#include <utility>

#include "absl/time/time.h"

namespace once {

OrderPlaced Order(int64_t cents) {
  OrderPlaced order;
  order.set_cents(cents);
  return order;
}

std::string Totals(const TopologyTestDriver& driver) {
  std::string text;
  for (const ReadRecord<CustomerTotal>& record : driver.Read<CustomerTotal>("customer-totals")) {
    if (!text.empty()) text += " ";
    text +=
        record.key + ":" + std::to_string(record.value->order_count()) + ":" + std::to_string(record.value->cents());
  }
  return text;
}

std::string Letters(const TopologyTestDriver& driver) {
  std::string text;
  for (const DeadLetterRecord& letter : driver.dead_letters()) {
    if (!text.empty()) text += " ";
    const auto id = letter.headers.find("ce_id");
    text += letter.disposition + ":" + (id == letter.headers.end() ? "?" : id->second);
  }
  return text;
}

void SendBack(TopologyTestDriver* driver, size_t index, const std::string& source) {
  const testkit::MemoryRecord letter = driver->cluster().ReadCommitted("orders.dlq")[index];
  driver->cluster().Append(source, kAnyPartition, letter.key, letter.value, letter.headers);
  driver->RunUntilIdle();
}

OthersTransaction OpenByOthers(TopologyTestDriver* driver, const std::string& topic) {
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
