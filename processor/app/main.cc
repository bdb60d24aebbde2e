// From argc and argv to an exit code. What runs is Application's business.
#include "processor/main.h"

#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cstdio>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "absl/strings/str_split.h"
#include "processor/app/kafka_properties.h"
#include "processor/app/operate.h"
#include "processor/app/program_inputs.h"
#include "processor/app/standard_files.h"
#include "processor/app/stop_signals.h"
#include "processor/base/allocator.h"
#include "processor/base/guarded.h"
#include "processor/base/mutex.h"
#include "processor/base/strings.h"
#include "processor/cli/commands.h"
#include "processor/cli/help.h"
#include "processor/config/help.h"
#include "processor/config/options.h"
#include "processor/stderr_log.h"
#include "processor/topology/describe.h"
#include "processor/topology/validate.h"
#include "processor/version.h"

namespace once {

namespace {

// How long the last line of a process may take.
constexpr absl::Duration kLastWords = absl::Seconds(1);

void Print(FILE* stream, const std::string& text) {
  fwrite(text.data(), 1, text.size(), stream);
  fflush(stream);
}

// What the program was asked to do instead of running.
struct Requests {
  bool help = false;
  bool version = false;
  bool print_topology = false;
};

Requests AskRequests(const Config& config) {
  const std::string_view group = "General";
  Requests requests;
  requests.help = config.GetBool("help", false, {.help = "Print this and exit.", .group = group});
  requests.version = config.GetBool("version", false, {.help = "Print versions and exit.", .group = group});
  requests.print_topology = config.GetBool(
      "print_topology", false, {.help = "Print the topology and the topics it uses, and exit.", .group = group});
  return requests;
}

absl::StatusOr<Topology> Build(const TopologyFactory& factory, const Config& config) {
  absl::StatusOr<Topology> topology = absl::InternalError("");
  // X3: the factory is the user's code as well.
  const absl::Status built = Guarded(absl::StatusCode::kInternal, "the function that builds the topology", [&] {
    topology = factory(config);
    return topology.status();
  });
  if (built.ok()) return topology;
  return built;
}

// All that is wrong with flags, settings and topology; empty if nothing is.
std::string MistakesOf(const Config& config, const Options& options, const absl::StatusOr<Topology>& topology) {
  absl::Status built = topology.status();
  if (built.ok()) built = CheckApplicationId(topology->graph(), options.application_id);
  std::string text;
  // A factory that gave up may not have asked for all of its options, so none is called unknown then.
  const absl::Status checked = topology.ok() ? config.Check() : config.CheckValues();
  for (const absl::Status& status : {checked, built}) {
    if (!status.ok()) absl::StrAppend(&text, std::string(status.message()), "\n");
  }
  return text;
}

// Holds the application between its making and its end, so that a signal at any time finds it or is remembered.
class Stopper {
 public:
  explicit Stopper(LogSink* log) : log_(log) {}

  // Nobody who reads the log slowly, or not at all, holds up a stop.
  void Stop() {
    {
      MutexLock lock(&mutex_);
      stopped_ = true;
      if (application_ != nullptr) application_->Stop();
    }
    log_->Log(LogLevel::kInfo, "stopping: committing what is open; a second signal exits at once");
  }
  void Set(Application* application) {
    MutexLock lock(&mutex_);
    application_ = application;
    if (stopped_ && application_ != nullptr) application_->Stop();
  }
  bool stopped() {
    MutexLock lock(&mutex_);
    return stopped_;
  }

 private:
  LogSink* const log_;
  Mutex mutex_;
  bool stopped_ ABSL_GUARDED_BY(mutex_) = false;
  Application* application_ ABSL_GUARDED_BY(mutex_) = nullptr;
};

// Where the end of the process is told of while the application runs; null when it does not.
std::atomic<LogSink*> g_running_log{nullptr};

// A handler, or a library below it, called exit(): nothing is wrong with what is committed, but nobody who starts
// processes again may take that for an orderly end.
void OnExit(int code, void*) {
  LogSink* const log = g_running_log.exchange(nullptr);
  if (log == nullptr) return;
  const int exit_code = code == kExitOk ? kExitFailed : code;
  log->Log(LogLevel::kError,
           absl::StrCat("a handler or a library called exit(", code,
                        ") while the application runs: the process ends with exit code ", exit_code,
                        ", nothing of the open transaction takes effect, and a restart goes on from the last commit; "
                        "let handlers return an error instead"));
  log->Flush(kLastWords);
  // Not by exit's other handlers and destructors, which may wait for threads that still run.
  _exit(exit_code);
}

// While it lives, the application runs.
class ExitGuard {
 public:
  explicit ExitGuard(LogSink* log) {
    // Once for the process, since nothing takes it back.
    static const int registered = on_exit(&OnExit, nullptr);
    if (registered == 0) g_running_log.store(log);
  }
  ~ExitGuard() { g_running_log.store(nullptr); }
  ExitGuard(const ExitGuard&) = delete;
  ExitGuard& operator=(const ExitGuard&) = delete;
};

int Failed(LogSink* log, const absl::Status& status) {
  // All that is wrong is told at once, and a message is one line.
  const std::string text = absl::StrCat("stopped: ", status.ToString());
  for (const absl::string_view line : absl::StrSplit(text, '\n')) log->Log(LogLevel::kError, std::string(line));
  return absl::IsInvalidArgument(status) ? kExitWrongUsage : kExitFailed;
}

int RunApplication(const Options& options, const Topology& topology, ApplicationDeps deps) {
  TuneAllocator();
  // A broken connection or pipe is an error of the call, not the end of the process.
  signal(SIGPIPE, SIG_IGN);
  Stopper stopper(deps.log);
  StopSignals signals([&stopper] { stopper.Stop(); }, kExitInterrupted);
  const ExitGuard exits(deps.log);
  deps.is_stopping = [&stopper] { return stopper.stopped(); };
  absl::StatusOr<std::unique_ptr<Application>> application = Application::Create(options, topology, deps);
  // Told to stop while it waited for brokers: that is an orderly end.
  const bool is_waiting = absl::IsUnavailable(application.status()) || absl::IsDeadlineExceeded(application.status());
  if (is_waiting && stopper.stopped()) {
    deps.log->Log(LogLevel::kInfo,
                  absl::StrCat("told to stop before it had started: ", std::string(application.status().message())));
    return kExitOk;
  }
  if (!application.ok()) return Failed(deps.log, application.status());
  stopper.Set(application->get());
  const absl::Status ended = (*application)->Run();
  // A signal must not find an application that is about to be destroyed.
  stopper.Set(nullptr);
  application->reset();
  if (!ended.ok()) {
    deps.log->Log(LogLevel::kError, OneLine(absl::StrCat("stopped: ", ended.ToString())));
    return kExitFailed;
  }
  deps.log->Log(LogLevel::kInfo, "stopped in order");
  return kExitOk;
}

}  // namespace

int Main(int argc, char** argv, const TopologyFactory& factory, ApplicationDeps deps) {
  OpenStandardFiles();
  const std::string program = argc > 0 ? argv[0] : "program";
  const std::string name = program.substr(program.rfind('/') + 1);
  const cli::Registry registry = cli::AllCommands();
  ConfigInputs inputs = ProgramInputs();
  const cli::CommandLine line =
      cli::CommandLine::Read({argv + std::min(argc, 1), argv + argc}, registry, inputs.is_secret);
  if (!line.is_run()) return Operate(name, line, registry, inputs, factory, deps);
  inputs.args = line.settings();
  const Config config = Config::Load(inputs);
  const Requests requests = AskRequests(config);
  const absl::StatusOr<Topology> topology = Build(factory, config);
  const std::string default_id = topology.ok() ? topology->graph().application_id : "application";
  // After the factory, so that --help shows the topology's own options first.
  const Options options = LoadOptions(config, default_id);
  if (requests.help) {
    Print(stdout,
          HelpText(program, absl::StrCat("Runs the application ", default_id, ", a stream processor."), config) + "\n" +
              cli::CommandsHelp(name, registry));
    return kExitOk;
  }
  if (requests.version) {
    Print(stdout, absl::StrCat("once ", kVersion, ", librdkafka ", KafkaLibraryVersion(), ", ", AllocatorName(), "\n"));
    return kExitOk;
  }
  const std::string mistakes = MistakesOf(config, options, topology);
  if (!mistakes.empty()) {
    Print(stderr, absl::StrCat(PlainText(mistakes), program, ": cannot start; --help lists all options\n"));
    return kExitWrongUsage;
  }
  if (requests.print_topology) {
    for (const std::string& warning : config.Warnings()) Print(stderr, absl::StrCat("warning: ", warning, "\n"));
    Print(stdout, Describe(topology->graph(), options.application_id));
    return kExitOk;
  }
  std::unique_ptr<LogSink> own_log;
  if (deps.log == nullptr) {
    own_log = std::make_unique<StderrLog>(options.log_level, options.log_format);
    deps.log = own_log.get();
  }
  for (const std::string& warning : config.Warnings()) deps.log->Log(LogLevel::kWarning, warning);
  // Settings win over what the program brings.
  MergeKafkaProperties(config.kafka_properties(), &deps.kafka_properties);
  return RunApplication(options, *topology, deps);
}

}  // namespace once
