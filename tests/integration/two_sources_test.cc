// Two co-partitioned sources that feed one aggregate, while one instance joins and another leaves under load.
#include <algorithm>
#include <atomic>
#include <functional>
#include <map>
#include <thread>

#include "absl/strings/str_cat.h"
#include "gtest/gtest.h"
#include "processor/application.h"
#include "processor/base/mutex.h"
#include "processor/codec.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

constexpr int kPartitions = 4;
constexpr int kKeys = 100;
constexpr absl::Duration kCallTimeout = absl::Seconds(20);

std::string BigEndian(int64_t number) {
  Arena arena;
  return std::string(Codec<int64_t>::Encode(number, &arena));
}

class KeptLog final : public LogSink {
 public:
  void Log(LogLevel, const std::string& message) override {
    MutexLock lock(&mutex_);
    absl::StrAppend(&text_, message, "\n");
  }
  std::string text() {
    MutexLock lock(&mutex_);
    return text_;
  }
  bool has(const std::string& part) { return text().find(part) != std::string::npos; }

 private:
  Mutex mutex_;
  std::string text_;
};

// One instance, running in a thread of its own.
class Instance {
 public:
  Instance(const Scene& scene, const Topology& topology, const std::string& name) {
    Options options;
    options.application_id = scene.application_id();
    options.bootstrap_servers = scene.bootstrap_servers();
    options.instance_id = name;
    options.state_dir = scene.StateDir(name);
    options.workers = 2;
    options.commit_interval = absl::Milliseconds(50);
    ApplicationDeps deps;
    deps.log = &log_;
    auto made = Application::Create(options, topology, deps);
    if (!made.ok()) {
      ADD_FAILURE() << made.status();
      return;
    }
    application_ = *std::move(made);
    thread_ = std::thread([this] { ended_ = application_->Run(); });
  }
  ~Instance() { Stop().IgnoreError(); }

  absl::Status Stop() {
    if (application_ != nullptr) application_->Stop();
    if (thread_.joinable()) thread_.join();
    return ended_;
  }
  KeptLog& log() { return log_; }
  bool works() { return log_.has("runs from offset "); }

 private:
  KeptLog log_;
  absl::Status ended_;
  std::unique_ptr<Application> application_;
  std::thread thread_;
};

absl::StatusOr<Topology> BuildBalance(const Scene& scene, const std::string& payments_topic) {
  TopologyBuilder builder("balance");
  auto orders = builder.AddSource("orders", {.topic = scene.input()});
  auto payments = builder.AddSource("payments", {.topic = payments_topic});
  auto totals = builder.AddSink<int64_t>("totals", {.topic = scene.output()});
  builder.DeadLetterTo(scene.dead_letters());
  const auto add = [totals](const int64_t& amount, auto& account) {
    *account.mutable_state() += amount;
    account.Emit(totals, *account.mutable_state());
    return absl::OkStatus();
  };
  builder.AddAggregate<int64_t>("account").EmitsTo(totals).On<int64_t>(orders, add).On<int64_t>(payments, add);
  return std::move(builder).Build();
}

// What both sources hold of a key.
struct Sent {
  int64_t events = 0;
  int64_t sum = 0;
};

// Sends transactions that span both topics until Finish().
class Load {
 public:
  Load(kafka::Client* client, const std::string& orders, const std::string& payments)
      : thread_([this, client, orders, payments] {
          Run(client, {orders, payments});
        }) {}
  ~Load() { Finish(); }

  void Finish() {
    finish_ = true;
    if (thread_.joinable()) thread_.join();
  }
  int transactions() const { return transactions_; }
  const std::map<std::string, Sent>& sent() const { return sent_; }

 private:
  void Run(kafka::Client* client, const std::vector<std::string>& topics) {
    auto producer = client->NewProducer("load-" + topics[0], topics);
    ASSERT_TRUE(producer.ok()) << producer.status();
    ASSERT_TRUE((*producer)->InitTransactions(kCallTimeout).ok());
    for (int64_t n = 0; !finish_; ++transactions_) {
      ASSERT_TRUE((*producer)->BeginTransaction().ok());
      for (int i = 0; i < 200; ++i, ++n) {
        const std::string key = absl::StrCat("key-", (n / 2) % kKeys);
        const int64_t amount = n % 2 == 0 ? 1 + n % 7 : 1'000'000;
        const std::string value = BigEndian(amount);
        ASSERT_TRUE((*producer)->Send({.topic_index = static_cast<uint32_t>(n % 2), .key = key, .value = value}).ok());
        ++sent_[key].events;
        sent_[key].sum += amount;
      }
      ASSERT_TRUE((*producer)->Flush(kCallTimeout).ok());
      ASSERT_TRUE((*producer)->Commit(kCallTimeout).ok());
    }
  }

  std::map<std::string, Sent> sent_;  // Of the thread until Finish().
  std::atomic<bool> finish_{false};
  std::atomic<int> transactions_{0};
  std::thread thread_;
};

// Whether the group has committed both topics to their ends.
bool Consumed(Scene* scene, const std::vector<std::string>& topics) {
  for (const std::string& topic : topics) {
    for (int p = 0; p < kPartitions; ++p) {
      const TopicPartition where{topic, Partition(p)};
      const auto committed = scene->admin().StableCommittedOffsets(scene->application_id(), {{where}}, kCallTimeout);
      const auto end = scene->admin().HighWatermark(where, kCallTimeout);
      if (!committed.ok() || !end.ok()) return false;
      const auto found = committed->find(where);
      if (found == committed->end() || found->second != *end) return false;
    }
  }
  return true;
}

std::map<std::string, std::vector<int64_t>> ReadTotals(Scene* scene) {
  std::map<std::string, std::vector<int64_t>> totals;
  auto reader = scene->client().NewLogReader({scene->output()});
  if (!reader.ok()) return totals;
  for (int p = 0; p < kPartitions; ++p) {
    EXPECT_TRUE((*reader)->Add({{scene->output(), Partition(p)}, Offset(0)}).ok());
  }
  std::map<Partition, bool> ended;
  kafka::Batch batch;
  EXPECT_TRUE(Scene::Eventually([&] {
    if (!(*reader)->Poll(absl::Milliseconds(100), &batch).ok()) return false;
    for (const RecordView& record : batch.records) {
      int64_t total = 0;
      EXPECT_TRUE(Codec<int64_t>::Decode(record.value.value_or(""), &total).ok());
      totals[std::string(record.key.value_or(""))].push_back(total);
    }
    for (const kafka::EndOfPartition& end : batch.ends) ended[end.partition] = true;
    return ended.size() == kPartitions;
  }));
  return totals;
}

TEST(TwoSourcesTest, EachEventOfBothCountsOnceWhileInstancesComeAndGo) {
  Scene scene("two-sources");
  scene.CreateTopics(kPartitions);
  const std::string payments = scene.application_id() + "-payments";
  const absl::Status created =
      scene.admin().CreateTopic({.name = payments, .partition_count = kPartitions}, kCallTimeout);
  ASSERT_TRUE(created.ok()) << created;
  const auto topology = BuildBalance(scene, payments);
  ASSERT_TRUE(topology.ok()) << topology.status();

  Instance first(scene, *topology, "first");
  Load load(&scene.client(), scene.input(), payments);
  ASSERT_TRUE(scene.AwaitOutput(2'000)) << first.log().text();
  Instance second(scene, *topology, "second");
  ASSERT_TRUE(Scene::Eventually([&] { return second.works(); })) << second.log().text();
  const absl::Status left = first.Stop();
  EXPECT_TRUE(left.ok()) << left << first.log().text();
  const int so_far = load.transactions();
  ASSERT_TRUE(Scene::Eventually([&] { return load.transactions() >= so_far + 10; }));
  load.Finish();

  EXPECT_TRUE(Scene::Eventually([&] { return Consumed(&scene, {scene.input(), payments}); })) << second.log().text();
  const std::map<std::string, std::vector<int64_t>> totals = ReadTotals(&scene);
  EXPECT_EQ(load.sent().size(), static_cast<size_t>(kKeys));
  EXPECT_EQ(totals.size(), load.sent().size());
  for (const auto& [key, sent] : load.sent()) {
    const auto found = totals.find(key);
    ASSERT_NE(found, totals.end()) << key;
    EXPECT_EQ(found->second.size(), static_cast<size_t>(sent.events)) << key;
    EXPECT_EQ(found->second.back(), sent.sum) << key;
    const auto not_growing =
        std::adjacent_find(found->second.begin(), found->second.end(), std::greater_equal<int64_t>());
    EXPECT_EQ(not_growing, found->second.end()) << key;
  }
  const absl::Status ended = second.Stop();
  EXPECT_TRUE(ended.ok()) << ended << second.log().text();
}

TEST(TwoSourcesTest, OfDifferentPartitionCountsAreRefused) {
  Scene scene("two-counts");
  scene.CreateTopics(kPartitions);
  const std::string payments = scene.application_id() + "-payments";
  const absl::Status created = scene.admin().CreateTopic({.name = payments, .partition_count = 3}, kCallTimeout);
  ASSERT_TRUE(created.ok()) << created;
  const auto topology = BuildBalance(scene, payments);
  ASSERT_TRUE(topology.ok()) << topology.status();
  Options options;
  options.application_id = scene.application_id();
  options.bootstrap_servers = scene.bootstrap_servers();
  options.state_dir = scene.StateDir("a");
  KeptLog log;
  ApplicationDeps deps;
  deps.log = &log;
  const absl::Status refused = Application::Create(options, *topology, deps).status();
  EXPECT_TRUE(absl::IsFailedPrecondition(refused)) << refused;
  const std::string message(refused.message());
  for (const std::string& part : {scene.input(), payments, std::string("4 and 3"), std::string("add partitions to ")}) {
    EXPECT_NE(message.find(part), std::string::npos) << part << " is not in: " << message;
  }
}

}  // namespace
}  // namespace once
