// Holds the cluster in memory against a real broker: random sequences of calls through the same ports must show the
// same results, logs, offsets and errors on both. What is known to differ stands in docs/fidelity.md.
//
//   ONCE_TEST_BOOTSTRAP=127.0.0.1:9092 bazel-bin/tests/fidelity/fidelity_test --seeds=1000
//   ... --seed=17 shows one sequence, call by call
#include <execinfo.h>
#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <atomic>
#include <fstream>
#include <iostream>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_replace.h"
#include "absl/strings/strip.h"
#include "absl/time/clock.h"
#include "tests/fidelity/broker_side.h"
#include "tests/fidelity/player.h"
#include "tests/fidelity/sequence.h"
#include "tests/testkit/manual_clock.h"
#include "tests/testkit/memory_cluster.h"

namespace once::fidelity {
namespace {

struct Flags {
  uint64_t seeds = 1000;
  uint64_t first = 1;
  bool is_shown = false;  // Prints every call, not only those that differ.
  int threads = 16;
};

class MemorySide final : public Side {
 public:
  explicit MemorySide(testkit::MemoryCluster* cluster, testkit::ManualClock* clock)
      : cluster_(*cluster),
        clock_(*clock),
        client_(cluster->NewClient({.transaction_timeout = absl::Seconds(60),
                                    .session_timeout = absl::InfiniteDuration(),
                                    .max_batch_bytes = 1000})) {}

  kafka::Client& client() override { return *client_; }
  void Pause() override { clock_.Advance(absl::Milliseconds(1)); }
  absl::Duration patience() const override { return absl::ZeroDuration(); }
  std::vector<std::pair<Offset, std::string>> ReadUncommitted(const TopicPartition& where, Offset from,
                                                              Offset end) override {
    std::vector<std::pair<Offset, std::string>> values;
    for (const testkit::MemoryRecord& each : cluster_.ReadUncommitted(where.topic)) {
      if (each.partition != where.partition || each.offset < from || each.offset >= end) continue;
      values.push_back({each.offset, each.value.value_or("<null>")});
    }
    return values;
  }

 private:
  testkit::MemoryCluster& cluster_;
  testkit::ManualClock& clock_;
  std::unique_ptr<kafka::Client> client_;
};

const std::map<std::string, std::string> kPlain = {{"max.message.bytes", "2000"}};
const std::map<std::string, std::string> kCompacted = {{"max.message.bytes", "2000"}, {"cleanup.policy", "compact"}};

std::vector<Seen> PlayInMemory(const Names& names, const std::vector<Op>& ops) {
  testkit::ManualClock clock;
  testkit::MemoryCluster cluster(&clock);
  cluster.CreateTopic(names.plain, 2, kPlain);
  cluster.CreateTopic(names.compacted, 1, kCompacted);
  cluster.CreateTopic(names.led, 2);
  MemorySide side(&cluster, &clock);
  return Player(side, names, {}).Play(ops);
}

class Comparison {
 public:
  Comparison(const Flags& flags, const std::string& bootstrap) : flags_(flags), bootstrap_(bootstrap) {}

  // The number of sequences that differ.
  uint64_t Run() {
    std::vector<std::thread> threads;
    const auto count = std::min<uint64_t>(static_cast<uint64_t>(flags_.threads), flags_.seeds);
    for (uint64_t i = 0; i < count; ++i) threads.emplace_back([this, i] { Work(static_cast<int>(i)); });
    std::thread watch([this] { Watch(); });
    for (std::thread& each : threads) each.join();
    is_over_ = true;
    watch.join();
    std::cout << "results of single calls:";
    for (const auto& [name, count] : tally_) std::cout << " " << name << "=" << count;
    std::cout << std::endl;
    std::cout << "sequences=" << done_ << " operations=" << operations_ << " differences=" << differences_
              << " seconds=" << absl::ToInt64Seconds(absl::Now() - start_) << std::endl;
    return differences_;
  }

 private:
  // Topics serve one sequence after the other: each begins where the one before left the logs.
  void Work(int worker) {
    const std::string run = absl::StrCat("fidelity-", absl::ToUnixMicros(start_), "-", getpid(), "-", worker);
    BrokerSide side(bootstrap_);
    const Names topics{run + "-plain", run + "-compacted", run + "-led", ""};
    const auto admin = *side.client().NewAdmin();
    for (const kafka::NewTopic& topic :
         {kafka::NewTopic{topics.plain, 2, kPlain}, {topics.compacted, 1, kCompacted}, {topics.led, 2, {}}}) {
      const absl::Status created = admin->CreateTopic(topic, absl::Seconds(60));
      if (created.ok()) continue;
      std::cerr << created << std::endl;
      abort();
    }
    AwaitTopics(side, topics);
    while (true) {
      const uint64_t index = next_++;
      if (index >= flags_.seeds) return;
      Names names = topics;
      names.run = absl::StrCat(run, "-", index);
      Compare(side, names, flags_.first + index);
    }
  }

  // A client that asks too early remembers for a while that there is no such topic.
  static void AwaitTopics(BrokerSide& side, const Names& topics) {
    const absl::Time deadline = absl::Now() + absl::Seconds(60);
    const std::vector<TopicPartition> all = {{topics.plain, Partition(0)},
                                             {topics.plain, Partition(1)},
                                             {topics.compacted, Partition(0)},
                                             {topics.led, Partition(0)},
                                             {topics.led, Partition(1)}};
    bool is_there = false;
    while (!is_there && absl::Now() < deadline) {
      absl::SleepFor(absl::Milliseconds(200));
      const auto admin = *side.client().NewAdmin();
      is_there = std::all_of(all.begin(), all.end(), [&](const TopicPartition& each) {
        return admin->HighWatermark(each, absl::Seconds(10)).ok();
      });
    }
  }

  void Compare(BrokerSide& side, const Names& names, uint64_t seed) {
    const std::vector<Op> ops = Generate(seed);
    const std::vector<Seen> memory = PlayInMemory(names, ops);
    Player player(side, names, memory);
    {
      const std::lock_guard lock(mutex_);
      running_[seed] = {&player, &ops, pthread_self()};
    }
    const std::vector<Seen> broker = player.Play(ops);
    size_t first = 0;
    while (first < memory.size() && first < broker.size() && memory[first].seen == broker[first].seen) ++first;
    const bool is_same = first == memory.size() && first == broker.size();
    const std::lock_guard lock(mutex_);
    ++done_;
    running_.erase(seed);
    last_done_ = absl::Now();
    operations_ += ops.size();
    if (!is_same) ++differences_;
    for (size_t i = 0; i < ops.size(); ++i) Count(ops[i], broker[i]);
    if (flags_.is_shown || (!is_same && differences_ <= kMostShown)) Show(seed, ops, memory, broker, first);
    if (done_ % 100 == 0) {
      std::cout << "after " << done_ << " sequences: operations=" << operations_ << " differences=" << differences_
                << " seconds=" << absl::ToInt64Seconds(absl::Now() - start_) << std::endl;
    }
  }

  // Shows whether the sequences reach what they are meant to.
  void Count(const Op& op, const Seen& seen) {
    const std::string call = ToString(op).substr(0, ToString(op).find(' '));
    for (const char* result : {"retriable", "abortable", "fatal fenced", "fatal", "pending", "ok"}) {
      if (!absl::StrContains(seen.seen, result)) continue;
      ++tally_[absl::StrCat(call, "/", absl::StrReplaceAll(result, {{" ", "-"}}))];
      return;
    }
  }

  // Says where the sequences that hang are. One that stays there ends the test with the stack of its thread.
  void Watch() {
    int64_t reports = 0;
    while (!is_over_) {
      absl::SleepFor(absl::Milliseconds(100));
      const std::lock_guard lock(mutex_);
      const absl::Duration silence = absl::Now() - last_done_;
      const bool is_due = silence / kSilence > reports;
      reports = silence / kSilence;
      if (!is_due) continue;
      for (const auto& [seed, each] : running_) {
        const size_t place = each.player->place();
        std::cout << "no sequence has ended for " << kSilence * reports << "; seed " << seed << " is at call " << place
                  << ", " << (place < each.ops->size() ? ToString((*each.ops)[place]) : "its end") << std::endl;
      }
      if (reports >= kMostReports && !running_.empty()) pthread_kill(running_.begin()->second.thread, SIGABRT);
    }
  }

  void Show(uint64_t seed, const std::vector<Op>& ops, const std::vector<Seen>& memory, const std::vector<Seen>& broker,
            size_t first) const {
    const size_t count = std::min(memory.size(), broker.size());
    if (first < count) std::cout << "DIFFERENCE ";
    std::cout << "seed=" << seed << std::endl;
    for (size_t i = 0; i < count && (i <= first || flags_.is_shown); ++i) {
      const bool is_same = memory[i].seen == broker[i].seen;
      std::cout << "  " << i << " " << (i < ops.size() ? ToString(ops[i]) : "end") << ": " << broker[i].seen;
      if (flags_.is_shown || !is_same) std::cout << "   [" << broker[i].code << "]";
      if (!is_same) std::cout << "\n    IN MEMORY: " << memory[i].seen << "   [" << memory[i].code << "]";
      std::cout << std::endl;
    }
  }

  struct Running {
    const Player* player = nullptr;
    const std::vector<Op>* ops = nullptr;
    pthread_t thread = {};
  };

  static constexpr uint64_t kMostShown = 5;
  static constexpr absl::Duration kSilence = absl::Seconds(30);
  static constexpr int64_t kMostReports = 6;

  const Flags flags_;
  const std::string bootstrap_;
  const absl::Time start_ = absl::Now();
  std::atomic<uint64_t> next_ = 0;
  std::mutex mutex_;
  uint64_t done_ = 0;
  uint64_t operations_ = 0;
  uint64_t differences_ = 0;
  std::atomic<bool> is_over_ = false;
  absl::Time last_done_ = absl::Now();
  std::map<uint64_t, Running> running_;
  std::map<std::string, uint64_t> tally_;
};

// Of the thread that gets the signal. Abseil's handler does not find its way through Debian's libraries.
void ShowStack(int) {
  std::array<void*, 64> frames;
  backtrace_symbols_fd(frames.data(), backtrace(frames.data(), frames.size()), STDOUT_FILENO);
  _exit(1);
}

bool Parse(int argc, char** argv, Flags* flags) {
  for (int i = 1; i < argc; ++i) {
    absl::string_view arg = argv[i];
    bool is_good = false;
    if (absl::ConsumePrefix(&arg, "--seeds=")) {
      is_good = absl::SimpleAtoi(arg, &flags->seeds);
    } else if (absl::ConsumePrefix(&arg, "--seed=")) {
      is_good = absl::SimpleAtoi(arg, &flags->first);
      flags->seeds = 1;
      flags->is_shown = true;
    } else if (absl::ConsumePrefix(&arg, "--first=")) {
      is_good = absl::SimpleAtoi(arg, &flags->first);
    } else if (absl::ConsumePrefix(&arg, "--threads=")) {
      is_good = absl::SimpleAtoi(arg, &flags->threads) && flags->threads > 0;
    }
    if (!is_good) return false;
  }
  return true;
}

// Bazel runs the test as several processes; each takes a part of the seeds.
void TakeShard(Flags* flags) {
  const char* const total = getenv("TEST_TOTAL_SHARDS");
  const char* const index = getenv("TEST_SHARD_INDEX");
  uint64_t shards = 1;
  uint64_t shard = 0;
  if (total == nullptr || index == nullptr || !absl::SimpleAtoi(total, &shards) || !absl::SimpleAtoi(index, &shard)) {
    return;
  }
  if (const char* const told = getenv("TEST_SHARD_STATUS_FILE"); told != nullptr) std::ofstream(told).put('1');
  const uint64_t begin = flags->seeds * shard / shards;
  flags->seeds = flags->seeds * (shard + 1) / shards - begin;
  flags->first += begin;
}

}  // namespace
}  // namespace once::fidelity

int main(int argc, char** argv) {
  signal(SIGABRT, &once::fidelity::ShowStack);
  once::fidelity::Flags flags;
  if (!once::fidelity::Parse(argc, argv, &flags)) {
    std::cerr << "usage: fidelity_test [--seeds=NUMBER] [--first=SEED] [--seed=SEED] [--threads=NUMBER]" << std::endl;
    return 2;
  }
  once::fidelity::TakeShard(&flags);
  const char* bootstrap = getenv("ONCE_TEST_BOOTSTRAP");
  if (bootstrap == nullptr || *bootstrap == '\0') {
    std::cerr << "set ONCE_TEST_BOOTSTRAP to the address of a broker, such as 127.0.0.1:9092" << std::endl;
    return 2;
  }
  return once::fidelity::Comparison(flags, bootstrap).Run() == 0 ? 0 : 1;
}
