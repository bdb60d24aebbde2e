#include "processor/cli/top_picture.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <tuple>
#include <utility>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"
#include "processor/cli/laid_out.h"
#include "processor/cli/task_marks.h"
#include "processor/operator/lag.h"

namespace once::cli {

namespace {

using Parsed = nlohmann::json;

// Members of what a pod has answered, of whatever type they turn out to be.
int64_t NumberOf(const Parsed& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_number_integer() ? found->get<int64_t>() : 0;
}
std::string TextOf(const Parsed& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() && found->is_string() ? found->get<std::string>() : "";
}
Parsed PartOf(const Parsed& json, const char* name) {
  const auto found = json.find(name);
  return found != json.end() ? *found : Parsed();
}
std::vector<Parsed> ListOf(const Parsed& json, const char* name) {
  std::vector<Parsed> list;
  const Parsed found = PartOf(json, name);
  if (!found.is_array()) return list;
  for (const Parsed& each : found) {
    if (each.is_object()) list.push_back(each);
  }
  return list;
}

TopPod PodOf(const std::string& url, const Parsed& json) {
  TopPod pod{.url = url, .instance = TextOf(json, "instance"), .started_at = TextOf(json, "started_at")};
  if (const Parsed ready = PartOf(json, "ready"); ready.is_object()) {
    pod.is_ready = ready.value("ok", Parsed()) == true;
    pod.why = TextOf(ready, "why");
  }
  for (const Parsed& worker : ListOf(json, "workers")) {
    if (const Parsed phases = PartOf(worker, "tasks"); phases.is_object()) {
      for (const char* phase : {"opening", "restoring", "running", "paused", "failed"}) {
        pod.tasks += NumberOf(phases, phase);
      }
      pod.running += NumberOf(phases, "running");
    }
    if (const Parsed events = PartOf(worker, "events"); events.is_object()) {
      pod.processed += NumberOf(events, "processed");
      pod.failed += NumberOf(events, "failed");
    }
    pod.lag += NumberOf(worker, "lag");
    pod.blocked += NumberOf(worker, "blocked_aggregates");
    pod.parked += NumberOf(worker, "parked_events");
  }
  return pod;
}

TopTask TaskOf(const std::string& pod, const Parsed& json) {
  TopTask task{.name = TextOf(json, "name"),
               .pod = pod,
               .phase = TextOf(json, "phase"),
               .why = TextOf(json, "why"),
               .blocked = NumberOf(json, "blocked_aggregates"),
               .parked = NumberOf(json, "parked_events")};
  const Parsed behind = PartOf(json, "behind_seconds");
  if (behind.is_number()) task.behind_seconds = behind.get<double>();
  for (const Parsed& input : ListOf(json, "inputs")) {
    task.position += NumberOf(input, "next_offset");
    const Parsed lag = PartOf(input, "lag");
    if (lag.is_number_integer()) task.lag = task.lag.value_or(0) + lag.get<int64_t>();
  }
  return task;
}

// The higher the worse off.
std::tuple<int, int64_t, int64_t> WorseFirst(const TopTask& task) {
  const int phase = task.phase == "failed" ? 2 : task.phase == "running" || task.phase.empty() ? 0 : 1;
  return {phase, task.blocked, task.lag.value_or(0)};
}

Cell Rate(std::optional<double> rate) {
  if (!rate.has_value()) return {Json(), "-"};
  return {Json(*rate), *rate >= 100 ? absl::StrFormat("%.0f", *rate) : absl::StrFormat("%.1f", *rate)};
}

// Of a count that only grows; nothing if it began anew.
std::optional<double> RateOf(int64_t now, int64_t before, absl::Duration between) {
  if (now < before || between <= absl::ZeroDuration()) return std::nullopt;
  return static_cast<double>(now - before) / absl::ToDoubleSeconds(between);
}

const TopPod* FindPod(const Picture* picture, const TopPod& pod) {
  if (picture == nullptr) return nullptr;
  for (const TopPod& each : picture->pods) {
    if (each.url == pod.url && each.problem.empty() && each.started_at == pod.started_at) return &each;
  }
  return nullptr;
}

const TopTask* FindTask(const Picture* picture, const TopTask& task) {
  if (picture == nullptr) return nullptr;
  for (const TopTask& each : picture->tasks) {
    if (each.name == task.name && each.pod == task.pod) return &each;
  }
  return nullptr;
}

void ShowPods(const Picture& now, const Picture* before, Output* out) {
  Table& table = out->AddTable("pods",
                               {{"instance", "POD"},
                                {"url", "AT"},
                                {"ready", "READY"},
                                {"running", "RUN", Align::kRight},
                                {"tasks", "TASKS", Align::kRight},
                                {"events_per_second", "EVENTS/S", Align::kRight},
                                {"failed_per_second", "FAILED/S", Align::kRight},
                                {"lag", "LAG", Align::kRight},
                                {"blocked", "BLOCKED", Align::kRight},
                                {"parked", "PARKED", Align::kRight},
                                {"why", "WHY"}},
                               "there are no pods");
  for (const TopPod& pod : now.pods) {
    if (!pod.problem.empty()) {
      const Cell unknown(Json(), "?");
      table.AddRow({Cell(Json(), "?"), pod.url, Cell(Json(false), "no"), unknown, unknown, unknown, unknown, unknown,
                    unknown, unknown, pod.problem});
      continue;
    }
    const TopPod* const was = FindPod(before, pod);
    const absl::Duration between = before == nullptr ? absl::ZeroDuration() : now.at - before->at;
    const auto rate = [&](int64_t TopPod::*count) {
      return Rate(was == nullptr ? std::nullopt : RateOf(pod.*count, was->*count, between));
    };
    table.AddRow({pod.instance, pod.url, Cell(Json(pod.is_ready), pod.is_ready ? "yes" : "no"), pod.running, pod.tasks,
                  rate(&TopPod::processed), rate(&TopPod::failed), pod.lag, pod.blocked, pod.parked,
                  pod.is_ready ? "" : pod.why});
  }
}

void ShowTasks(const Picture& now, const Picture* before, size_t max_tasks, Output* out) {
  Table& table = out->AddTable("tasks",
                               {{"task", "TASK"},
                                {"pod", now.pods.empty() ? "" : "POD"},
                                {"phase", now.pods.empty() ? "" : "PHASE"},
                                {"offsets_per_second", "OFFSETS/S", Align::kRight},
                                {"lag", "LAG", Align::kRight},
                                {"behind_seconds", "BEHIND", Align::kRight},
                                {"blocked", "BLOCKED", Align::kRight},
                                {"parked", "PARKED", Align::kRight},
                                {"why", "WHY"}},
                               "there are no tasks");
  std::vector<const TopTask*> tasks;
  for (const TopTask& task : now.tasks) tasks.push_back(&task);
  std::stable_sort(tasks.begin(), tasks.end(),
                   [](const TopTask* a, const TopTask* b) { return WorseFirst(*a) > WorseFirst(*b); });
  for (size_t i = 0; i < std::min(tasks.size(), max_tasks); ++i) {
    const TopTask& task = *tasks[i];
    const TopTask* const was = FindTask(before, task);
    const absl::Duration between = before == nullptr ? absl::ZeroDuration() : now.at - before->at;
    Cell lag(Json(), "?"), behind(Json(), "-");
    if (task.lag.has_value()) lag = Cell(*task.lag);
    if (task.behind_seconds.has_value()) {
      behind = Cell(Json(*task.behind_seconds), FormatAge(absl::Seconds(*task.behind_seconds)));
    }
    table.AddRow({task.name, task.pod, task.phase,
                  Rate(was == nullptr ? std::nullopt : RateOf(task.position, was->position, between)), std::move(lag),
                  std::move(behind), task.blocked, task.parked, task.why});
  }
  if (tasks.size() > max_tasks) {
    out->AddNote(absl::StrCat("and ", tasks.size() - max_tasks, " more tasks, which are better off"));
  }
}

}  // namespace

absl::Status AddPod(const std::string& url, std::string_view status, std::string_view tasks, Picture* picture) {
  const Parsed json = Parsed::parse(status, nullptr, /*allow_exceptions=*/false);
  const Parsed all = Parsed::parse(tasks, nullptr, /*allow_exceptions=*/false);
  if (!json.is_object() || !all.is_object()) return absl::InvalidArgumentError("what answers there is no pod");
  const TopPod pod = PodOf(url, json);
  picture->pods.push_back(pod);
  if (picture->application.empty()) picture->application = TextOf(json, "application");
  for (const Parsed& task : ListOf(all, "tasks")) picture->tasks.push_back(TaskOf(pod.instance, task));
  return absl::OkStatus();
}

absl::StatusOr<Picture> AskPods(Context* context, const std::vector<std::string>& urls, const std::string& token) {
  Picture picture{.at = SteadyNow()};
  absl::Status problem;
  for (const std::string& url : urls) {
    const auto get = [&](const char* path) {
      return context->environment().http_get(absl::StrCat(url, path), token, context->call_timeout());
    };
    const absl::StatusOr<std::string> status = get("/v1/status");
    const absl::StatusOr<std::string> tasks = status.ok() ? get("/v1/tasks") : status;
    absl::Status added = tasks.ok() ? AddPod(url, *status, *tasks, &picture) : tasks.status();
    if (added.ok()) continue;
    picture.pods.push_back({.url = url, .problem = std::string(added.message())});
    problem = absl::Status(added.code(), absl::StrCat(url, ": ", std::string(added.message())));
  }
  const bool is_any =
      std::any_of(picture.pods.begin(), picture.pods.end(), [](const TopPod& pod) { return pod.problem.empty(); });
  if (!is_any) return problem;
  return picture;
}

absl::StatusOr<Picture> ReadTopics(Context* context) {
  Picture picture{.at = SteadyNow(), .application = context->application_id()};
  const absl::StatusOr<LaidOut> application = Describe(*context);
  if (!application.ok()) return application.status();
  const absl::StatusOr<std::vector<InputLag>> lags =
      ReadLag(application->plan, application->client, application->admin, context->call_timeout());
  if (!lags.ok()) return lags.status();
  std::map<std::pair<uint16_t, int32_t>, TopTask> tasks;
  const absl::Time now = context->clock().Wall();
  for (const InputLag& lag : *lags) {
    TopTask& task = tasks[{lag.task.group, lag.where.partition.value()}];
    // By its lead input, which comes first.
    if (task.name.empty()) task.name = ToString(lag.where);
    task.lag = task.lag.value_or(0) + lag.events();
    task.position += lag.committed.value_or(Offset(0)).value();
    if (!lag.problem.empty()) task.why = lag.problem;
    if (!lag.waits_since.has_value()) continue;
    const double behind = absl::ToDoubleSeconds(std::max(now - *lag.waits_since, absl::ZeroDuration()));
    task.behind_seconds = std::max(task.behind_seconds.value_or(0), behind);
  }
  for (uint16_t group = 0; group < context->graph().groups.size(); ++group) {
    const absl::StatusOr<std::vector<TaskMarks>> marks = ReadTaskMarks(context, group);
    if (!marks.ok()) return marks.status();
    for (size_t p = 0; p < marks->size(); ++p) {
      TopTask& task = tasks[{group, static_cast<int32_t>(p)}];
      task.blocked = (*marks)[p].blocked;
      task.parked = (*marks)[p].waiting;
      if ((*marks)[p].paused.has_value()) task.why = absl::StrCat("paused by ", (*marks)[p].paused->issuer());
    }
  }
  for (auto& [id, task] : tasks) picture.tasks.push_back(std::move(task));
  return picture;
}

void ShowPicture(const Picture& now, const Picture* before, size_t max_tasks, Output* out) {
  int64_t lag = 0, blocked = 0, parked = 0, silent = 0;
  for (const TopTask& task : now.tasks) {
    lag += task.lag.value_or(0);
    blocked += task.blocked;
    parked += task.parked;
  }
  for (const TopPod& pod : now.pods) silent += pod.problem.empty() ? 0 : 1;
  out->Add("application", "application", now.application);
  out->Add("lag", "lag in events", lag);
  out->Add("blocked", "blocked", blocked);
  out->Add("parked", "events that wait", parked);
  if (silent > 0) out->AddNote(absl::StrCat(Count(silent, "pod"), " did not answer: what they have is not counted"));
  if (!now.pods.empty()) ShowPods(now, before, out);
  ShowTasks(now, before, max_tasks, out);
}

}  // namespace once::cli
