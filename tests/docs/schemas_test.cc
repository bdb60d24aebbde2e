// Code of docs/schemas.md, which runs.
#include <gtest/gtest.h>

#include "examples/order_totals/orders.pb.h"
#include "once/cloud_events.h"
#include "once/in_memory_schema_registry.h"
#include "once/schema_avro.h"
#include "once/schema_formats.h"
#include "once/schema_registry.h"
#include "once/testing.h"
#include "once/topology.h"

namespace {

using orders::v1::CustomerTotal;
using orders::v1::OrderPlaced;

absl::Status CountOrder(const OrderPlaced& order, CustomerTotal* total) {
  total->set_cents(total->cents() + order.cents());
  return absl::OkStatus();
}

absl::StatusOr<once::Topology> BuildWith(std::shared_ptr<once::SchemaCache> registry) {
  once::TopologyBuilder builder("order-totals");
  auto orders = builder.AddSource("orders", {.topic = "orders"});
  auto totals = builder.AddSink<CustomerTotal>(
      "totals", {.topic = "customer-totals"},
      once::RegistryProtobuf<CustomerTotal>(registry, {.schema = {.use = once::SchemaUse::kRegister}}));
  builder.DeadLetterTo("orders.dlq");
  builder.AddAggregate<CustomerTotal>("customer")
      .EmitsTo(totals)
      .On<OrderPlaced>(orders, once::RegistryProtobuf<OrderPlaced>(registry),
                       [totals](const OrderPlaced& order, auto& customer) {
                         if (absl::Status counted = CountOrder(order, customer.mutable_state()); !counted.ok()) {
                           return counted;
                         }
                         customer.Emit(totals, customer.state());
                         return absl::OkStatus();
                       });
  return std::move(builder).Build();
}

absl::StatusOr<once::Topology> Build(const once::Config& config) {
  auto registry = once::ConnectSchemaRegistry(once::SchemaRegistryOptionsFrom(config));
  if (!registry.ok()) return registry.status();
  return BuildWith(*registry);
}

TEST(SchemasDocTest, ATopologyIsTestedWithARegistryInMemory) {
  auto registry = std::make_shared<once::InMemorySchemaRegistry>();
  auto cache = std::make_shared<once::SchemaCache>(registry, once::SchemaCacheOptions{.background = false});
  once::TopologyTestDriver driver([&](const once::Config&) { return BuildWith(cache); });
  ASSERT_TRUE(driver.status().ok()) << driver.status();

  // What a producer writes: its schema is registered, and the value names it.
  once::Arena arena;
  const auto format = once::RegistryProtobuf<OrderPlaced>(cache, {.schema = {.use = once::SchemaUse::kRegister}});
  const auto encoder = format->NewEncoder("orders");
  ASSERT_TRUE(encoder->CheckAtStart().ok());
  OrderPlaced order;
  order.set_cents(100);
  driver.Send("orders", "alice", once::Bytes{std::string(encoder->Encode(order, &arena).value())});
  driver.RunUntilIdle();
  EXPECT_EQ(driver.State<CustomerTotal>("customer", "alice")->cents(), 100);
  EXPECT_EQ(driver.Read<once::Bytes>("customer-totals").size(), 1);
}

TEST(SchemasDocTest, TheOtherFormatsAreNamedAlike) {
  auto cache = std::make_shared<once::SchemaCache>(std::make_shared<once::InMemorySchemaRegistry>());
  once::TopologyBuilder builder("formats");
  auto orders = builder.AddSource("orders", {.topic = "orders", .identify = once::StructuredCloudEvents()});
  auto totals = builder.AddSink<CustomerTotal>(
      "totals", {.topic = "customer-totals"},
      once::CloudEvents<CustomerTotal>({.source = "/order-totals", .mode = once::CloudEventMode::kStructured}));
  auto as_json =
      builder.AddSink<CustomerTotal>("json", {.topic = "totals-json"}, once::RegistryJson<CustomerTotal>(cache));
  auto as_avro =
      builder.AddSink<CustomerTotal>("avro", {.topic = "totals-avro"}, once::RegistryAvro<CustomerTotal>(cache));
  builder.DeadLetterTo("orders.dlq");
  const auto handler = [=](const OrderPlaced&, auto& event) {
    event.Emit(totals, CustomerTotal());
    event.Emit(as_json, CustomerTotal());
    event.Emit(as_avro, CustomerTotal());
    return absl::OkStatus();
  };
  builder.AddTransform("copy")
      .EmitsTo(totals, as_json, as_avro)
      .On<OrderPlaced>(orders, {"com.acme.order.placed"}, once::CloudEvents<OrderPlaced>(), handler);
  EXPECT_TRUE(std::move(builder).Build().ok());
}

TEST(SchemasDocTest, WithoutARegistryOnlyAStartIsRefused) {
  EXPECT_TRUE(Build(once::Config()).ok());
  once::TopologyTestDriver driver(Build);
  EXPECT_NE(std::string(driver.status().message()).find("set schema_registry_url"), std::string::npos);
}

}  // namespace
