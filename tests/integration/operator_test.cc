// order_totals as its own operator's tool, on a real broker: each command done, refused, and given what is wrong.
#include <csignal>
#include <filesystem>
#include <fstream>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "examples/order_totals/orders.pb.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr absl::Duration kTimeout = absl::Seconds(60);

struct Said {
  int code = -1;
  std::string out;
  std::string err;
};

std::string ReadAll(const std::string& path) {
  std::ifstream file(path);
  return {std::istreambuf_iterator<char>(file), {}};
}

std::string Quote(const std::string& text) {
  return absl::StrCat("'", absl::StrReplaceAll(text, {{"'", "'\\''"}}), "'");
}

// A shop with two partitions; its operator types commands at a shell.
class OperatorTest : public testing::Test {
 protected:
  OperatorTest() : scene_("operator") { scene_.CreateTopics(2); }

  void StartPod() {
    pod_ = scene_.StartPod({.instance = absl::StrCat("p", pods_++)});
    ASSERT_TRUE(Scene::Eventually([&] { return pod_->Log().find("runs from offset ") != std::string::npos; }))
        << pod_->Log();
  }

  Said Run(const std::vector<std::string>& words, const std::string& input = "/dev/null") {
    const std::string base = absl::StrCat(testing::TempDir(), "/operator-", commands_++);
    std::string line = Quote(std::filesystem::absolute("examples/order_totals/order_totals").string());
    for (const std::string& word : words) absl::StrAppend(&line, " ", Quote(word));
    for (const std::string& flag :
         {"--bootstrap_servers=" + scene_.bootstrap_servers(), "--input_topic=" + scene_.input(),
          "--output_topic=" + scene_.output(), "--dead_letter_topic=" + scene_.dead_letters()}) {
      absl::StrAppend(&line, " ", Quote(flag));
    }
    bool is_named = false;
    for (const std::string& word : words) is_named |= word.rfind("--application_id", 0) == 0;
    if (!is_named) absl::StrAppend(&line, " ", Quote("--application_id=" + scene_.application_id()));
    absl::StrAppend(&line, " < ", Quote(input), " > ", base, ".out 2> ", base, ".err");
    Process process({"/bin/bash", "-c", line}, {}, base + ".log");
    const std::optional<ExitState> ended = process.Wait(kTimeout);
    Said said{.out = ReadAll(base + ".out"), .err = ReadAll(base + ".err")};
    if (ended.has_value() && ended->code.has_value()) said.code = *ended->code;
    return said;
  }
  Said Do(std::vector<std::string> words, const std::string& input = "/dev/null") {
    words.push_back("--yes");
    words.push_back("--json");
    return Run(words, input);
  }

  // Orders of a customer by their cents, in partition 0; "CUSTOMER/INDEX" is the event's ID.
  void Place(const std::string& customer, const std::vector<int64_t>& all_cents) {
    auto producer = scene_.client().NewProducer(absl::StrCat(scene_.input(), "-shop"), {scene_.input()});
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kTimeout).ok());
    ASSERT_TRUE((*producer)->BeginTransaction().ok());
    for (const int64_t cents : all_cents) {
      orders::v1::OrderPlaced order;
      order.set_customer_id(customer);
      order.set_cents(cents);
      const std::string value = order.SerializeAsString(), id = absl::StrCat(customer, "/", placed_++);
      const std::vector<HeaderView> headers = {{"ce_id", id}};
      ASSERT_TRUE(
          (*producer)->Send({.partition = Partition(0), .key = customer, .value = value, .headers = headers}).ok());
    }
    ASSERT_TRUE((*producer)->Flush(kTimeout).ok());
    ASSERT_TRUE((*producer)->Commit(kTimeout).ok());
  }
  bool AwaitListed(const std::string& text) {
    return Scene::Eventually([&] { return Run({"parked", "list", "--json"}).out.find(text) != std::string::npos; });
  }

  Scene scene_;
  std::unique_ptr<Process> pod_;
  int pods_ = 0;
  int placed_ = 0;
  int commands_ = 0;
};

TEST_F(OperatorTest, ParkedEventsAreSeenMendedAndEnded) {
  StartPod();
  Place("alice", {100, -1, 20});
  Place("bob", {-5, 7});
  Place("carol", {-9});
  ASSERT_TRUE(AwaitListed("\"blocked\":3,\"events\":5")) << pod_->Log();
  const Said list = Run({"parked", "list", "customer", "--limit=2"});
  EXPECT_EQ(list.code, 0) << list.err;
  EXPECT_THAT(list.out, HasSubstr("1 more: parked list orders --after=bob"));
  const Said show = Run({"parked", "show", "customer", "alice"});
  EXPECT_EQ(show.code, 0) << show.err;
  EXPECT_THAT(show.out, HasSubstr("\"cents\": \"-1\""));

  EXPECT_EQ(Run({"parked", "skip", "customer", "alice"}).code, 1) << "nobody can be asked";
  const Said other = Do({"parked", "skip", "customer", "alice", "--blocked_by=alice/0"});
  EXPECT_EQ(other.code, 1);
  EXPECT_THAT(other.out, HasSubstr("\"code\":\"FAILED_PRECONDITION\""));
  const Said skip = Do({"parked", "skip", "customer", "alice", "--because=ticket 7"});
  EXPECT_EQ(skip.code, 0) << skip.out << skip.err;
  EXPECT_THAT(skip.out, HasSubstr("\"outcome\":\"APPLIED\""));
  // The audit may be readable before the changelog is: markers are written one by one.
  ASSERT_TRUE(AwaitListed("\"blocked\":2"));
  const Said again = Do({"parked", "skip", "customer", "alice"});
  EXPECT_EQ(again.code, 3) << again.out << again.err;

  const std::string file = testing::TempDir() + "/order.json";
  std::ofstream(file) << "{\"customer_id\": \"bob\", \"cent\": 5}";
  const Said wrong = Do({"parked", "replace", "customer", "bob", "--value=" + file, "--release"});
  EXPECT_EQ(wrong.code, 2);
  EXPECT_THAT(wrong.err, HasSubstr("nothing was sent"));
  std::ofstream(file) << "{\"customer_id\": \"bob\", \"cents\": 5, \"order_id\": \"" << std::string(2 << 20, 'x')
                      << "\"}";
  EXPECT_EQ(Do({"parked", "replace", "customer", "bob", "--value=" + file, "--release"}).code, 1);
  std::ofstream(file) << "{\"customer_id\": \"bob\", \"cents\": 5}";
  const Said replace = Do({"parked", "replace", "customer", "bob", "--value=-", "--release"}, file);
  EXPECT_EQ(replace.code, 0) << replace.out << replace.err;

  EXPECT_EQ(Do({"parked", "release", "--all"}).code, 0);
  EXPECT_EQ(Do({"parked", "retry", "customer", "carol"}).code, 1) << "it waits for no attempt";
  ASSERT_TRUE(AwaitListed("\"blocked\":1,\"events\":1"));
  const Said discard = Do({"parked", "discard", "customer", "carol"});
  EXPECT_EQ(discard.code, 0) << discard.out << discard.err;
  ASSERT_TRUE(AwaitListed("\"blocked\":0"));

  const Said audit = Run({"audit", "list"});
  EXPECT_EQ(audit.code, 0) << audit.err;
  EXPECT_THAT(audit.out, HasSubstr("ticket 7"));
  EXPECT_THAT(audit.out, HasSubstr("REFUSED"));
  const Said letters = Run({"dlq", "list", "--json", "--disposition=skipped"});
  EXPECT_EQ(letters.code, 0) << letters.err;
  EXPECT_THAT(letters.out, HasSubstr("\"event_id\":\"alice/1\""));
  const size_t place = letters.out.find("\"place\":\"") + 9;
  const Said letter = Run({"dlq", "show", letters.out.substr(place, letters.out.find('"', place) - place), "--json"});
  EXPECT_EQ(letter.code, 0) << letter.err;
  EXPECT_THAT(letter.out, HasSubstr("\"cents\":\"-1\""));
}

TEST_F(OperatorTest, RulesAndTasks) {
  StartPod();
  EXPECT_EQ(Do({"never", "add", "event", "alice/0"}).code, 0);
  EXPECT_EQ(Do({"never", "add", "event", "alice/0"}).code, 1);
  EXPECT_THAT(Run({"never", "list", "--json"}).out, HasSubstr("\"value\":\"alice/0\",\"partitions\":[0,1]"));
  Place("alice", {-1, 20});
  ASSERT_TRUE(Scene::Eventually([&] {
    return Run({"dlq", "list", "--json"}).out.find("NEVER_PROCESSED") != std::string::npos;
  }));
  EXPECT_EQ(Do({"never", "remove", "event", "alice/0"}).code, 0);
  EXPECT_EQ(Do({"never", "remove", "event", "alice/0"}).code, 3);

  EXPECT_EQ(Do({"tasks", "pause", "orders/0", "--because=deployment"}).code, 0);
  EXPECT_EQ(Do({"tasks", "pause", "orders/0"}).code, 1);
  EXPECT_EQ(Do({"tasks", "pause", "orders/9"}).code, 2);
  EXPECT_THAT(Run({"tasks", "list"}).out, HasSubstr("deployment"));
  EXPECT_EQ(Do({"tasks", "resume", "orders/0"}).code, 0);
  EXPECT_EQ(Do({"tasks", "retry", "orders/1"}).code, 1) << "it has not failed";

  pod_->Signal(SIGTERM);
  ASSERT_TRUE(pod_->Wait(kTimeout).has_value());
  const Said silent = Do({"tasks", "pause", "orders/0", "--timeout=2s", "--command_id=p1"});
  EXPECT_EQ(silent.code, 4);
  EXPECT_THAT(silent.err, HasSubstr("takes effect once the application runs"));
  EXPECT_EQ(Run({"audit", "list", "--command=p1"}).code, 3);
  StartPod();
  EXPECT_TRUE(Scene::Eventually([&] { return Run({"audit", "list", "--command=p1"}).code == 0; }));
  EXPECT_EQ(Do({"tasks", "resume", "orders/0", "--no-wait"}).code, 0);
}

TEST_F(OperatorTest, WhatIsWrongIsSaid) {
  const Said unknown = Run({"parked", "list", "--application_id=nobody-has-this"});
  EXPECT_EQ(unknown.code, 3);
  EXPECT_THAT(unknown.err, HasSubstr("application \"nobody-has-this\" has not run there"));
  const Said nowhere = Run({"parked", "lists"});
  EXPECT_EQ(nowhere.code, 2);
  EXPECT_THAT(nowhere.err, HasSubstr("did you mean parked list?"));
  const Said topology = Run({"topology", "--format=mermaid"});
  EXPECT_EQ(topology.code, 0);
  EXPECT_THAT(topology.out, HasSubstr(scene_.input()));
  const Said config = Run({"config", "explain", "--set", "--json"});
  EXPECT_EQ(config.code, 0) << config.err;
  EXPECT_THAT(config.out, HasSubstr("flag --application_id"));
  const Said secret = Run({"config", "explain", "--set", "--json", "--kafka.sasl.password=hidden"});
  EXPECT_EQ(secret.code, 2) << secret.err;
  EXPECT_THAT(secret.out + secret.err, Not(HasSubstr("hidden")));
  const Said help = Run({"help", "parked", "skip"});
  EXPECT_EQ(help.code, 0);
  EXPECT_THAT(help.out, HasSubstr("Usage: order_totals parked skip"));
}

}  // namespace
}  // namespace once
