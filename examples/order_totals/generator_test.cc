#include <cstdint>
#include <map>
#include <string>
#include <tuple>
#include <vector>

#include "examples/order_totals/generator_load.h"
#include "examples/order_totals/orders.pb.h"
#include "gtest/gtest.h"

namespace orders::generator {
namespace {

using Sent = std::tuple<std::string, std::string, std::string, bool>;

Sent Of(const OrderEvent& event) { return {event.id, event.key, event.value, event.poison}; }

std::vector<Sent> SendAll(const LoadOptions& options) {
  const Load load(options);
  std::vector<Sent> sent;
  for (int64_t i = load.begin(); i < load.end(); ++i) {
    sent.push_back(Of(load.Order(i)));
    if (const auto earlier = load.DuplicateAfter(i)) sent.push_back(Of(load.Order(*earlier)));
  }
  return sent;
}

TEST(LoadTest, SameOptionsMakeTheSameRecords) {
  const LoadOptions options{.orders = 2000, .duplicates_percent = 20, .poison_percent = 5, .seed = 7};
  EXPECT_EQ(SendAll(options), SendAll(options));
}

TEST(LoadTest, AnotherSeedMakesOtherRecords) {
  EXPECT_NE(SendAll({.orders = 100, .seed = 1}), SendAll({.orders = 100, .seed = 2}));
}

TEST(LoadTest, AnOrderDoesNotDependOnWhereTheRunStarts) {
  const LoadOptions whole{.orders = 300, .poison_percent = 10, .keys = KeyChoice::kZipf};
  LoadOptions tail = whole;
  tail.start_index = 200;
  tail.orders = 100;
  const Load from_start(whole), from_200(tail);
  ASSERT_EQ(from_200.begin(), 200);
  ASSERT_EQ(from_200.end(), 300);
  for (int64_t i = 200; i < 300; ++i) EXPECT_EQ(Of(from_start.Order(i)), Of(from_200.Order(i)));
}

TEST(LoadTest, OrdersAreWellFormed) {
  const Load load({.orders = 1000, .customers = 50, .event_id_prefix = "e-"});
  for (int64_t i = 0; i < 1000; ++i) {
    const OrderEvent event = load.Order(i);
    v1::OrderPlaced order;
    ASSERT_TRUE(order.ParseFromString(event.value));
    EXPECT_EQ(event.id, "e-" + std::to_string(i));
    EXPECT_EQ(order.customer_id(), event.key);
    EXPECT_GT(order.cents(), 0);
    EXPECT_FALSE(event.poison);
  }
}

TEST(LoadTest, DuplicatesAreOfEarlierOrdersNearAndFar) {
  const Load load({.orders = 20'000, .start_index = 5'000, .duplicates_percent = 5});
  int64_t duplicates = 0, far = 0;
  for (int64_t i = load.begin(); i < load.end(); ++i) {
    const auto earlier = load.DuplicateAfter(i);
    if (!earlier.has_value()) continue;
    ++duplicates;
    ASSERT_GE(*earlier, load.begin());
    ASSERT_LE(*earlier, i);
    if (i - *earlier >= 100) ++far;
  }
  EXPECT_NEAR(static_cast<double>(duplicates), 1000, 150);
  EXPECT_NEAR(static_cast<double>(far), 500, 120);
}

TEST(LoadTest, NoDuplicatesUnlessAsked) {
  const Load load({.orders = 1000});
  for (int64_t i = 0; i < 1000; ++i) EXPECT_FALSE(load.DuplicateAfter(i).has_value());
}

struct PoisonCounts {
  int64_t negative = 0;
  int64_t zero = 0;
  int64_t undecodable = 0;
};

PoisonCounts CountPoison(const LoadOptions& options) {
  const Load load(options);
  PoisonCounts counts;
  for (int64_t i = load.begin(); i < load.end(); ++i) {
    const OrderEvent event = load.Order(i);
    v1::OrderPlaced order;
    const bool decoded = order.ParseFromString(event.value);
    EXPECT_EQ(event.poison, !decoded || order.cents() <= 0) << event.id;
    if (!decoded) ++counts.undecodable;
    if (decoded && order.cents() < 0) ++counts.negative;
    if (decoded && order.cents() == 0) ++counts.zero;
  }
  return counts;
}

TEST(LoadTest, PoisonIsNegativeByDefault) {
  const PoisonCounts counts = CountPoison({.orders = 20'000, .poison_percent = 10});
  EXPECT_NEAR(static_cast<double>(counts.negative + counts.zero), 2000, 200);
  EXPECT_EQ(counts.undecodable, 0);
}

TEST(LoadTest, KindsOfPoisonHaveEqualShares) {
  const PoisonCounts counts = CountPoison({.orders = 20'000, .poison_percent = 10, .poison_undecodable = true});
  EXPECT_NEAR(static_cast<double>(counts.negative), 1000, 150);
  EXPECT_NEAR(static_cast<double>(counts.undecodable), 1000, 150);
}

TEST(LoadTest, AllPoisonCanBeUndecodable) {
  const PoisonCounts counts =
      CountPoison({.orders = 100, .poison_percent = 100, .poison_negative = false, .poison_undecodable = true});
  EXPECT_EQ(counts.undecodable, 100);
}

std::map<std::string, int64_t> CountKeys(const LoadOptions& options) {
  const Load load(options);
  std::map<std::string, int64_t> counts;
  for (int64_t i = load.begin(); i < load.end(); ++i) ++counts[load.Order(i).key];
  return counts;
}

TEST(LoadTest, UniformKeysCoverAllCustomersEvenly) {
  const auto counts = CountKeys({.orders = 10'000, .customers = 10});
  ASSERT_EQ(counts.size(), 10u);
  for (const auto& [key, count] : counts) EXPECT_NEAR(static_cast<double>(count), 1000, 150) << key;
}

TEST(LoadTest, ZipfKeysFollowTheirExponent) {
  const auto counts = CountKeys({.orders = 20'000, .customers = 1000, .keys = KeyChoice::kZipf, .zipf_exponent = 1.0});
  // H(1000) = 7.485: shares of 13.4 % and 6.7 %.
  EXPECT_NEAR(static_cast<double>(counts.at("customer-0000000")), 2672, 250);
  EXPECT_NEAR(static_cast<double>(counts.at("customer-0000001")), 1336, 200);
}

TEST(ValidateTest, NamesTheFlagThatIsOutOfRange) {
  EXPECT_TRUE(Validate({}).ok());
  const std::vector<std::pair<LoadOptions, std::string>> cases = {
      {{.orders = 0}, "--orders=0"},
      {{.start_index = -1}, "--start_index=-1"},
      {{.start_index = INT64_MAX}, "--start_index="},
      {{.duplicates_percent = 101}, "--duplicates_percent=101"},
      {{.poison_percent = -1}, "--poison_percent=-1"},
      {{.poison_percent = 1, .poison_negative = false}, "--poison_kinds"},
      {{.customers = 0}, "--customers=0"},
      {{.zipf_exponent = 0}, "--zipf_exponent=0"},
  };
  for (const auto& [options, names] : cases) {
    const std::string message(Validate(options).message());
    EXPECT_NE(message.find(names), std::string::npos) << names << " in: " << message;
  }
}

}  // namespace
}  // namespace orders::generator
