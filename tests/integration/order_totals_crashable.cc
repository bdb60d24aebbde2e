// order_totals with crash points and injected aborts, by ONCE_CRASH_AT and ONCE_ABORT_AT; for tests only.
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <thread>

#include "examples/order_totals/topology.h"
#include "once/application.h"
#include "once/config.h"
#include "once/options.h"
#include "tests/testkit/crash/crash_points.h"

namespace {

class StderrLog final : public once::LogSink {
 public:
  void Log(once::LogLevel, const std::string& message) override { std::fprintf(stderr, "%s\n", message.c_str()); }
};

absl::Status RunPod(int argc, char** argv) {
  once::ConfigInputs inputs;
  inputs.args.assign(argv + 1, argv + argc);
  const once::Config config = once::Config::Load(inputs);
  absl::StatusOr<once::Topology> topology = BuildOrderTotals(config);
  if (!topology.ok()) return topology.status();
  const once::Options options = once::LoadOptions(config, topology->graph().application_id);
  if (absl::Status checked = config.Check(); !checked.ok()) return checked;
  StderrLog log;
  once::CrashPoint point = once::CrashPoint::FromEnvironment();
  once::ApplicationDeps deps;
  deps.log = &log;
  deps.kafka_properties = config.kafka_properties();
  if (const char* password = std::getenv("KAFKA_SASL_PASSWORD")) deps.kafka_properties["sasl.password"] = password;
  deps.wrap_client = [&](auto client) { return once::WrapWithCrashes(std::move(client), &point); };
  deps.wrap_store = [&](auto store) { return once::WrapWithCrashes(std::move(store), &point); };
  auto application = once::Application::Create(options, *topology, deps);
  if (!application.ok()) return application.status();
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  std::thread waiter([&] {
    int signal = 0;
    sigwait(&signals, &signal);
    (*application)->Stop();
  });
  const absl::Status status = (*application)->Run();
  pthread_kill(waiter.native_handle(), SIGTERM);
  waiter.join();
  return status;
}

}  // namespace

int main(int argc, char** argv) {
  sigset_t signals;
  sigemptyset(&signals);
  sigaddset(&signals, SIGTERM);
  pthread_sigmask(SIG_BLOCK, &signals, nullptr);
  const absl::Status status = RunPod(argc, argv);
  std::fprintf(stderr, "%s\n", status.ToString().c_str());
  return status.ok() ? 0 : 1;
}
