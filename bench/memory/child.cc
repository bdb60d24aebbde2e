#include "bench/memory/child.h"

#include <fcntl.h>
#include <signal.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <fstream>

#include "absl/strings/str_cat.h"
#include "absl/time/clock.h"
#include "absl/time/time.h"

namespace once::bench {
namespace {

constexpr absl::Duration kLookInterval = absl::Milliseconds(5);
constexpr absl::Duration kStopPatience = absl::Minutes(5);

}  // namespace

Child::Child(const std::vector<std::string>& arguments,
             const std::vector<std::pair<std::string, std::string>>& environment, std::string log_path)
    : log_path_(std::move(log_path)) {
  std::vector<char*> argv = {const_cast<char*>("memory")};
  for (const std::string& argument : arguments) argv.push_back(const_cast<char*>(argument.c_str()));
  argv.push_back(nullptr);
  const int log = open(log_path_.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0644);
  pid_ = fork();
  if (pid_ == 0) {
    prctl(PR_SET_PDEATHSIG, SIGKILL);
    for (const auto& [name, value] : environment) setenv(name.c_str(), value.c_str(), 1);
    dup2(log, STDOUT_FILENO);
    dup2(log, STDERR_FILENO);
    execv("/proc/self/exe", argv.data());
    std::fprintf(stderr, "cannot start itself again: %s\n", std::strerror(errno));
    _exit(127);
  }
  close(log);
}

Child::~Child() {
  if (ended_ || pid_ <= 0) return;
  kill(pid_, SIGKILL);
  waitpid(pid_, nullptr, 0);
}

void Child::ReadMemory() {
  std::ifstream status(absl::StrCat("/proc/", pid_, "/status"));
  for (std::string name; status >> name; status.ignore(1'000, '\n')) {
    if (name == "VmHWM:") {
      int64_t kb = 0;
      status >> kb;
      peak_kb_ = std::max(peak_kb_, kb);
    } else if (name == "VmRSS:") {
      status >> resident_kb_;
    }
  }
}

bool Child::HasEnded() {
  if (!ended_) ReadMemory();
  ended_ = ended_ || waitpid(pid_, &exit_status_, WNOHANG) == pid_;
  return ended_;
}

absl::Status Child::Look() {
  if (!HasEnded()) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the application ended by itself; see ", log_path_));
}

absl::Status Child::Stop() {
  if (absl::Status runs = Look(); !runs.ok()) return runs;
  kill(pid_, SIGTERM);
  const absl::Time deadline = absl::Now() + kStopPatience;
  while (!HasEnded()) {
    if (absl::Now() > deadline) return absl::DeadlineExceededError("the application does not stop");
    absl::SleepFor(kLookInterval);
  }
  if (exit_status_ == 0) return absl::OkStatus();
  return absl::InternalError(absl::StrCat("the application did not stop in order; see ", log_path_));
}

int Child::CountInLog(const std::string& text) const {
  std::ifstream log(log_path_);
  int count = 0;
  for (std::string line; std::getline(log, line);) count += line.find(text) == std::string::npos ? 0 : 1;
  return count;
}

}  // namespace once::bench
