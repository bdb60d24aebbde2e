#include "processor/kafka/kafka.h"

#include "absl/strings/str_cat.h"

namespace once::kafka {

std::string ToString(const Result& result) { return absl::StrCat(result.code, ": ", result.message); }

absl::StatusOr<std::unique_ptr<GroupConsumer>> Client::NewStaticGroupConsumer(const std::string& group,
                                                                              const std::string& member_name,
                                                                              const std::vector<std::string>&) {
  return absl::UnimplementedError(
      absl::StrCat("static member ", member_name, " of group ", group,
                   ": this client knows dynamic members only; run without --static_membership"));
}

std::unique_ptr<Client> Client::Named(const std::string&) { return nullptr; }

}  // namespace once::kafka
