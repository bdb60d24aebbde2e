// The options that every application has: one list of names, ranges and help, for loading, checking and --help.
#include "processor/config/options.h"

#include <algorithm>
#include <map>
#include <string>
#include <string_view>
#include <type_traits>
#include <utility>
#include <vector>

#include "absl/strings/ascii.h"
#include "absl/strings/match.h"
#include "absl/strings/numbers.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_join.h"
#include "absl/strings/str_split.h"
#include "absl/strings/string_view.h"
#include "processor/base/names.h"
#include "processor/base/strings.h"
#include "processor/config/dead_letter_headers.h"
#include "processor/config/observation.h"
#include "processor/config/units.h"

namespace once {
namespace {

// For flush and commit, of which each may meet a slow broker; half of a transaction_timeout that is short.
constexpr absl::Duration kEndAllowance = absl::Seconds(5);

// The store and what is fetched have least parts of their own (PlanMemory); less leaves state next to nothing.
constexpr int64_t kLeastMemoryBytes = 64 << 20;

template <typename T>
struct Range {
  T min;
  T max;
};

struct Mistake {
  std::string_view option;
  std::string why_and_fix;
};

std::string Text(std::string_view, absl::Duration value) { return absl::FormatDuration(value); }
std::string Text(std::string_view, double value) { return absl::StrCat(value); }
std::string Text(std::string_view, int32_t value) { return absl::StrCat(value); }
std::string Text(std::string_view name, int64_t value) {
  return name.ends_with("_bytes") ? FormatBytes(value) : absl::StrCat(value);
}

template <typename T>
std::string RangeText(std::string_view name, const Range<T>& range) {
  return absl::StrCat(Text(name, range.min), " to ", Text(name, range.max));
}

// Calls visit(group, name, member, range, help) for all options that have a range, in the order of --help; loading and
// checking share it.
template <typename AnyOptions, typename Visitor>
void VisitRuntime(AnyOptions& o, Visitor& visit) {
  using std::string_view;
  const string_view application = "Application";
  visit(application, "workers", o.workers, Range<int32_t>{1, 64}, "Threads that process events.");
  visit(application, "create_partitions", o.create_partitions, Range<int32_t>{1, 10'000},
        "Partitions of created topics.");
  visit(application, "start_timeout", o.start_timeout, Range<absl::Duration>{absl::Seconds(1), absl::Hours(1)},
        "How long to wait at start for the brokers.");

  const string_view transactions = "Transactions";
  visit(transactions, "commit_interval", o.commit_interval,
        Range<absl::Duration>{absl::Milliseconds(1), absl::Minutes(10)},
        "A transaction is committed after this time; results can be read then.");
  visit(transactions, "max_epoch_records", o.max_epoch_records, Range<int64_t>{1, 5'000'000},
        "A transaction is committed early at so many records.");
  visit(transactions, "max_epoch_bytes", o.max_epoch_bytes, Range<int64_t>{1 << 10, 1 << 30},
        "A transaction is committed early at so many bytes of results.");
  visit(transactions, "transaction_timeout", o.transaction_timeout,
        Range<absl::Duration>{absl::Seconds(1), absl::Minutes(15)},
        "The brokers abort a transaction that takes longer, and readers wait for no dead worker beyond it.");
  visit(transactions, "session_timeout", o.session_timeout, Range<absl::Duration>{absl::Seconds(1), absl::Minutes(30)},
        "An instance that is silent for so long is taken for dead; the brokers' own limits apply.");
  visit(transactions, "max_poll_interval", o.max_poll_interval,
        Range<absl::Duration>{absl::Seconds(2), absl::Hours(24)},
        "A worker that is busy for so long is taken for dead.");
}

template <typename AnyOptions, typename Visitor>
void VisitStateAndFailures(AnyOptions& o, Visitor& visit) {
  constexpr Range<int64_t> kCount{1, 1'000'000'000};
  const std::string_view state = "State and duplicates";
  visit(state, "memory_bytes", o.memory_bytes, Range<int64_t>{0, int64_t{1} << 44},
        "Memory that the process uses for state, event IDs, fetched events and the state directory's cache; when it is "
        "short, events wait. What is resident may be up to 200MB more. 64MiB or more; 0: three quarters of what the "
        "container may use, and all but 200MiB of it, or without a limit of the machine's, up to 1GiB.");
  visit(state, "state_open_files", o.state_open_files, Range<int32_t>{16, 1'000'000},
        "Files of the state directory that may be open at a time.");
  visit(state, "checkpoint_interval", o.checkpoint_interval,
        Range<absl::Duration>{absl::Milliseconds(10), absl::Hours(1)},
        "How often changed state is written to the state directory; a restart replays about so much.");
  visit(state, "checkpoint_flush_interval", o.checkpoint_flush_interval,
        Range<absl::Duration>{absl::Milliseconds(10), absl::Hours(1)},
        "How often what was written is made durable; a restart after a crash of the machine replays about so much.");
  visit(state, "local_copy_retention", o.local_copy_retention,
        Range<absl::Duration>{absl::ZeroDuration(), absl::Hours(24 * 366)},
        "How long the state of a partition that another instance has taken over stays in the state directory, for when "
        "it comes back.");
  visit(state, "idempotency_retention", o.idempotency_retention,
        Range<absl::Duration>{absl::ZeroDuration(), absl::Hours(24 * 366)},
        "How long event IDs are remembered, so that a repeated event has no effect. 0 turns it off.");
  visit(state, "idempotency_max_ids", o.idempotency_max_ids, kCount,
        "Event IDs remembered per partition, about 25 bytes of memory each; the oldest are forgotten first.");

  const std::string_view failures = "Failures";
  visit(failures, "handler_timeout", o.handler_timeout, Range<absl::Duration>{absl::ZeroDuration(), absl::Hours(24)},
        "The process ends when the handlers of one event run longer, and says which; it warns at a tenth of it. 0: as "
        "long as transaction_timeout leaves room for.");
  visit(failures, "max_parked_per_aggregate", o.max_parked_per_aggregate, kCount,
        "Events that may wait behind one failed event; its partition pauses beyond it.");
  visit(failures, "max_parked_per_task", o.max_parked_per_task, kCount,
        "Events of one partition that may wait behind failed ones; it pauses beyond it.");
  visit(failures, "max_parked_bytes_per_task", o.max_parked_bytes_per_task, Range<int64_t>{1 << 20, int64_t{1} << 50},
        "Bytes of them, on the disk and in the changelog; it pauses beyond it.");
  visit(failures, "breaker_min_failures", o.breaker_min_failures, kCount,
        "A partition pauses when so many events failed, are blocked by such or wait for another attempt, within "
        "breaker_window.");
  visit(failures, "breaker_failure_ratio", o.breaker_failure_ratio, Range<double>{0, 1},
        "... and they are at least this share of its events.");
  const Range<absl::Duration> breaker{absl::Milliseconds(100), absl::Hours(24)};
  visit(failures, "breaker_window", o.breaker_window, breaker, "See breaker_min_failures.");
  visit(failures, "breaker_backoff", o.breaker_backoff, breaker,
        "How long it pauses; twice as long each time that it has to again, up to 16 times.");
}

struct Loader {
  template <typename T>
  void operator()(std::string_view group, std::string_view name, T& member, const Range<T>& range,
                  std::string_view help) {
    // With the range, so that nobody has to meet it as an error.
    const std::string text = absl::StrCat(ToAbsl(help), " From ", RangeText(name, range), ".");
    const OptionHelp about{.help = text, .group = group};
    if constexpr (std::is_same_v<T, int64_t>) {
      // What kind of number it is its name says.
      member = name.ends_with("_bytes") ? config.GetBytes(name, member, about) : config.Get(name, member, about);
    } else {
      member = config.Get(name, member, about);
    }
  }
  const Config& config;
};

struct RangeChecker {
  template <typename T>
  void operator()(std::string_view, std::string_view name, const T& member, const Range<T>& range, std::string_view) {
    // Written so that it also refuses a NaN.
    if (member >= range.min && member <= range.max) return;
    mistakes.push_back({name, absl::StrCat("it is out of range; use ", RangeText(name, range))});
  }
  std::vector<Mistake>& mistakes;
};

void CheckNames(const Options& options, std::vector<Mistake>* mistakes) {
  const auto check = [&](std::string_view option, const std::string& name) {
    if (name.empty()) return;
    if (std::string why = NamePartMistake(name); !why.empty()) mistakes->push_back({option, std::move(why)});
  };
  // X8: parts of topics' names and of transactional ids.
  check("application_id", options.application_id);
  check("instance_id", options.instance_id);
}

void CheckServers(const Options& options, std::vector<Mistake>* mistakes) {
  if (options.bootstrap_servers.empty()) {
    mistakes->push_back({"bootstrap_servers", "it is empty; give at least one broker as host:port"});
    return;
  }
  for (absl::string_view server : absl::StrSplit(options.bootstrap_servers, ',')) {
    server = absl::StripAsciiWhitespace(server);
    // A bare IPv6 address in brackets has colons but no port.
    const size_t colon = absl::EndsWith(server, "]") ? absl::string_view::npos : server.rfind(':');
    int port = 0;
    const bool port_is_right = colon == absl::string_view::npos ||
                               (absl::SimpleAtoi(server.substr(colon + 1), &port) && port > 0 && port < 65536);
    if (!server.empty() && colon != 0 && port_is_right) continue;
    mistakes->push_back({"bootstrap_servers", absl::StrCat("\"", Printable(ToStd(server)),
                                                           "\" is not a broker's address; write host:port,host:port")});
  }
}

// What a transaction's end may take.
absl::Duration EndAllowance(const Options& options) { return std::min(kEndAllowance, options.transaction_timeout / 2); }

// The longest handlers that a transaction has room for: the event that comes last in it began before its commit was
// due.
absl::Duration RoomForHandlers(const Options& options) {
  return options.transaction_timeout - EndAllowance(options) - options.commit_interval;
}

// An epoch may fill while the one before it ends, and has to end itself before the broker aborts its transaction,
// whatever its last event takes; a worker that waits for that must not be taken for dead (T11, X1).
void CheckTimeouts(const Options& options, std::vector<Mistake>* mistakes) {
  const absl::Duration timeout = options.transaction_timeout;
  const absl::Duration allowance = EndAllowance(options);
  const auto text = [](absl::Duration duration) { return absl::FormatDuration(duration); };
  if (2 * options.commit_interval + allowance >= timeout) {
    mistakes->push_back(
        {"commit_interval", absl::StrCat("twice it, with ", text(allowance),
                                         " for handlers, flush and commit, could outlast "
                                         "transaction_timeout (",
                                         text(timeout), "); use less than ", text((timeout - allowance) / 2),
                                         " or raise transaction_timeout")});
  } else if (options.handler_timeout > RoomForHandlers(options)) {
    mistakes->push_back(
        {"handler_timeout",
         absl::StrCat("the brokers would abort the transaction while the handlers of one event still run; use ",
                      text(RoomForHandlers(options)), " or less, or raise transaction_timeout (", text(timeout),
                      ") to ", text(options.handler_timeout + options.commit_interval + kEndAllowance))});
  }
  // T11: or a member that waits for a slow commit would be thrown out of its group meanwhile.
  if (timeout >= options.max_poll_interval) {
    mistakes->push_back({"max_poll_interval",
                         absl::StrCat("a worker would be taken for dead while it ends a transaction; use more than "
                                      "transaction_timeout, which is ",
                                      text(timeout))});
  }
  // The client refuses it as well, under its own names.
  if (options.session_timeout >= options.max_poll_interval) {
    mistakes->push_back({"session_timeout", absl::StrCat("it is not below max_poll_interval (",
                                                         text(options.max_poll_interval), "); lower it")});
  }
}

std::vector<Mistake> FindMistakes(const Options& options) {
  std::vector<Mistake> mistakes;
  RangeChecker checker{mistakes};
  VisitRuntime(options, checker);
  VisitStateAndFailures(options, checker);
  CheckNames(options, &mistakes);
  CheckServers(options, &mistakes);
  if (std::string why = HttpListenMistake(options); !why.empty()) mistakes.push_back({"http_listen", std::move(why)});
  // How they fit together is worth a word only when each is right by itself.
  if (!mistakes.empty()) return mistakes;
  CheckTimeouts(options, &mistakes);
  if (options.memory_bytes != 0 && options.memory_bytes < kLeastMemoryBytes) {
    mistakes.push_back(
        {"memory_bytes", absl::StrCat("it is too little to work with; use ", FormatBytes(kLeastMemoryBytes),
                                      " or more, or 0 for the default")});
  }
  // A limit that can never be reached is somebody's mistake.
  if (options.max_parked_per_aggregate > options.max_parked_per_task) {
    mistakes.push_back({"max_parked_per_aggregate", absl::StrCat("it exceeds max_parked_per_task, which is ",
                                                                 options.max_parked_per_task, "; lower it")});
  }
  return mistakes;
}

// The options that librdkafka has a property for, in milliseconds.
struct Twin {
  std::string_view option;
  std::string_view property;
  absl::Duration Options::*member;
};
constexpr Twin kTwins[] = {
    {"transaction_timeout", "transaction.timeout.ms", &Options::transaction_timeout},
    {"session_timeout", "session.timeout.ms", &Options::session_timeout},
    {"max_poll_interval", "max.poll.interval.ms", &Options::max_poll_interval},
};

void ApplyProperties(const Config& config, Options* options) {
  const std::map<std::string, std::string> properties = config.kafka_properties();
  for (const Twin& twin : kTwins) {
    const auto property = properties.find(std::string(twin.property));
    if (property == properties.end()) continue;
    int64_t milliseconds = 0;
    // Which of the two would count is not to be guessed.
    if (config.SourceOf(twin.option) != ConfigSource::kDefault) {
      config.AddError(twin.option,
                      absl::StrCat(config.WhereProperty(property->first), " says the same; remove one of the two"));
    } else if (absl::SimpleAtoi(property->second, &milliseconds)) {
      options->*twin.member = absl::Milliseconds(milliseconds);
    } else {
      config.AddError(twin.option,
                      absl::StrCat(config.WhereProperty(property->first), " = \"", Printable(property->second),
                                   "\" is no number of milliseconds; write --", ToAbsl(twin.option), "=",
                                   absl::FormatDuration(options->*twin.member)));
    }
  }
}

}  // namespace

std::string PropertyOfOption(std::string_view option) {
  for (const Twin& twin : kTwins) {
    if (twin.option == option) return std::string(twin.property);
  }
  return "";
}

namespace {

// Says which property a value came from that does not come from the option of its name.
std::string Origin(const Config& config, std::string_view option) {
  for (const Twin& twin : kTwins) {
    if (twin.option != option || config.SourceOf(option) != ConfigSource::kDefault) continue;
    const std::string where = config.WhereProperty(std::string(twin.property));
    return where.empty() ? "" : absl::StrCat("as set by ", where, ", ");
  }
  return "";
}

void LoadTexts(const Config& config, Options* options) {
  const std::string_view group = "Application";
  options->application_id = config.Get(
      "application_id", options->application_id,
      {.help = "The consumer group, and the prefix of internal topics and transactional ids.", .group = group});
  options->bootstrap_servers = config.Get("bootstrap_servers", options->bootstrap_servers,
                                          {.help = "Brokers to begin with, as host:port,host:port.", .group = group});
  options->instance_id =
      config.Get("instance_id", options->instance_id,
                 {.help = "This instance's part of the transactional ids; no two running instances may share one. "
                          "Empty: a random one, kept in the state directory.",
                  .group = group});
  options->static_membership = config.Get(
      "static_membership", options->static_membership,
      {.help =
           "A restart within session_timeout gets its partitions back without a rebalance; an instance that is gone "
           "for good holds them that long. Needs an instance_id, or a state directory, that lasts.",
       .group = group});
  options->state_dir =
      config.Get("state_dir", options->state_dir,
                 {.help = "Local copy of the state, for one process at a time. Empty: once/APPLICATION_ID under "
                          "$XDG_STATE_HOME or ~/.local/state, or, where neither it nor $HOME is set, "
                          "once-state/APPLICATION_ID below the current directory.",
                  .group = group});
  options->create_topics = config.Get("create_topics", options->create_topics,
                                      {.help = "Create missing source, sink and dead-letter topics.", .group = group});
  options->exit_on_task_failure = config.Get(
      "exit_on_task_failure", options->exit_on_task_failure,
      {.help = "When the task of one partition fails the process ends, instead of going on with the others and "
               "trying that one again.",
       .group = "Failures"});
  options->accept_gaps = config.Get(
      "accept_gaps", options->accept_gaps,
      {.help = "Where the next event is not in its topic any more (retention, or a topic made anew) go on at "
               "the topic's beginning, with the state kept; what is lost is logged as an error. Off: that "
               "partition's task fails.",
       .group = "Failures"});
  options->commands = config.Get(
      "commands", options->commands,
      {.help = "Take commands (release, skip, pause and others), from topics of the application's own that are made at "
               "the start: APPLICATION_ID-GROUP-control and -audit.",
       .group = "Failures"});
  options->dead_letter_headers = LoadDeadLetterHeaders(config);
  LoadObservation(config, options);
}

}  // namespace

Options LoadOptions(const Config& config, const std::string& default_application_id) {
  Options options;
  options.application_id = default_application_id;
  LoadTexts(config, &options);
  Loader load{config};
  VisitRuntime(options, load);
  VisitStateAndFailures(options, load);
  // Before the checks, which go by what counts in the end.
  ApplyProperties(config, &options);
  // What the topology gave as default may be empty as well.
  if (options.application_id.empty()) config.AddError("application_id", NamePartMistake(""));
  for (const Mistake& mistake : FindMistakes(options)) {
    config.AddError(mistake.option, absl::StrCat(Origin(config, mistake.option), mistake.why_and_fix));
  }
  return options;
}

absl::Status ValidateOptions(const Options& options) {
  // For those who embed an application: their options came from no Config.
  std::vector<std::string> lines;
  for (const Mistake& mistake : FindMistakes(options)) {
    lines.push_back(absl::StrCat("option ", ToAbsl(mistake.option), ": ", mistake.why_and_fix));
  }
  return lines.empty() ? absl::OkStatus() : absl::InvalidArgumentError(absl::StrJoin(lines, "\n"));
}

absl::Duration HandlerTimeout(const Options& options) {
  // R8: as long as a transaction has room for.
  return options.handler_timeout > absl::ZeroDuration() ? options.handler_timeout : RoomForHandlers(options);
}

}  // namespace once
