// What dispatch, contexts and runners cost per event beside protobuf's own work: order_totals' handler, and the same
// parsing and serialising by hand.
#include <cstdint>
#include <string>

#include "benchmark/benchmark.h"
#include "examples/order_totals/orders.pb.h"
#include "examples/order_totals/topology.h"
#include "processor/topology/dispatch.h"

namespace once {
namespace {

constexpr char kKey[] = "customer-000123";
constexpr int kEventsPerArena = 1000;

std::string Order() {
  orders::v1::OrderPlaced order;
  order.set_order_id("order-00001234");
  order.set_customer_id(kKey);
  order.set_cents(123);
  return order.SerializeAsString();
}

std::string Total() {
  orders::v1::CustomerTotal total;
  total.set_customer_id(kKey);
  total.set_order_count(5);
  total.set_cents(12345);
  return total.SerializeAsString();
}

class OneState final : public StateReader {
 public:
  absl::StatusOr<OptionalBytes> Read(uint16_t, std::string_view) override { return OptionalBytes(bytes_); }

 private:
  const std::string bytes_ = Total();
};

void BM_Handler(benchmark::State& state) {
  const Topology topology = *BuildOrderTotals(Config());
  const Dispatcher dispatcher(topology.graph());
  OneState store;
  Arena arena;
  NullLogSink log;
  EventContext context(&store, &arena, &log);
  const std::string value = Order();
  const std::string topic = "orders";
  RecordView record;
  record.key = kKey;
  record.value = value;
  int events = 0;
  for (auto _ : state) {
    const Dispatcher::Choice choice = dispatcher.Choose(0, std::nullopt, true);
    context.Start(record, {.topic = &topic, .id = {}, .type = choice.type, .attempt = 1, .now = {}});
    for (const Dispatcher::Step& step : choice.steps) {
      context.set_node(step.node);
      benchmark::DoNotOptimize(step.runner->Run(context));
    }
    if (++events % kEventsPerArena == 0) arena.Reset();
  }
}
BENCHMARK(BM_Handler);

void BM_ProtobufAlone(benchmark::State& state) {
  const std::string value = Order(), stored = Total(), key = kKey;
  orders::v1::OrderPlaced order;
  orders::v1::CustomerTotal total;
  Arena arena;
  int events = 0;
  for (auto _ : state) {
    order.ParseFromArray(value.data(), static_cast<int>(value.size()));
    total.ParseFromArray(stored.data(), static_cast<int>(stored.size()));
    total.set_customer_id(key);
    total.set_order_count(total.order_count() + 1);
    total.set_cents(total.cents() + order.cents());
    benchmark::DoNotOptimize(Codec<orders::v1::CustomerTotal>::Encode(total, &arena));
    benchmark::DoNotOptimize(Codec<orders::v1::CustomerTotal>::Encode(total, &arena));
    if (++events % kEventsPerArena == 0) arena.Reset();
  }
}
BENCHMARK(BM_ProtobufAlone);

void BM_CheckKey(benchmark::State& state) {
  const Topology topology = *BuildOrderTotals(Config());
  const std::string key(static_cast<size_t>(state.range(0)), 'k');
  for (auto _ : state) benchmark::DoNotOptimize(topology.graph().sources[0].check_key(key));
}
BENCHMARK(BM_CheckKey)->Arg(8)->Arg(36);

}  // namespace
}  // namespace once

BENCHMARK_MAIN();
