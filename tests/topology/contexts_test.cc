#include "processor/contexts.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include <memory>
#include <stdexcept>
#include <string>
#include <utility>
#include <vector>

#include "tests/topology/handler_harness.h"
#include "tests/topology/shop.pb.h"

namespace once {
namespace {

using test::Basket;
using test::Bought;
using ::testing::ElementsAre;
using ::testing::HasSubstr;
using ::testing::IsEmpty;
using ::testing::Pair;

std::string Item(const std::string& item, int64_t cents) {
  Bought bought;
  bought.set_item(item);
  bought.set_cents(cents);
  return Encoded(bought);
}

Basket BasketOf(int64_t cents) {
  Basket basket;
  basket.set_cents(cents);
  return basket;
}

// A topology with one aggregate that calls `handler` for every Bought, and two sinks.
template <typename MakeHandler>
HandlerHarness Aggregate(const MakeHandler& make_handler) {
  TopologyBuilder builder("app");
  auto source = builder.AddSource("bought", {.topic = "in"});
  auto baskets = builder.AddSink<Basket>("baskets", {.topic = "out"});
  auto counts = builder.AddSink<int64_t, int32_t>("counts", {.topic = "counts"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Basket>("customer").EmitsTo(baskets, counts).On<Bought>(source, make_handler(baskets, counts));
  auto topology = std::move(builder).Build();
  EXPECT_TRUE(topology.ok()) << topology.status();
  return HandlerHarness(*std::move(topology));
}

constexpr auto kOk = [](auto&&...) { return absl::OkStatus(); };

TEST(AggregateContextTest, StateBeginsWithTheDefaultAndIsKept) {
  std::vector<bool> existed;
  auto harness = Aggregate([&](auto, auto) {
    return [&existed](const Bought& bought, auto& customer) {
      existed.push_back(customer.exists());
      customer.mutable_state()->set_cents(customer.state().cents() + bought.cents());
      EXPECT_TRUE(customer.exists());
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.key = "a", .value = Item("tea", 5)}).ok());
  ASSERT_TRUE(harness.Run({.key = "b", .value = Item("tea", 1)}).ok());
  ASSERT_TRUE(harness.Run({.key = "a", .value = Item("tea", 6)}).ok());
  EXPECT_THAT(existed, ElementsAre(false, false, true));
  const std::pair<NodeIndex, std::string> a{0, "a"}, b{0, "b"};
  EXPECT_THAT(harness.states, ElementsAre(Pair(a, Encoded(BasketOf(11))), Pair(b, Encoded(BasketOf(1)))));
}

TEST(AggregateContextTest, ReadingWritesNothing) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought&, auto& customer) {
      EXPECT_EQ(customer.state().cents(), 0);
      EXPECT_FALSE(customer.exists());
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.value = Item("tea", 5)}).ok());
  EXPECT_EQ(harness.state_writes, 0);
}

TEST(AggregateContextTest, AnEmptyStateIsAStateAllTheSame) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought& bought, auto& customer) {
      if (bought.cents() == 1) customer.mutable_state();
      if (bought.cents() == 2) {
        EXPECT_TRUE(customer.exists());
      }
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.value = Item("tea", 1)}).ok());
  EXPECT_EQ(harness.states.size(), 1u);
  ASSERT_TRUE(harness.Run({.value = Item("tea", 2)}).ok());
}

TEST(AggregateContextTest, DeleteDeletesAndStartsAfresh) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought& bought, auto& customer) {
      if (bought.item() == "set") customer.mutable_state()->set_cents(bought.cents());
      if (bought.item() == "delete") customer.Delete();
      if (bought.item() == "restart") {
        customer.Delete();
        EXPECT_FALSE(customer.exists());
        EXPECT_EQ(customer.state().cents(), 0);
        customer.mutable_state()->set_items(bought.cents());
      }
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.value = Item("set", 5)}).ok());
  ASSERT_TRUE(harness.Run({.value = Item("restart", 2)}).ok());
  Basket expected;
  expected.set_items(2);
  EXPECT_EQ(harness.states.begin()->second, Encoded(expected));
  ASSERT_TRUE(harness.Run({.value = Item("delete", 0)}).ok());
  EXPECT_THAT(harness.states, IsEmpty());
}

TEST(AggregateContextTest, AStateThatCannotBeDecodedNamesStoreAndKey) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought& bought, auto& customer) {
      if (bought.item() == "delete") {
        customer.Delete();
      } else {
        customer.mutable_state()->set_cents(1);
      }
      return absl::OkStatus();
    };
  });
  harness.states[{0, "alice"}] = "\x0a\x7f";
  const absl::Status status = harness.Run({.key = "alice", .value = Item("tea", 5)});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the stored state of \"customer\", key \"alice\""));
  EXPECT_TRUE(harness.Run({.key = "alice", .value = Item("delete", 5)}).ok());
  EXPECT_THAT(harness.states, IsEmpty());
}

TEST(AggregateContextTest, AStoreErrorWinsOverTheHandlersVerdict) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought&, auto& customer) {
      customer.state();
      return absl::InvalidArgumentError("because the state looked empty");
    };
  });
  harness.read_error = absl::UnavailableError("disk");
  EXPECT_EQ(harness.Run({.value = Item("tea", 5)}).code(), absl::StatusCode::kUnavailable);
}

TEST(ContextTest, EmitsUnderTheOwnKeyOrAnother) {
  auto harness = Aggregate([](auto baskets, auto counts) {
    return [=](const Bought& bought, auto& customer) {
      customer.Emit(baskets, BasketOf(1));
      customer.Emit(baskets, BasketOf(2), {.headers = {{"why", "test"}, {"why", "twice"}}});
      customer.Emit(baskets, bought.item(), BasketOf(3));
      customer.Emit(counts, 7, 9);
      customer.EmitTombstone(baskets);
      customer.EmitTombstone(baskets, "gone", {.headers = {{"a", "b"}}});
      customer.EmitTombstone(counts, 8);
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.key = "alice", .value = Item("tea", 5)}).ok());
  ASSERT_EQ(harness.outputs.size(), 7u);
  const auto& out = harness.outputs;
  EXPECT_EQ(out[0].key, "alice");
  EXPECT_EQ(out[0].value, Encoded(BasketOf(1)));
  EXPECT_THAT(out[0].headers, IsEmpty());
  EXPECT_THAT(out[1].headers, ElementsAre(Pair("why", "test"), Pair("why", "twice")));
  EXPECT_EQ(out[2].key, "tea");
  EXPECT_EQ(out[2].value, Encoded(BasketOf(3)));
  EXPECT_EQ(out[3].sink, "counts");
  EXPECT_EQ(out[3].key, Encoded(int32_t{7}));
  EXPECT_EQ(out[3].value, Encoded(int64_t{9}));
  EXPECT_EQ(out[4].key, "alice");
  EXPECT_EQ(out[4].value, std::nullopt);
  EXPECT_EQ(out[5].key, "gone");
  EXPECT_THAT(out[5].headers, ElementsAre(Pair("a", "b")));
  EXPECT_EQ(out[6].key, Encoded(int32_t{8}));
}

TEST(ContextTest, OptionsAreToldFromAValue) {
  auto harness = Aggregate([](auto baskets, auto) {
    return [=](const Bought&, auto& customer) {
      EmitOptions options;
      options.headers = {{"h", "v"}};
      customer.Emit(baskets, BasketOf(1), options);
      customer.EmitTombstone(baskets, options);
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.key = "alice", .value = Item("tea", 5)}).ok());
  ASSERT_EQ(harness.outputs.size(), 2u);
  for (const TestOutput& output : harness.outputs) {
    EXPECT_EQ(output.key, "alice");
    EXPECT_THAT(output.headers, ElementsAre(Pair("h", "v")));
  }
}

TEST(ContextTest, ForwardIsUntouched) {
  auto harness = Aggregate([](auto baskets, auto) {
    return [=](const Bought&, auto& customer) {
      customer.Forward(baskets);
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.key = "alice", .value = Item("tea", 5)}).ok());
  ASSERT_EQ(harness.outputs.size(), 1u);
  EXPECT_TRUE(harness.outputs[0].forward);
  EXPECT_EQ(harness.outputs[0].value, Item("tea", 5));
}

TEST(ContextTest, ToldOfTheEvent) {
  int calls = 0;
  auto harness = Aggregate([&](auto, auto) {
    return [&calls](const Bought&, auto& customer) {
      ++calls;
      const EventMetadata event = customer.event();
      EXPECT_EQ(customer.key(), "alice");
      EXPECT_TRUE(customer.has_key());
      EXPECT_EQ(event.id(), "id-1");
      EXPECT_EQ(event.type(), "once.test.Bought");
      EXPECT_EQ(event.topic(), "in");
      EXPECT_EQ(event.partition(), 3);
      EXPECT_EQ(event.offset(), 42);
      EXPECT_EQ(event.attempt(), 4);
      EXPECT_EQ(event.timestamp(), absl::FromUnixMillis(1'700'000'000'123));
      EXPECT_EQ(event.header("x"), "last");
      EXPECT_EQ(event.header("null"), std::nullopt);
      EXPECT_EQ(event.header("absent"), std::nullopt);
      EXPECT_EQ(event.headers().size(), 4u);
      EXPECT_EQ(customer.now(), absl::FromUnixSeconds(1'700'000'001));
      return absl::OkStatus();
    };
  });
  TestEvent event{.key = "alice", .value = Item("tea", 5), .attempt = 4};
  event.headers = {{"ce_id", "id-1"}, {"x", "first"}, {"x", "last"}, {"null", std::nullopt}};
  ASSERT_TRUE(harness.Run(event).ok());
  EXPECT_EQ(calls, 1);
}

TEST(ContextTest, ARecordWithoutTimestampHasNone) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought&, auto& customer) {
      EXPECT_EQ(customer.event().timestamp(), absl::InfinitePast());
      return absl::OkStatus();
    };
  });
  ASSERT_TRUE(harness.Run({.value = Item("tea", 5), .timestamp_ms = -1}).ok());
}

TEST(ContextTest, AFailureLeavesNothing) {
  auto harness = Aggregate([](auto baskets, auto) {
    return [=](const Bought&, auto& customer) {
      customer.mutable_state()->set_cents(1);
      customer.Emit(baskets, BasketOf(1));
      return absl::InvalidArgumentError("no");
    };
  });
  EXPECT_EQ(harness.Run({.value = Item("tea", 5)}).code(), absl::StatusCode::kInvalidArgument);
  EXPECT_THAT(harness.states, IsEmpty());
  EXPECT_THAT(harness.outputs, IsEmpty());
}

TEST(ContextTest, ExceptionsAreInternal) {
  auto harness = Aggregate([](auto, auto) {
    return [](const Bought& bought, auto&) -> absl::Status {
      if (bought.cents() == 1) throw std::runtime_error("boom");
      throw 42;
    };
  });
  absl::Status status = harness.Run({.value = Item("tea", 1)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("boom"));
  status = harness.Run({.value = Item("tea", 2)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
}

TEST(ContextTest, AnUndecodableValueIsDataLossAndDoesNotReachTheHandler) {
  bool called = false;
  auto harness = Aggregate([&](auto, auto) {
    return [&called](const Bought&, auto&) {
      called = true;
      return absl::OkStatus();
    };
  });
  const absl::Status status = harness.Run({.value = "\x0a\x7f"});
  EXPECT_EQ(status.code(), absl::StatusCode::kDataLoss);
  EXPECT_THAT(std::string(status.message()), HasSubstr("once.test.Bought"));
  EXPECT_FALSE(called);
}

TEST(ContextTest, EmittingToAnUndeclaredSinkIsInternal) {
  TopologyBuilder builder("app");
  auto source = builder.AddSource("bought", {.topic = "in"});
  auto declared = builder.AddSink<Basket>("declared", {.topic = "out"});
  auto other = builder.AddSink<Basket>("other", {.topic = "other"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Basket>("customer").EmitsTo(declared).On<Bought>(source, [=](const Bought&, auto& customer) {
    customer.Emit(declared, BasketOf(1));
    customer.Emit(other, BasketOf(1));
    return absl::OkStatus();
  });
  builder.AddTransform("copy").EmitsTo(other).On<Bought>(source, kOk);
  HandlerHarness harness(*std::move(builder).Build());
  const absl::Status status = harness.Run({.value = Item("tea", 1)});
  EXPECT_EQ(status.code(), absl::StatusCode::kInternal);
  EXPECT_THAT(std::string(status.message()), HasSubstr("\"customer\" emits to a sink that its EmitsTo does not name"));
}

TEST(ContextTest, EmittingToASinkOfAnotherBuilderIsInternal) {
  TopologyBuilder elsewhere("elsewhere");
  auto foreign = elsewhere.AddSink<Basket>("foreign", {.topic = "out"});
  auto harness = Aggregate([&](auto, auto) {
    return [foreign](const Bought&, auto& customer) {
      customer.Emit(foreign, BasketOf(1));
      return absl::OkStatus();
    };
  });
  EXPECT_EQ(harness.Run({.value = Item("tea", 1)}).code(), absl::StatusCode::kInternal);
}

TEST(ContextTest, HandlersOfOneEventSeeEachOthersStateAndFailTogether) {
  TopologyBuilder builder("app");
  auto source = builder.AddSource("bought", {.topic = "in"});
  auto sink = builder.AddSink<Basket>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Basket>("customer")
      .EmitsTo(sink)
      .On<Bought>(source,
                  [](const Bought& bought, auto& customer) {
                    customer.mutable_state()->set_cents(bought.cents());
                    return absl::OkStatus();
                  })
      .OnAny(source, [sink](const Bytes& bytes, auto& customer) {
        EXPECT_FALSE(bytes.data.empty());
        customer.mutable_state()->set_items(customer.state().cents() + 1);
        customer.Emit(sink, customer.state());
        return absl::OkStatus();
      });
  builder.AddTransform("check").On<Bought>(source, [](const Bought& bought, auto&) {
    return bought.cents() > 100 ? absl::OutOfRangeError("too much") : absl::OkStatus();
  });
  HandlerHarness harness(*std::move(builder).Build());
  ASSERT_TRUE(harness.Run({.value = Item("tea", 5)}).ok());
  Basket expected = BasketOf(5);
  expected.set_items(6);
  EXPECT_EQ(harness.states.begin()->second, Encoded(expected));
  EXPECT_EQ(harness.outputs.at(0).value, Encoded(expected));
  EXPECT_EQ(harness.Run({.value = Item("tea", 500)}).code(), absl::StatusCode::kOutOfRange);
  EXPECT_EQ(harness.states.begin()->second, Encoded(expected));
}

TEST(TransformContextTest, TombstonesAndKeysOfOtherTypes) {
  TopologyBuilder builder("app");
  auto source = builder.AddSource<int64_t>("in", {.topic = "in"});
  auto sink = builder.AddSink<std::string>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform<int64_t>("route").EmitsTo(sink).OnTombstone(source, [sink](auto& event) {
    event.Emit(sink, absl::StrCat("k", event.key()), event.has_key() ? "keyed" : "keyless");
    return absl::OkStatus();
  });
  HandlerHarness harness(*std::move(builder).Build());
  ASSERT_TRUE(harness.Run({.key = Encoded(int64_t{12}), .value = std::nullopt}).ok());
  EXPECT_EQ(harness.outputs.at(0).key, "k12");
  EXPECT_EQ(harness.outputs.at(0).value, "keyed");
  ASSERT_TRUE(harness.Run({.key = std::nullopt, .value = std::nullopt}).ok());
  EXPECT_EQ(harness.outputs.at(0).key, "k0");
  EXPECT_EQ(harness.outputs.at(0).value, "keyless");
  const absl::Status status = harness.Run({.key = "short", .value = std::nullopt});
  EXPECT_EQ(status.code(), absl::StatusCode::kFailedPrecondition);
  EXPECT_THAT(std::string(status.message()), HasSubstr("the key \"short\" is no int64"));
}

TEST(TransformContextTest, EmittingForAKeylessEventKeepsTheKeyNull) {
  TopologyBuilder builder("app");
  auto source = builder.AddSource("in", {.topic = "in"});
  auto sink = builder.AddSink<Bought>("out", {.topic = "out"});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(sink).On<Bought>(source, [sink](const Bought& bought, auto& event) {
    event.Emit(sink, bought);
    return absl::OkStatus();
  });
  HandlerHarness harness(*std::move(builder).Build());
  ASSERT_TRUE(harness.Run({.key = std::nullopt, .value = Item("tea", 5)}).ok());
  EXPECT_EQ(harness.outputs.at(0).key, std::nullopt);
}

}  // namespace
}  // namespace once
