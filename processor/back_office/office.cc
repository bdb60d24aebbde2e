#include "processor/back_office/office.h"

#include <algorithm>
#include <functional>
#include <map>
#include <nlohmann/json.hpp>
#include <utility>

#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/back_office/aggregate_json.h"
#include "processor/base/strings.h"
#include "processor/cli/commands.h"
#include "processor/cli/unique_id.h"
#include "processor/http/routes.h"

namespace once {

namespace {

using http::ErrorResponse;
using http::JsonResponse;
using http::Question;
using http::Reply;
using http::Response;

constexpr int kReaders = 2;
constexpr size_t kReadsWaiting = 16;
constexpr int kClerks = 2;
constexpr int kCallers = 3;
constexpr size_t kCommandsWaiting = 16;
constexpr size_t kJobsRemembered = 256;
// One call to the brokers.
constexpr absl::Duration kCallTimeout = absl::Seconds(5);
constexpr char kReadTimeout[] = "--timeout=5s";

Response Refusal(const absl::Status& status) {
  const auto code = [&] {
    switch (status.code()) {
      case absl::StatusCode::kInvalidArgument:
        return 400;
      case absl::StatusCode::kNotFound:
        return 404;
      case absl::StatusCode::kAborted:
      case absl::StatusCode::kAlreadyExists:
      case absl::StatusCode::kFailedPrecondition:
        return 409;
      case absl::StatusCode::kOutOfRange:
        return 413;
      case absl::StatusCode::kUnavailable:
      case absl::StatusCode::kPermissionDenied:
      case absl::StatusCode::kUnauthenticated:
        return 503;
      case absl::StatusCode::kDeadlineExceeded:
      case absl::StatusCode::kCancelled:
        return 504;
      default:
        return 500;
    }
  }();
  return ErrorResponse(code, PlainText(std::string(status.message())));
}

Response TooMuch() {
  Response response = ErrorResponse(503, "too much is asked at once; ask again");
  response.headers.emplace_back("Retry-After", "1");
  return response;
}

// The parameter as a number between 1 and `most`.
absl::StatusOr<int64_t> CountOf(const Question& question, int64_t otherwise, int64_t most) {
  const auto found = question.query.find("count");
  if (found == question.query.end()) return otherwise;
  int64_t count = 0;
  if (absl::SimpleAtoi(found->second, &count) && count >= 1 && count <= most) return count;
  return absl::InvalidArgumentError(absl::StrCat("count is not in 1 to ", most));
}

// What was asked for at that time: later commits are not in it, or not all of them.
std::string WithAsOf(const std::string& object, absl::Time as_of) {
  const size_t brace = object.find('{');
  if (brace == std::string::npos) return object;
  const bool is_empty = object.find_first_not_of(" \n", brace + 1) == object.find('}');
  return absl::StrCat("{\"as_of\":\"", absl::FormatTime("%Y-%m-%dT%H:%M:%E3SZ", as_of, absl::UTCTimeZone()), "\"",
                      is_empty ? "" : ",", object.substr(brace + 1));
}

// --NAME=VALUE for each parameter that the command has an option for.
void AddOptions(const Question& question, std::initializer_list<const char*> names, std::vector<std::string>* words) {
  for (const char* name : names) {
    const auto found = question.query.find(name);
    if (found != question.query.end()) words->push_back(absl::StrCat("--", name, "=", found->second));
  }
}

}  // namespace

Office::Office(const Inside* inside, std::shared_ptr<const Graph> graph, Clock* clock, OfficeOptions options)
    : inside_(inside),
      graph_(std::move(graph)),
      clock_(clock),
      options_(options),
      registry_(cli::AllCommands()),
      jobs_(kJobsRemembered),
      readers_(kReaders, kReadsWaiting),
      clerks_(kClerks, kCommandsWaiting),
      callers_(kCallers, kReadsWaiting) {}

Office::~Office() { is_ending_.store(true); }

std::function<bool()> Office::CancelledAfter(absl::Duration timeout) const {
  return [this, until = SteadyNow() + timeout] { return is_ending_.load() || SteadyNow() >= until; };
}

void Office::Ask(Question question, Reply reply) {
  using Answer = void (Office::*)(const Question&, const Reply&);
  static const std::map<std::string_view, Answer> kAnswers = {
      {"/v1/status", &Office::AskPods},   {"/v1/tasks", &Office::AskPods},
      {"/v1/parked", &Office::AskPods},   {"/v1/dead-letters", &Office::AskLetters},
      {"/v1/audit", &Office::AskAudit},   {"/v1/commands", &Office::AskCommand},
      {"/v1/jobs/{id}", &Office::AskJob}, {"/v1/aggregates/{aggregate}/{key}", &Office::AskAggregate}};
  const auto found = kAnswers.find(question.path);
  if (found == kAnswers.end()) return reply(ErrorResponse(404, "there is no such path"));
  (this->*found->second)(question, reply);
}

void Office::Look(std::vector<std::string> words, const Reply& reply) {
  const bool is_taken = readers_.Submit([this, words = std::move(words), reply] {
    if (is_ending_.load()) return reply(ErrorResponse(503, "the pod stops"));
    const absl::Time as_of = clock_->Wall();
    const RunOutcome outcome = inside_->Look(words, CancelledAfter(options_.read_timeout));
    reply(outcome.status.ok() ? JsonResponse(200, WithAsOf(outcome.json, as_of)) : Refusal(outcome.status));
  });
  if (!is_taken) reply(TooMuch());
}

void Office::RunDry(std::vector<std::string> words, std::optional<std::string> value, const Reply& reply) {
  const bool is_taken = readers_.Submit([this, words = std::move(words), value = std::move(value), reply] {
    if (is_ending_.load()) return reply(ErrorResponse(503, "the pod stops"));
    const RunOutcome outcome = inside_->Run(words, value, CancelledAfter(options_.read_timeout));
    reply(outcome.status.ok() ? JsonResponse(200, outcome.json) : Refusal(outcome.status));
  });
  if (!is_taken) reply(TooMuch());
}

void Office::AskLetters(const Question& question, const Reply& reply) {
  const absl::StatusOr<int64_t> count = CountOf(question, 20, 100);
  if (!count.ok()) return reply(Refusal(count.status()));
  const auto source = question.query.find("source");
  if (source != question.query.end() &&
      std::none_of(graph_->sources.begin(), graph_->sources.end(),
                   [&](const SourceSpec& each) { return each.name == source->second; })) {
    return reply(ErrorResponse(400, absl::StrCat("there is no source \"", Printable(source->second), "\"")));
  }
  std::vector<std::string> words = {"dlq",      "list",       "--json",
                                    "--values", kReadTimeout, absl::StrCat("--limit=", *count)};
  AddOptions(question, {"partition", "before", "disposition", "reason", "source", "key", "since"}, &words);
  Look(std::move(words), reply);
}

void Office::AskAudit(const Question& question, const Reply& reply) {
  const absl::StatusOr<int64_t> count = CountOf(question, 50, 1000);
  if (!count.ok()) return reply(Refusal(count.status()));
  std::vector<std::string> words = {"audit", "list", "--json", kReadTimeout, absl::StrCat("--limit=", *count)};
  AddOptions(question, {"command", "outcome", "since"}, &words);
  Look(std::move(words), reply);
}

void Office::AskCommand(const Question& question, const Reply& reply) {
  const absl::StatusOr<CommandOrder> order = ReadOrder(question.body, registry_);
  if (!order.ok()) return reply(Refusal(order.status()));
  if (absl::Status checked = CheckOrder(*order, registry_, *graph_); !checked.ok()) return reply(Refusal(checked));
  Job job{.order = *order,
          .value_hash = std::hash<std::string>()(order->value.value_or("")),
          .id = order->id,
          .issuer = question.issuer,
          .asked_at = clock_->Wall()};
  job.order.value.reset();
  if (job.id.empty()) job.id = cli::DrawUniqueId();
  if (order->is_dry) return RunDry(CommandWords(*order, job.issuer, kCallTimeout), order->value, reply);
  Job before;
  if (!jobs_.Add(job, &before)) {
    const bool is_same = before.order == job.order && before.value_hash == job.value_hash;
    return reply(is_same ? JsonResponse(202, JobJson(before))
                         : ErrorResponse(409, "another command of this ID was asked for before"));
  }
  std::vector<std::string> words = CommandWords(*order, job.issuer, options_.job_timeout);
  const bool is_taken = clerks_.Submit([this, words = std::move(words), value = order->value, id = job.id] {
    RunOutcome outcome{.status = absl::UnavailableError("the pod was stopped before it was sent")};
    if (!is_ending_.load()) outcome = inside_->Run(words, value, CancelledAfter(2 * options_.job_timeout), id);
    jobs_.Finish(id, outcome);
  });
  if (!is_taken) {
    jobs_.Remove(job.id);
    return reply(TooMuch());
  }
  Response response = JsonResponse(202, JobJson(job));
  response.headers.emplace_back("Location", absl::StrCat("/v1/jobs/", job.id));
  reply(std::move(response));
}

void Office::AskJob(const Question& question, const Reply& reply) {
  const std::string& id = question.words.front();
  if (!IsOrderId(id)) return reply(ErrorResponse(404, "there is no such job"));
  const std::optional<Job> job = jobs_.Find(id);
  if (job.has_value() && job->state != JobState::kUnclear) return reply(JsonResponse(200, JobJson(*job)));
  AskAuditOfJob(id, reply);
}

void Office::AskPods(const Question& question, const Reply& reply) {
  if (options_.pods == nullptr) return reply(ErrorResponse(404, "this pod knows of no other"));
  const bool is_taken = callers_.Submit([this, path = std::string(question.path), own = question.body, reply] {
    if (is_ending_.load()) return reply(ErrorResponse(503, "the pod stops"));
    reply(JsonResponse(200, options_.pods->Gather(path, own, options_.pods_timeout)));
  });
  if (!is_taken) reply(TooMuch());
}

void Office::AskAggregate(const Question& question, const Reply& reply) {
  const absl::StatusOr<int64_t> count = CountOf(question, 20, 100);
  if (!count.ok()) return reply(Refusal(count.status()));
  const std::string& aggregate = question.words.front();
  const bool is_there = std::any_of(graph_->nodes.begin(), graph_->nodes.end(), [&](const NodeSpec& node) {
    return node.kind == NodeKind::kAggregate && node.name == aggregate;
  });
  if (!is_there) return reply(ErrorResponse(404, absl::StrCat("there is no aggregate \"", Printable(aggregate), "\"")));
  const bool is_taken = readers_.Submit([this, words = question.words, limit = *count, reply] {
    if (is_ending_.load()) return reply(ErrorResponse(503, "the pod stops"));
    const auto is_cancelled = CancelledAfter(options_.read_timeout);
    const absl::Time as_of = clock_->Wall();
    const RunOutcome state =
        inside_->Look({"state", "get", "--json", kReadTimeout, "--", words[0], words[1]}, is_cancelled);
    if (!state.status.ok() && !absl::IsNotFound(state.status)) return reply(Refusal(state.status));
    const RunOutcome queue = inside_->Look(
        {"parked", "show", "--json", kReadTimeout, absl::StrCat("--limit=", limit), "--", words[0], words[1]},
        is_cancelled);
    if (!queue.status.ok() && !absl::IsNotFound(queue.status)) return reply(Refusal(queue.status));
    if (!state.status.ok() && !queue.status.ok()) return reply(Refusal(state.status));
    reply(JsonResponse(200, WithAsOf(AggregateJson(words[0], words[1], state, queue), as_of)));
  });
  if (!is_taken) reply(TooMuch());
}

// One that another pod was asked for, or that was not answered in time.
void Office::AskAuditOfJob(const std::string& id, const Reply& reply) {
  const bool is_taken = readers_.Submit([this, id, reply] {
    if (is_ending_.load()) return reply(ErrorResponse(503, "the pod stops"));
    const RunOutcome audit = inside_->Look({"audit", "list", "--json", kReadTimeout, "--limit=1000", "--command=" + id},
                                           CancelledAfter(options_.read_timeout));
    if (audit.status.ok()) return reply(JsonResponse(200, AuditedJobJson(id, audit.json)));
    const std::optional<Job> job = jobs_.Find(id);
    reply(job.has_value() ? JsonResponse(200, JobJson(*job)) : Refusal(audit.status));
  });
  if (!is_taken) reply(TooMuch());
}

}  // namespace once
