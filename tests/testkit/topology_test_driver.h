// Runs a topology in a test: the real engine and worker, on a Kafka in memory, with a clock that the test drives.
//
//   once::TopologyTestDriver driver(BuildOrderTotals, {.partitions = 4});
//   driver.Send("orders", "alice", Order(100), {.event_id = "1"});
//   driver.Send("orders", "bob", Order(-5), {.event_id = "2"});
//   driver.RunUntilIdle();
//   EXPECT_EQ(driver.Read<CustomerTotal>("customer-totals").size(), 1);
//   EXPECT_EQ(driver.dead_letters()[0].disposition, "FAILED");
//
// Nothing waits and nothing is random, so a test takes milliseconds and comes out the same each time. Not thread-safe.
//
// What goes wrong: a topology that does not build, a worker that halts and a task that has failed show in status(), the
// latter two on stderr as well. A halted worker does nothing more until Crash, TakeOver or Restart; what it has
// committed can be read. After a task's failure the other partitions go on, and AdvanceTime brings its retries.
// Whatever has no answer throws DriverError, which says why and fails the one test: anything but status() and
// Restart(factory) while there is no topology that built, names of no source, topic or aggregate, partitions that are
// not there, values that are not of the type they are sent or read as, and times that are none.
#ifndef ONCE_TESTS_TESTKIT_TOPOLOGY_TEST_DRIVER_H_
#define ONCE_TESTS_TESTKIT_TOPOLOGY_TEST_DRIVER_H_

#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <stdexcept>
#include <string>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "once/codec.h"
#include "once/config.h"
#include "once/topology.h"
#include "once/v1/control.pb.h"
#include "processor/base/log.h"
#include "processor/base/status.h"
#include "processor/engine/options.h"
#include "processor/engine/plan.h"
#include "processor/runtime/status_board.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"
#include "tests/testkit/store/memory_checkpoint_store.h"

namespace once {

class InlineCheckpointWriter;
class Worker;  // processor/runtime/worker.h, for who looks into it.

struct DriverOptions {
  int partitions = 1;                              // Of every topic; 1 or more.
  std::map<std::string, std::string> config = {};  // What the topology's factory finds in its Config.
  EngineOptions engine = {};                       // application_id is the topology's.
  // How the Kafka in memory behaves to the application. Records go one by one unless told otherwise, so that a refusal
  // is that of one record. Sessions end when the test says so, however far it moves the clock.
  testkit::MemoryClientOptions kafka = {.session_timeout = absl::InfiniteDuration(), .max_batch_records = 1};
  // Settings of all topics that the driver creates. A broker takes no record of more than an hour ahead.
  std::map<std::string, std::string> topic_settings = {{"message.timestamp.after.max.ms", testkit::Topics::kUnlimited}};
  size_t max_record_bytes = SIZE_MAX;  // The producer's own limit: the client's message.max.bytes.
  bool commands = true;                // Whether the application takes commands.
  // Wraps the connection to Kafka, to watch or disturb its calls; absent: as it is.
  std::function<std::unique_ptr<kafka::Client>(std::unique_ptr<kafka::Client>)> wrap_client = {};
};

// How one record is sent.
struct SendOptions {
  std::string event_id = {};    // ce_id; empty: none.
  std::string event_type = {};  // ce_type; empty: none.
  std::vector<std::pair<std::string, std::string>> headers = {};
  int64_t timestamp_ms = -1;          // Unix milliseconds; -1: the clock's.
  std::optional<int> partition = {};  // Absent: by the key.
};

// One record of a sink, decoded.
template <typename T>
struct ReadRecord {
  std::string key;
  std::optional<T> value;  // Absent: null.
  int partition = 0;
  int64_t offset = 0;
  std::vector<std::pair<std::string, std::string>> headers;
};

struct DeadLetterRecord {
  std::string topic_partition_offset;  // once.origin
  std::string key;
  std::optional<std::string> value;
  std::string disposition;
  std::string reason;
  std::string message;
  std::string blocked_by;
  int attempts = 0;
  std::map<std::string, std::string> headers;
};

// A test's mistake, in words. Test frameworks show what() and go on with the next test.
class DriverError : public std::logic_error {
 public:
  using std::logic_error::logic_error;
};

// What became of a command: once.v1.CommandResult in short.
struct CommandOutcome {
  std::string command_id;
  std::string outcome;  // APPLIED, REFUSED, DUPLICATE; empty: none was there yet.
  std::string code;     // Of what was refused.
  std::string message;
  int64_t queues = 0;
  int64_t events = 0;
  int partition = 0;
  v1::CommandResult result;  // All of it.
};

// How a command is sent.
struct CommandOptions {
  std::string id = {};  // Empty: another one each time.
  std::string issuer = "test";
  std::string reason = {};
  std::string blocked_by = {};  // The event that is meant to block; empty: whichever does.
};

// What a line of the log is about, as far as it says.
struct LoggedAbout {
  static LoggedAbout Of(const LogSubject& subject) {
    return {.task = std::string(subject.task),
            .aggregate = std::string(subject.aggregate),
            .event_id = std::string(subject.event_id),
            .trace_id = std::string(subject.trace_id)};
  }

  std::string task = {};
  std::string aggregate = {};
  std::string event_id = {};
  std::string trace_id = {};
};

// Which of the blocked aggregates are meant: all of which all of these hold.
struct CommandSelection {
  std::string reason = {};      // As in their dead letters; empty: any.
  std::string event_type = {};  // Empty: any.
  absl::Duration min_age = absl::ZeroDuration();
  int per_second = 0;  // 0: as fast as it goes.
};

class TopologyTestDriver {
 public:
  using Factory = std::function<absl::StatusOr<Topology>(const Config&)>;

  explicit TopologyTestDriver(const Factory& factory, DriverOptions options = {});
  ~TopologyTestDriver();

  // Whether the topology was built, the worker goes on and no task has failed.
  absl::Status status() const;

  // `source` is a source's name. Keys and values are encoded by their codec. The value is of the type that the source's
  // handlers read for that event type, the key of the source's; as Bytes, or with SendBytes, they may be anything, and
  // a key may be given as a string of its bytes.
  template <typename Key, typename T>
  void Send(const std::string& source, const Key& key, const T& value, const SendOptions& options = {}) {
    Arena arena;
    CheckValueType(source, Codec<T>::TypeName(), options.event_type);
    if constexpr (std::is_convertible_v<Key, std::string>) {
      SendBytes(source, std::string(key), std::string(Codec<T>::Encode(value, &arena)), options);
    } else {
      CheckKeyType(source, Codec<Key>::TypeName());
      SendBytes(source, std::string(Codec<Key>::Encode(key, &arena)), std::string(Codec<T>::Encode(value, &arena)),
                options);
    }
  }
  // Any bytes; absent means null.
  void SendBytes(const std::string& source, std::optional<std::string> key, std::optional<std::string> value,
                 const SendOptions& options = {});

  // Runs until everything sent is committed and nothing is to be done at the present time. Retries that are not due yet
  // wait for AdvanceTime.
  void RunUntilIdle();
  // Moves both clocks on by a finite time, then runs until idle. clock().StepWall() sets the wall clock alone, also
  // back.
  void AdvanceTime(absl::Duration duration);

  // The committed records of a topic, by partition and offset. `T` is the sink's type, or Bytes.
  template <typename T>
  std::vector<ReadRecord<T>> Read(const std::string& topic) const {
    std::vector<ReadRecord<T>> records;
    for (const testkit::MemoryRecord& record : ReadAs(topic, Codec<T>::TypeName())) {
      ReadRecord<T> read;
      read.key = record.key.value_or("");
      read.partition = record.partition.value();
      read.offset = record.offset.value();
      for (const auto& [name, value] : record.headers) read.headers.emplace_back(name, value.value_or(""));
      if (record.value.has_value()) {
        read.value.emplace();
        const absl::Status decoded = Codec<T>::Decode(*record.value, &*read.value);
        if (!decoded.ok()) FailToRead(ToString({topic, record.partition}, record.offset), decoded);
      }
      records.push_back(std::move(read));
    }
    return records;
  }
  std::vector<DeadLetterRecord> dead_letters() const;

  // The committed state of an aggregate; nothing if it has none. `T` is the aggregate's, or Bytes.
  template <typename T>
  std::optional<T> State(const std::string& aggregate, const std::string& key) {
    CheckStateType(aggregate, Codec<T>::TypeName());
    const std::optional<std::string> bytes = StateBytes(aggregate, key);
    if (!bytes.has_value()) return std::nullopt;
    T value;
    const absl::Status decoded = Codec<T>::Decode(*bytes, &value);
    if (!decoded.ok()) FailToRead("the state of " + aggregate, decoded);
    return value;
  }
  std::optional<std::string> StateBytes(const std::string& aggregate, const std::string& key);
  // Parked events of a key, the failed one included.
  int64_t Parked(const std::string& key) const;

  // Commands (docs/commands.md). Each is sent, run, and answered by its result; what it released has run by then, as
  // far as nothing waits. `aggregate` is an aggregate's name, or a source's where events of transforms are blocked; the
  // key is given as to Send.
  template <typename Key>
  CommandOutcome Release(const std::string& aggregate, const Key& key, const CommandOptions& options = {}) {
    v1::Command command;
    *command.mutable_release()->mutable_target() = TargetOf(aggregate, KeyBytes(aggregate, key), options);
    return Command(aggregate, std::move(command), options);
  }
  template <typename Key>
  CommandOutcome RetryNow(const std::string& aggregate, const Key& key, const CommandOptions& options = {}) {
    v1::Command command;
    *command.mutable_retry_now()->mutable_target() = TargetOf(aggregate, KeyBytes(aggregate, key), options);
    return Command(aggregate, std::move(command), options);
  }
  template <typename Key>
  CommandOutcome Skip(const std::string& aggregate, const Key& key, const CommandOptions& options = {}) {
    v1::Command command;
    *command.mutable_skip()->mutable_target() = TargetOf(aggregate, KeyBytes(aggregate, key), options);
    return Command(aggregate, std::move(command), options);
  }
  template <typename Key>
  CommandOutcome Discard(const std::string& aggregate, const Key& key, const CommandOptions& options = {}) {
    v1::Command command;
    *command.mutable_discard()->mutable_target() = TargetOf(aggregate, KeyBytes(aggregate, key), options);
    return Command(aggregate, std::move(command), options);
  }
  // The head's value, and then its release.
  template <typename Key, typename T>
  CommandOutcome Replace(const std::string& aggregate, const Key& key, const T& value,
                         const CommandOptions& options = {}) {
    Arena arena;
    v1::Command command;
    *command.mutable_replace()->mutable_target() = TargetOf(aggregate, KeyBytes(aggregate, key), options);
    command.mutable_replace()->set_value(std::string(Codec<T>::Encode(value, &arena)));
    command.mutable_replace()->set_release(true);
    return Command(aggregate, std::move(command), options);
  }
  // One result for each partition.
  std::vector<CommandOutcome> ReleaseAll(const std::string& aggregate, const CommandSelection& selection = {},
                                         const CommandOptions& options = {});
  std::vector<CommandOutcome> RetryAllNow(const std::string& aggregate, const CommandSelection& selection = {},
                                          const CommandOptions& options = {});
  std::vector<CommandOutcome> NeverAdd(const std::string& aggregate, const v1::NeverRule& rule,
                                       const CommandOptions& options = {});
  std::vector<CommandOutcome> NeverRemove(const std::string& aggregate, const v1::NeverRule& rule,
                                          const CommandOptions& options = {});
  // The rules of a partition, in words.
  std::vector<std::string> NeverRules(const std::string& aggregate, int partition) const;
  CommandOutcome Pause(const std::string& aggregate, int partition, const CommandOptions& options = {});
  CommandOutcome Resume(const std::string& aggregate, int partition, const CommandOptions& options = {});
  CommandOutcome RetryTask(const std::string& aggregate, int partition, const CommandOptions& options = {});
  // Any bytes as a command of a partition's task; nothing is run.
  void SendCommandBytes(const std::string& aggregate, int partition, std::optional<std::string> bytes);
  // The results so far, of all partitions, by partition and in their order.
  std::vector<CommandOutcome> audit() const;

  // The process dies and a new one takes over, with what the disk has kept: the writes that were flushed.
  void Crash();
  // The same, and the state directory is gone.
  void CrashAndLoseDisk();
  // The process dies and another instance takes its tasks over, with a disk and transactional ids of its own.
  void TakeOver();
  // Orderly stop and start.
  void Restart();
  // The same, with other settings.
  void Restart(const EngineOptions& engine);
  // The same, as another version of the topology. If that does not build nothing runs until a version does.
  void Restart(const Factory& factory);

  // The next commit fails: `landed` says whether it took effect all the same (its answer is then lost either way).
  void FailNextCommit(bool landed);
  // The next commit is refused in a way that allows an abort.
  void AbortNextCommit();

  testkit::MemoryCluster& cluster() { return *cluster_; }
  testkit::ManualClock& clock() { return clock_; }
  MemoryCheckpointStore& store() { return *store_; }
  Worker& worker() { return Running("worker"); }
  const Plan& plan() const;
  // Everything logged so far.
  const std::vector<std::string>& log() const { return log_.messages; }
  // For each line of it, what it is about.
  const std::vector<LoggedAbout>& log_abouts() const { return log_.abouts; }
  // What a pod would show of itself, a fifth of a second old at most.
  PodStatus shown() { return board_.Look(); }
  // Changelog records replayed since the last start.
  int64_t replayed_records() const;

 private:
  struct RecordingLog final : LogSink {
    void Log(LogLevel level, const std::string& message) override { LogAbout(level, message, {}); }
    void LogAbout(LogLevel level, const std::string& message, const LogSubject& subject) override {
      if (!Takes(level)) return;
      messages.push_back(message);
      abouts.push_back(LoggedAbout::Of(subject));
    }
    bool Takes(LogLevel level) const override { return level >= LogLevel::kInfo; }
    std::vector<std::string> messages;
    std::vector<LoggedAbout> abouts;
  };

  template <typename Key>
  std::string KeyBytes(const std::string& aggregate, const Key& key) const {
    if constexpr (std::is_convertible_v<Key, std::string>) {
      return std::string(key);
    } else {
      Arena arena;
      CheckKeyType(SourceOf(aggregate), Codec<Key>::TypeName());
      return std::string(Codec<Key>::Encode(key, &arena));
    }
  }
  // The task group of an aggregate, or of a source.
  uint16_t GroupOf(const std::string& aggregate) const;
  // The group's first source.
  const std::string& SourceOf(const std::string& aggregate) const;
  v1::Target TargetOf(const std::string& aggregate, const std::string& key, const CommandOptions& options) const;
  // To the partition of the queue that the command names.
  CommandOutcome Command(const std::string& aggregate, v1::Command command, const CommandOptions& options);
  CommandOutcome CommandTo(const std::string& aggregate, int partition, v1::Command command,
                           const CommandOptions& options);
  std::vector<CommandOutcome> CommandAll(const std::string& aggregate, v1::Command command,
                                         const CommandOptions& options);
  std::string Complete(v1::Command* command, const CommandOptions& options);

  // What a method needs, or a DriverError: a worker, halted or not; a topology that was built, at least once.
  Worker& Running(const char* asked) const;
  const Graph& Built(const char* asked) const;
  const NodeSpec& AggregateNamed(const std::string& name) const;
  SourceIndex SourceNamed(const std::string& name) const;
  void CheckKeyType(const std::string& source, const std::string& type) const;
  void CheckValueType(const std::string& source, const std::string& type, const std::string& event_type) const;
  void CheckTopic(const std::string& topic) const;
  void CheckStateType(const std::string& aggregate, const std::string& type) const;
  std::vector<testkit::MemoryRecord> ReadAs(const std::string& topic, const std::string& type) const;
  [[noreturn]] static void FailToRead(const std::string& what, const absl::Status& why);

  absl::Status Open(const Factory& factory);
  void StartWorker();
  void StopWorker();
  void KillWorker();
  bool Settled() const;
  absl::Status Halted() const;
  void TellOfHalt();

  const DriverOptions options_;
  RecordingLog log_;
  testkit::ManualClock clock_;
  StatusBoard board_{PodStatus{.phase = PodPhase::kRunning}, /*workers=*/1, &clock_};
  std::unique_ptr<testkit::MemoryCluster> cluster_;
  std::unique_ptr<MemoryCheckpointStore> store_;
  std::unique_ptr<InlineCheckpointWriter> checkpoints_;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
  std::shared_ptr<const Graph> graph_;
  Plan plan_;
  EngineOptions engine_;
  std::unique_ptr<Worker> worker_;  // Null while the topology's last version did not build.
  absl::Status built_;              // Of the last version.
  absl::Status status_;
  bool halt_told_ = false;
  uint64_t starts_ = 0;
  int instance_ = 0;
  int commands_ = 0;  // That were given an ID.
};

}  // namespace once

#endif  // ONCE_TESTS_TESTKIT_TOPOLOGY_TEST_DRIVER_H_
