// What happens to the calls of the simulated processes: they take time, fail, take effect without an answer, or are
// repeated late.
#ifndef ONCE_TESTS_SIM_NETWORK_H_
#define ONCE_TESTS_SIM_NETWORK_H_

#include <cstdint>
#include <deque>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <string>

#include "absl/time/time.h"
#include "processor/kafka/kafka.h"
#include "tests/sim/random.h"
#include "tests/sim/scheduler.h"
#include "tests/testkit/memory_cluster.h"

namespace once::sim {

// How one call goes wrong.
enum class Fate {
  kRequestLost,   // Nothing happened; the client gave up waiting and may repeat the call.
  kAnswerLost,    // It took effect; the client gave up waiting and may repeat the call.
  kAnswerFatal,   // It took effect; the client took the lost answer for the end of its producer.
  kRequestFatal,  // Nothing happened, and the client ended its producer.
  kAbortable,     // Refused: the transaction must be aborted.
  kRepeatedLate,  // It succeeded at the second try, and the first one is still under way.
};

struct ArmedFate {
  testkit::Call call = testkit::Call::kCommit;
  Fate fate = Fate::kRequestLost;
};

// Hash and, if wanted, text of everything that happens.
class Trace {
 public:
  explicit Trace(std::function<void(const std::string&)> print = nullptr) : print_(std::move(print)) {}
  bool is_printed() const { return print_ != nullptr; }
  void Add(uint64_t what) { hash_ = Mix(hash_ ^ what); }
  void Print(const std::string& line) {
    if (print_ != nullptr) print_(line);
  }
  uint64_t hash() const { return hash_; }

 private:
  std::function<void(const std::string&)> print_;
  uint64_t hash_ = 0;
};

class Network {
 public:
  // All must outlive this.
  Network(Scheduler* scheduler, testkit::MemoryCluster* cluster, Random* random, Trace* trace)
      : scheduler_(scheduler), cluster_(cluster), random_(random), trace_(trace) {}

  // The next call of that kind goes wrong.
  void Arm(ArmedFate fate) { armed_.push_back(fate); }
  // Makes one that was thrown out of the group of the application a member again, if there are others.
  void JoinAnew(kafka::GroupMetadata* metadata);
  // The client's own thread keeps a process's members in their group while it is busy, if there is anything to be busy
  // with.
  void set_handlers_take_time(bool take_time) { handlers_take_time_ = take_time; }
  bool handlers_take_time() const { return handlers_take_time_; }
  void NoteMember(const Process* process, const std::string& member);
  void KeepAlive(const Process* process);
  // The time that the thread which runs has spent in handlers since it last ended, or began to end, a transaction.
  absl::Duration& handling() { return handling_[scheduler_->current_thread()]; }
  // Calls to a coordinator of transactions, or of groups, find none until then.
  void LoseCoordinators(absl::Time until) { no_coordinators_until_ = until; }
  // No call of the process gets through until then.
  void Cut(int process, absl::Time until);
  bool IsCut(int process);
  // Whoever replays that partition of the first changelog is told that it cannot be read; nullopt: nobody.
  void set_unreadable(std::optional<Partition> partition, absl::Status why) {
    unreadable_ = partition;
    unreadable_why_ = std::move(why);
  }
  void AddUnreadable(kafka::Batch* batch) const {
    if (unreadable_.has_value()) batch->errors.push_back({0, *unreadable_, unreadable_why_});
  }
  // Nothing goes wrong any more; late copies are dropped or delivered by then.
  void Heal();

  // Runs `call`, which must be that call of the client with the given transactional id, with its fate.
  kafka::Result Transactional(Process* process, testkit::Call kind, const std::string& transactional_id,
                              const std::function<kafka::Result()>& call);
  // Runs `call`, which asks nobody and takes no time, but may go wrong all the same.
  kafka::Result Local(Process* process, testkit::Call kind, const std::string& transactional_id,
                      const std::function<kafka::Result()>& call);
  // Of calls that change nothing: takes time. False if it does not get through.
  bool Ask(Process* process, testkit::Call kind);
  // Takes `pause`, or a little more.
  void Wait(absl::Duration pause) { scheduler_->Sleep(pause); }
  absl::Duration Latency();

  bool HasTopic(const std::string& name) const { return !cluster_->TopicId(name).empty(); }
  // Whose group JoinAnew speaks of.
  void set_application(const std::string& application) { application_ = application; }

  int64_t faults() const { return faults_; }
  Scheduler& scheduler() { return *scheduler_; }
  Trace& trace() { return *trace_; }

 private:
  std::optional<Fate> Draw(testkit::Call kind);
  void Inject(Fate fate, testkit::Call kind, const std::string& transactional_id);
  void Note(Process* process, testkit::Call kind, const kafka::Result& result);

  Scheduler* const scheduler_;
  testkit::MemoryCluster* const cluster_;
  Random* const random_;
  Trace* const trace_;
  std::string application_;
  std::deque<ArmedFate> armed_;
  std::map<int, std::set<std::string>> members_;    // By process.
  std::map<const void*, absl::Duration> handling_;  // By thread.
  std::vector<absl::Time> cut_until_;
  absl::Time no_coordinators_until_ = absl::InfinitePast();
  std::optional<Partition> unreadable_;
  absl::Status unreadable_why_;
  int64_t faults_ = 0;
  bool handlers_take_time_ = false;
};

const char* NameOf(testkit::Call call);
const char* NameOf(Fate fate);

}  // namespace once::sim

#endif  // ONCE_TESTS_SIM_NETWORK_H_
