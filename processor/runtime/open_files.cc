// How many files and sockets a pod may need, and the process's limit raised to that, as far as it may be.
#include "processor/runtime/open_files.h"

#include <sys/resource.h>

#include <algorithm>

#include "absl/strings/str_cat.h"

namespace once {

namespace {

// Each client has a connection and a pair of wake-up descriptors for each broker. Of a worker: consumer, producer, one
// that it is being replaced by, and a reader of changelogs; of the pod: for administration. Twenty brokers.
constexpr int64_t kOfWorker = 4 * 20 * 3;
constexpr int64_t kOfPod = 2 * 20 * 3 + 40;

}  // namespace

int64_t OpenFilesNeeded(int workers, int state_open_files) { return state_open_files + kOfWorker * workers + kOfPod; }

std::string RaiseOpenFiles(int64_t needed) {
  rlimit limit = {};
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0) return "";
  const auto wanted = static_cast<rlim_t>(needed);
  if (limit.rlim_cur == RLIM_INFINITY || limit.rlim_cur >= wanted) return "";
  // Beyond the hard limit only an administrator goes.
  limit.rlim_cur = limit.rlim_max == RLIM_INFINITY ? wanted : std::min(wanted, limit.rlim_max);
  setrlimit(RLIMIT_NOFILE, &limit);
  if (getrlimit(RLIMIT_NOFILE, &limit) != 0 || limit.rlim_cur >= wanted) return "";
  return absl::StrCat("this process may have ", limit.rlim_cur, " files and sockets open, and may need about ", needed,
                      ", by workers and state_open_files: raise the limit (ulimit -n, or LimitNOFILE= of a systemd "
                      "unit), or lower these");
}

}  // namespace once
