#include "processor/app/pod_server.h"

#include <algorithm>
#include <string>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/listen_address.h"
#include "processor/http/routes.h"
#include "processor/version.h"

namespace once {

namespace {

std::string GroupOf(const Graph& graph, size_t source) {
  for (const TaskGroupSpec& group : graph.groups) {
    if (std::find(group.sources.begin(), group.sources.end(), source) != group.sources.end()) return group.name;
  }
  return "";
}

TopologyStatus::Node NodeOf(const Graph& graph, size_t index) {
  const NodeSpec& spec = graph.nodes[index];
  TopologyStatus::Node node{.name = spec.name, .kind = KindName(spec.kind), .state = spec.state_type};
  for (const HandlerSpec& handler : graph.handlers) {
    const std::string& source = graph.sources[handler.source].name;
    const bool is_new = std::find(node.hears.begin(), node.hears.end(), source) == node.hears.end();
    if (handler.node == index && is_new) node.hears.push_back(source);
  }
  for (const SinkIndex sink : spec.emits_to) node.emits_to.push_back(graph.sinks[sink].name);
  return node;
}

TopologyStatus StatusOf(const Graph& graph, const std::string& application_id) {
  TopologyStatus status;
  for (size_t i = 0; i < graph.sources.size(); ++i) {
    status.sources.push_back({graph.sources[i].name, graph.sources[i].topic, GroupOf(graph, i)});
  }
  for (size_t i = 0; i < graph.nodes.size(); ++i) status.nodes.push_back(NodeOf(graph, i));
  for (const SinkSpec& sink : graph.sinks) status.sinks.push_back({sink.name, sink.topic, sink.value_type});
  status.dead_letter_topic = graph.dead_letter_topic;
  for (const TaskGroupSpec& group : graph.groups) {
    status.changelog_topics.push_back(ChangelogTopic(application_id, group));
  }
  return status;
}

PodStatus PodOf(const Options& options, const Graph& graph) {
  PodStatus pod;
  pod.application_id = options.application_id;
  pod.instance_id = options.instance_id;
  pod.version = kVersion;
  pod.handler_timeout = HandlerTimeout(options);
  pod.memory_bytes = options.memory_bytes;
  pod.topology = std::make_shared<const TopologyStatus>(StatusOf(graph, options.application_id));
  return pod;
}

}  // namespace

PodServer::PodServer(const Options& options, const Graph& graph, Clock* clock)
    : board_(PodOf(options, graph), options.workers, clock) {}

void PodServer::SetOffice(http::BackOffice* office) {
  MutexLock lock(&mutex_);
  office_ = office;
}

std::string PodServer::ProveTo(std::string_view address, std::string_view path) {
  return guard_ == nullptr ? "" : guard_->Prove({.method = "GET", .path = path, .address = address});
}

void PodServer::Ask(http::Question question, http::Reply reply) {
  MutexLock lock(&mutex_);
  if (office_ != nullptr) return office_->Ask(std::move(question), std::move(reply));
  reply(http::ErrorResponse(503, "the pod starts or stops: it has nobody to ask its brokers"));
}

absl::StatusOr<std::unique_ptr<PodServer>> PodServer::Start(const Options& options, const Graph& graph, Clock* clock,
                                                            LogSink* log) {
  absl::StatusOr<ListenAddress> address = ParseListenAddress(options.http_listen);
  if (!address.ok()) return address.status();
  std::unique_ptr<PodServer> server(new PodServer(options, graph, clock));
  if (!options.http_token_file.empty()) {
    absl::StatusOr<std::unique_ptr<http::Guard>> guard = http::OpenTokenFile(options.http_token_file, clock, log);
    if (!guard.ok()) return guard.status();
    server->guard_ = *std::move(guard);
  }
  const http::PodApiOptions api{.guard = server->guard_.get(), .is_loopback = address->is_loopback()};
  const bool is_guarded = api.guard != nullptr || api.is_loopback;
  http::BackOffice* const office = server.get();
  server->api_ = std::make_unique<http::PodApi>(&server->board_, office, api);
  auto listening = http::Server::Start({.address = *address}, server->api_.get());
  if (!listening.ok()) return listening.status();
  server->server_ = *std::move(listening);
  log->Log(LogLevel::kInfo, absl::StrCat("probes, metrics", is_guarded ? " and status" : "", " at http://",
                                         server->server_->address().ToString(),
                                         is_guarded ? "" : "; status is not served there without --http_token_file"));
  return server;
}

}  // namespace once
