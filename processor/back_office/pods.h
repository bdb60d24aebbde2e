// The pods of an application, as its group knows them, and what each of them has to say.
//
// A pod that serves HTTP says so in its client ID, which brokers tell of each member: APPLICATION-INSTANCE.http-PORT,
// or .loopback-PORT if only its own machine can ask it. So there is no topic to keep, and who has left the group is
// gone from the list.
#ifndef ONCE_PROCESSOR_BACK_OFFICE_PODS_H_
#define ONCE_PROCESSOR_BACK_OFFICE_PODS_H_

#include <functional>
#include <string>
#include <string_view>
#include <vector>

#include "absl/status/statusor.h"
#include "absl/time/time.h"
#include "processor/base/listen_address.h"
#include "processor/base/mutex.h"
#include "processor/kafka/kafka.h"

namespace once {

// What the client ID of a pod's members ends with; letters, digits, '.' and '-'.
std::string PodSuffix(const ListenAddress& address);

struct PodPlace {
  std::string instance = {};
  std::string address = {};  // "HOST:PORT"; empty: it cannot be asked, and `why` says why.
  std::string why = {};
  bool is_self = false;

  bool operator==(const PodPlace& other) const = default;
};

// By instance, each once. Members that are no pods of the application are left out. `own_id` is this pod's client ID.
std::vector<PodPlace> FindPods(const kafka::GroupDescription& group, const std::string& application_id,
                               const std::string& own_id);

// The body of http://ADDRESS/PATH, within the time. Whoever is in the group says what its address is: nothing may be
// sent there that serves anybody else.
using AsksPod = std::function<absl::StatusOr<std::string>(const std::string& address, std::string_view path,
                                                          absl::Duration timeout)>;

// Thread-safe.
class Pods {
 public:
  // `admin` must outlive it.
  Pods(std::string application_id, std::string own_id, kafka::Admin* admin, AsksPod ask);

  // {"pods": [...], "incomplete": ...}, as openapi.json has it: what each pod answers to a GET of `path`, JSON. `own`
  // is this pod's own answer. All others are asked at once, and waited for `timeout` at most.
  std::string Gather(std::string_view path, const std::string& own, absl::Duration timeout);

 private:
  absl::StatusOr<std::vector<PodPlace>> Find(absl::Duration timeout);

  const std::string application_id_;
  const std::string own_id_;
  kafka::Admin* const admin_;
  const AsksPod ask_;
  Mutex mutex_;
  // The group is asked once in a while, however many look at pages.
  absl::Time found_at_ ABSL_GUARDED_BY(mutex_) = absl::InfinitePast();
  absl::StatusOr<std::vector<PodPlace>> found_ ABSL_GUARDED_BY(mutex_);
};

}  // namespace once

#endif  // ONCE_PROCESSOR_BACK_OFFICE_PODS_H_
