// Everything a user or a producer may get wrong: each gives one clear error with a fix, and stops nothing else.
#include <sys/mount.h>

#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <functional>
#include <map>

#include "absl/strings/str_cat.h"
#include "examples/order_totals/orders.pb.h"
#include "gtest/gtest.h"
#include "processor/kafka/librdkafka/client.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

constexpr absl::Duration kCallTimeout = absl::Seconds(20);
constexpr char kOrderType[] = "orders.v1.OrderPlaced";

// --- at the start ---

// What a start has to do with: flags by name, and what must outlive it.
struct Start {
  explicit Start(Scene* s) : scene(s) {
    flags = {{"bootstrap_servers", s->bootstrap_servers()},
             {"application_id", s->application_id()},
             {"input_topic", s->input()},
             {"output_topic", s->output()},
             {"dead_letter_topic", s->dead_letters()},
             {"state_dir", s->StateDir("a")},
             {"instance_id", "a"}};
  }
  ~Start() {
    if (!mounted.empty()) ::umount2(mounted.c_str(), MNT_DETACH);
  }

  Scene* scene;
  std::map<std::string, std::string> flags;
  std::unique_ptr<Process> other;
  std::string mounted;
};

void RunOther(Start* start) {
  start->other = start->scene->StartPod({.instance = "a"});
  ASSERT_TRUE(Scene::Eventually([&] { return start->other->Log().find("runs from offset ") != std::string::npos; }))
      << start->other->Log();
}

void StopOther(Start* start) {
  start->other->Signal(SIGTERM);
  const std::optional<ExitState> ended = start->other->Wait(absl::Seconds(30));
  ASSERT_TRUE(ended.has_value() && ended->code == 0) << start->other->Log();
}

void MountSmall(Start* start) {
  const std::string dir = start->scene->StateDir("a");
  std::filesystem::create_directories(dir);
  if (::mount("tmpfs", dir.c_str(), "tmpfs", 0, "size=8k") != 0) {
    GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(errno);
  }
  start->mounted = dir;
  std::ofstream(dir + "/filler") << std::string(16'384, 'x');
}

struct BadStart {
  std::string name;
  std::function<void(Start*)> arrange;
  int exit_code;
  std::vector<std::string> says;
};

class BadStartTest : public ::testing::TestWithParam<BadStart> {};

TEST_P(BadStartTest, EndsWithOneClearError) {
  Scene scene("bad-start");
  scene.CreateTopics(2);
  Start start(&scene);
  GetParam().arrange(&start);
  if (HasFatalFailure() || IsSkipped()) return;
  std::vector<std::string> args = {std::filesystem::absolute("examples/order_totals/order_totals").string()};
  for (const auto& [name, value] : start.flags) args.push_back(absl::StrCat("--", name, "=", value));
  Process pod(args, {}, scene.StateDir("a") + ".bad-start.log");
  const std::optional<ExitState> ended = pod.Wait(absl::Seconds(90));
  ASSERT_TRUE(ended.has_value()) << "it still runs: " << pod.Log();
  EXPECT_EQ(ended->code, GetParam().exit_code) << pod.Log();
  for (const std::string& text : GetParam().says) {
    EXPECT_NE(pod.Log().find(text), std::string::npos) << "\"" << text << "\" is not in: " << pod.Log();
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadStartTest,
    ::testing::Values(
        BadStart{"MissingTopic",
                 [](Start* s) { s->flags["input_topic"] = "no-such-topic"; },
                 1,
                 {"source topic no-such-topic does not exist", "--create_topics"}},
        BadStart{"UnreachableBroker",
                 [](Start* s) {
                   s->flags["bootstrap_servers"] = "127.0.0.1:1";
                   s->flags["start_timeout"] = "3s";
                 },
                 1,
                 {"127.0.0.1:1", "is the broker up"}},
        BadStart{"WrongFlag",
                 [](Start* s) { s->flags["commit_intervall"] = "1s"; },
                 2,
                 {"--commit_intervall", "did you mean --commit_interval?"}},
        BadStart{"FlagOutOfRange", [](Start* s) { s->flags["workers"] = "0"; }, 2, {"--workers", "out of range"}},
        BadStart{"WrongProperty",
                 [](Start* s) { s->flags["kafka.linger.mss"] = "5"; },
                 2,
                 {"linger.mss", "did you mean", "linger.ms"}},
        BadStart{"StateDirUnderAFile",
                 [](Start* s) {
                   std::ofstream(s->scene->StateDir("a")) << "a file";
                   s->flags["state_dir"] = s->scene->StateDir("a") + "/state";
                 },
                 1,
                 {"/state", "Not a directory", "set --state_dir"}},
        BadStart{"StateDirFull", MountSmall, 1, {"No space left", "free disk space"}},
        BadStart{"StateDirInUse",
                 [](Start* s) {
                   RunOther(s);
                   s->flags["instance_id"] = "b";
                 },
                 1,
                 {"in use by another process", "a --state_dir of its own"}},
        BadStart{"StateOfAnotherApplication",
                 [](Start* s) {
                   RunOther(s);
                   StopOther(s);
                   s->flags["application_id"] = s->scene->application_id() + "-second";
                 },
                 1,
                 {"holds the state of another application", "set another --state_dir"}},
        BadStart{"ChangelogOfAnotherCount",
                 [](Start* s) {
                   const absl::Status created =
                       s->scene->admin().CreateTopic({.name = s->scene->application_id() + "-orders-changelog",
                                                      .partition_count = 3,
                                                      .settings = {{"cleanup.policy", "compact"}}},
                                                     kCallTimeout);
                   ASSERT_TRUE(created.ok()) << created;
                 },
                 1,
                 {"has 3 partitions", "has 2", "Add partitions to the source, up to 3"}}),
    [](const auto& info) { return info.param.name; });

// --- on a running pod ---

struct Header {
  std::string name;
  std::optional<std::string> value;
};

struct Event {
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<Header> headers = {};
};

std::string Order(const std::string& customer, int64_t cents) {
  orders::v1::OrderPlaced order;
  order.set_order_id("order");
  order.set_customer_id(customer);
  order.set_cents(cents);
  return order.SerializeAsString();
}

Event GoodOrder(const std::string& customer, const std::string& id) {
  return {customer, Order(customer, 10), {{"ce_id", id}, {"ce_type", kOrderType}}};
}

// In one transaction, to partition 0 of the input.
void Send(kafka::Client* client, const std::string& topic, const std::vector<Event>& events) {
  auto producer = client->NewProducer("bad-input-" + topic, {topic});
  ASSERT_TRUE(producer.ok()) << producer.status();
  ASSERT_TRUE((*producer)->InitTransactions(kCallTimeout).ok());
  ASSERT_TRUE((*producer)->BeginTransaction().ok());
  for (const Event& event : events) {
    std::vector<HeaderView> headers;
    for (const Header& header : event.headers) headers.push_back({header.name, header.value});
    const kafka::Result sent =
        (*producer)->Send({.partition = Partition(0), .key = event.key, .value = event.value, .headers = headers});
    ASSERT_TRUE(sent.ok()) << kafka::ToString(sent);
  }
  const kafka::Result flushed = (*producer)->Flush(kCallTimeout);
  ASSERT_TRUE(flushed.ok()) << kafka::ToString(flushed);
  const kafka::Result committed = (*producer)->Commit(kCallTimeout);
  ASSERT_TRUE(committed.ok()) << kafka::ToString(committed);
}

// Partition 0 of `topic` to its end, one call of `visit` a record.
void Read(kafka::Client* client, const std::string& topic, const std::function<void(const RecordView&)>& visit) {
  auto reader = client->NewLogReader({topic});
  ASSERT_TRUE(reader.ok()) << reader.status();
  ASSERT_TRUE((*reader)->Add({{topic, Partition(0)}, Offset(0)}).ok());
  kafka::Batch batch;
  ASSERT_TRUE(Scene::Eventually([&] {
    if (!(*reader)->Poll(absl::Milliseconds(100), &batch).ok()) return false;
    for (const RecordView& record : batch.records) visit(record);
    return !batch.ends.empty();
  })) << topic
      << " was not read to its end";
}

struct BadRecord {
  std::string name;
  Event event;
  std::string disposition;  // In the dead-letter topic; empty: it is processed.
  std::string reason;
  std::string sink_max_bytes = "4000000";  // max.message.bytes of the output topic.
};

class BadRecordTest : public ::testing::TestWithParam<BadRecord> {};

TEST_P(BadRecordTest, NothingIsLostAndNobodyElseStops) {
  Scene scene("bad-record");
  for (const std::string& topic : {scene.input(), scene.output(), scene.dead_letters()}) {
    const absl::Status created = scene.admin().CreateTopic(
        {.name = topic,
         .partition_count = 1,
         .settings = {{"max.message.bytes", topic == scene.output() ? GetParam().sink_max_bytes : "4000000"}}},
        kCallTimeout);
    ASSERT_TRUE(created.ok()) << created;
  }
  NullLogSink log;
  kafka::RdKafkaConfig config;
  config.bootstrap_servers = scene.bootstrap_servers();
  config.extra["message.max.bytes"] = "4000000";
  auto client = kafka::MakeRdKafkaClient(config, &log);
  ASSERT_TRUE(client.ok()) << client.status();
  auto pod = scene.StartPod({});
  ASSERT_TRUE(Scene::Eventually([&] { return pod->Log().find("runs from offset ") != std::string::npos; }))
      << pod->Log();
  Send(client->get(), scene.input(),
       {GoodOrder("other", "1"), GetParam().event, GoodOrder("other", "2"), GoodOrder("bad", "3")});
  EXPECT_EQ(scene.Verify(absl::Seconds(60), {"--output_max_bytes=" + GetParam().sink_max_bytes}), 0)
      << scene.verifier_output() << pod->Log();
  EXPECT_TRUE(pod->Running()) << pod->Log();
  std::map<std::string, std::vector<int64_t>> totals;
  Read(client->get(), scene.output(), [&](const RecordView& record) {
    orders::v1::CustomerTotal total;
    ASSERT_TRUE(total.ParseFromString(std::string(record.value.value_or(""))));
    totals[std::string(record.key.value_or(""))].push_back(total.cents());
  });
  EXPECT_EQ(totals["other"], (std::vector<int64_t>{10, 20})) << pod->Log();
  std::vector<std::string> letters;
  Read(client->get(), scene.dead_letters(), [&](const RecordView& record) {
    letters.push_back(absl::StrCat(std::string(FindHeader(record.headers, "once.disposition").value_or("")), " ",
                                   std::string(FindHeader(record.headers, "once.reason").value_or(""))));
  });
  if (GetParam().disposition.empty()) {
    EXPECT_TRUE(letters.empty()) << letters[0];
  } else {
    ASSERT_FALSE(letters.empty()) << pod->Log();
    EXPECT_EQ(letters[0], GetParam().disposition + " " + GetParam().reason);
  }
}

INSTANTIATE_TEST_SUITE_P(
    All, BadRecordTest,
    ::testing::Values(
        BadRecord{"UndecodableValue",
                  {"bad", "\xff\xff\xff", {{"ce_id", "x"}, {"ce_type", kOrderType}}},
                  "FAILED",
                  "DATA_LOSS"},
        BadRecord{"UnknownType",
                  {"bad", Order("bad", 5), {{"ce_id", "x"}, {"ce_type", "acme.Unknown"}}},
                  "FAILED",
                  "UNIMPLEMENTED"},
        BadRecord{"MissingKey",
                  {std::nullopt, Order("", 5), {{"ce_id", "x"}, {"ce_type", kOrderType}}},
                  "REJECTED",
                  "FAILED_PRECONDITION"},
        BadRecord{"NullValue",
                  {"bad", std::nullopt, {{"ce_id", "x"}, {"ce_type", kOrderType}}},
                  "REJECTED",
                  "FAILED_PRECONDITION"},
        BadRecord{
            "HugeHeader", {"bad", Order("bad", 5), {{"ce_id", "x"}, {"note", std::string(1 << 20, 'h')}}}, "", ""},
        BadRecord{"HugeHeaderOnAFailure",
                  {"bad", Order("bad", -5), {{"ce_id", "x"}, {"note", std::string(1 << 20, 'h')}}},
                  "FAILED",
                  "INVALID_ARGUMENT"},
        BadRecord{.name = "OversizeForTheSink",
                  .event = {std::string(3'000, 'k'), Order("bad", 5), {{"ce_id", "x"}, {"ce_type", kOrderType}}},
                  .disposition = "FAILED",
                  .reason = "OUT_OF_RANGE",
                  .sink_max_bytes = "2000"},
        BadRecord{"EmptyHeaders",
                  {"bad", Order("bad", 5), {{"ce_id", ""}, {"ce_type", ""}, {"", ""}, {"null", std::nullopt}}},
                  "",
                  ""}),
    [](const auto& info) { return info.param.name; });

}  // namespace
}  // namespace once
