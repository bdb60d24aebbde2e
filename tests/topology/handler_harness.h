// Runs a topology's handlers on single events, without an engine: what they return, write and emit.
#ifndef ONCE_TESTS_TOPOLOGY_HANDLER_HARNESS_H_
#define ONCE_TESTS_TOPOLOGY_HANDLER_HARNESS_H_

#include <map>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "processor/base/arena.h"
#include "processor/base/log.h"
#include "processor/codec.h"
#include "processor/topology.h"
#include "processor/topology/dispatch.h"
#include "processor/topology/event_context.h"

namespace once {

struct TestEvent {
  std::optional<std::string> key = "key";
  std::optional<std::string> value = "";
  std::string type = {};  // ce_type; empty: none.
  std::vector<std::pair<std::string, std::optional<std::string>>> headers = {};
  SourceIndex source = 0;
  int64_t timestamp_ms = 1'700'000'000'123;
  int attempt = 1;
};

struct TestOutput {
  std::string sink;
  bool forward = false;
  std::optional<std::string> key;
  std::optional<std::string> value;
  std::vector<std::pair<std::string, std::string>> headers;
};

template <typename T>
std::string Encoded(const T& value) {
  Arena arena;
  return std::string(Codec<T>::Encode(value, &arena));
}

class HandlerHarness final : private StateReader {
 public:
  explicit HandlerHarness(Topology topology)
      : topology_(std::move(topology)), dispatcher_(topology_.graph()), context_(this, &arena_, &log_) {}

  // Runs the handlers as the engine does: in order, all or none.
  absl::Status Run(const TestEvent& event) {
    outputs.clear();
    state_writes = 0;
    const absl::Status status = RunSteps(event);
    if (status.ok()) Take(event);
    context_.Clear();
    arena_.Reset();
    return status;
  }

  std::map<std::pair<NodeIndex, std::string>, std::string> states;  // By node and key bytes.
  std::vector<TestOutput> outputs;                                  // Of the last event.
  int state_writes = 0;                                             // Of the last event.
  absl::Status read_error;
  std::vector<std::string> order;  // For handlers to write into.

 private:
  absl::StatusOr<OptionalBytes> Read(uint16_t node, std::string_view record_key) override {
    if (!read_error.ok()) return read_error;
    const auto found = states.find({node, std::string(record_key)});
    if (found == states.end()) return OptionalBytes();
    return OptionalBytes(found->second);
  }

  absl::Status RunSteps(const TestEvent& event) {
    headers_.clear();
    for (const auto& [name, value] : event.headers) headers_.push_back({name, value});
    record_ = {.partition = Partition(3), .offset = Offset(42), .timestamp_ms = event.timestamp_ms};
    if (event.key.has_value()) record_.key = *event.key;
    if (event.value.has_value()) record_.value = *event.value;
    record_.headers = headers_;
    const std::optional<std::string_view> type =
        event.type.empty() ? std::nullopt : std::optional<std::string_view>(event.type);
    const Dispatcher::Choice choice = dispatcher_.Choose(event.source, type, event.value.has_value());
    if (choice.verdict != Dispatcher::Verdict::kRun) return absl::UnimplementedError("not run");
    const OptionalBytes id = FindHeader(headers_, "ce_id");
    context_.Start(record_, {.topic = &topology_.graph().sources[event.source].topic,
                             .id = id.value_or(std::string_view()),
                             .type = choice.type,
                             .attempt = event.attempt,
                             .now = absl::FromUnixSeconds(1'700'000'001)});
    for (const Dispatcher::Step& step : choice.steps) {
      context_.set_node(step.node);
      if (absl::Status status = step.runner->Run(context_); !status.ok()) return status;
    }
    return absl::OkStatus();
  }

  void Take(const TestEvent& event) {
    for (const EventContext::StateWrite& write : context_.writes()) {
      ++state_writes;
      const std::pair<NodeIndex, std::string> where(write.node, event.key.value_or(""));
      if (write.value.has_value()) {
        states[where] = std::string(*write.value);
      } else {
        states.erase(where);
      }
    }
    const auto copy = [](const OptionalBytes& bytes) {
      return bytes.has_value() ? std::optional<std::string>(*bytes) : std::nullopt;
    };
    for (const EventContext::Output& output : context_.outputs()) {
      TestOutput taken{.sink = topology_.graph().sinks[output.sink].name,
                       .forward = output.forward,
                       .key = copy(output.key),
                       .value = copy(output.value),
                       .headers = {}};
      for (const HeaderView& header : output.headers) {
        taken.headers.emplace_back(header.name, header.value.value_or("(null)"));
      }
      outputs.push_back(std::move(taken));
    }
  }

  Topology topology_;
  Dispatcher dispatcher_;
  Arena arena_;
  NullLogSink log_;
  EventContext context_;
  std::vector<HeaderView> headers_;
  RecordView record_;
};

}  // namespace once

#endif  // ONCE_TESTS_TOPOLOGY_HANDLER_HARNESS_H_
