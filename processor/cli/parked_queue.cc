// Which queue, or queues, a command line names.
#include <algorithm>
#include <utility>

#include "absl/strings/ascii.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "processor/base/strings.h"
#include "processor/cli/parked.h"

namespace once::cli {

std::vector<ArgumentSpec> QueueArguments() {
  return {{.name = "AGGREGATE", .is_optional = true}, {.name = "KEY", .is_optional = true}};
}

std::vector<OptionSpec> QueueOptions() {
  return {{.name = "event",
           .value_name = "TOPIC-PARTITION-OFFSET",
           .help = "Instead of an aggregate: the event without a key that waits and was consumed there."},
          {.name = "partition",
           .kind = OptionKind::kNumber,
           .value_name = "N",
           .help = "Where the key waits, if it waits in several partitions."}};
}

std::vector<OptionSpec> SelectionOptions() {
  return {{.name = "reason",
           .value_name = "CODE",
           .help = "Whose head failed with this status code, such as INVALID_ARGUMENT."},
          {.name = "type", .value_name = "TYPE", .help = "Whose head has this ce_type."},
          {.name = "older_than",
           .kind = OptionKind::kDuration,
           .value_name = "DURATION",
           .help = "Whose head failed first at least so long ago."}};
}

absl::StatusOr<std::optional<Partition>> AskedPartition(const Context& context) {
  if (!context.args().Has("partition")) return std::nullopt;
  const int64_t partition = context.args().Number("partition", 0);
  if (partition > INT32_MAX) return absl::InvalidArgumentError(absl::StrCat("there is no partition ", partition));
  return Partition(static_cast<int32_t>(partition));
}

std::string StateName(const Waiting& queue) { return v1::AggregateStatus::State_Name(queue.status.state()); }

bool IsSelected(const Context& context, const Waiting& queue) {
  const Arguments& args = context.args();
  if (args.Has("state") && absl::AsciiStrToLower(StateName(queue)) != args.Text("state")) return false;
  if (args.Has("reason") && queue.status.reason() != absl::AsciiStrToUpper(args.Text("reason"))) return false;
  if (args.Has("type") && queue.head_type != args.Text("type")) return false;
  return AgeOf(queue, context.clock().Wall()) >= args.Duration("older_than", absl::ZeroDuration());
}

std::string NameOfQueue(const Shown& shown, const Waiting& queue) {
  if (queue.key.has_value()) {
    return absl::StrCat(shown.NameOfGroup(queue.group), " ", PlainText(shown.KeyText(queue.group, *queue.key)));
  }
  return absl::StrCat("the event without a key at ", ToString({queue.topic, queue.partition}, Offset(queue.offset)));
}

namespace {

// What is looked for, by the words and --event.
absl::StatusOr<WaitingQuery> AskedQueue(const Context& context, const Shown& shown) {
  const Arguments& args = context.args();
  WaitingQuery query;
  const auto partition = AskedPartition(context);
  if (!partition.ok()) return partition.status();
  query.partition = *partition;
  if (args.Has("event") == !args.words().empty() || args.words().size() == 1) {
    return absl::InvalidArgumentError(
        "name what is meant: AGGREGATE KEY, or --event=TOPIC-PARTITION-OFFSET of an event"
        " without a key");
  }
  if (args.Has("event")) {
    absl::StatusOr<TopicPartitionOffset> place = ParseOrigin(args.Text("event"));
    if (!place.ok()) return place.status();
    const SourceSpec* const source = shown.SourceOfTopic(place->where.topic);
    if (source == nullptr) {
      std::vector<std::string> topics;
      for (const SourceSpec& each : context.graph().sources) topics.push_back(each.topic);
      return absl::InvalidArgumentError(absl::StrCat("no source reads topic \"", Printable(place->where.topic),
                                                     "\"; they read: ", absl::StrJoin(topics, ", ")));
    }
    query.group = shown.FindGroup(source->name).value_or(0);
    query.partition = place->where.partition;
    query.place = *std::move(place);
    return query;
  }
  const absl::StatusOr<uint16_t> group = shown.FindGroup(args.Word(0));
  if (!group.ok()) return group.status();
  absl::StatusOr<std::string> key = shown.KeyBytes(*group, args.Word(1));
  if (!key.ok()) return key.status();
  query.group = *group;
  query.key = *std::move(key);
  return query;
}

}  // namespace

absl::StatusOr<Waiting> FindQueue(Context* context, const Shown& shown) {
  const absl::StatusOr<WaitingQuery> query = AskedQueue(*context, shown);
  if (!query.ok()) return query.status();
  absl::StatusOr<std::vector<Waiting>> found = ReadWaiting(context, *query);
  if (!found.ok()) return found.status();
  if (found->empty()) {
    const std::string what =
        query->key.has_value() ? absl::StrCat(shown.NameOfGroup(query->group), " ", PlainText(context->args().Word(1)))
                               : absl::StrCat("the event at ", context->args().Text("event"));
    return absl::NotFoundError(
        absl::StrCat("nothing waits of ", what, ": it is not blocked. `parked list` shows what is"));
  }
  if (found->size() > 1) {
    std::vector<std::string> partitions;
    for (const Waiting& queue : *found) partitions.push_back(absl::StrCat(queue.partition.value()));
    return absl::InvalidArgumentError(
        absl::StrCat("it waits in partitions ", absl::StrJoin(partitions, " and "), "; say which with --partition"));
  }
  return std::move(found->front());
}

}  // namespace once::cli
