#include "tools/gateway/explicit_transactions.h"

#include <algorithm>
#include <deque>
#include <map>
#include <thread>
#include <utility>

#include "absl/strings/str_cat.h"
#include "tools/gateway/answers.h"
#include "tools/gateway/json.h"

namespace once::gateway {

namespace {
// Of one transaction that wait for its turn.
constexpr size_t kMostCommands = 16;
constexpr absl::Duration kBeginTime = absl::Seconds(10);
constexpr absl::Duration kCommitTime = absl::Seconds(10);
}  // namespace

enum class CommandKind { kBegin, kSend, kCommit, kAbort };

struct ExplicitTransactions::Command {
  CommandKind kind = CommandKind::kBegin;
  std::string id = {};
  absl::Duration timeout = {};
  std::vector<Event> events = {};
  std::string key = {};
  std::string hash = {};
  Done done = {};
};

// One producer, and the thread that makes its calls.
class ExplicitTransactions::Slot {
 public:
  Slot(ExplicitTransactions* owner, const std::string& transactional_id, kafka::Client* client)
      : owner_(owner), transactor_(transactional_id, client, owner->outcomes_, owner->log_, &owner->hurrying_) {}

  Transactor& transactor() { return transactor_; }
  void Start() {
    thread_ = std::thread([this] { Run(); });
  }
  void Wake() {
    MutexLock lock(&mutex_);
    arrived_.NotifyAll();
  }
  void Join() {
    if (thread_.joinable()) thread_.join();
  }
  bool Post(std::unique_ptr<Command>& command) {
    MutexLock lock(&mutex_);
    if (commands_.size() >= kMostCommands || has_ended_) return false;
    commands_.push_back(std::move(command));
    arrived_.NotifyAll();
    return true;
  }

 private:
  // Null when the transaction's time is over, or all is to stop.
  std::unique_ptr<Command> Take() {
    MutexLock lock(&mutex_);
    while (commands_.empty() && !owner_->stopping_.load()) {
      const absl::Duration left = deadline_ - SteadyNow();
      if (left <= absl::ZeroDuration()) return nullptr;
      arrived_.WaitFor(&mutex_, std::min(left, absl::Seconds(1)));
    }
    if (commands_.empty() || SteadyNow() >= deadline_) return nullptr;
    std::unique_ptr<Command> command = std::move(commands_.front());
    commands_.pop_front();
    return command;
  }

  void Run() {
    while (!owner_->stopping_.load()) {
      std::unique_ptr<Command> command = Take();
      if (command == nullptr) {
        if (!owner_->stopping_.load()) Expire();
      } else if (command->kind == CommandKind::kBegin) {
        Begin(*command);
      } else if (command->id != id_) {
        command->done(owner_->AnswerEnded(command->id, command->kind == CommandKind::kCommit,
                                          command->kind == CommandKind::kAbort));
      } else {
        Serve(*command);
      }
    }
    if (!id_.empty()) End(TransactionState::kAborted, "the gateway stopped");
    std::deque<std::unique_ptr<Command>> left;
    {
      MutexLock lock(&mutex_);
      has_ended_ = true;
      left.swap(commands_);
    }
    for (auto& command : left) {
      command->done(NotCommitted(absl::UnavailableError("the gateway is stopping; the transaction is aborted")));
    }
  }

  void Serve(Command& command) {
    if (command.kind == CommandKind::kSend) Send(command);
    if (command.kind == CommandKind::kCommit) Commit(command);
    if (command.kind == CommandKind::kAbort) {
      const std::string id = id_;
      End(TransactionState::kAborted, "it was aborted as it was asked to be");
      command.done(JsonResponse(200, {{"outcome", "aborted"}, {"transaction_id", id}}));
    }
  }

  void Begin(Command& command) {
    id_ = command.id;
    deadline_ = SteadyNow() + command.timeout;
    if (absl::Status begun = transactor_.Begin(id_, std::min(deadline_, SteadyNow() + kBeginTime)); !begun.ok()) {
      End(TransactionState::kAborted, std::string(begun.message()));
      command.done(NotCommitted(begun));
      return;
    }
    command.done(
        JsonResponse(200, {{"transaction_id", id_}, {"timeout_ms", absl::ToInt64Milliseconds(command.timeout)}}));
  }

  void Send(Command& command) {
    if (const auto sent = sent_.find(command.key); !command.key.empty() && sent != sent_.end()) {
      command.done(Replay(sent->second, command.hash));
      return;
    }
    size_t bytes = 0;
    for (const Event& event : command.events) bytes += event.bytes();
    if (events_.size() + command.events.size() > owner_->options_.max_events ||
        bytes_ + bytes > owner_->options_.max_bytes) {
      command.done(ErrorResponse(413, "the transaction would be too large; it is open as before"));
      return;
    }
    std::vector<const Event*> pointers;
    for (const Event& event : command.events) pointers.push_back(&event);
    int failed = -1;
    if (absl::Status sent = transactor_.Send(pointers, deadline_, &failed); !sent.ok()) {
      const std::string where = failed < 0 ? "" : absl::StrCat("events[", failed, "]: ");
      const absl::Status why(sent.code(), absl::StrCat(where, std::string(sent.message())));
      End(TransactionState::kAborted, std::string(why.message()));
      command.done(NotCommitted(why));
      return;
    }
    bytes_ += bytes;
    Json list = Json::array();
    for (Event& event : command.events) {
      list.push_back({{"topic", event.topic}, {"event_id", event.event_id}});
      // Topic and id are what the commit's answer has.
      events_.push_back(Event{.topic = std::move(event.topic), .event_id = std::move(event.event_id)});
    }
    const http::Response answer = JsonResponse(
        200, {{"transaction_id", id_}, {"events", std::move(list)}, {"events_in_transaction", events_.size()}});
    if (!command.key.empty()) sent_[command.key] = {.request_hash = command.hash, .answer = answer.body};
    command.done(answer);
  }

  void Commit(Command& command) {
    const std::string answer = CommittedAnswer(id_, events_);
    std::vector<std::pair<std::string, Outcome>> outcomes;
    if (!command.key.empty()) {
      outcomes.emplace_back(KeyOfRequest(command.key), Outcome{.request_hash = command.hash, .answer = answer});
    }
    const absl::Status ended = transactor_.Commit(
        answer, std::move(outcomes), absl::ToUnixMillis(owner_->clock_->Wall()), SteadyNow() + kCommitTime);
    if (ended.ok()) {
      End(TransactionState::kCommitted, answer);
      command.done(Committed(answer, false));
    } else if (absl::IsAborted(ended)) {
      const std::string why(ended.message());
      End(TransactionState::kAborted, why);
      command.done(NotCommitted(absl::UnavailableError(why)));
    } else {
      End(TransactionState::kUnknown, "whether it was committed was not known when the gateway stopped");
      command.done(OutcomeUnknown());
    }
  }

  void Expire() {
    if (!id_.empty()) End(TransactionState::kExpired, "its timeout passed, and it was aborted");
    deadline_ = absl::InfiniteFuture();
  }

  void End(TransactionState state, std::string words) {
    if (transactor_.is_open()) transactor_.Abort();
    const std::string id = std::exchange(id_, "");
    deadline_ = absl::InfiniteFuture();
    events_.clear();
    bytes_ = 0;
    sent_.clear();
    owner_->End(id, state, std::move(words));
  }

  ExplicitTransactions* const owner_;
  Transactor transactor_;
  // Of the thread.
  std::string id_;
  absl::Time deadline_ = absl::InfiniteFuture();
  std::vector<Event> events_;
  size_t bytes_ = 0;
  std::map<std::string, Outcome> sent_;

  Mutex mutex_;
  CondVar arrived_;
  std::deque<std::unique_ptr<Command>> commands_ ABSL_GUARDED_BY(mutex_);
  bool has_ended_ ABSL_GUARDED_BY(mutex_) = false;
  std::thread thread_;
};

ExplicitTransactions::ExplicitTransactions(const ExplicitOptions& options,
                                           const std::function<std::string(int)>& make_id, kafka::Client* client,
                                           OutcomeLog* outcomes, Clock* clock, LogSink* log)
    : options_(options),
      outcomes_(outcomes),
      clock_(clock),
      log_(log),
      registry_(options.instance, options.slots, options.remember, 10'000) {
  for (int i = 0; i < options_.slots; ++i) slots_.push_back(std::make_unique<Slot>(this, make_id(i), client));
}

ExplicitTransactions::~ExplicitTransactions() { Stop(); }

absl::Status ExplicitTransactions::Prepare(absl::Time deadline) {
  // Each waits for brokers, so all at once.
  std::vector<absl::Status> prepared(slots_.size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < slots_.size(); ++i) {
    threads.emplace_back([this, i, deadline, &prepared] { prepared[i] = slots_[i]->transactor().Prepare(deadline); });
  }
  for (std::thread& thread : threads) thread.join();
  const auto failed = std::find_if(prepared.begin(), prepared.end(), [](const absl::Status& s) { return !s.ok(); });
  return failed == prepared.end() ? absl::OkStatus() : *failed;
}

void ExplicitTransactions::Start() {
  for (const auto& slot : slots_) slot->Start();
}

void ExplicitTransactions::Stop() {
  if (stopping_.exchange(true)) return;
  for (const auto& slot : slots_) slot->Wake();
  // A commit whose answer was lost has some time to be found out about.
  const absl::Time deadline = SteadyNow() + kCommitTime;
  std::thread hurry([this, deadline] {
    while (SteadyNow() < deadline && !hurrying_.load()) absl::SleepFor(absl::Milliseconds(50));
    hurrying_.store(true);
  });
  for (const auto& slot : slots_) slot->Join();
  hurrying_.store(true);
  hurry.join();
}

void ExplicitTransactions::Begin(absl::Duration timeout, Done done) {
  absl::StatusOr<std::pair<std::string, int>> opened = absl::UnavailableError("");
  {
    MutexLock lock(&mutex_);
    opened = registry_.Open();
  }
  if (!opened.ok()) {
    done(ErrorResponse(opened.status()));
    return;
  }
  auto command = std::make_unique<Command>();
  command->id = opened->first;
  command->timeout = timeout;
  command->done = std::move(done);
  Post(opened->first, std::move(command));
}

void ExplicitTransactions::Send(const std::string& id, std::vector<Event> events, const std::string& key,
                                const std::string& hash, Done done) {
  auto command = std::make_unique<Command>();
  command->kind = CommandKind::kSend;
  command->events = std::move(events);
  command->key = key;
  command->hash = hash;
  command->done = std::move(done);
  Post(id, std::move(command));
}

void ExplicitTransactions::Commit(const std::string& id, const std::string& key, const std::string& hash, Done done) {
  if (const auto known = key.empty() ? std::nullopt : outcomes_->Find(KeyOfRequest(key)); known.has_value()) {
    done(Replay(*known, hash));
    return;
  }
  auto command = std::make_unique<Command>();
  command->kind = CommandKind::kCommit;
  command->key = key;
  command->hash = hash;
  command->done = std::move(done);
  Post(id, std::move(command));
}

void ExplicitTransactions::Abort(const std::string& id, Done done) {
  auto command = std::make_unique<Command>();
  command->kind = CommandKind::kAbort;
  command->done = std::move(done);
  Post(id, std::move(command));
}

void ExplicitTransactions::Post(const std::string& id, std::unique_ptr<Command> command) {
  command->id = id;
  std::optional<TransactionView> view;
  {
    MutexLock lock(&mutex_);
    view = registry_.Find(id);
  }
  if (!view.has_value() || view->state != TransactionState::kOpen) {
    command->done(AnswerEnded(id, command->kind == CommandKind::kCommit, command->kind == CommandKind::kAbort));
    return;
  }
  if (slots_[static_cast<size_t>(view->slot)]->Post(command)) return;
  if (command->kind == CommandKind::kBegin) End(id, TransactionState::kAborted, "it did not begin");
  command->done(ErrorResponse(503, "too many requests of this transaction wait; ask again"));
}

http::Response ExplicitTransactions::AnswerEnded(const std::string& id, bool is_commit, bool is_abort) {
  std::optional<TransactionView> view;
  bool is_ours = false;
  {
    MutexLock lock(&mutex_);
    view = registry_.Find(id);
    is_ours = registry_.IsOurs(id);
  }
  // Of before a restart, or of another instance.
  if (!view.has_value() && !is_ours) outcomes_->CatchUp(SteadyNow() + kCommitTime).IgnoreError();
  const std::optional<Outcome> outcome = view.has_value() ? std::nullopt : outcomes_->Find(KeyOfTransaction(id));
  if (outcome.has_value()) view = {.state = TransactionState::kCommitted, .words = outcome->answer};
  if (!view.has_value()) {
    return ErrorResponse(404, is_ours ? "there is no such transaction; none of that id was committed of late"
                                      : "there is no such transaction here; it may be another instance's");
  }
  if (view->state == TransactionState::kCommitted && is_commit) return Committed(view->words, true);
  if (view->state == TransactionState::kAborted && is_abort) {
    return JsonResponse(200, {{"outcome", "aborted"}, {"transaction_id", id}});
  }
  const bool is_committed = view->state == TransactionState::kCommitted;
  Json body = {{"error", is_committed ? "the transaction is committed already" : OneLine(view->words)},
               {"transaction_id", id},
               {"outcome", view->state == TransactionState::kUnknown ? "unknown"
                           : is_committed                            ? "committed"
                                                                     : "not committed"}};
  return JsonResponse(view->state == TransactionState::kExpired ? 410 : 409, body);
}

void ExplicitTransactions::End(const std::string& id, TransactionState state, std::string words) {
  if (state == TransactionState::kCommitted) ++committed_;
  if (state == TransactionState::kAborted) ++aborted_;
  if (state == TransactionState::kExpired) ++expired_;
  MutexLock lock(&mutex_);
  registry_.End(id, state, std::move(words), SteadyNow());
}

size_t ExplicitTransactions::open_count() const {
  MutexLock lock(&mutex_);
  return registry_.open_count();
}

}  // namespace once::gateway
