// order_verifier: checks that a run of order_totals was exactly once. Reads topics and offsets; verifier_core judges.
#include <CLI/CLI.hpp>
#include <algorithm>
#include <cstdint>
#include <fstream>
#include <iostream>
#include <limits>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "absl/status/status.h"
#include "absl/strings/str_cat.h"
#include "absl/strings/str_format.h"
#include "absl/strings/str_split.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"
#include "examples/order_totals/verifier_core.h"
#include "examples/order_totals/verifier_reader.h"
#include "google/protobuf/stubs/logging.h"

namespace orders::verifier {
namespace {

constexpr int kExitSame = 0;
constexpr int kExitDifferences = 1;
constexpr int kExitNotVerified = 2;

constexpr char kDescription[] =
    R"(Checks a run of order_totals: reads the committed input, runs it through a single-threaded reference of its own,
and holds outputs, dead letters, state, parked events and committed offsets against that.

The topics must have been empty when the run began, producers must have stopped, and duplicates must have come within the
idempotency window. What operators' commands did is read from the control and audit topics: every event that was skipped,
discarded, replaced, released or never processed must be so by a command that was applied once, and the other way round.)";

constexpr char kExamples[] =
    R"(Examples:
  order_verifier --bootstrap_servers=127.0.0.1:9092
  order_verifier --bootstrap_servers=127.0.0.1:9092 --application_id=totals-2 --output_topic=totals-2 --wait=2m
  order_verifier --bootstrap_servers=127.0.0.1:9092 --nochangelog --allow_lag --json=report.json

The last line, on stdout:  differences=N
Exit codes: 0 no difference; 1 at least one; 2 it could not be verified (flags, broker, topics, a hanging transaction).)";

struct Flags {
  ReaderOptions reader;
  VerifierOptions verifier;
  std::string input_topic = "orders";
  std::string output_topic = "customer-totals";
  std::string dead_letter_topic = "orders.dlq";
  std::string changelog_topic;
  bool commands = true;
  bool allow_lag = false;
  absl::Duration wait = absl::Seconds(60);
  std::string json;
};

void Say(std::string_view text) { std::cerr << "order_verifier: " << text << std::endl; }

CLI::Option* AddDuration(CLI::App& app, const std::string& name, absl::Duration& value, const std::string& help) {
  return app
      .add_option_function<std::string>(
          name,
          [&value, name](const std::string& text) {
            if (!absl::ParseDuration(text, &value) || value < absl::ZeroDuration()) {
              throw CLI::ValidationError(name, absl::StrCat(text, " is no duration such as 500ms, 60s or 2m"));
            }
          },
          help)
      ->type_name("DURATION")
      ->default_str(absl::FormatDuration(value));
}

// Returns an exit code if the program ends here.
std::optional<int> ParseFlags(int argc, char** argv, Flags& flags) {
  CLI::App app(kDescription, "order_verifier");
  app.footer(kExamples);
  app.option_defaults()->always_capture_default();
  app.add_option("--bootstrap_servers", flags.reader.bootstrap_servers, "HOST:PORT[,HOST:PORT...] of the brokers")
      ->required();
  app.add_option("--application_id", flags.verifier.application_id, "the consumer group of the run");
  app.add_option("--input_topic,--topic", flags.input_topic, "orders");
  app.add_option("--output_topic", flags.output_topic, "totals");
  app.add_option("--dead_letter_topic", flags.dead_letter_topic, "dead letters");
  app.add_option("--changelog_topic", flags.changelog_topic, "empty: <application_id>-orders-changelog");
  app.add_flag("--changelog,!--nochangelog", flags.verifier.check_changelog,
               "checks state and parked events in the changelog (default: on)");
  app.add_flag("--parked,!--noparked", flags.verifier.check_parked,
               "checks parked events in the changelog (default: on)");
  app.add_flag("--commands,!--nocommands", flags.commands,
               "holds all against the commands of <application_id>-orders-control and -audit, where these are "
               "(default: on)");
  app.add_flag("--allow_lag", flags.allow_lag, "neither waits for nor checks the committed offsets");
  AddDuration(app, "--wait", flags.wait, "how long the committed offsets may stand still before the input's end");
  AddDuration(app, "--read_timeout", flags.reader.stall_timeout, "how long a partition may give nothing new");
  app.add_option("--show", flags.verifier.max_shown, "differences shown in full, per kind")
      ->check(CLI::Range(0, 1000000));
  app.add_option("--output_max_bytes", flags.verifier.reference.max_output_bytes,
                 "totals whose key and value exceed this were refused; 0: no limit")
      ->check(CLI::NonNegativeNumber);
  app.add_option("--failing_header", flags.verifier.reference.failing_header,
                 "for tests: an order with this header fails for the reason that it names");
  app.add_option("--may_fail_header", flags.verifier.reference.may_fail_header,
                 "for tests: an order with this header fails for the reason that it names, or is processed");
  app.add_option("--json", flags.json, "also writes the report to this file");
  std::vector<std::string> properties;
  app.add_option("--property", properties, "NAME=VALUE for librdkafka, such as security.protocol=ssl; repeatable");
  try {
    app.parse(argc, argv);
  } catch (const CLI::ParseError& error) {
    return app.exit(error) == 0 ? kExitSame : kExitNotVerified;
  }
  if (flags.changelog_topic.empty()) {
    flags.changelog_topic = absl::StrCat(flags.verifier.application_id, "-orders-changelog");
  }
  flags.verifier.check_offsets = !flags.allow_lag;
  for (const std::string& property : properties) {
    flags.reader.properties.push_back(absl::StrSplit(property, absl::MaxSplits('=', 1)));
  }
  return std::nullopt;
}

// One verification, from the input's end to the report.
class Run {
 public:
  Run(const Flags& flags, Reader& reader) : flags_(flags), reader_(reader), verifier_(flags.verifier) {}

  absl::StatusOr<Report> Verify() {
    absl::StatusOr<Ranges> input = reader_.Find(flags_.input_topic);
    if (!input.ok()) return input.status();
    if (absl::Status whole = CheckWhole(flags_.input_topic, *input); !whole.ok()) return whole;
    if (!flags_.allow_lag) {
      if (absl::Status waited = WaitForOffsets(*input); !waited.ok()) return waited;
    }
    if (flags_.commands) {
      if (absl::Status read = ReadCommands(); !read.ok()) return read;
    }
    if (!flags_.verifier.reference.may_fail_header.empty()) {
      if (absl::Status read = ReadVerdicts(); !read.ok()) return read;
    }
    const auto to_input = [this](const Record& record) { return verifier_.AddInput(record); };
    if (absl::Status read = Read(flags_.input_topic, *input, to_input); !read.ok()) return read;
    if (absl::Status read = ReadResults(); !read.ok()) return read;
    if (absl::Status still = CheckUnchanged(*input); !still.ok()) return still;
    return verifier_.Finish();
  }

 private:
  // Records that retention has taken cannot be verified.
  absl::Status CheckWhole(const std::string& topic, const Ranges& ranges) const {
    for (const auto& [partition, range] : ranges) {
      if (range.low == 0) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          topic, "-", partition, " begins at offset ", range.low,
          ": its first records were deleted, so nothing after them can be verified; verify a fresh run, on topics "
          "with retention long enough"));
    }
    return absl::OkStatus();
  }

  absl::Status CheckUnchanged(const Ranges& before) {
    const absl::StatusOr<Ranges> now = reader_.Find(flags_.input_topic);
    if (!now.ok()) return now.status();
    for (const auto& [partition, range] : *now) {
      const auto old = before.find(partition);
      if (old != before.end() && old->second.high == range.high) continue;
      return absl::FailedPreconditionError(absl::StrCat(
          flags_.input_topic, "-", partition, " has grown to offset ", range.high,
          " while it was verified: what was found may be of newer input; stop its producers and verify again"));
    }
    return absl::OkStatus();
  }

  // As long as it comes nearer: how quickly it does is not judged here. Ends, too, when it has stood still for the time
  // that was given: the check of the offsets then tells.
  absl::Status WaitForOffsets(const Ranges& input) {
    absl::Time deadline = absl::Now() + flags_.wait;
    int64_t least_lag = std::numeric_limits<int64_t>::max();
    absl::Time next_progress = absl::Now() + absl::Seconds(1);
    while (true) {
      const auto committed = reader_.CommittedOffsets(flags_.verifier.application_id, flags_.input_topic, input);
      if (!committed.ok()) return committed.status();
      committed_ = *committed;
      int64_t lag = 0;
      for (const auto& [partition, range] : input) {
        const auto found = committed_.find(partition);
        lag += std::max<int64_t>(0, range.high - (found == committed_.end() ? 0 : found->second));
      }
      const absl::Time now = absl::Now();
      if (lag == 0) break;
      if (lag < least_lag) deadline = now + flags_.wait;
      least_lag = std::min(least_lag, lag);
      if (now >= deadline) {
        Say(absl::StrCat("group ", flags_.verifier.application_id, " is ", lag,
                         " offsets behind the input's end, and has come no nearer for ",
                         absl::FormatDuration(flags_.wait)));
        break;
      }
      if (now >= next_progress) {
        Say(absl::StrCat("waiting for group ", flags_.verifier.application_id, ": ", lag,
                         " offsets behind the input's end"));
        next_progress += absl::Seconds(1);
      }
      absl::SleepFor(absl::Milliseconds(100));
    }
    for (const auto& [partition, range] : input) {
      const auto found = committed_.find(partition);
      verifier_.AddCommittedOffset(flags_.input_topic, partition, range.high,
                                   found == committed_.end() ? std::nullopt : std::optional<int64_t>(found->second));
    }
    return absl::OkStatus();
  }

  // Nothing where no command was ever sent.
  absl::Status ReadCommands() {
    const std::string prefix = absl::StrCat(flags_.verifier.application_id, "-orders-");
    const absl::StatusOr<Ranges> control = reader_.Find(prefix + "control");
    if (absl::IsNotFound(control.status())) return absl::OkStatus();
    if (!control.ok()) return control.status();
    if (absl::Status whole = CheckWhole(prefix + "control", *control); !whole.ok()) return whole;
    const bool is_empty =
        std::all_of(control->begin(), control->end(), [](const auto& at) { return at.second.high == 0; });
    using Add = void (Verifier::*)(const Record&);
    std::vector<std::pair<std::string, Add>> topics = {{prefix + "control", &Verifier::AddCommand},
                                                       {prefix + "audit", &Verifier::AddResult}};
    if (!is_empty) topics.emplace_back(flags_.dead_letter_topic, &Verifier::AddFate);
    // What is still parked tells whether a release was the last; letters that were sent back release, too.
    const bool may_release = !is_empty || !flags_.verifier.reference.may_fail_header.empty();
    if (may_release && flags_.verifier.check_changelog) {
      topics.emplace_back(flags_.changelog_topic, &Verifier::AddFinal);
    }
    for (const auto& [topic, add] : topics) {
      const absl::StatusOr<Ranges> ranges = reader_.Find(topic);
      if (absl::IsNotFound(ranges.status())) continue;
      if (!ranges.ok()) return ranges.status();
      const auto consume = [this, add = add](const Record& record) {
        (verifier_.*add)(record);
        return absl::OkStatus();
      };
      if (absl::Status read = Read(topic, *ranges, consume); !read.ok()) return read;
    }
    return absl::OkStatus();
  }

  absl::Status ReadVerdicts() {
    const absl::StatusOr<Ranges> ranges = reader_.Find(flags_.dead_letter_topic);
    if (!ranges.ok()) return ranges.status();
    return Read(flags_.dead_letter_topic, *ranges, [this](const Record& record) {
      verifier_.AddVerdict(record);
      return absl::OkStatus();
    });
  }

  absl::Status ReadResults() {
    using Add = void (Verifier::*)(const Record&);
    std::vector<std::pair<std::string, Add>> topics = {{flags_.output_topic, &Verifier::AddOutput},
                                                       {flags_.dead_letter_topic, &Verifier::AddDeadLetter}};
    if (flags_.verifier.check_changelog) topics.emplace_back(flags_.changelog_topic, &Verifier::AddChangelog);
    for (const auto& [topic, add] : topics) {
      const absl::StatusOr<Ranges> ranges = reader_.Find(topic);
      if (absl::IsNotFound(ranges.status()) && topic == flags_.changelog_topic) {
        // The processor makes it; without one, all state is missing.
        Say(absl::StrCat("there is no changelog topic ", topic, ": did ", flags_.verifier.application_id,
                         " ever run? (--nochangelog skips it)"));
        continue;
      }
      if (!ranges.ok()) return ranges.status();
      if (topic != flags_.changelog_topic) {
        if (absl::Status whole = CheckWhole(topic, *ranges); !whole.ok()) return whole;
      }
      const auto consume = [this, add = add](const Record& record) {
        (verifier_.*add)(record);
        return absl::OkStatus();
      };
      if (absl::Status read = Read(topic, *ranges, consume); !read.ok()) return read;
    }
    return absl::OkStatus();
  }

  absl::Status Read(const std::string& topic, const Ranges& ranges, const Reader::Consume& consume) {
    return reader_.ReadCommitted(topic, ranges, consume, [&topic](int64_t read, int64_t to_go) {
      Say(absl::StrCat("reading ", topic, ": ", read, " records, ", to_go, " offsets to go"));
    });
  }

  const Flags& flags_;
  Reader& reader_;
  Verifier verifier_;
  std::map<int32_t, int64_t> committed_;
};

int Main(int argc, char** argv) {
  Flags flags;
  if (const std::optional<int> exit_code = ParseFlags(argc, argv, flags)) return *exit_code;
  // Undecodable poison is reported by us.
  google::protobuf::SetLogHandler(nullptr);
  absl::StatusOr<std::unique_ptr<Reader>> reader = Reader::Connect(flags.reader);
  absl::StatusOr<Report> report = reader.ok() ? Run(flags, **reader).Verify() : reader.status();
  if (!report.ok()) {
    Say(std::string(report.status().message()));
    return kExitNotVerified;
  }
  if (!flags.json.empty()) {
    std::ofstream file(flags.json);
    file << ToJson(*report) << std::flush;
    if (!file) {
      Say(absl::StrCat("cannot write the report to ", flags.json, "; give --json a file that can be written"));
      return kExitNotVerified;
    }
  }
  std::cout << ToTable(*report) << std::flush;
  return report->differences() == 0 ? kExitSame : kExitDifferences;
}

}  // namespace
}  // namespace orders::verifier

int main(int argc, char** argv) { return orders::verifier::Main(argc, argv); }
