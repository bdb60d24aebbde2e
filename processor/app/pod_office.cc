#include "processor/app/pod_office.h"

#include <utility>

namespace once {

absl::StatusOr<std::unique_ptr<PodOffice>> PodOffice::Open(const Options& options, std::shared_ptr<const Graph> graph,
                                                           std::unique_ptr<kafka::Client> client, PodServer* server,
                                                           Clock* clock) {
  absl::StatusOr<std::unique_ptr<kafka::Admin>> admin = client->NewAdmin();
  if (!admin.ok()) return admin.status();
  std::unique_ptr<PodOffice> office(new PodOffice(server, std::move(client), *std::move(admin)));
  office->inside_ = std::make_unique<Inside>(options, graph, office->client_.get(), office->admin_.get(), clock);
  office->office_ = std::make_unique<Office>(office->inside_.get(), std::move(graph), clock);
  server->SetOffice(office->office_.get());
  return office;
}

}  // namespace once
