// Codecs of the user's that do less than they might, and such as end their process.
#include <gmock/gmock.h>

#include <functional>
#include <map>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "processor/base/strings.h"
#include "processor/runtime/worker.h"
#include "tests/driver/scripted.h"

namespace once {
namespace {

using ::testing::HasSubstr;

// Items that are added as they are read, and a number that is set only where there is one: as a reader of JSON does it.
struct Partial {
  int64_t number = 0;
  std::vector<std::string> items = {};
};

// A key whose codec tells the test of each call.
struct Watched {
  std::string text = {};
};
std::function<void(const std::string& call, const std::string& key)> g_watch;

}  // namespace

template <>
struct Codec<Partial> {
  static std::string TypeName() { return "Partial"; }
  static absl::Status Decode(std::string_view bytes, Partial* value) {
    for (const absl::string_view field : absl::StrSplit(ToAbsl(bytes), ',', absl::SkipEmpty())) {
      int64_t number = 0;
      if (field == "bad") return absl::DataLossError("bad");
      absl::SimpleAtoi(field, &number) ? void(value->number = number) : value->items.push_back(std::string(field));
    }
    return absl::OkStatus();
  }
  static std::string_view Encode(const Partial& value, Arena* arena) { return arena->Copy(ToText(value)); }
  static std::string ToText(const Partial& value) {
    std::vector<std::string> fields = value.items;
    if (value.number != 0) fields.insert(fields.begin(), absl::StrCat(value.number));
    return absl::StrJoin(fields, ",");
  }
  static absl::StatusOr<Partial> FromText(const std::string&) { return Partial{}; }
};

template <>
struct Codec<Watched> {
  static std::string TypeName() { return "Watched"; }
  static absl::Status Decode(std::string_view bytes, Watched* value) {
    value->text.assign(bytes);
    if (g_watch) g_watch("decode", value->text);
    return absl::OkStatus();
  }
  static std::string_view Encode(const Watched& value, Arena* arena) { return arena->Copy(value.text); }
  static std::string ToText(const Watched& value) {
    if (g_watch) g_watch("text", value.text);
    return absl::StrCat("<", value.text, ">");
  }
  static absl::StatusOr<Watched> FromText(const std::string& text) { return Watched{text}; }
};

namespace {

absl::StatusOr<Topology> BuildPartials(const Config&) {
  TopologyBuilder builder("partials");
  auto in = builder.AddSource("in", {.topic = "in"});
  auto keys = builder.AddSource<Partial>("keys", {.topic = "keys"});
  auto out = builder.AddSink<std::string>("out", {.topic = "out"});
  auto of_keys = builder.AddSink<std::string, Partial>("of_keys", {.topic = "of_keys"});
  builder.DeadLetterTo("dlq");
  builder.AddAggregate<Partial>("sum").EmitsTo(out).On<Partial>(in, [out](const Partial& read, auto& sum) {
    sum.Emit(out, absl::StrCat(Codec<Partial>::ToText(read), " to ", Codec<Partial>::ToText(sum.state())));
    sum.mutable_state()->number += read.number;
    for (const std::string& item : read.items) sum.mutable_state()->items.push_back(item);
    return absl::OkStatus();
  });
  builder.AddTransform<Partial>("show").EmitsTo(of_keys).On<std::string>(keys, [of_keys](const auto&, auto& event) {
    event.Emit(of_keys, Codec<Partial>::ToText(event.key()));
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

std::vector<std::string> Values(TopologyTestDriver& driver, const std::string& topic) {
  std::vector<std::string> values;
  for (const auto& record : driver.Read<std::string>(topic)) values.push_back(record.value.value_or(""));
  return values;
}

TEST(CodecsTest, X3NothingOfTheEventBeforeIsLeftWhenTheNextIsDecoded) {
  TopologyTestDriver driver(BuildPartials);
  for (const auto& [key, value] : std::vector<std::pair<std::string, std::string>>{
           {"alice", "7,x"}, {"bob", "2"}, {"carol", "y"}, {"dave", "9,z,bad"}, {"alice", "1"}, {"bob", "w"}}) {
    driver.SendBytes("in", key, value);
  }
  for (const std::string key : {"7,x", "2", "y", "3,bad", "z"}) driver.SendBytes("keys", key, "v");
  driver.RunUntilIdle();
  ASSERT_TRUE(driver.status().ok()) << driver.status();
  EXPECT_EQ(Values(driver, "out"), (std::vector<std::string>{"7,x to ", "2 to ", "y to ", "1 to 7,x", "w to 2"}));
  EXPECT_EQ(Values(driver, "of_keys"), (std::vector<std::string>{"7,x", "2", "y", "z"}));
  EXPECT_EQ(driver.StateBytes("sum", "alice"), "8,x");
  EXPECT_EQ(driver.StateBytes("sum", "bob"), "2,w");
  EXPECT_EQ(driver.StateBytes("sum", "carol"), "y");
}

// An aggregate with such keys, whose handler fails orders of -1, for now those of -2.
TopologyTestDriver::Factory WatchedKeys(FailureAction then) {
  return [then](const Config&) -> absl::StatusOr<Topology> {
    TopologyBuilder builder("watched");
    auto orders = builder.AddSource<Watched>("orders", {.topic = "orders"});
    auto out = builder.AddSink<std::string, Watched>("out", {.topic = "out"});
    builder.DeadLetterTo("orders.dlq");
    builder.AddAggregate<CustomerTotal, Watched>("customer")
        .EmitsTo(out)
        .WithPolicy({.then = then})
        .template On<OrderPlaced>(orders, [out](const OrderPlaced& order, auto& customer) {
          if (order.cents() == -1) return absl::InvalidArgumentError("no");
          if (order.cents() == -2) return absl::UnavailableError("not now");
          customer.Emit(out, customer.key().text);
          return absl::OkStatus();
        });
    return std::move(builder).Build();
  };
}

class WatchedKeysTest : public testing::Test {
 protected:
  ~WatchedKeysTest() override { g_watch = nullptr; }

  void Send(const std::string& key, int64_t cents) {
    driver_->SendBytes("orders", key, Order(cents).SerializeAsString(), {.event_id = std::to_string(++sent_)});
  }

  std::unique_ptr<TopologyTestDriver> driver_;
  int sent_ = 0;
};

// What ended the process would end it again, whatever part of the user's code it was: all that is blamed meets none.
TEST_F(WatchedKeysTest, X3ABlamedEventMeetsNoneOfTheUsersCode) {
  for (const FailureAction then : {FailureAction::kBlockAggregate, FailureAction::kSkip, FailureAction::kStop}) {
    DriverOptions options;
    options.engine.crash_suspects = {{{{"orders", Partition(0)}, Offset(1)}, "the process ended 4 times"}};
    driver_ = std::make_unique<TopologyTestDriver>(WatchedKeys(then), options);
    std::vector<std::string> calls;
    g_watch = [&](const std::string& call, const std::string& key) {
      if (key == "bob\n") calls.push_back(call);
    };
    Send("alice", 1);
    Send("bob\n", -1);
    if (then == FailureAction::kBlockAggregate) Send("bob\n", 5);
    driver_->RunUntilIdle();
    EXPECT_TRUE(calls.empty()) << testing::PrintToString(calls);
    g_watch = nullptr;
    EXPECT_EQ(Values(*driver_, "out"), std::vector<std::string>{"alice"});
    if (then == FailureAction::kStop) {
      EXPECT_THAT(driver_->status().ToString(), HasSubstr("(key \"bob\\x0a\") failed in \"customer\""));
      continue;
    }
    ASSERT_TRUE(driver_->status().ok()) << driver_->status();
    ASSERT_EQ(driver_->dead_letters().size(), then == FailureAction::kBlockAggregate ? 2 : 1);
    for (const DeadLetterRecord& letter : driver_->dead_letters()) {
      EXPECT_EQ(letter.headers.at("once.aggregate"), "bob\\x0a");
      EXPECT_EQ(letter.message, "the process ended 4 times");
    }
  }
}

TEST_F(WatchedKeysTest, X3ABlamedEventIsNotTriedAgainWhateverPasses) {
  DriverOptions options;
  options.engine.crash_suspects = {{{{"orders", Partition(0)}, Offset(0)}, "the process ended 4 times"}};
  auto script = NewScript();
  script->policy.transient_codes = {absl::StatusCode::kInternal};
  TopologyTestDriver driver(Scripted(script), options);
  driver.Send("orders", "bob", Order(1), {.event_id = "1"});
  driver.RunUntilIdle();
  EXPECT_EQ(Letters(driver), "FAILED:1");
}

// So that whatever hangs there is seen (R8), and whatever ends the process is known by its event.
TEST_F(WatchedKeysTest, R8CodecsOfKeysAreWatchedAsHandlersAre) {
  driver_ = std::make_unique<TopologyTestDriver>(WatchedKeys(FailureAction::kBlockAggregate));
  std::map<std::string, int> seen;
  g_watch = [&](const std::string& call, const std::string& key) {
    const auto at = driver_->worker().handler_watch().Look();
    ASSERT_TRUE(at.has_value()) << call << " of " << key;
    EXPECT_EQ(at->key, key) << call;
    ++seen[call + " " + key];
  };
  Send("alice", 1);
  Send("bob", -1);
  Send("bob", 2);
  Send("carol", -2);
  Send("carol", 3);
  driver_->RunUntilIdle();
  driver_->AdvanceTime(absl::Seconds(1));
  ASSERT_TRUE(driver_->status().ok()) << driver_->status();
  EXPECT_GT(seen["decode alice"], 0);
  EXPECT_GT(seen["text bob"], 0);
  EXPECT_GT(seen["text carol"], 0);
  EXPECT_FALSE(driver_->worker().handler_watch().Look().has_value());
  EXPECT_EQ(Letters(*driver_), "FAILED:2 BLOCKED:3");
  for (const DeadLetterRecord& letter : driver_->dead_letters())
    EXPECT_EQ(letter.headers.at("once.aggregate"), "<bob>");
}

// A follower is told of without its key's codec, also when it comes after a restart.
TEST_F(WatchedKeysTest, X3FollowersAreToldOfByTheHeadsText) {
  driver_ = std::make_unique<TopologyTestDriver>(WatchedKeys(FailureAction::kBlockAggregate));
  Send("bob", -1);
  driver_->RunUntilIdle();
  driver_->CrashAndLoseDisk();
  g_watch = [](const std::string& call, const std::string& key) { ADD_FAILURE() << call << " of " << key; };
  Send("bob", 2);
  driver_->RunUntilIdle();
  EXPECT_EQ(Letters(*driver_), "FAILED:1 BLOCKED:2");
  EXPECT_EQ(driver_->dead_letters()[1].headers.at("once.aggregate"), "<bob>");
}

// Where nothing but the cluster remembers: each process is another instance.
TEST_F(WatchedKeysTest, X3AKeyWhoseCodecEndsTheProcessIsFoundOut) {
  for (const std::string deadly : {"decode", "text"}) {
    driver_ = std::make_unique<TopologyTestDriver>(WatchedKeys(FailureAction::kBlockAggregate));
    sent_ = 0;
    bool has_died = false;
    // From here on the process does nothing that counts.
    g_watch = [&](const std::string& call, const std::string& key) {
      if (key != "bob" || call != deadly) return;
      has_died = true;
      for (const std::string& member : driver_->cluster().Members("watched")) driver_->cluster().ExpireMember(member);
    };
    Send("alice", 1);
    Send("bob", -1);
    Send("carol", 3);
    Send("bob", 4);
    int deaths = 0;
    for (; deaths < 20; ++deaths) {
      has_died = false;
      for (int turn = 0; turn < 3000 && !has_died; ++turn) {
        driver_->worker().RunOnce();
        driver_->clock().Advance(absl::Milliseconds(5));
      }
      if (!has_died) break;
      driver_->TakeOver();
    }
    EXPECT_EQ(deaths, 5) << deadly;
    EXPECT_EQ(Values(*driver_, "out"), (std::vector<std::string>{"alice", "carol"})) << deadly;
    EXPECT_EQ(Letters(*driver_), "FAILED:2 BLOCKED:4") << deadly;
  }
}

}  // namespace
}  // namespace once
