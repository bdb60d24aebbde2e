#include "bench/floor/own_process.h"

#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <cstdio>
#include <cstring>

#include "absl/strings/str_cat.h"

namespace once::bench {
namespace {

constexpr char kFormat[] = "%lf %lf %ld";

[[noreturn]] void BecomeChild(int output, const std::vector<std::string>& arguments) {
  dup2(output, STDOUT_FILENO);
  std::vector<char*> argv = {const_cast<char*>("floor_compare")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  execv("/proc/self/exe", argv.data());
  std::fprintf(stderr, "floor_compare: cannot start itself again: %s\n", std::strerror(errno));
  _exit(127);
}

std::string ReadAll(int input) {
  std::string text;
  char buffer[256];
  while (true) {
    const ssize_t got = read(input, buffer, sizeof(buffer));
    if (got < 0 && errno == EINTR) continue;
    if (got <= 0) return text;
    text.append(buffer, static_cast<size_t>(got));
  }
}

}  // namespace

void PrintMeasurement(const LoopFigures& loop) {
  rusage usage{};
  getrusage(RUSAGE_SELF, &usage);
  std::printf("%.1f %.5f %ld\n", loop.records_per_second, loop.cpu_us_per_record, usage.ru_maxrss / 1024);
  std::fflush(stdout);
}

absl::StatusOr<Measurement> MeasureInOwnProcess(const std::vector<std::string>& arguments) {
  int ends[2];
  if (pipe(ends) != 0) return absl::InternalError(absl::StrCat("pipe: ", std::strerror(errno)));
  const pid_t child = fork();
  if (child < 0) return absl::InternalError(absl::StrCat("fork: ", std::strerror(errno)));
  if (child == 0) BecomeChild(ends[1], arguments);
  close(ends[1]);
  const std::string text = ReadAll(ends[0]);
  close(ends[0]);
  int status = 0;
  while (waitpid(child, &status, 0) < 0 && errno == EINTR) {
  }
  Measurement measured;
  long memory = 0;
  if (status != 0 || std::sscanf(text.c_str(), kFormat, &measured.loop.records_per_second,
                                 &measured.loop.cpu_us_per_record, &memory) != 3) {
    return absl::InternalError("a measurement failed: see above");
  }
  measured.peak_memory_mb = memory;
  return measured;
}

}  // namespace once::bench
