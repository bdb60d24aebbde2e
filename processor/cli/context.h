// What a command works with: what it was asked, the application that it is about, the brokers, and whom it answers.
#ifndef ONCE_PROCESSOR_CLI_CONTEXT_H_
#define ONCE_PROCESSOR_CLI_CONTEXT_H_

#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/clock.h"
#include "processor/cli/command.h"
#include "processor/cli/command_line.h"
#include "processor/cli/output.h"
#include "processor/config/config.h"
#include "processor/config/options.h"
#include "processor/kafka/kafka.h"
#include "processor/operator/kept_changelogs.h"
#include "processor/topology/graph.h"

namespace once::cli {

// How much a command is about; nothing: that is not known before it is done.
struct Touched {
  std::optional<int64_t> aggregates = {};
  std::optional<int64_t> events = {};
  std::optional<int64_t> tasks = {};
};

// A terminal that shows one picture over the other. Without `begin` there is none.
struct Terminal {
  std::function<void()> begin = {};
  // As it was before `begin`.
  std::function<void()> end = {};
  // False: somebody has pressed q, or interrupted it.
  std::function<bool(absl::Duration)> wait = {};
  // Lines and columns.
  std::function<std::pair<int, int>()> size = {};
  // The text as one picture: no more of it than there is room for.
  std::string Frame(const std::string& text) const;
};

// The process around a command; tests bring one of their own.
struct Environment {
  std::string program = {};  // Its name, without a directory.
  // Standard output and error; false: nobody reads any more.
  std::function<bool(const std::string&)> write_out = {};
  std::function<void(const std::string&)> write_error = {};
  bool out_is_terminal = false;
  // Whether somebody can be asked, on the standard error, and answers, on the standard input.
  bool can_ask = false;
  // A line of the standard input; nothing at its end.
  std::function<std::optional<std::string>()> read_line = {};
  // A file's content; "-" is the standard input.
  std::function<absl::StatusOr<std::string>(const std::string& path)> read_file = {};
  // A client of the brokers that the options name. Touches no network. `settings` has librdkafka's properties.
  std::function<absl::StatusOr<std::unique_ptr<kafka::Client>>(const Options& options, const Config& settings)>
      connect = {};
  // Instead of `connect`: where a process has both already. They outlive the command.
  kafka::Client* client = nullptr;
  kafka::Admin* admin = nullptr;
  // Remembers, between commands, what is in changelogs; null: they are read through. Outlives the command.
  KeptChangelogs* changelogs = nullptr;
  // Whether what is open in the application's topics is waited for, so that all is shown that was acknowledged before;
  // else what is visible as committed.
  bool waits_for_transactions = true;
  // Whether to give up what is being read; none: never.
  std::function<bool()> is_cancelled = {};
  // Waits between two pictures of --watch; false: it is to end.
  std::function<bool(absl::Duration)> pause = {};
  Terminal terminal = {};
  // The body of what answers at a URL to a GET with that bearer token; empty: none. Errors say in words what is wrong.
  std::function<absl::StatusOr<std::string>(const std::string& url, const std::string& token, absl::Duration timeout)>
      http_get = {};
  // For IDs of commands: another text at each call, of letters, digits and '-'.
  std::function<std::string()> draw_id = {};
  std::string user = {};  // USER@HOST
  // Of the client library that `connect` uses, and what is known to be wrong with it.
  std::string client_version = {};
  std::optional<std::string> client_problem = {};
  Clock* clock = nullptr;  // Outlives the command.
  // The flags, environment and file of settings, but for `args`.
  ConfigInputs inputs = {};
};

// Lives for one command. Not thread-safe.
class Context {
 public:
  struct Asked {
    const Registry* registry = nullptr;
    const CommandSpec* command = nullptr;
    const Arguments* arguments = nullptr;
    const Config* config = nullptr;
    const Options* options = nullptr;
    std::shared_ptr<const Graph> graph = nullptr;  // Null: it was not built (CommandSpec::allows_mistakes).
    std::string mistakes = {};                     // All that is wrong with settings and topology, one a line.
  };
  Context(const Environment* environment, Asked asked) : environment_(environment), asked_(std::move(asked)) {}

  const Environment& environment() const { return *environment_; }
  const Registry& registry() const { return *asked_.registry; }
  const CommandSpec& command() const { return *asked_.command; }
  const Arguments& args() const { return *asked_.arguments; }
  const Config& config() const { return *asked_.config; }
  const Options& options() const { return *asked_.options; }
  const std::string& application_id() const { return asked_.options->application_id; }
  const std::string& mistakes() const { return asked_.mistakes; }
  bool has_graph() const { return asked_.graph != nullptr; }
  const Graph& graph() const { return *asked_.graph; }
  const std::shared_ptr<const Graph>& shared_graph() const { return asked_.graph; }

  // What is printed when the command returns, also when it returns an error.
  Output& out() { return out_; }
  // Begins anew, for the next picture of --watch.
  void ClearOutput() { out_ = Output(); }

  // Made at the first call, and kept. Their errors say what to do.
  absl::StatusOr<kafka::Client*> client();
  absl::StatusOr<kafka::Admin*> admin();
  // How long to wait in all, and for one call of Admin at most.
  absl::Duration timeout() const { return args().Duration("timeout", absl::Seconds(30)); }
  absl::Duration call_timeout() const { return std::min(timeout(), absl::Seconds(10)); }
  Clock& clock() const { return *environment_->clock; }

  // Asks whether to do what `what` says in words ("skip event 7 of customer alice; 3 events follow"), unless --yes was
  // given. Cancelled if the answer is no; FailedPrecondition where nobody can be asked. Call it before anything
  // changes. With --dry-run it shows `what` and `touched` instead, and the command returns what this does.
  absl::Status Confirm(const std::string& what, const Touched& touched = {});
  // It was a dry run that came as far as Confirm: what the command has returned is no error.
  bool has_shown_dry_run() const { return has_shown_dry_run_; }
  // Cancelled if whoever runs the command does not want it any more.
  absl::Status CheckCancelled() const;
  // Shown at once, on the standard error: what takes long.
  void Tell(const std::string& line) { environment_->write_error(line + "\n"); }

 private:
  const Environment* const environment_;
  const Asked asked_;
  Output out_;
  bool has_shown_dry_run_ = false;
  std::unique_ptr<kafka::Client> client_;
  std::unique_ptr<kafka::Admin> admin_;
};

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_CONTEXT_H_
