// once::Main against an application of the test's own: what reaches it, and what comes of its ends.
#include "processor/main.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sched.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include <functional>
#include <memory>
#include <stdexcept>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include "absl/strings/str_cat.h"
#include "processor/base/mutex.h"
#include "processor/version.h"

namespace once {
namespace {

using ::testing::Contains;
using ::testing::HasSubstr;
using ::testing::Pair;
using ::testing::internal::CaptureStderr;
using ::testing::internal::CaptureStdout;
using ::testing::internal::GetCapturedStderr;
using ::testing::internal::GetCapturedStdout;

class FakeApplication;

// What the application is to do, and what became of it.
struct Script {
  std::function<absl::Status()> create = [] { return absl::OkStatus(); };
  std::function<absl::Status(FakeApplication*)> run = [](FakeApplication*) { return absl::OkStatus(); };
  Options options;
  ApplicationDeps deps;
  int created = 0;
  int stops_before_run = 0;
};
Script* g_script = nullptr;

class FakeApplication final : public Application {
 public:
  absl::Status Run() override {
    {
      MutexLock lock(&mutex_);
      g_script->stops_before_run = stops_;
    }
    return g_script->run(this);
  }
  void Stop() override {
    MutexLock lock(&mutex_);
    ++stops_;
    changed_.NotifyAll();
  }
  int stops() {
    MutexLock lock(&mutex_);
    return stops_;
  }
  void WaitForStop() {
    MutexLock lock(&mutex_);
    while (stops_ == 0) changed_.Wait(&mutex_);
  }

 private:
  Mutex mutex_;
  CondVar changed_;
  int stops_ ABSL_GUARDED_BY(mutex_) = 0;
};

class RecordingLog final : public LogSink {
 public:
  void Log(LogLevel, const std::string& message) override {
    if (before_line) before_line(message);
    MutexLock lock(&mutex_);
    messages_.push_back(message);
  }
  std::vector<std::string> messages() {
    MutexLock lock(&mutex_);
    return messages_;
  }

  std::function<void(const std::string&)> before_line = {};  // Set before anything logs.

 private:
  Mutex mutex_;
  std::vector<std::string> messages_ ABSL_GUARDED_BY(mutex_);
};

absl::StatusOr<Topology> BuildCopy(const Config& config) {
  TopologyBuilder builder("copy-app");
  auto in = builder.AddSource("in", {.topic = config.Get("input_topic", "in", {.help = "Where events come from."})});
  auto out = builder.AddSink<Bytes>("out", {.topic = config.Get("output_topic", "out")});
  builder.DeadLetterTo("dlq");
  builder.AddTransform("copy").EmitsTo(out).OnAny(in, [out](const Bytes&, auto& event) {
    event.Forward(out);
    return absl::OkStatus();
  });
  return std::move(builder).Build();
}

class MainTest : public ::testing::Test {
 protected:
  MainTest() { g_script = &script_; }
  ~MainTest() override {
    for (const std::string& name : variables_) unsetenv(name.c_str());
    g_script = nullptr;
  }

  void SetVariable(const std::string& name, const std::string& value) {
    setenv(name.c_str(), value.c_str(), 1);
    variables_.push_back(name);
  }

  int Run(std::vector<std::string> args, const TopologyFactory& factory = BuildCopy) {
    args.insert(args.begin(), "/usr/bin/copy-app");
    std::vector<char*> argv;
    for (std::string& arg : args) argv.push_back(arg.data());
    ApplicationDeps deps;
    deps.log = &log_;
    CaptureStdout();
    CaptureStderr();
    const int code = Main(static_cast<int>(argv.size()), argv.data(), factory, deps);
    out_ = GetCapturedStdout();
    err_ = GetCapturedStderr();
    return code;
  }

  // The signal is taken on a thread of its own, which says so.
  void StopAndWait() {
    kill(getpid(), SIGTERM);
    for (;;) {
      for (const std::string& message : log_.messages()) {
        if (message.find("stopping") == 0) return;
      }
      sched_yield();
    }
  }

  Script script_;
  RecordingLog log_;
  std::string out_;
  std::string err_;
  std::vector<std::string> variables_;
};

TEST_F(MainTest, HelpListsTheTopologysAndTheCommonOptionsWithDefaults) {
  EXPECT_EQ(Run({"--help", "--nonsense"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("--input_topic=in\n      Where events come from."));
  EXPECT_THAT(out_, HasSubstr("--application_id=copy-app"));
  EXPECT_THAT(out_, HasSubstr("--commit_interval=100ms"));
  EXPECT_THAT(out_, HasSubstr("Examples"));
  EXPECT_EQ(err_, "");
  EXPECT_EQ(script_.created, 0);
}

TEST_F(MainTest, HelpIsThereForATopologyThatDoesNotBuild) {
  EXPECT_EQ(Run({"--help", "--input_topic="}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("--commit_interval=100ms"));
}

TEST_F(MainTest, VersionNamesOnceAndLibrdkafka) {
  EXPECT_EQ(Run({"--version"}), kExitOk);
  EXPECT_THAT(out_, ::testing::MatchesRegex(absl::StrCat("once ", kVersion, ", librdkafka [0-9.]+[^\n]*\n")));
}

TEST_F(MainTest, PrintTopologyUsesTheConfiguredNames) {
  EXPECT_EQ(Run({"--print_topology", "--input_topic=other", "--application_id=mine"}), kExitOk);
  EXPECT_THAT(out_, HasSubstr("application mine\n"));
  EXPECT_THAT(out_, HasSubstr("source in (topic other, "));
  EXPECT_THAT(out_, HasSubstr("mine-in-changelog"));
  EXPECT_EQ(script_.created, 0);
}

TEST_F(MainTest, AllMistakesAreReportedAtOnceAndNothingStarts) {
  EXPECT_EQ(Run({"--comit_interval=1s", "--workers=0", "--kafka.linger.mss=5", "--input_topic=a/b"}), kExitWrongUsage);
  EXPECT_THAT(err_, HasSubstr("--workers"));
  EXPECT_THAT(err_, HasSubstr("did you mean \"linger.ms\"?"));
  EXPECT_THAT(err_, HasSubstr("source \"in\": topic \"a/b\": Kafka does not allow it"));
  EXPECT_THAT(err_, HasSubstr("--help"));
  EXPECT_EQ(out_, "");
  EXPECT_EQ(script_.created, 0);
}

TEST_F(MainTest, X8AnApplicationIdThatMakesAnInternalTopicOfTheTopologysIsRefused) {
  EXPECT_EQ(Run({"--application_id=mine", "--output_topic=mine-in-changelog"}), kExitWrongUsage);
  EXPECT_THAT(err_, HasSubstr("does not fit application_id \"mine\""));
  EXPECT_EQ(script_.created, 0);
}

TEST_F(MainTest, X3ATopologyThatThrowsIsAMistake) {
  EXPECT_EQ(Run({}, [](const Config&) -> absl::StatusOr<Topology> { throw std::runtime_error("no catalogue"); }),
            kExitWrongUsage);
  EXPECT_THAT(err_, HasSubstr("the function that builds the topology threw: no catalogue"));
  EXPECT_EQ(script_.created, 0);
}

TEST_F(MainTest, AnUnknownFlagIsRefusedWithTheOneThatWasMeant) {
  EXPECT_EQ(Run({"--comit_interval=1s"}), kExitWrongUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean --commit_interval?"));
  EXPECT_EQ(Run({"--inputtopic=x"}), kExitWrongUsage);
  EXPECT_THAT(err_, HasSubstr("did you mean --input_topic?"));
}

TEST_F(MainTest, PropertiesThatBreakTheGuaranteesAreRefused) {
  EXPECT_EQ(Run({"--kafka.isolation.level=read_uncommitted"}), kExitWrongUsage);
  EXPECT_THAT(err_, HasSubstr("isolation.level"));
}

TEST_F(MainTest, SettingsReachTheApplication) {
  SetVariable("ONCE_WORKERS", "3");
  SetVariable("ONCE_COMMIT_INTERVAL", "1s");
  SetVariable("KAFKA_LINGER_MS", "7");
  EXPECT_EQ(Run({"--commit_interval=250ms", "--kafka.client.rack=r1", "--bootstrap_servers=127.0.0.1:1"}), kExitOk);
  EXPECT_EQ(script_.created, 1);
  EXPECT_EQ(script_.options.application_id, "copy-app");
  EXPECT_EQ(script_.options.workers, 3);
  EXPECT_EQ(script_.options.commit_interval, absl::Milliseconds(250));
  EXPECT_EQ(script_.options.bootstrap_servers, "127.0.0.1:1");
  EXPECT_THAT(script_.deps.kafka_properties, Contains(Pair("linger.ms", "7")));
  EXPECT_THAT(script_.deps.kafka_properties, Contains(Pair("client.rack", "r1")));
}

TEST_F(MainTest, VariablesThatMeanNothingAreOnlyWarnedOf) {
  SetVariable("KAFKA_PORT", "tcp://10.0.0.1:9092");
  SetVariable("ONCE_WORKER", "3");
  EXPECT_EQ(Run({}), kExitOk);
  EXPECT_THAT(log_.messages(), Contains(HasSubstr("KAFKA_PORT")));
  EXPECT_THAT(log_.messages(), Contains(HasSubstr("did you mean ONCE_WORKERS?")));
}

TEST_F(MainTest, ExitCodesTellUsageFromFailure) {
  script_.create = [] { return absl::UnavailableError("no broker"); };
  EXPECT_EQ(Run({}), kExitFailed);
  EXPECT_THAT(log_.messages(), Contains(HasSubstr("no broker")));
  script_.create = [] { return absl::FailedPreconditionError("topic missing"); };
  EXPECT_EQ(Run({}), kExitFailed);
  script_.create = [] { return absl::InvalidArgumentError("bad value"); };
  EXPECT_EQ(Run({}), kExitWrongUsage);
  script_.create = [] { return absl::OkStatus(); };
  script_.run = [](FakeApplication*) { return absl::DataLossError("offset out of range"); };
  EXPECT_EQ(Run({}), kExitFailed);
  EXPECT_THAT(log_.messages(), Contains(HasSubstr("offset out of range")));
}

TEST_F(MainTest, ASignalStopsInOrder) {
  for (const int signal : {SIGTERM, SIGINT, SIGHUP}) {
    script_.run = [signal](FakeApplication* application) {
      kill(getpid(), signal);
      application->WaitForStop();
      return absl::OkStatus();
    };
    EXPECT_EQ(Run({}), kExitOk);
  }
  EXPECT_THAT(log_.messages(), Contains("stopped in order"));
}

// A log that nobody reads must not hold up the stop.
TEST_F(MainTest, X2ASignalStopsBeforeItIsLogged) {
  FakeApplication* running = nullptr;
  int stops_when_logged = 0;
  log_.before_line = [&](const std::string& message) {
    if (message.starts_with("stopping")) stops_when_logged = running->stops();
  };
  script_.run = [&](FakeApplication* application) {
    running = application;
    StopAndWait();
    application->WaitForStop();
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({}), kExitOk);
  EXPECT_EQ(stops_when_logged, 1);
}

TEST_F(MainTest, AHangUpThatIsIgnoredStaysIgnored) {
  struct sigaction ignored = {}, before = {};
  ignored.sa_handler = SIG_IGN;
  sigaction(SIGHUP, &ignored, &before);
  script_.run = [](FakeApplication* application) {
    kill(getpid(), SIGHUP);
    kill(getpid(), SIGTERM);
    application->WaitForStop();
    struct sigaction now = {};
    sigaction(SIGHUP, nullptr, &now);
    return now.sa_handler == SIG_IGN ? absl::OkStatus() : absl::InternalError("SIGHUP is taken");
  };
  EXPECT_EQ(Run({}), kExitOk);
  sigaction(SIGHUP, &before, nullptr);
}

TEST_F(MainTest, PrintTopologyTellsOfVariablesThatMeanNothing) {
  SetVariable("ONCE_WORKRS", "3");
  EXPECT_EQ(Run({"--print_topology"}), kExitOk);
  EXPECT_THAT(err_, HasSubstr("environment variable ONCE_WORKRS is ignored"));
  EXPECT_THAT(err_, HasSubstr("did you mean ONCE_WORKERS?"));
}

TEST_F(MainTest, ASignalDuringTheStartIsRemembered) {
  script_.create = [this] {
    StopAndWait();
    return absl::OkStatus();
  };
  script_.run = [](FakeApplication* application) {
    application->WaitForStop();
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({}), kExitOk);
}

// Found by chaos: a pod that was told to stop while it looked for its broker ended as failed.
TEST_F(MainTest, AStartGivenUpAfterASignalIsNoFailure) {
  script_.create = [this] {
    StopAndWait();
    return absl::UnavailableError("no broker answers");
  };
  EXPECT_EQ(Run({}), kExitOk);
  EXPECT_THAT(log_.messages(), Contains(HasSubstr("told to stop before it had started: no broker answers")));
}

// As `timeout` sends them: to the process, then to its group.
TEST_F(MainTest, TwoSignalsAtOnceAreOne) {
  script_.run = [](FakeApplication* application) {
    kill(getpid(), SIGTERM);
    kill(getpid(), SIGTERM);
    application->WaitForStop();
    return absl::OkStatus();
  };
  EXPECT_EQ(Run({}), kExitOk);
}

TEST_F(MainTest, HandlersOfSignalsArePutBack) {
  struct sigaction before = {}, after = {};
  sigaction(SIGTERM, nullptr, &before);
  EXPECT_EQ(Run({}), kExitOk);
  sigaction(SIGTERM, nullptr, &after);
  EXPECT_EQ(before.sa_handler, after.sa_handler);
}

using MainDeathTest = MainTest;

TEST_F(MainDeathTest, ASecondSignalExitsAtOnce) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  script_.run = [](FakeApplication* application) {
    kill(getpid(), SIGTERM);
    application->WaitForStop();
    // Those that come right behind the first one belong to it.
    for (;;) {
      kill(getpid(), SIGTERM);
      sched_yield();
    }
    return absl::OkStatus();
  };
  EXPECT_EXIT(Run({}), ::testing::ExitedWithCode(kExitInterrupted), "");
}

// Else a restart policy would take it for the end of its work.
TEST_F(MainDeathTest, X3AHandlerThatCallsExitEndsTheProcessAsFailedAndIsTold) {
  ::testing::FLAGS_gtest_death_test_style = "threadsafe";
  const auto main_with_own_log = [] {
    std::string program = "copy-app";
    char* argv[] = {program.data()};
    return Main(1, argv, BuildCopy);
  };
  script_.run = [](FakeApplication*) {
    std::thread([] { exit(0); }).join();
    return absl::OkStatus();
  };
  EXPECT_EXIT(main_with_own_log(), ::testing::ExitedWithCode(kExitFailed), "a library called exit\\(0\\)");
  script_.run = [](FakeApplication*) {
    exit(7);
    return absl::OkStatus();
  };
  EXPECT_EXIT(main_with_own_log(), ::testing::ExitedWithCode(7), "a library called exit\\(7\\)");
}

}  // namespace

absl::StatusOr<std::unique_ptr<Application>> Application::Create(const Options& options, const Topology&,
                                                                 const ApplicationDeps& deps) {
  ++g_script->created;
  g_script->options = options;
  g_script->deps = deps;
  if (absl::Status status = g_script->create(); !status.ok()) return status;
  return std::make_unique<FakeApplication>();
}

}  // namespace once
