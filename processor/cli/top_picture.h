// How an application is at one moment: its pods, and its tasks, by what pods say or, without them, by the topics.
#ifndef ONCE_PROCESSOR_CLI_TOP_PICTURE_H_
#define ONCE_PROCESSOR_CLI_TOP_PICTURE_H_

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/status.h"
#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/cli/context.h"
#include "processor/cli/output.h"

namespace once::cli {

struct TopTask {
  std::string name = {};   // "orders-3"
  std::string pod = {};    // Empty: not known.
  std::string phase = {};  // "running"; empty: not known.
  std::string why = {};
  std::optional<int64_t> lag = {};
  std::optional<double> behind_seconds = {};
  int64_t blocked = 0;
  int64_t parked = 0;
  int64_t position = 0;  // All offsets that are done, of all inputs: its pace is how fast this grows.
};

struct TopPod {
  std::string url = {};
  std::string instance = {};
  std::string problem = {};  // Why nothing is known of it; empty: it has answered.
  bool is_ready = false;
  std::string why = {};
  int64_t tasks = 0;
  int64_t running = 0;
  int64_t processed = 0;  // Events since its start.
  int64_t failed = 0;
  int64_t lag = 0;
  int64_t blocked = 0;
  int64_t parked = 0;
  std::string started_at = {};  // Another time: it counts anew.
};

struct Picture {
  absl::Time at = absl::InfinitePast();  // Of the steady clock.
  std::string application = {};
  std::vector<TopPod> pods = {};
  std::vector<TopTask> tasks = {};
};

// Takes what a pod has answered to /v1/status and /v1/tasks: any bytes. InvalidArgument if it is not that.
absl::Status AddPod(const std::string& url, std::string_view status, std::string_view tasks, Picture* picture);

// Asks the pods at these URLs. Those that do not answer are in the picture, with the reason.
absl::StatusOr<Picture> AskPods(Context* context, const std::vector<std::string>& urls, const std::string& token);
// Reads the topics.
absl::StatusOr<Picture> ReadTopics(Context* context);

// What is shown of it, at most `max_tasks` tasks: those that are worst off. Rates are those since `before`; null: there
// are none.
void ShowPicture(const Picture& now, const Picture* before, size_t max_tasks, Output* out);

}  // namespace once::cli

#endif  // ONCE_PROCESSOR_CLI_TOP_PICTURE_H_
