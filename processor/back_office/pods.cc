#include "processor/back_office/pods.h"

#include <algorithm>
#include <map>
#include <nlohmann/json.hpp>
#include <optional>
#include <thread>
#include <utility>

#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "processor/base/clock.h"
#include "processor/base/strings.h"

namespace once {

namespace {

using Json = nlohmann::ordered_json;

constexpr std::string_view kOpen = ".http-";
constexpr std::string_view kLoopback = ".loopback-";
constexpr absl::Duration kFoundHolds = absl::Seconds(2);
// Beyond them a page is no help, and a thread each is too much.
constexpr size_t kMostAsked = 64;

// An instance, and the port that stands behind the last `mark` of `text`, before what the handle is called.
struct Marked {
  std::string instance;
  int port = 0;
};
std::optional<Marked> ReadMark(std::string_view text, std::string_view mark) {
  const size_t at = text.rfind(mark);
  if (at == std::string_view::npos) return std::nullopt;
  Marked marked{.instance = std::string(text.substr(0, at))};
  const std::string_view behind = text.substr(at + mark.size());
  if (!absl::SimpleAtoi(ToAbsl(behind.substr(0, behind.find('-'))), &marked.port)) return std::nullopt;
  if (marked.port < 1 || marked.port > 65535) return std::nullopt;
  return marked;
}

// Brokers tell "/10.0.0.5".
std::string HostOf(const kafka::GroupMember& member) {
  return member.host.substr(member.host.starts_with('/') ? 1 : 0);
}

std::string AddressOf(const std::string& host, int port) {
  const bool is_v6 = host.find(':') != std::string::npos;
  return absl::StrCat(is_v6 ? "[" : "", host, is_v6 ? "]:" : ":", port);
}

PodPlace PlaceOf(std::string_view name, const std::string& host, const std::string& own_host) {
  if (const std::optional<Marked> marked = ReadMark(name, kOpen); marked.has_value()) {
    return {.instance = marked->instance, .address = AddressOf(host, marked->port)};
  }
  if (const std::optional<Marked> marked = ReadMark(name, kLoopback); marked.has_value()) {
    if (host == own_host) return {.instance = marked->instance, .address = AddressOf("127.0.0.1", marked->port)};
    return {.instance = marked->instance,
            .why = "its --http_listen is a loopback address, and it runs on another machine"};
  }
  // Behind the instance stands what the handle is called.
  return {.instance = std::string(name.substr(0, name.rfind('-'))),
          .why = "it does not say where it serves HTTP: --http_listen is not set there, or it is of an older version"};
}

// Whether the client ID is that of a handle of `own_id`'s.
bool IsOf(const std::string& client_id, const std::string& own_id) {
  return absl::StartsWith(client_id, own_id) && (client_id.size() == own_id.size() || client_id[own_id.size()] == '-');
}

std::string Text(const Json& json) { return json.dump(-1, ' ', false, Json::error_handler_t::replace); }

// An entry of the list, around an answer that is JSON already.
std::string Entry(const PodPlace& pod, const absl::StatusOr<std::string>& answer, absl::Duration took) {
  const bool is_json = answer.ok() && Json::accept(*answer);
  const std::string why =
      answer.ok() ? "what it answers is no JSON" : PlainText(std::string(answer.status().message()));
  Json json = {{"instance", pod.instance},
               {"address", pod.address.empty() ? Json(nullptr) : Json(pod.address)},
               {"self", pod.is_self},
               {"answered", is_json},
               {"why", is_json ? Json(nullptr) : Json(why)},
               {"seconds", absl::ToDoubleSeconds(took)}};
  std::string text = Text(json);
  text.pop_back();
  return absl::StrCat(text, ",\"answer\":", is_json ? *answer : "null", "}");
}

}  // namespace

std::string PodSuffix(const ListenAddress& address) {
  return absl::StrCat(ToAbsl(address.is_loopback() ? kLoopback : kOpen), address.port);
}

std::vector<PodPlace> FindPods(const kafka::GroupDescription& group, const std::string& application_id,
                               const std::string& own_id) {
  const std::string prefix = absl::StrCat(application_id, "-");
  std::string own_host;
  for (const kafka::GroupMember& member : group.members) {
    if (IsOf(member.client_id, own_id)) own_host = HostOf(member);
  }
  // Each worker is a member of its own.
  std::map<std::string, PodPlace> pods;
  for (const kafka::GroupMember& member : group.members) {
    if (!absl::StartsWith(member.client_id, prefix)) continue;
    PodPlace pod = PlaceOf(std::string_view(member.client_id).substr(prefix.size()), HostOf(member), own_host);
    pod.is_self = IsOf(member.client_id, own_id);
    pods.emplace(pod.instance, pod);
  }
  // It may stand by, or be on its way into the group.
  PodPlace self = PlaceOf(std::string_view(own_id).substr(std::min(prefix.size(), own_id.size())), "127.0.0.1", "");
  if (own_host.empty()) pods[self.instance] = {.instance = self.instance, .is_self = true};
  std::vector<PodPlace> found;
  for (auto& [name, pod] : pods) found.push_back(std::move(pod));
  return found;
}

Pods::Pods(std::string application_id, std::string own_id, kafka::Admin* admin, AsksPod ask)
    : application_id_(std::move(application_id)), own_id_(std::move(own_id)), admin_(admin), ask_(std::move(ask)) {}

absl::StatusOr<std::vector<PodPlace>> Pods::Find(absl::Duration timeout) {
  MutexLock lock(&mutex_);
  if (SteadyNow() - found_at_ < kFoundHolds) return found_;
  absl::StatusOr<kafka::GroupDescription> group = admin_->DescribeGroup(application_id_, timeout);
  if (group.ok()) {
    found_ = FindPods(*group, application_id_, own_id_);
  } else {
    found_ = group.status();
  }
  found_at_ = SteadyNow();
  return found_;
}

std::string Pods::Gather(std::string_view path, const std::string& own, absl::Duration timeout) {
  absl::StatusOr<std::vector<PodPlace>> found = Find(timeout);
  std::string incomplete;
  if (!found.ok()) {
    incomplete =
        absl::StrCat("the brokers do not tell who is in the group: ", PlainText(std::string(found.status().message())));
    found = FindPods({}, application_id_, own_id_);
  }
  std::vector<std::string> entries(found->size());
  std::vector<std::thread> threads;
  for (size_t i = 0; i < found->size(); ++i) {
    const PodPlace& pod = (*found)[i];
    if (pod.is_self) {
      entries[i] = Entry(pod, own, absl::ZeroDuration());
    } else if (pod.address.empty()) {
      entries[i] = Entry(pod, absl::UnavailableError(pod.why), absl::ZeroDuration());
    } else if (threads.size() >= kMostAsked) {
      entries[i] =
          Entry(pod, absl::ResourceExhaustedError("there are too many pods to ask at once"), absl::ZeroDuration());
    } else {
      threads.emplace_back([&, i] {
        const absl::Time began = SteadyNow();
        const absl::StatusOr<std::string> answer = ask_((*found)[i].address, path, timeout);
        entries[i] = Entry((*found)[i], answer, SteadyNow() - began);
      });
    }
  }
  for (std::thread& thread : threads) thread.join();
  std::string text = "{\"pods\":[";
  for (const std::string& entry : entries) absl::StrAppend(&text, text.back() == '[' ? "" : ",", entry);
  return absl::StrCat(text, "],\"incomplete\":", incomplete.empty() ? "null" : Text(Json(incomplete)), "}\n");
}

}  // namespace once
