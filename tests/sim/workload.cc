#include "tests/sim/workload.h"

#include <algorithm>
#include <charconv>
#include <iterator>
#include <stdexcept>
#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/murmur2.h"

namespace once::sim {

// A value as the handlers get it: text, whose codec throws at times, and adds to what the value was.
struct SimText {
  std::string text;
};

}  // namespace once::sim

template <>
struct once::Codec<once::sim::SimText> {
  static std::string TypeName() { return "sim text"; }
  static absl::Status Decode(std::string_view bytes, once::sim::SimText* value) {
    value->text.append(bytes);
    const size_t space = bytes.find(' ');
    if (space + 1 < bytes.size() && bytes[space + 1] == 'c') throw std::runtime_error("the codec throws");
    return Codec<std::string>::Check(bytes);
  }
  static std::string_view Encode(const once::sim::SimText& value, Arena* arena) { return arena->Copy(value.text); }
  static std::string ToText(const once::sim::SimText& value) { return value.text; }
  static absl::StatusOr<once::sim::SimText> FromText(const std::string& text) { return once::sim::SimText{text}; }
};

namespace once::sim {
namespace {

// The handlers' reading of a value.
struct Order {
  int64_t number = -1;
  EventKind kind = EventKind::kNormal;
  int attempts = 0;
};

Order ReadOrder(std::string_view value) {
  Order order;
  const char* const end = value.data() + value.size();
  const char* at = std::from_chars(value.data(), end, order.number).ptr;
  if (end - at < 4) return order;
  order.kind = static_cast<EventKind>(at[1]);
  std::from_chars(at + 3, end, order.attempts);
  return order;
}

// What makes an output of a large event too large.
std::string Padding(const Order& order) {
  return order.kind == EventKind::kLarge ? std::string(size_t{kSinkLimit} + 1'000, 'x') : "";
}

template <typename Context>
absl::Status JudgeFirst(const Order& order, const bool* is_mended, Context& context) {
  if (order.kind == EventKind::kFailing && is_mended != nullptr && *is_mended) return absl::OkStatus();
  if (order.kind == EventKind::kFailing) return absl::InvalidArgumentError("fails for good");
  if (order.kind == EventKind::kThrowing) throw std::runtime_error("the handler throws");
  if (order.kind == EventKind::kLongError) return absl::InvalidArgumentError(std::string(1'100'000, 'e'));
  const bool may_pass = order.kind == EventKind::kFlaky || order.kind == EventKind::kHuge;
  if (may_pass && context.event().attempt() <= order.attempts) {
    return absl::UnavailableError("fails for now");
  }
  return absl::OkStatus();
}

FailurePolicy PolicyOf(const TopologyOptions& options) {
  FailurePolicy policy;
  if (options.gives_up) policy.give_up_after = GiveUpAfter(options.slow_retries);
  policy.initial_backoff = BackoffAfter(1, options.slow_retries);
  policy.max_backoff = absl::Milliseconds(options.slow_retries ? 240 : 200);
  policy.then = Blocks(options.kind) ? FailureAction::kBlockAggregate : FailureAction::kSkip;
  return policy;
}

using TextSink = Sink<std::string, std::string>;

void AddRoute(TopologyBuilder* builder, const Source<std::string>& source, TextSink main, TextSink second,
              const TopologyOptions& options) {
  const HandlerHook& hook = options.hook;
  const bool* const mended = options.is_mended;
  builder->AddTransform("route")
      .EmitsTo(main, second)
      .WithPolicy(PolicyOf(options))
      .On<SimText>(source, [main, second, hook, mended](const SimText& read, auto& event) {
        const std::string& value = read.text;
        const Order order = ReadOrder(value);
        if (hook != nullptr) hook(order.number);
        if (absl::Status judged = JudgeFirst(order, mended, event); !judged.ok()) return judged;
        if (order.kind == EventKind::kSilent) return absl::OkStatus();
        if (order.kind == EventKind::kLarge) {
          event.Emit(main, event.key(), value + Padding(order));
          return absl::OkStatus();
        }
        event.Forward(main);
        if (order.kind == EventKind::kTwoOutputs) event.Emit(second, "other-" + event.key(), value);
        return absl::OkStatus();
      });
}

void AddAggregate(TopologyBuilder* builder, const std::vector<Source<std::string>>& sources, TextSink main,
                  TextSink second, const TopologyOptions& options) {
  const HandlerHook& hook = options.hook;
  const bool* const mended = options.is_mended;
  auto handler = [main, second, hook, mended](const SimText& value, auto& aggregate) {
    const Order order = ReadOrder(value.text);
    if (hook != nullptr) hook(order.number);
    // Written first, so that a failure has something to take back.
    History history = History::Parse(aggregate.state());
    history.Add(order.number);
    if (order.kind != EventKind::kSilent) *aggregate.mutable_state() = history.ToString();
    if (order.kind == EventKind::kDelete) aggregate.Delete(), history = {};
    if (order.kind != EventKind::kSilent) {
      aggregate.Emit(main, absl::StrCat(order.number, " ", history.ToString(), Padding(order)));
    }
    // Two records, both too large.
    if (order.kind == EventKind::kLarge && order.number % 2 == 0) aggregate.Emit(main, Padding(order));
    if (order.kind == EventKind::kTwoOutputs) {
      aggregate.Emit(second, "other-" + aggregate.key(), absl::StrCat(order.number, " ", history.ToString()));
    }
    return JudgeFirst(order, mended, aggregate);
  };
  auto aggregate = builder->AddAggregate<std::string>(kAggregate);
  aggregate.EmitsTo(main, second).WithPolicy(PolicyOf(options));
  for (const Source<std::string>& source : sources) aggregate.template On<SimText>(source, handler);
}

void AddOtherAggregate(TopologyBuilder* builder, const Source<std::string>& source) {
  builder->AddAggregate<std::string>(kOtherAggregate).On<SimText>(source, [](const SimText&, auto& aggregate) {
    History history = History::Parse(aggregate.state());
    history.Add(1);
    *aggregate.mutable_state() = history.ToString();
    return absl::OkStatus();
  });
}

EventKind DrawAnyKind(const EventOptions& options, Random* random) {
  const TopologyKind topology = options.topology;
  const int64_t draw = random->Below(100);
  if (options.with_deadly && random->Below(1000) < 6) return EventKind::kDeadly;
  if (options.with_large && random->Chance(3)) return EventKind::kLarge;
  if (options.with_kept && random->Chance(3)) return EventKind::kHuge;
  if (options.with_odd && random->Chance(3)) {
    // Under the limit of large outputs a forwarded one would fail.
    return options.with_large || random->Chance(80) ? EventKind::kThrowing : EventKind::kHuge;
  }
  if (options.with_hostile && random->Chance(3)) {
    return random->Chance(50) ? EventKind::kBadCodec : EventKind::kLongError;
  }
  if (draw < 60) return EventKind::kNormal;
  if (draw < 75) return EventKind::kTwoOutputs;
  if (draw < 80) return EventKind::kSilent;
  if (draw < 85) return HasAggregate(topology) ? EventKind::kDelete : EventKind::kNormal;
  const bool fails_often = topology == TopologyKind::kPark || topology == TopologyKind::kSkip;
  if (!fails_often && draw < 97) return EventKind::kNormal;
  if (draw < 94) return EventKind::kFlaky;
  if (draw < 98) return EventKind::kFailing;
  return EventKind::kGarbage;
}

EventKind DrawKind(const EventOptions& options, Random* random) {
  const EventKind kind = DrawAnyKind(options, random);
  SimEvent event;
  event.kind = kind;
  const bool is_for_good = event.fails_for_good();
  return is_for_good && options.transient_only ? EventKind::kFlaky : kind;
}

// At how many a flaky event fails.
int DrawAttempts(const EventOptions& options, Random* random) {
  const auto attempts = static_cast<int>(random->Between(1, kMaxFailures));
  if (!options.gives_up) return attempts;
  // The first attempt has another one after it, whenever that is; what comes of the second would be up to the run.
  return attempts == kMaxFailures && !options.transient_only ? kHopeless : 1;
}

// Without a key, or where its key does not belong.
void MakeOdd(const EventOptions& options, int64_t number, Random* random, SimEvent* event) {
  if (options.with_misplaced && options.partitions > 1 && random->Chance(30)) {
    // Of a key of its own: what fails blocks it.
    event->key = absl::StrCat("misplaced ", number);
    const int32_t right = PartitionForKey(event->key, options.partitions).value();
    event->partition = static_cast<int32_t>((right + 1) % options.partitions);
    event->misplaced = true;
  } else {
    event->keyless = true;
    event->key = absl::StrCat("keyless ", number);
    const bool may_fail = !HasAggregate(options.topology) && !options.transient_only;
    event->attempts = DrawAttempts(options, random);
    static constexpr EventKind kKinds[] = {EventKind::kNormal, EventKind::kFlaky, EventKind::kFailing};
    event->kind = may_fail ? kKinds[random->Below(std::size(kKinds))] : EventKind::kNormal;
  }
  if (!event->id.empty()) event->id = absl::StrCat("e", number);
}

}  // namespace

const char* NameOf(TopologyKind kind) {
  switch (kind) {
    case TopologyKind::kRoute:
      return "route";
    case TopologyKind::kCount:
      return "count";
    case TopologyKind::kJoin:
      return "join";
    case TopologyKind::kPark:
      return "park";
    case TopologyKind::kSkip:
      return "skip";
  }
  return "";
}

std::string SimEvent::value() const {
  if (kind == EventKind::kGarbage) return absl::StrCat(number, " \xff\xfe");
  return absl::StrCat(number, " ", std::string(1, static_cast<char>(kind)), " ", attempts,
                      kind == EventKind::kHuge ? std::string(kHugeBytes, '.') : "");
}

bool SimEvent::fails_for_good() const {
  return misplaced || kind == EventKind::kFailing || kind == EventKind::kGarbage || kind == EventKind::kLarge ||
         kind == EventKind::kThrowing || kind == EventKind::kDeadly || kind == EventKind::kBadCodec ||
         kind == EventKind::kLongError || (kind == EventKind::kFlaky && attempts == kHopeless);
}

int SimEvent::outputs() const {
  if (kind == EventKind::kSilent) return 0;
  return kind == EventKind::kTwoOutputs ? 2 : 1;
}

std::string SimEvent::place() const { return absl::StrCat(SourceTopic(source), "-", partition, "-", offset); }

std::string SourceTopic(int source) { return absl::StrCat("in", source); }

std::vector<std::string> SourceTopics(TopologyKind kind) {
  if (kind == TopologyKind::kJoin) return {SourceTopic(0), SourceTopic(1)};
  return {SourceTopic(0)};
}

bool HasAggregate(TopologyKind kind) { return kind != TopologyKind::kRoute; }
bool GivesUp(TopologyKind kind) { return kind == TopologyKind::kPark || kind == TopologyKind::kRoute; }
bool Blocks(TopologyKind kind) { return kind != TopologyKind::kSkip; }

absl::Duration BackoffAfter(int attempts, bool slow_retries) {
  return absl::Milliseconds(slow_retries ? 120 : 50) * attempts;
}

absl::Duration GiveUpAfter(bool slow_retries) { return absl::Milliseconds(slow_retries ? 500 : 300); }

absl::StatusOr<Topology> BuildSimTopology(const TopologyOptions& options) {
  TopologyBuilder builder(kApplication);
  std::vector<Source<std::string>> sources;
  sources.push_back(builder.AddSource(options.first_name, {.topic = options.first_topic, .group = options.group}));
  if (options.kind == TopologyKind::kJoin) {
    sources.push_back(builder.AddSource(SourceTopic(1), {.topic = SourceTopic(1)}));
  }
  const TextSink main = builder.AddSink<std::string>(kMainSink, {.topic = kMainSink});
  const TextSink second = builder.AddSink<std::string>(kSecondSink, {.topic = kSecondSink});
  builder.DeadLetterTo(kDeadLetters);
  if (options.large_values != nullptr) builder.KeepLargeEvents(options.large_values);
  if (HasAggregate(options.kind)) {
    AddAggregate(&builder, sources, main, second, options);
  } else {
    AddRoute(&builder, sources[0], main, second, options);
  }
  if (options.second_apart) {
    AddOtherAggregate(&builder, builder.AddSource(SourceTopic(1), {.topic = SourceTopic(1)}));
  }
  return std::move(builder).Build();
}

std::vector<SimEvent> MakeEvents(const EventOptions& options, Random* random) {
  const int64_t keys = random->Between(3, 30);
  const int64_t duplicates_percent = random->Chance(50) ? random->Between(5, 30) : 0;
  const auto sources =
      options.sources > 0 ? options.sources : static_cast<int64_t>(SourceTopics(options.topology).size());
  std::vector<absl::Duration> times(static_cast<size_t>(options.count));
  for (absl::Duration& time : times) time = random->Between(absl::ZeroDuration(), options.span);
  std::sort(times.begin(), times.end());
  std::vector<SimEvent> events;
  for (int64_t i = 0; i < options.count; ++i) {
    SimEvent event;
    if (i > 0 && random->Chance(duplicates_percent)) {
      event = events[static_cast<size_t>(random->Between(std::max<int64_t>(0, i - 40), i - 1))];
      // IDs are unique only within a source: the same one from another is another event.
      if (sources > 1 && random->Chance(30)) event.source = static_cast<int>(random->Below(sources));
    } else {
      event.source = static_cast<int>(random->Below(sources));
      event.key = absl::StrCat("k", random->Below(keys));
      event.id = random->Chance(90) ? absl::StrCat("e", i) : "";
      event.kind = DrawKind(options, random);
      if (event.kind == EventKind::kFlaky) event.attempts = DrawAttempts(options, random);
      if (event.kind == EventKind::kHuge && options.with_kept) event.attempts = random->Chance(60) ? 1 : 0;
      event.partition = PartitionForKey(event.key, options.partitions).value();
    }
    if (event.keyless) event.key = absl::StrCat("keyless ", i);  // It waits for nobody, not even its like.
    if (options.with_odd && random->Chance(4)) MakeOdd(options, i, random, &event);
    if (options.with_skew)
      event.skew = random->Chance(5) ? random->Between(-absl::Hours(72), absl::Hours(72)) : absl::ZeroDuration();
    event.number = i;
    event.at = times[static_cast<size_t>(i)];
    if (event.at < options.second_source_at) event.source = 0;
    events.push_back(std::move(event));
  }
  return events;
}

std::string History::ToString() const { return absl::StrCat(count, " ", absl::Hex(chain)); }

History History::Parse(std::string_view text) {
  History history;
  const char* const end = text.data() + text.size();
  const char* at = std::from_chars(text.data(), end, history.count).ptr;
  if (at < end) std::from_chars(at + 1, end, history.chain, 16);
  return history;
}

int64_t NumberOf(std::string_view value) {
  int64_t number = -1;
  if (std::from_chars(value.data(), value.data() + value.size(), number).ec != std::errc()) return -1;
  return number;
}

}  // namespace once::sim
