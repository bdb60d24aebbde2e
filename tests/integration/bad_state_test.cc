// Local state that a running pod cannot keep, or cannot use: nothing is lost, and what is wrong is said.
#include <librdkafka/rdkafka.h>
#include <sys/mount.h>

#include <atomic>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "examples/order_totals/orders.pb.h"
#include "gtest/gtest.h"
#include "processor/application.h"
#include "processor/codec.h"
#include "processor/topology.h"
#include "state/rocksdb/rocksdb_store.h"
#include "tests/integration/scene.h"

namespace once {
namespace {

// Whether both of its tasks run before long.
bool Runs(Process* pod) {
  return Scene::Eventually([&] {
    const std::string log = pod->Log();
    const size_t first = log.find("runs from offset ");
    return first != std::string::npos && log.find("runs from offset ", first + 1) != std::string::npos;
  });
}

void Stop(Process* pod) {
  pod->Signal(SIGTERM);
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value() && ended->code == 0) << pod->Log();
}

// Another version of the example, whose aggregate has another name.
absl::StatusOr<Topology> BuildRenamed(const Scene& scene) {
  TopologyBuilder builder("order-totals");
  auto orders = builder.AddSource("orders", {.topic = scene.input()});
  builder.DeadLetterTo(scene.dead_letters());
  builder.AddAggregate<orders::v1::CustomerTotal>("client").On<orders::v1::OrderPlaced>(
      orders, [](const orders::v1::OrderPlaced&, auto&) { return absl::OkStatus(); });
  return std::move(builder).Build();
}

// What is in the changelog must be what the topology looks for.
TEST(BadStateTest, StateOfAnotherTopologyHaltsAndLosesNothing) {
  Scene scene("other-topology");
  scene.CreateTopics(2);
  auto pod = scene.StartPod({.instance = "a"});
  scene.Generate({.orders = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  Stop(pod.get());
  NullLogSink log;
  for (const std::string instance : {"a", "with-an-empty-directory"}) {
    Options options;
    options.application_id = scene.application_id();
    options.bootstrap_servers = scene.bootstrap_servers();
    options.instance_id = instance;
    options.state_dir = scene.StateDir(instance);
    options.exit_on_task_failure = true;
    const absl::StatusOr<Topology> topology = BuildRenamed(scene);
    ASSERT_TRUE(topology.ok()) << topology.status();
    ApplicationDeps deps;
    deps.log = &log;
    auto application = Application::Create(options, *topology, deps);
    ASSERT_TRUE(application.ok()) << application.status();
    absl::Status ended;
    std::atomic<bool> has_ended = false;
    std::thread runner([&] {
      ended = (*application)->Run();
      has_ended = true;
    });
    EXPECT_TRUE(Scene::Eventually([&] { return has_ended.load(); })) << "it runs";
    (*application)->Stop();
    runner.join();
    EXPECT_TRUE(absl::IsFailedPrecondition(ended)) << ended;
    EXPECT_NE(ended.message().find("holds state of aggregate \"customer\""), absl::string_view::npos) << ended;
    EXPECT_NE(ended.message().find("Give it back its name"), absl::string_view::npos) << ended;
  }
  pod = scene.StartPod({.instance = "a"});
  scene.Generate({.orders = 5'000, .start_index = 5'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

// What the refusal of a local database in another format says leads to an application that runs, with its state.
TEST(BadStateTest, X4AnUnknownFormatGoesOnAsTheMessageSays) {
  Scene scene("other-format");
  scene.CreateTopics(2);
  auto pod = scene.StartPod({.instance = "a"});
  scene.Generate({.orders = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  Stop(pod.get());
  {
    NullLogSink log;
    const RocksDbOptions options{.path = scene.StateDir("a") + "/rocksdb", .application_id = scene.application_id()};
    auto store = OpenRocksDbStore(options, &log);
    ASSERT_TRUE(store.ok()) << store.status();
    // The database's own record, as another version would have it.
    ASSERT_TRUE((*store)->Write("once", {}, {}).ok());
    ASSERT_TRUE((*store)->Flush().ok());
  }
  pod = scene.StartPod({.instance = "a"});
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value()) << "it runs: " << pod->Log();
  EXPECT_EQ(ended->code, 1) << pod->Log();
  const std::string log = pod->Log();
  const size_t end = log.find(" was written by another version");
  ASSERT_NE(end, std::string::npos) << log;
  ASSERT_NE(log.find("or delete the directory", end), std::string::npos) << log;
  const size_t begin = log.rfind(scene.StateDir("a"), end);
  ASSERT_NE(begin, std::string::npos) << log;
  ASSERT_GT(std::filesystem::remove_all(log.substr(begin, end - begin)), 0) << log;
  pod = scene.StartPod({.instance = "a"});
  ASSERT_TRUE(Runs(pod.get())) << pod->Log();
  scene.Generate({.orders = 5'000, .start_index = 5'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

// As an operator would.
void DeleteTopic(const Scene& scene, const std::string& topic) {
  char error[256];
  rd_kafka_conf_t* conf = rd_kafka_conf_new();
  rd_kafka_conf_set(conf, "bootstrap.servers", scene.bootstrap_servers().c_str(), error, sizeof(error));
  rd_kafka_t* rk = rd_kafka_new(RD_KAFKA_PRODUCER, conf, error, sizeof(error));
  ASSERT_NE(rk, nullptr) << error;
  rd_kafka_queue_t* queue = rd_kafka_queue_new(rk);
  rd_kafka_DeleteTopic_t* request = rd_kafka_DeleteTopic_new(topic.c_str());
  rd_kafka_DeleteTopics(rk, &request, 1, nullptr, queue);
  rd_kafka_event_t* event = rd_kafka_queue_poll(queue, 30'000);
  EXPECT_TRUE(event != nullptr && rd_kafka_event_error(event) == RD_KAFKA_RESP_ERR_NO_ERROR);
  if (event != nullptr) rd_kafka_event_destroy(event);
  rd_kafka_DeleteTopic_destroy(request);
  rd_kafka_queue_destroy(queue);
  rd_kafka_destroy(rk);
}

// Rule X5f: the state stands for a log that is no more.
TEST(BadStateTest, X5AChangelogMadeAnewMidRunIsSeenBeforeTheNextCommit) {
  Scene scene("changelog-anew");
  scene.CreateTopics(2);
  const std::string changelog = scene.application_id() + "-orders-changelog";
  auto pod = scene.StartPod({.instance = "a", .flags = {"--exit_on_task_failure"}});
  scene.Generate({.orders = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  DeleteTopic(scene, changelog);
  const kafka::NewTopic anew{.name = changelog, .partition_count = 2, .settings = {{"cleanup.policy", "compact"}}};
  EXPECT_TRUE(Scene::Eventually([&] { return scene.admin().CreateTopic(anew, absl::Seconds(10)).ok(); }));
  const int64_t before = scene.ReadOutput().read_committed;
  scene.Generate({.orders = 100, .start_index = 5'000});
  const std::optional<ExitState> ended = pod->Wait(absl::Seconds(60));
  ASSERT_TRUE(ended.has_value()) << "it runs on: " << pod->Log();
  EXPECT_EQ(ended->code, 1) << pod->Log();
  EXPECT_NE(pod->Log().find("deleted and made anew"), std::string::npos) << pod->Log();
  EXPECT_EQ(scene.ReadOutput().read_committed, before);
  // The local state is the only copy now, so the next start leaves it alone too.
  pod = scene.StartPod({.instance = "a", .flags = {"--exit_on_task_failure"}});
  const std::optional<ExitState> again = pod->Wait(absl::Seconds(60));
  ASSERT_TRUE(again.has_value()) << "it runs: " << pod->Log();
  EXPECT_EQ(again->code, 1) << pod->Log();
  EXPECT_NE(pod->Log().find("deleted and made anew"), std::string::npos) << pod->Log();
}

// A small file system in place of a state directory.
class SmallDisk {
 public:
  explicit SmallDisk(std::string path) : path_(std::move(path)) {
    std::filesystem::create_directories(path_);
    if (::mount("tmpfs", path_.c_str(), "tmpfs", 0, "size=8m") != 0) error_ = errno;
  }
  ~SmallDisk() {
    if (error_ == 0) ::umount2(path_.c_str(), MNT_DETACH);
  }
  int error() const { return error_; }

  // Until nothing more fits.
  void Fill() {
    std::ofstream filler(path_ + "/filler");
    const std::string block(4'096, 'x');
    while (filler.write(block.data(), static_cast<std::streamsize>(block.size())).flush()) {
    }
  }
  void Free() { std::filesystem::remove(path_ + "/filler"); }

 private:
  const std::string path_;
  int error_ = 0;
};

// Checkpoints only shorten a restart, so the pod goes on without them and says so; a restart replays what they lack.
TEST(BadStateTest, AStateDirectoryThatFillsUpMidRunLosesNothing) {
  Scene scene("full-disk");
  SmallDisk disk(scene.StateDir("a"));
  if (disk.error() != 0) GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(disk.error());
  scene.CreateTopics(2);
  const std::vector<std::string> flags = {"--checkpoint_interval=50ms", "--checkpoint_flush_interval=50ms"};
  auto pod = scene.StartPod({.instance = "a", .flags = flags});
  scene.Generate({.orders = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  disk.Fill();
  auto generator = scene.StartGenerator({.orders = 30'000, .start_index = 5'000, .customers = 5'000, .rate = 10'000});
  EXPECT_TRUE(Scene::Eventually([&] { return pod->Log().find("No space left") != std::string::npos; })) << pod->Log();
  ASSERT_TRUE(scene.Finish(generator.get()));
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  ASSERT_TRUE(pod->Running()) << pod->Log();
  EXPECT_NE(pod->Log().find("the state stays in memory and in the changelog"), std::string::npos) << pod->Log();
  disk.Free();
  scene.Generate({.orders = 5'000, .start_index = 35'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  Stop(pod.get());
  pod = scene.StartPod({.instance = "a", .flags = flags});
  ASSERT_TRUE(Runs(pod.get())) << pod->Log();
  scene.Generate({.orders = 5'000, .start_index = 40'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

// The same until its end: it stops in order, and the next one with a disk replays what the changelog has.
TEST(BadStateTest, AStateDirectoryThatStaysFullLosesNothing) {
  Scene scene("full-to-the-end");
  {
    SmallDisk disk(scene.StateDir("a"));
    if (disk.error() != 0) GTEST_SKIP() << "cannot mount a small file system: " << std::strerror(disk.error());
    scene.CreateTopics(2);
    auto pod = scene.StartPod({.instance = "a", .flags = {"--checkpoint_interval=50ms"}});
    scene.Generate({.orders = 5'000});
    ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
    disk.Fill();
    scene.Generate({.orders = 10'000, .start_index = 5'000});
    Stop(pod.get());
    EXPECT_NE(pod->Log().find("No space left"), std::string::npos) << pod->Log();
  }
  auto pod = scene.StartPod({.instance = "b"});
  scene.Generate({.orders = 5'000, .start_index = 15'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

// The state is in memory and in the changelog, so it is made anew, and nobody has to restart anything.
TEST(BadStateTest, X4AStateDirectoryThatIsDeletedMidRunIsMadeAnew) {
  Scene scene("deleted-directory");
  scene.CreateTopics(2);
  const std::vector<std::string> flags = {"--checkpoint_interval=50ms", "--checkpoint_flush_interval=50ms"};
  auto pod = scene.StartPod({.instance = "a", .flags = flags});
  scene.Generate({.orders = 5'000});
  ASSERT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  std::filesystem::remove_all(scene.StateDir("a"));
  scene.Generate({.orders = 5'000, .start_index = 5'000});
  EXPECT_TRUE(Scene::Eventually([&] {
    return pod->Log().find("the local state is deleted and rebuilt from the changelog") != std::string::npos;
  })) << pod->Log();
  scene.Generate({.orders = 5'000, .start_index = 10'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
  EXPECT_TRUE(std::filesystem::exists(scene.StateDir("a") + "/LOCK"));
  Stop(pod.get());
  pod = scene.StartPod({.instance = "a", .flags = flags});
  scene.Generate({.orders = 5'000, .start_index = 15'000});
  EXPECT_EQ(scene.Verify(), 0) << scene.verifier_output() << pod->Log();
}

}  // namespace
}  // namespace once
