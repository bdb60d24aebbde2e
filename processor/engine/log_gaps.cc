// I9: what retention has taken, or a topic made anew has lost, is told with its extent and passed over only if somebody
// has said so (X4).
#include "processor/engine/log_gaps.h"

#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/engine/frontier.h"

namespace once {

namespace {

bool IsGone(const InputPosition& input) { return input.log.has_value() && input.next < input.log->begin; }
bool IsBeyond(const InputPosition& input) { return input.log.has_value() && input.next > input.log->end; }

// "up to 3 events": transactions' markers have offsets, too.
std::string UpTo(int64_t events) { return absl::StrCat("up to ", events, events == 1 ? " event" : " events"); }

std::string DescribeGone(const InputPosition& input) {
  return absl::StrCat("offset ", ToString(input.where, input.next),
                      ", the next to process, is not in the log any more, which begins at ", input.log->begin.value(),
                      ": ", UpTo(input.log->begin.value() - input.next.value()), " are gone");
}

std::string DescribeBeyond(const InputPosition& input) {
  return absl::StrCat("offset ", ToString(input.where, input.next),
                      ", the next to process, is not in the log, which ends at ", input.log->end.value());
}

constexpr char kHowToGoOn[] =
    " (retention shorter than the application stood still, or records were deleted). To go on at the log's beginning"
    " with the state kept, start the application with --accept_gaps, or stop all instances and run its command"
    " `offsets reset --to=earliest --source=";
constexpr char kHowToGoOnBeyond[] =
    ": the topic was deleted and made anew, or its brokers lost what they had acknowledged. Start under a new"
    " application_id";

}  // namespace

absl::Status CheckLogs(const Task& task) {
  std::vector<std::string> gone;
  std::vector<std::string> gone_topics;
  std::vector<std::string> beyond;
  // X4: all inputs, since all that is wrong is told at once.
  for (const InputPosition& input : task.inputs) {
    if (IsGone(input)) gone.push_back(DescribeGone(input));
    if (IsGone(input)) gone_topics.push_back(input.where.topic);
    if (IsBeyond(input)) beyond.push_back(DescribeBeyond(input));
  }
  if (gone.empty() && beyond.empty()) return absl::OkStatus();
  std::string text;
  if (!beyond.empty()) text = absl::StrCat(absl::StrJoin(beyond, "; "), kHowToGoOnBeyond);
  // OutOfRange only where --accept_gaps helps: the caller tells them apart by that.
  if (gone.empty()) return absl::FailedPreconditionError(text);
  return absl::OutOfRangeError(absl::StrCat(text, text.empty() ? "" : ". And ", absl::StrJoin(gone, "; "), kHowToGoOn,
                                            absl::StrJoin(gone_topics, ","),
                                            " --partition=", task.inputs.front().where.partition.value(), "`"));
}

absl::Status AcceptGaps(const Plan& plan, Task* task, std::string* told) {
  std::vector<std::string> beyond;
  std::vector<std::string> lost;
  for (InputPosition& input : task->inputs) {
    // Not known: if what is next is gone, the client says so when it is read (Scheduler::ProcessError).
    if (!input.log.has_value()) continue;
    if (IsRemade(plan, *task, input)) {
      lost.push_back(absl::StrCat("topic ", input.where.topic, " is another one than before, so it is read from ",
                                  ToString(input.where, input.log->begin),
                                  " on; what the one before still had is lost, and what was read of the new one already"
                                  " takes effect again, unless it has an event ID"));
      input.resume = input.log->begin;
    } else if (IsGone(input)) {
      lost.push_back(absl::StrCat(UpTo(input.log->begin.value() - input.next.value()), " of ", ToString(input.where),
                                  ", from offset ", input.next.value(), " to ", input.log->begin.value() - 1,
                                  ", are lost: it goes on at ", input.log->begin.value()));
      input.resume = input.log->begin;
    } else if (IsBeyond(input)) {
      beyond.push_back(DescribeBeyond(input));
    }
    // An abort comes back here, not to the committed offset, which is gone (InputPosition::stable).
    if (input.resume.has_value()) input.next = *input.resume;
  }
  if (!beyond.empty()) {
    return absl::FailedPreconditionError(absl::StrCat(absl::StrJoin(beyond, "; "), kHowToGoOnBeyond));
  }
  *told = absl::StrJoin(lost, "; ");
  return absl::OkStatus();
}

}  // namespace once
