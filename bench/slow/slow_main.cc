// The command behind bench/slow_handlers: prints how an application with slow handlers keeps its times (X1).
#include <algorithm>
#include <cstdio>
#include <string>
#include <utility>
#include <vector>

#include "CLI/CLI.hpp"
#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "tests/integration/slow_handlers.h"

namespace once {
namespace {

int Print(const char* what, SlowSpec spec) {
  spec.name = absl::StrCat("slow-", what, "-", absl::ToUnixMillis(absl::Now()));
  std::printf("%s: %lld events of %s, %lld retries of %s ...\n", what, static_cast<long long>(spec.events),
              absl::FormatDuration(spec.event_time).c_str(), static_cast<long long>(spec.retries),
              absl::FormatDuration(spec.retry_time).c_str());
  std::fflush(stdout);
  const absl::StatusOr<SlowResult> result = RunSlowHandlers(spec);
  if (!result.ok()) {
    std::printf("%s failed: %s\n", what, result.status().ToString().c_str());
    return 1;
  }
  std::printf("case=%s calls=%lld repeated=%lld outputs=%lld commits=%lld longest_gap_ms=%lld stop_ms=%lld\n%s", what,
              static_cast<long long>(result->calls), static_cast<long long>(result->repeated),
              static_cast<long long>(result->outputs), static_cast<long long>(result->commits),
              static_cast<long long>(absl::ToInt64Milliseconds(result->longest_gap)),
              static_cast<long long>(absl::ToInt64Milliseconds(result->stop_time)), result->log.c_str());
  std::fflush(stdout);
  return 0;
}

int Main(int argc, char** argv) {
  SlowSpec spec;
  int64_t events = 5'000;
  int64_t retried = 1'000;
  std::vector<std::string> wanted;
  CLI::App app("Times of an application whose handlers are slow", "slow_handlers");
  app.add_option("--bootstrap_servers", spec.bootstrap_servers, "the broker")->required();
  app.add_option("--state_dir", spec.state_dir, "where the runs keep their state")->required();
  app.add_option("--events", events, "length of the backlog");
  app.add_option("--retries", retried, "how many events wait for another attempt")->check(CLI::PositiveNumber);
  app.add_option("--cases", wanted, "which of the cases")
      ->delimiter(',')
      ->check(CLI::IsMember({"backlog", "stop", "retries_of_1s", "retries_of_50ms"}));
  CLI11_PARSE(app, argc, argv);
  SlowSpec backlog = spec;
  backlog.events = events;
  backlog.event_time = absl::Milliseconds(50);
  SlowSpec stop = backlog;
  stop.stop_after_calls = 20;
  SlowSpec slow_retries = spec;
  slow_retries.events = events * 10;
  slow_retries.event_time = absl::Milliseconds(1);
  slow_retries.retries = retried;
  slow_retries.retry_time = absl::Seconds(1);
  SlowSpec retries = slow_retries;
  retries.retry_time = absl::Milliseconds(50);
  const std::vector<std::pair<const char*, SlowSpec>> cases = {
      {"backlog", backlog}, {"stop", stop}, {"retries_of_1s", slow_retries}, {"retries_of_50ms", retries}};
  int failed = 0;
  for (const auto& [name, what] : cases) {
    if (wanted.empty() || std::find(wanted.begin(), wanted.end(), name) != wanted.end()) failed |= Print(name, what);
  }
  return failed;
}

}  // namespace
}  // namespace once

int main(int argc, char** argv) { return once::Main(argc, argv); }
