// What commands show of events that no record can hold, and do with them: their values lie in a blob store.
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
using testing::Not;

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
      OrderPlaced order = Order(i);
      order.set_order_id("long" + std::string(30'000, 'o'));
      driver_.Send("orders", "bob", order, {.event_id = absl::StrCat(i)});
    }
    driver_.RunUntilIdle();
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

TEST_F(KeptValuesTest, AreReplaced) {
  console_.files["v.json"] = R"({"cents": "7"})";
  EXPECT_EQ(Do({"parked", "replace", "customer", "bob", "--value=v.json", "--release"}), kExitDone) << console_.err;
  driver_.RunUntilIdle();
  EXPECT_EQ(Totals(driver_), "bob:1:7 bob:2:9");
}

}  // namespace
}  // namespace once::cli
