// Code of docs/claim_check.md, which runs.
#include "once/claim_check.h"

#include <gtest/gtest.h>

#include "examples/order_totals/orders.pb.h"
#include "once/cloud_events.h"
#include "once/in_memory_blob_store.h"
#include "once/testing.h"
#include "once/topology.h"

namespace {

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

absl::StatusOr<once::Topology> BuildWith(std::shared_ptr<once::BlobStore> store) {
  once::TopologyBuilder builder("order-totals");
  auto orders = builder.AddSource("orders", {.topic = "orders"});
  auto large = builder.AddSink<OrderPlaced>("large", {.topic = "large-orders"}, once::ClaimCheck<OrderPlaced>(store));
  builder.DeadLetterTo("orders.dlq");
  builder.AddTransform("route").EmitsTo(large).On<OrderPlaced>(orders, once::ClaimCheck<OrderPlaced>(store),
                                                               [large](const OrderPlaced& order, auto& event) {
                                                                 event.Emit(large, order);
                                                                 return absl::OkStatus();
                                                               });
  return std::move(builder).Build();
}

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  auto store = once::OpenBlobStore(once::BlobStoreOptionsFrom(config));
  if (!store.ok()) return store.status();
  return BuildWith(*store);
}

TEST(ClaimCheckDocTest, ATopologyIsTestedWithAStoreInMemory) {
  auto store = std::make_shared<once::InMemoryBlobStore>();
  once::TopologyTestDriver driver([&](const once::Config&) { return BuildWith(store); });
  OrderPlaced order;
  order.set_order_id(std::string(1'000'000, 'x'));
  driver.Send("orders", "alice", order);
  driver.RunUntilIdle();
  EXPECT_EQ(store->names().size(), 1);
  EXPECT_LT(driver.Read<once::Bytes>("large-orders")[0].value->data.size(), 100);
}

TEST(ClaimCheckDocTest, FormatsStandWithinAndValuesAreFetchedWhereTheyAreWanted) {
  auto store = std::make_shared<once::InMemoryBlobStore>();
  once::TopologyBuilder builder("lazy");
  auto orders = builder.AddSource("orders", {.topic = "orders"});
  auto large = builder.AddSink<OrderPlaced>(
      "large", {.topic = "large-orders"},
      once::ClaimCheck<OrderPlaced>(once::CloudEvents<OrderPlaced>({.source = "/orders"}), store,
                                    {.inline_bytes = 100'000, .missing = once::BlobTrouble::kRetry}));
  builder.DeadLetterTo("orders.dlq");
  builder.AddTransform("route").EmitsTo(large).On<once::Claimed<OrderPlaced>>(
      orders, once::LazyClaimCheck<OrderPlaced>(store),
      [large](const once::Claimed<OrderPlaced>& order, auto& event) -> absl::Status {
        if (order.bytes() > 10'000'000) return absl::OkStatus();  // It is not fetched.
        const absl::StatusOr<const OrderPlaced*> fetched = order.Get();
        if (!fetched.ok()) return fetched.status();
        event.Emit(large, **fetched);
        return absl::OkStatus();
      });
  EXPECT_TRUE(std::move(builder).Build().ok());
}

TEST(ClaimCheckDocTest, WithoutAStoreOnlyAStartIsRefused) {
  EXPECT_TRUE(Build(once::Config()).ok());
  once::TopologyTestDriver driver(Build);
  EXPECT_NE(std::string(driver.status().message()).find("set claim_store_directory"), std::string::npos);
}

}  // namespace
