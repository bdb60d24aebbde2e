// What commands show of events that no record can hold, and do with them: their values lie in a blob store.
#include <xxhash.h>

#include <string>
#include <vector>

#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "once/claim_check.h"
#include "once/in_memory_blob_store.h"
#include "tests/cli/shop.h"
#include "tests/driver/scripted.h"

namespace once::cli {
namespace {

using testing::HasSubstr;

struct Scene {
  Scene() {
    script->large_values = KeepIn(blobs);
    script->handle = [this](const OrderPlaced& order) {
      return order.cents() == broken ? absl::InvalidArgumentError("broken") : absl::OkStatus();
    };
  }
  std::shared_ptr<InMemoryBlobStore> blobs = std::make_shared<InMemoryBlobStore>();
  std::shared_ptr<Script> script = NewScript();
  int64_t broken = 1;
};

class KeptValuesTest : private Scene, public ApplicationTest {
 protected:
  KeptValuesTest() : ApplicationTest(Scripted(script), 1) {
    for (const char* topic : {"scripted-orders-changelog", "orders.dlq"}) {
      driver_.cluster().SetTopicSetting(topic, "max.message.bytes", "20000");
    }
    driver_.Restart(build_);
    for (int i = 1; i <= 2; ++i) {
      driver_.Send("orders", "bob", Large(i), {.event_id = absl::StrCat(i)});
    }
    driver_.RunUntilIdle();
  }
  static OrderPlaced Large(int cents) {
    OrderPlaced order = Order(cents);
    order.set_order_id("long" + std::string(30'000, 'o'));
    return order;
  }
  // As the audit has it.
  static std::string Hash(const OrderPlaced& order) {
    const std::string bytes = order.SerializeAsString();
    XXH128_canonical_t canonical;
    XXH128_canonicalFromHash(&canonical, XXH3_128bits(bytes.data(), bytes.size()));
    return std::string(reinterpret_cast<const char*>(canonical.digest), sizeof(canonical.digest));
  }
  using Scene::blobs;
  using Scene::broken;
};

TEST_F(KeptValuesTest, AreShownWhole) {
  EXPECT_EQ(blobs->puts(), 2);
  EXPECT_EQ(Run({"parked", "show", "customer", "bob", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"order_id\":\"longooooo"));
  EXPECT_THAT(console_.out, HasSubstr("\"omitted\":false"));
  EXPECT_EQ(Run({"dlq", "show", "0/0", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"order_id\":\"longooooo"));
  const int64_t gets = blobs->gets();
  EXPECT_EQ(Run({"dlq", "list", "--values"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("(kept)"));
  EXPECT_EQ(blobs->gets(), gets) << "a list asks no store";
}

TEST_F(KeptValuesTest, AStoreThatIsDownIsSaid) {
  blobs->set_down(true);
  EXPECT_EQ(Run({"parked", "show", "customer", "bob"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("1. event 1"));
  EXPECT_THAT(console_.out, HasSubstr("(in the blob store: UNAVAILABLE: the blob store is down)"));
}

TEST_F(KeptValuesTest, AreReleasedAndSentBack) {
  broken = 0;
  EXPECT_EQ(Do({"dlq", "redrive", "--all", "--disposition=failed"}), kExitDone) << console_.err;
  driver_.RunUntilIdle();
  EXPECT_EQ(Totals(driver_), "bob:1:1 bob:2:3");
  EXPECT_EQ(driver_.Parked("bob"), 0);
}

// The audit has the hash of the whole value before, and what follows refers to nothing.
TEST_F(KeptValuesTest, AreReplaced) {
  console_.files["v.json"] = R"({"cents": "7"})";
  const auto replace = [&] { return Do({"parked", "replace", "customer", "bob", "--value=v.json"}); };
  EXPECT_EQ(replace(), kExitDone) << console_.err;
  EXPECT_EQ(driver_.audit().back().result.hash_before(), Hash(Large(1)));
  EXPECT_EQ(driver_.audit().back().result.hash_after().size(), 16u);
  EXPECT_EQ(Run({"parked", "show", "customer", "bob", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"value\":{\"cents\":\"7\"}"));
  const size_t reference = console_.out.find("once.kept");
  EXPECT_GT(reference, console_.out.find("\"place\":2")) << "the one behind it has one still";
  broken = 0;
  EXPECT_EQ(Do({"parked", "release", "customer", "bob"}), kExitDone) << console_.err;
  driver_.RunUntilIdle();
  EXPECT_EQ(Totals(driver_), "bob:1:7 bob:2:9");
}

// Whose value is its own, whatever its headers say.
TEST_F(KeptValuesTest, AReferenceThatAnEventBringsAlongIsNone) {
  driver_.Send("orders", "carol", Order(1), {.event_id = "3", .headers = {{"once.kept", "mine"}}});
  driver_.RunUntilIdle();
  EXPECT_EQ(Run({"parked", "show", "customer", "carol", "--json"}), kExitDone) << console_.err;
  EXPECT_THAT(console_.out, HasSubstr("\"value\":{\"cents\":\"1\"}"));
}

}  // namespace
}  // namespace once::cli
