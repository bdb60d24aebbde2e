// A topology as data: what the builder makes, validation checks and the engine runs. No types of the user are left in
// it but behind HandlerRunner.
#ifndef ONCE_PROCESSOR_TOPOLOGY_GRAPH_H_
#define ONCE_PROCESSOR_TOPOLOGY_GRAPH_H_

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "processor/base/arena.h"
#include "processor/base/failure_policy.h"
#include "processor/base/large_values.h"
#include "processor/base/partitioner.h"
#include "processor/base/record.h"
#include "processor/topology/event_context.h"

namespace once {

using SourceIndex = uint16_t;
using SinkIndex = uint16_t;
using NodeIndex = uint16_t;
// Stands in a graph that is not yet validated for a handle of another builder, which is a mistake.
inline constexpr uint16_t kForeignIndex = 0xffff;

// Where reading starts when the group has no committed offset.
enum class StartFrom { kEarliest, kLatest };

// Values of one type as people read and write them, in JSON. Neither throws, whatever the codec does.
struct JsonForm {
  // DataLoss if the bytes are no such value.
  std::function<absl::StatusOr<std::string>(std::string_view bytes)> of_bytes = {};
  // InvalidArgument, or what the codec says, if the text is no JSON of such a value.
  std::function<absl::StatusOr<std::string>(const std::string& json)> to_bytes = {};
};

// What an event is, where its headers do not say it.
struct EventIdentity {
  std::string id = {};      // As ce_id.
  std::string source = {};  // As ce_source.
  std::string type = {};    // As ce_type.
};
// False if the record does not say it either. A function of the record; throws nothing.
using IdentifyEvent = std::function<bool(const RecordView& record, EventIdentity* identity)>;

// What a format adds to the records of a sink.
struct RecordShape {
  struct Parts {
    std::string_view id = {};    // ce_id.
    std::string_view type = {};  // ce_type.
    int64_t timestamp_ms = -1;   // Unix milliseconds, of the event that caused it; -1: it has none.
    std::string_view value = {};
  };
  // Beside ce_id and ce_type. Names may begin with "ce_"; Once's own are a mistake of the topology.
  std::vector<std::pair<std::string, std::string>> headers = {};
  // The record's value, in the arena; absent: the encoded value as it is. A function of its parts; throws nothing.
  std::function<std::string_view(const Parts& parts, Arena* arena)> wrap = {};
};

struct SourceSpec {
  std::string name;
  std::string topic;
  StartFrom start_from = StartFrom::kEarliest;
  bool ignore_unknown_types = false;
  std::string default_type = {};  // What an event without ce_type is; empty: see Dispatcher.
  std::string group = {};         // The name of its task group; empty: not said here.
  Partitioner partitioner = Partitioner::kMurmur2;
  IdentifyEvent identify = {};  // Asked of records without ce_id, or without ce_type; absent: nobody is.
  std::string key_type;         // Of the codec, for messages.
  // OK if the codec can decode the bytes. Neither throws, whatever the codec does.
  std::function<absl::Status(std::string_view key)> check_key;
  // For headers, logs and URLs; printable bytes if the codec has no text for them.
  std::function<std::string(std::string_view key)> key_to_text;
  // The key's bytes, of its text. InvalidArgument, or what the codec says, if the text is none; throws nothing either.
  std::function<absl::StatusOr<std::string>(const std::string& text)> text_to_key = {};
};

struct SinkSpec {
  std::string name;
  std::string topic;
  std::string key_type;
  std::string value_type;  // The protobuf full name or codec's name; becomes ce_type.
  RecordShape shape = {};
};

enum class NodeKind { kAggregate, kTransform };
const char* KindName(NodeKind kind);  // "aggregate" or "transform".

struct NodeSpec {
  std::string name;  // Of an aggregate: also the name of its store.
  NodeKind kind = NodeKind::kTransform;
  std::string state_type;  // Aggregates: the protobuf full name or codec's name.
  JsonForm state_json = {};
  std::vector<SinkIndex> emits_to;
  FailurePolicy policy;

  FailureAction after_failure() const {
    const bool is_aggregate = kind == NodeKind::kAggregate;
    return policy.then.value_or(is_aggregate ? FailureAction::kBlockAggregate : FailureAction::kSkip);
  }
};

// What a handler is chosen by.
enum class HandlerMatch {
  kType,       // A record with a value of the stated event type.
  kTombstone,  // A record with a null value.
  kAny,        // Any record with a value, undecoded.
};

// Runs one handler. Made once per worker, so that it may keep scratch space; used by one thread.
class HandlerRunner {
 public:
  virtual ~HandlerRunner() = default;
  // Decodes the event, calls the user's code and buffers what it did in `context`. DataLoss if the value cannot be
  // decoded. Throws nothing: exceptions of a codec that decodes come out as DataLoss, all others of the user's code as
  // Internal (rule X3).
  virtual absl::Status Run(EventContext& context) = 0;
};

struct HandlerSpec {
  NodeIndex node = 0;
  SourceIndex source = 0;
  HandlerMatch match = HandlerMatch::kType;
  std::vector<std::string> event_types;  // For kType: names compared with ce_type; the codec's unless others are given.
  std::string value_type = {};           // What it decodes values as, by its codec; empty for kTombstone.
  JsonForm value_json = {};              // Of the same.
  std::function<std::unique_ptr<HandlerRunner>()> make_runner;  // Throws nothing, and returns no null.
};

// Sources that are connected through aggregates, hence co-partitioned; the first is the lead.
struct TaskGroupSpec {
  std::string name;  // As its sources say, else the lead source's name.
  std::vector<SourceIndex> sources;
};

// Something beside Kafka that must be right before events are read, such as a schema.
struct StartCheck {
  std::string what;  // For messages: `sink "totals"`.
  // Unavailable and DeadlineExceeded: nobody knows, which is warned of. May block for some seconds; throws nothing.
  std::function<absl::Status()> run;
};

struct Graph {
  std::string application_id;  // The default; configuration may say otherwise.
  std::vector<SourceSpec> sources;
  std::vector<SinkSpec> sinks;
  std::vector<NodeSpec> nodes;
  std::vector<HandlerSpec> handlers;  // In the order of registration, which is the order of running.
  std::vector<TaskGroupSpec> groups;
  std::vector<StartCheck> start_checks;
  std::string dead_letter_topic;                   // Where events go that fail for good, are blocked or are rejected.
  std::shared_ptr<LargeValues> large_values = {};  // Null: events too large to be kept are kept by their places.
};

// What the internal topics of a task group are called.
std::string ChangelogTopic(std::string_view application_id, const TaskGroupSpec& group);
std::string ControlTopic(std::string_view application_id, const TaskGroupSpec& group);
std::string AuditTopic(std::string_view application_id, const TaskGroupSpec& group);

}  // namespace once

#endif  // ONCE_PROCESSOR_TOPOLOGY_GRAPH_H_
