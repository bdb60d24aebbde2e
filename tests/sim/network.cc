#include "tests/sim/network.h"

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace once::sim {

using kafka::ErrorClass;
using kafka::Result;
using testkit::Call;

const char* NameOf(Call call) {
  switch (call) {
    case Call::kInit:
      return "init_transactions";
    case Call::kBegin:
      return "begin";
    case Call::kSend:
      return "send";
    case Call::kFlush:
      return "flush";
    case Call::kSendOffsets:
      return "send_offsets";
    case Call::kCommit:
      return "commit";
    case Call::kAbort:
      return "abort";
    case Call::kPoll:
      return "poll";
    case Call::kSeek:
      return "seek";
    case Call::kReaderPoll:
      return "reader_poll";
    case Call::kStableCommittedOffsets:
      return "committed_offsets";
    case Call::kBeginningOffset:
      return "beginning_offset";
    case Call::kHighWatermark:
      return "high_watermark";
    default:
      return "call";
  }
}

const char* NameOf(Fate fate) {
  switch (fate) {
    case Fate::kRequestLost:
      return "request lost";
    case Fate::kAnswerLost:
      return "answer lost";
    case Fate::kAnswerFatal:
      return "answer lost, producer ended";
    case Fate::kRequestFatal:
      return "request lost, producer ended";
    case Fate::kAbortable:
      return "refused, must abort";
    case Fate::kRepeatedLate:
      return "repeated late";
  }
  return "";
}

void Network::Cut(int process, absl::Time until) {
  if (cut_until_.size() <= static_cast<size_t>(process)) cut_until_.resize(process + 1, absl::InfinitePast());
  cut_until_[process] = until;
}

bool Network::IsCut(int process) {
  return static_cast<size_t>(process) < cut_until_.size() && scheduler_->now() < cut_until_[process];
}

void Network::JoinAnew(kafka::GroupMetadata* metadata) {
  const std::vector<std::string> members = cluster_->Members(application_);
  if (members.empty() || std::find(members.begin(), members.end(), metadata->member_id) != members.end()) return;
  metadata->member_id = members.front();
  metadata->generation = cluster_->Generation(metadata->member_id);
}

void Network::NoteMember(const Process* process, const std::string& member) {
  if (!member.empty()) members_[process->id].insert(member);
}

void Network::KeepAlive(const Process* process) {
  if (IsCut(process->id)) return;
  for (const std::string& member : members_[process->id]) cluster_->Heartbeat(member);
}

Result Network::Local(Process* process, Call kind, const std::string& transactional_id,
                      const std::function<Result()>& call) {
  if (armed_.empty()) return call();
  const std::optional<Fate> fate = Draw(kind);
  if (!fate.has_value()) return call();
  if (trace_->is_printed()) trace_->Print(absl::StrCat("FAULT ", NameOf(kind), ": ", NameOf(*fate)));
  Inject(*fate, kind, transactional_id);
  const Result result = call();
  Note(process, kind, result);
  return result;
}

void Network::Heal() {
  armed_.clear();
  cut_until_.clear();
  no_coordinators_until_ = absl::InfinitePast();
  cluster_->ClearFaults();
}

absl::Duration Network::Latency() {
  // Mostly quick, now and then slow: that is what makes orders differ.
  return random_->Chance(5) ? random_->Between(absl::Milliseconds(5), absl::Milliseconds(60))
                            : random_->Between(absl::Microseconds(100), absl::Milliseconds(3));
}

std::optional<Fate> Network::Draw(Call kind) {
  const auto found =
      std::find_if(armed_.begin(), armed_.end(), [&](const ArmedFate& each) { return each.call == kind; });
  if (found == armed_.end()) return std::nullopt;
  const Fate fate = found->fate;
  armed_.erase(found);
  ++faults_;
  return fate;
}

void Network::Inject(Fate fate, Call kind, const std::string& transactional_id) {
  testkit::Fault fault{.call = kind, .id_prefix = transactional_id};
  const auto result = [](ErrorClass error, const char* code) {
    Result answer;
    answer.error = error;
    // What ends a producer mostly says that it was fenced, whatever became of the call.
    answer.fenced = error == ErrorClass::kFatal;
    answer.code = code;
    answer.message = "injected by the simulator";
    return answer;
  };
  switch (fate) {
    case Fate::kRequestLost:
      fault.result = result(ErrorClass::kRetriable, kind == Call::kSend ? "_QUEUE_FULL" : "_TIMED_OUT");
      break;
    case Fate::kAnswerLost:
      fault.result = result(ErrorClass::kRetriable, "_TIMED_OUT");
      fault.landed = true;
      break;
    case Fate::kAnswerFatal:
      fault.result = result(ErrorClass::kFatal, "_TIMED_OUT");
      fault.landed = true;
      break;
    case Fate::kRequestFatal:
      fault.result = result(ErrorClass::kFatal, "_TIMED_OUT");
      break;
    case Fate::kAbortable:
      fault.result = result(ErrorClass::kAbortable, "INJECTED");
      break;
    case Fate::kRepeatedLate:
      fault.late_duplicate = true;
      break;
  }
  cluster_->FailNext(std::move(fault));
  if (fate != Fate::kRepeatedLate) return;
  scheduler_->At(scheduler_->now() + random_->Between(absl::Milliseconds(1), absl::Milliseconds(400)),
                 [this] { cluster_->DeliverLate(); });
}

void Network::Note(Process* process, Call kind, const Result& result) {
  trace_->Add(static_cast<uint64_t>(absl::ToUnixNanos(scheduler_->now())) ^ static_cast<uint64_t>(process->id) << 56 ^
              static_cast<uint64_t>(kind) << 48 ^ static_cast<uint64_t>(result.error) << 40);
  if (!trace_->is_printed()) return;
  trace_->Print(absl::StrCat("pod ", process->id, " ", NameOf(kind), result.ok() ? "" : " -> ",
                             result.ok() ? "" : kafka::ToString(result)));
}

Result Network::Transactional(Process* process, Call kind, const std::string& transactional_id,
                              const std::function<Result()>& call) {
  if (handlers_take_time_) handling_.erase(scheduler_->current_thread());
  scheduler_->Sleep(Latency());
  const auto unreachable = [&](const char* code, const char* why) {
    Result answer;
    answer.error = ErrorClass::kRetriable;
    answer.code = code;
    answer.message = why;
    return answer;
  };
  const bool is_lost = IsCut(process->id) || scheduler_->now() < no_coordinators_until_;
  if (is_lost) {
    // Only this call: the client's own state must see that it failed.
    Inject(Fate::kRequestLost, kind, transactional_id);
    const Result result = call();
    Note(process, kind, result.ok() ? unreachable("_TIMED_OUT", "no broker answers") : result);
    scheduler_->Sleep(absl::Milliseconds(50));
    return result;
  }
  const std::optional<Fate> fate = Draw(kind);
  if (fate.has_value()) {
    if (trace_->is_printed()) trace_->Print(absl::StrCat("FAULT ", NameOf(kind), ": ", NameOf(*fate)));
    Inject(*fate, kind, transactional_id);
  }
  const Result result = call();
  Note(process, kind, result);
  scheduler_->Sleep(fate.has_value() && !result.ok() ? absl::Milliseconds(50) : Latency());
  return result;
}

bool Network::Ask(Process* process, Call kind) {
  scheduler_->Sleep(Latency());
  const bool needs_coordinator = kind == Call::kStableCommittedOffsets;
  const bool got_through = !IsCut(process->id) && !(needs_coordinator && scheduler_->now() < no_coordinators_until_) &&
                           !Draw(kind).has_value();
  trace_->Add(static_cast<uint64_t>(absl::ToUnixNanos(scheduler_->now())) ^ static_cast<uint64_t>(process->id) << 56 ^
              static_cast<uint64_t>(kind) << 48 ^ static_cast<uint64_t>(got_through));
  if (!got_through && trace_->is_printed()) {
    trace_->Print(absl::StrCat("pod ", process->id, " ", NameOf(kind), " does not get through"));
  }
  return got_through;
}

}  // namespace once::sim
