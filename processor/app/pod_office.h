// What a running application does for those who ask it by HTTP, with a connection to the brokers of its own.
#ifndef ONCE_PROCESSOR_APP_POD_OFFICE_H_
#define ONCE_PROCESSOR_APP_POD_OFFICE_H_

#include <memory>

#include "absl/status/statusor.h"
#include "processor/app/pod_server.h"
#include "processor/back_office/inside.h"
#include "processor/back_office/kept.h"
#include "processor/back_office/office.h"
#include "processor/back_office/pods.h"
#include "processor/base/clock.h"
#include "processor/config/options.h"
#include "processor/kafka/kafka.h"
#include "processor/topology/graph.h"

namespace once {

class PodOffice {
 public:
  // Answers what `server` is asked, from now on until it is destroyed. `options` are complete; `own_id` is
  // the client ID of its members in the group. `server` and `clock` must outlive this. Touches no network.
  static absl::StatusOr<std::unique_ptr<PodOffice>> Open(const Options& options, std::shared_ptr<const Graph> graph,
                                                         std::unique_ptr<kafka::Client> client, PodServer* server,
                                                         const std::string& own_id, Clock* clock);
  ~PodOffice() { server_->SetOffice(nullptr); }

 private:
  PodOffice(PodServer* server, std::unique_ptr<kafka::Client> client, std::unique_ptr<kafka::Admin> admin)
      : server_(server), client_(std::move(client)), admin_(std::move(admin)), kept_(client_.get(), admin_.get()) {}

  PodServer* const server_;
  // Each uses those before it.
  const std::unique_ptr<kafka::Client> client_;
  const std::unique_ptr<kafka::Admin> admin_;
  Kept kept_;
  std::unique_ptr<Inside> inside_;
  std::unique_ptr<Pods> pods_;
  std::unique_ptr<Office> office_;
};

}  // namespace once

#endif  // ONCE_PROCESSOR_APP_POD_OFFICE_H_
