#include "tests/integration/process.h"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>

#include <cerrno>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <fstream>
#include <sstream>
#include <thread>

#include "absl/time/clock.h"

namespace once {

Process::Process(const std::vector<std::string>& args,
                 const std::vector<std::pair<std::string, std::string>>& environment, std::string log_path)
    : log_path_(std::move(log_path)) {
  std::vector<char*> argv;
  for (const std::string& arg : args) argv.push_back(const_cast<char*>(arg.c_str()));
  argv.push_back(nullptr);
  const int log = ::open(log_path_.c_str(), O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0644);
  pid_ = ::fork();
  if (pid_ == 0) {
    ::prctl(PR_SET_PDEATHSIG, SIGKILL);  // A test that dies leaves nothing behind.
    for (const auto& [name, value] : environment) ::setenv(name.c_str(), value.c_str(), 1);
    ::dup2(log, STDOUT_FILENO);
    ::dup2(log, STDERR_FILENO);
    ::execv(argv[0], argv.data());
    std::fprintf(stderr, "cannot run %s: errno %d\n", argv[0], errno);
    ::_exit(127);
  }
  ::close(log);
}

Process::~Process() {
  if (Running()) {
    Signal(SIGKILL);
    Signal(SIGCONT);
    Wait(absl::Seconds(10));
  }
}

void Process::Signal(int signal) {
  if (!ended_.has_value() && pid_ > 0) ::kill(pid_, signal);
}

std::optional<ExitState> Process::Wait(absl::Duration timeout) {
  const absl::Time deadline = absl::Now() + timeout;
  while (!ended_.has_value()) {
    int status = 0;
    if (::waitpid(pid_, &status, WNOHANG) == pid_) {
      ended_.emplace();
      if (WIFEXITED(status)) ended_->code = WEXITSTATUS(status);
      if (WIFSIGNALED(status)) ended_->signal = WTERMSIG(status);
      break;
    }
    if (absl::Now() >= deadline) return std::nullopt;
    absl::SleepFor(absl::Milliseconds(10));
  }
  return ended_;
}

std::string Process::Log() const {
  std::ifstream in(log_path_);
  std::ostringstream text;
  text << in.rdbuf();
  return text.str();
}

int64_t NumberAfter(const std::string& text, const std::string& label) {
  const size_t at = text.rfind(label);
  return at == std::string::npos ? -1 : std::atoll(text.c_str() + at + label.size());
}

int64_t SumAfter(const std::string& text, const std::string& label) {
  int64_t sum = 0;
  for (size_t at = text.find(label); at != std::string::npos; at = text.find(label, at + 1)) {
    sum += std::atoll(text.c_str() + at + label.size());
  }
  return sum;
}

}  // namespace once
