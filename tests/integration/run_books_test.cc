// The run-books of docs/operations.md on a real broker: each is followed from its own text, in the state that it is
// about, and leads out of it. What it says of logs, metrics and answers has to be so.
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>
#include <memory>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "gmock/gmock.h"
#include "gtest/gtest.h"
#include "processor/base/log.h"
#include "processor/kafka/librdkafka/client.h"
#include "tests/http/client.h"
#include "tests/integration/broker.h"
#include "tests/integration/operator_scene.h"
#include "tests/integration/run_book.h"
#include "tests/kafka/broker_admin.h"

namespace once {
namespace {

using testing::ElementsAre;

constexpr char kText[] = "docs/operations.md";
constexpr char kMayFail[] = "may_fail";
constexpr absl::Duration kTimeout = absl::Seconds(60);

using Deeds = std::map<std::string, std::function<void()>>;

struct Typed {
  int code = -1;
  std::string output;
};

class RunBooksTest : public OperatorTest {
 protected:
  RunBooksTest() : OperatorTest("run-books", 2) { std::filesystem::create_directories(desk_); }

  void Trouble(const std::string& lines) const { std::ofstream(trouble_file_) << lines; }
  void EndTrouble() const { std::filesystem::remove(trouble_file_); }

  void Start(bool troubled = false, std::vector<std::string> flags = {}) {
    flags.push_back("--http_listen=127.0.0.1:0");
    if (troubled) flags.push_back("--trouble_file=" + trouble_file_);
    pod_ = scene_.StartPod({.instance = instance_, .troubled = troubled, .flags = flags});
  }
  void StartAndAwait(bool troubled = false) {
    Start(troubled);
    ASSERT_TRUE(AwaitRunning()) << pod_->Log();
  }
  void Stop() {
    pod_->Signal(SIGTERM);
    const std::optional<ExitState> ended = pod_->Wait(kTimeout);
    EXPECT_TRUE(ended.has_value() && ended->code == 0) << pod_->Log();
  }
  void Replace(bool troubled = false) {
    Stop();
    StartAndAwait(troubled);
  }

  // At a shell of a machine that is set up as a pod is.
  Typed Type(const std::string& line) {
    const std::string bin = std::filesystem::absolute("examples/order_totals").string();
    const char* const path = std::getenv("PATH");
    Process shell({"/bin/bash", "-c", absl::StrCat("cd '", desk_, "' && set -o pipefail\n", line, " < /dev/null")},
                  {{"PATH", absl::StrCat(bin, ":", path == nullptr ? "/usr/bin:/bin" : path)},
                   {"ONCE_BOOTSTRAP_SERVERS", scene_.bootstrap_servers()},
                   {"ONCE_APPLICATION_ID", scene_.application_id()},
                   {"ONCE_INPUT_TOPIC", scene_.input()},
                   {"ONCE_OUTPUT_TOPIC", scene_.output()},
                   {"ONCE_DEAD_LETTER_TOPIC", scene_.dead_letters()},
                   {"ONCE_STATE_DIR", scene_.StateDir(instance_)},
                   {"NEW", new_cluster_}},
                  absl::StrCat(desk_, "-", typed_++, ".log"));
    const std::optional<ExitState> ended = shell.Wait(2 * kTimeout);
    Typed typed{.output = shell.Log()};
    if (ended.has_value()) typed.code = ended->code.value_or(-1);
    return typed;
  }

  // So many orders of each customer, in turns, in the partitions of their keys. The verifier is told why some may fail.
  void PlaceMany(int customers, int orders_each) {
    std::vector<PlainRecord> records;
    for (int i = 0; i < customers * orders_each; ++i) {
      const std::string customer = absl::StrFormat("customer-%03d", i % customers);
      records.push_back({.key = customer,
                         .value = Order(customer, 1 + i % 97),
                         .headers = {{"ce_id", absl::StrCat("many-", many_++)}, {kMayFail, "INTERNAL"}},
                         .partition = kAnyPartition});
    }
    Write(scene_.input(), records);
  }
  void ExpectAllRight() {
    EXPECT_EQ(scene_.Verify(kTimeout, {absl::StrCat("--may_fail_header=", kMayFail)}), 0)
        << scene_.verifier_output() << pod_->Log();
  }

  // That what the book says of logs and metrics is there.
  void ExpectShown(const RunBook& book) {
    for (const std::string& line : book.log_lines) {
      EXPECT_TRUE(Scene::Eventually([&] { return HasLine(pod_->Log(), line); })) << line << "\nis not in\n"
                                                                                 << pod_->Log();
    }
    for (const std::string& metric : book.metrics) {
      std::string page;
      EXPECT_TRUE(Scene::Eventually([&] {
        page = http::Get(static_cast<int>(NumberAfter(pod_->Log(), " at http://127.0.0.1:")), "/metrics").body;
        return IsAboveZero(page, metric);
      })) << metric
          << "\nis not in\n"
          << page;
    }
  }

  // Types what the book says, and does what is to be done between.
  void Follow(const RunBook& book, Deeds deeds) {
    std::set<std::string> done;
    for (const RunBook::Step& step : book.steps) {
      if (step.is_deed) {
        const auto deed = deeds.find(step.text);
        ASSERT_NE(deed, deeds.end()) << book.title << ": nobody knows how to: " << step.text;
        deed->second();
        done.insert(step.text);
        continue;
      }
      Typed typed;
      std::string missing;
      const auto is_so = [&] {
        typed = Type(step.text);
        missing.clear();
        for (const std::string& expected : step.expected) {
          if (!HasPieces(typed.output, expected)) missing = expected;
        }
        return typed.code == 0 && missing.empty();
      };
      if (step.is_awaited) {
        Scene::Eventually(is_so);
      } else {
        is_so();
      }
      ASSERT_EQ(typed.code, 0) << step.text << "\n" << typed.output << pod_->Log();
      ASSERT_EQ(missing, "") << step.text << "\n" << typed.output << pod_->Log();
    }
    for (const auto& [text, deed] : deeds) EXPECT_TRUE(done.contains(text)) << book.title << " does not say: " << text;
  }

  static RunBook BookOf(const std::string& title) {
    for (RunBook& book : ReadRunBooks(kText)) {
      if (book.title == title) return std::move(book);
    }
    ADD_FAILURE() << kText << " has no run-book \"" << title << "\"";
    return {};
  }

  const std::string desk_ = scene_.StateDir("desk");
  const std::string trouble_file_ = scene_.StateDir("trouble");
  std::string instance_ = "a";
  std::string new_cluster_;

 private:
  // `metric`: a name, with a label or without: NAME{LABEL="VALUE"}.
  static bool IsAboveZero(const std::string& page, const std::string& metric) {
    const std::vector<std::string> words = absl::StrSplit(metric, absl::ByAnyChar("{}"));
    for (const absl::string_view line : absl::StrSplit(page, '\n')) {
      const std::vector<std::string> parts = absl::StrSplit(line, ' ');
      if (parts.size() != 2 || (parts[0] != words[0] && parts[0].rfind(words[0] + "{", 0) != 0)) continue;
      if (words.size() > 1 && parts[0].find(words[1]) == std::string::npos) continue;
      double value = 0;
      if (absl::SimpleAtod(parts[1], &value) && value > 0) return true;
    }
    return false;
  }

  int typed_ = 0;
  int many_ = 0;
};

TEST_F(RunBooksTest, AStuckAggregate) {
  const RunBook book = BookOf("A stuck aggregate");
  Trouble("fail alice\n");
  StartAndAwait(true);
  Place("alice", {100, 20});
  Place("bob", {-5, 7});
  Place("carol", {-1, 9});
  ExpectShown(book);
  Follow(book, {{"deploy the version with the fix", [&] { Replace(); }}});
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100", "2:120"));
  EXPECT_THAT(Totals("bob"), ElementsAre("1:5", "2:12"));
  EXPECT_THAT(Totals("carol"), ElementsAre("1:9"));
}

TEST_F(RunBooksTest, APoisonEvent) {
  const RunBook book = BookOf("A poison event");
  Trouble("die 666\n");
  StartAndAwait(true);
  Place("mallory", {1, 666, 3});
  Place("bob", {5});
  std::string told;
  // As Kubernetes does, until it lives.
  for (int deaths = 0; deaths < 10 && !HasLine(pod_->Log(), "mallory"); ++deaths) {
    if (!Scene::Eventually([&] { return !pod_->Running() || HasLine(pod_->Log(), "mallory"); })) break;
    if (pod_->Running()) break;
    Start(true);
  }
  ExpectShown(book);
  Follow(book, {{"deploy the version with the fix", [&] { Replace(); }}});
  EXPECT_THAT(Totals("mallory"), ElementsAre("1:1", "2:4"));
  EXPECT_THAT(Totals("bob"), ElementsAre("1:5"));
}

// Of a tenth as many events.
TEST_F(RunBooksTest, TenThousandStuckAfterAnOutage) {
  const RunBook book = BookOf("Ten thousand stuck after an outage");
  std::string away;
  for (int i = 0; i < 10; ++i) absl::StrAppend(&away, "fail customer-00", i, "\n");
  Trouble(away + "wait *\n");
  StartAndAwait(true);
  PlaceMany(20, 50);
  ExpectShown(book);
  Follow(book, {{"the service is back", [&] { EndTrouble(); }}});
  ExpectAllRight();
}

TEST_F(RunBooksTest, ReplayADay) {
  const RunBook book = BookOf("Replay a day");
  StartAndAwait();
  const int64_t now_ms = absl::ToUnixMillis(absl::Now());
  constexpr int64_t kHourMs = 3'600'000;
  Place("alice", {100}, now_ms - 72 * kHourMs);
  Place("alice", {10, 20}, now_ms - 12 * kHourMs);  // Since the beginning of yesterday, also if it is midnight now.
  ASSERT_TRUE(AwaitTotals("alice", 3)) << pod_->Log();
  ExpectShown(book);
  Follow(book, {{"stop all instances", [&] { Stop(); }}, {"start them again", [&] { StartAndAwait(); }}});
  EXPECT_THAT(Totals("alice"), ElementsAre("1:100", "2:110", "3:130", "4:140", "5:160", "1:100", "2:110", "3:130"));
  std::vector<std::string> ids;
  for (const PlainRecord& record : Read(scene_.output())) ids.push_back(HeaderOf(record, "ce_id"));
  ASSERT_EQ(ids.size(), 8);
  EXPECT_THAT(std::vector<std::string>(ids.begin() + 5, ids.end()), ElementsAre(ids[0], ids[1], ids[2]));
  EXPECT_EQ(std::set<std::string>(ids.begin(), ids.end()).size(), 5) << "the day that came again has IDs of its own";
}

TEST_F(RunBooksTest, RetentionHasPassedUs) {
  const RunBook book = BookOf("Retention has passed us");
  StartAndAwait();
  Place("alice", {1, 2});
  ASSERT_TRUE(AwaitTotals("alice", 2)) << pod_->Log();
  Stop();
  Place("alice", {3, 4, 5, 6, 7});
  // Offset 2 is the marker of the first transaction.
  kafka::BrokerAdmin(scene_.bootstrap_servers()).DeleteRecordsBefore({{scene_.input(), Partition(0)}, Offset(6)});
  Start();
  ExpectShown(book);
  Follow(book, {{"stop all instances", [&] { Stop(); }}, {"start them again", [&] { StartAndAwait(); }}});
  EXPECT_THAT(Totals("alice"), ElementsAre("1:1", "2:3", "3:9", "4:16"));
}

TEST_F(RunBooksTest, ABadDeployment) {
  const RunBook book = BookOf("A bad deployment");
  StartAndAwait();
  PlaceMany(50, 10);
  ExpectAllRight();
  Trouble("fail *\n");
  Replace(true);
  PlaceMany(50, 10);
  ExpectShown(book);
  Follow(book, {{"roll back to the version before", [&] { Replace(); }}});
  ExpectAllRight();
}

TEST_F(RunBooksTest, MoveToAnotherCluster) {
  const RunBook book = BookOf("Move to another cluster");
  Broker other;
  ASSERT_TRUE(other.Start()) << other.output();
  new_cluster_ = other.bootstrap_servers();
  NullLogSink log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = new_cluster_;
  auto client = kafka::MakeRdKafkaClient(config, &log);
  ASSERT_TRUE(client.ok()) << client.status();
  StartAndAwait();
  Place("alice", {1, 2});
  Place("bob", {-1, 5});
  ASSERT_TRUE(AwaitTotals("alice", 2)) << pod_->Log();
  ExpectShown(book);
  // Without the word that it was copied it is refused, before anything is changed.
  const auto copy = [&] {
    Write(changelog(), Read(changelog()), client->get());
    // An old librdkafka is not told the IDs of topics, and takes the copy for what it is a copy of.
    if (rd_kafka_version() < 0x02030000) return;
    const Typed refused = Type("order_totals offsets reset --to=earliest --bootstrap_servers=$NEW --yes");
    EXPECT_EQ(refused.code, 1) << refused.output;
    EXPECT_TRUE(HasPieces(refused.output, "If it was copied whole, say --copied_changelog")) << refused.output;
  };
  const auto start = [&] {
    instance_ = "moved";
    Start(false, {"--bootstrap_servers=" + new_cluster_});
    ASSERT_TRUE(AwaitRunning()) << pod_->Log();
  };
  Follow(book, {{"stop all producers of orders", [] {}},
                {"stop all instances", [&] { Stop(); }},
                {"copy the changelog", copy},
                {"start the instances against the new cluster, with empty state directories", start},
                {"let the producers write to the new cluster", [&] { Place("alice", {10}, -1, client->get()); }}});
  EXPECT_THAT(Totals("alice", client->get()), ElementsAre("3:13"));
  EXPECT_THAT(Totals("bob", client->get()), ElementsAre("1:5"));
}

// Each is followed by a test above.
TEST(RunBooksTextTest, EachIsFollowed) {
  std::vector<std::string> titles;
  for (const RunBook& book : ReadRunBooks(kText)) {
    titles.push_back(book.title);
    EXPECT_FALSE(book.steps.empty()) << book.title;
  }
  EXPECT_THAT(titles,
              ElementsAre("A stuck aggregate", "A poison event", "Ten thousand stuck after an outage", "Replay a day",
                          "Retention has passed us", "A bad deployment", "Move to another cluster"));
}

}  // namespace
}  // namespace once
