#include "processor/app/pod_office.h"

#include <utility>

#include "absl/strings/str_cat.h"
#include "processor/base/strings.h"
#include "processor/http/fetch.h"

namespace once {

absl::StatusOr<std::unique_ptr<PodOffice>> PodOffice::Open(const Options& options, std::shared_ptr<const Graph> graph,
                                                           std::unique_ptr<kafka::Client> client, PodServer* server,
                                                           const std::string& own_id, Clock* clock) {
  absl::StatusOr<std::unique_ptr<kafka::Admin>> admin = client->NewAdmin();
  if (!admin.ok()) return admin.status();
  std::unique_ptr<PodOffice> office(new PodOffice(server, std::move(client), *std::move(admin)));
  office->inside_ = std::make_unique<Inside>(options, graph, office->kept_.client(), office->admin_.get(), clock,
                                             office->kept_.changelogs());
  office->pods_ = std::make_unique<Pods>(
      options.application_id, own_id, office->admin_.get(),
      [server](const std::string& address, std::string_view path, absl::Duration timeout) {
        return http::FetchBody(absl::StrCat("http://", address, ToAbsl(path)), server->ProveTo(address, path), timeout);
      });
  office->office_ = std::make_unique<Office>(office->inside_.get(), std::move(graph), clock,
                                             OfficeOptions{.pods = office->pods_.get()});
  server->SetOffice(office->office_.get());
  return office;
}

}  // namespace once
